/* SPDX-License-Identifier: Apache-2.0 */
/* The credential of the target that a call asks, where it is fetched (gate/call/credential.h): waited for, and fetched
 * anew, once, where the provider does not take it. */
#ifndef SL_GATE_PLAN_CRED_H
#define SL_GATE_PLAN_CRED_H

#include "llm/core/cred.h"

struct sl_cred_wait;
struct sl_headers;
struct sl_llm_error;
struct sl_xchg;

struct sl_plan_cred {
    struct sl_cred cred;
    struct sl_cred_wait *wait; /* it is being fetched */
    uint32_t n_waits;
    bool was_refused; /* one was; another is not asked for */
    /* The owner's: what was waited for is there, or failed: get tells which. */
    void (*on_answer)(void *user);
    void *user;
};

/* 0: it is there, and the exchange's environment has it. SL_E_AGAIN: on_answer follows, from the loop. Any other code:
 * there is none, and *ret_error is what the client is told. */
SL_MUST int sl_plan_cred_get(struct sl_plan_cred *own, struct sl_xchg *x, const struct sl_cred_source *source,
                             struct sl_llm_error *ret_error);
/* Does this head say that it is no longer good, and may another be asked for? */
bool sl_plan_cred_is_stale(const struct sl_plan_cred *own, const struct sl_cred_source *source, int status,
                           const struct sl_headers *headers);
/* Then the next one is fetched anew. */
void sl_plan_cred_refuse(struct sl_plan_cred *own, const struct sl_cred_source *source);
/* It is not waited for any more. */
void sl_plan_cred_cancel(struct sl_plan_cred *own);
/* Another target is asked: what is known here is not about that one. */
void sl_plan_cred_forget(struct sl_plan_cred *own, struct sl_xchg *x);

#endif
