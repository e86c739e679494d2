/* SPDX-License-Identifier: Apache-2.0 */
/* Fetched credentials: the I/O for llm/core/cred.h. One table for the process; one fetch in flight for one identity, on
 * the worker that needed it first; refreshed in the background before it expires, kept through a failed refresh while
 * it is valid. */
#ifndef SL_GATE_CREDENTIAL_H
#define SL_GATE_CREDENTIAL_H

#include "base/err.h"

struct sl_arena;
struct sl_cred;
struct sl_cred_failure;
struct sl_cred_source;
struct sl_cred_wait;
struct sl_worker;

/* Who asks, and for what. Route and settings are held while a fetch goes on: a dynamic route reaches no further with it
 * than with its calls. */
struct sl_cred_want {
    struct sl_worker *worker;
    const struct sl_cred_source *source;
    struct sl_route *route;
    struct sl_settings *settings;
    struct sl_arena *arena;       /* the credential is copied here */
    void (*on_answer)(void *arg); /* after WAIT, on the worker's loop: ask again */
    void *arg;
};

/* 0: *ret_cred is filled. SL_E_AGAIN: on_answer follows, unless *ret_wait is cancelled. Anything else: there is none,
 * and *ret_failure says whose fault that is, in a text that names no secret. */
SL_MUST int sl_credential_get(const struct sl_cred_want *want, struct sl_cred *ret_cred, struct sl_cred_wait **ret_wait,
                              struct sl_cred_failure *ret_failure);
/* The asker is gone: no answer. Takes `wait`. */
void sl_credential_cancel(struct sl_cred_wait *wait);
/* The provider refused it: the next one who asks fetches anew. */
void sl_credential_refused(const struct sl_cred_source *source, const struct sl_cred *cred);
/* The worker ends: what it fetches is given up; who waits elsewhere asks again. */
void sl_credentials_end(struct sl_worker *worker);
/* The process ends: credentials are wiped. */
void sl_credentials_done(void);

#endif
