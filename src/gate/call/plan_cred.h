/* SPDX-License-Identifier: Apache-2.0 */
/* The fetched credential of a call's target (gate/call/credential.h): the call waits for it, and has it fetched again,
 * once, if the provider refuses it. */
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
    bool was_refused; /* one was refused; no other is asked for */
    /* The owner's callback: the wait is over; sl_plan_cred_get says whether it succeeded. */
    void (*on_answer)(void *user);
    void *user;
};

/* 0: it is there, in the exchange's environment. SL_E_AGAIN: on_answer will be called, from the loop. Any other code:
 * there is none, and *ret_error is the error for the client. */
SL_MUST int sl_plan_cred_get(struct sl_plan_cred *own, struct sl_xchg *x, const struct sl_cred_source *source,
                             struct sl_llm_error *ret_error);
/* True: this head says that the credential is no longer valid, and another one may be asked for. */
bool sl_plan_cred_is_stale(const struct sl_plan_cred *own, const struct sl_cred_source *source, int status,
                           const struct sl_headers *headers);
/* After that: the next one is fetched anew. */
void sl_plan_cred_refuse(struct sl_plan_cred *own, const struct sl_cred_source *source);
/* Stops waiting for it. */
void sl_plan_cred_cancel(struct sl_plan_cred *own);
/* Another target is asked: forgets what is known of this one. */
void sl_plan_cred_forget(struct sl_plan_cred *own, struct sl_xchg *x);

#endif
