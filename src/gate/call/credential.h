/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches credentials: the I/O for llm/core/cred.h. There is one table for the process. An identity has at most one
 * running fetch, on the worker that needed it first. A credential is refreshed in the background before it expires, and
 * stays in use after a failed refresh as long as it is valid. */
#ifndef SL_GATE_CREDENTIAL_H
#define SL_GATE_CREDENTIAL_H

#include "base/err.h"

struct sl_arena;
struct sl_cred;
struct sl_cred_failure;
struct sl_cred_source;
struct sl_cred_wait;
struct sl_worker;

/* Who asks, and for what. The fetch holds route and settings: for a dynamic route it must reach no more addresses than
 * the route's calls may. */
struct sl_cred_want {
    struct sl_worker *worker;
    const struct sl_cred_source *source;
    struct sl_route *route;
    struct sl_settings *settings;
    struct sl_arena *arena;       /* the credential is copied here */
    void (*on_answer)(void *arg); /* called after SL_E_AGAIN, on the worker's loop: then ask again */
    void *arg;
};

/* 0: *ret_cred is filled. SL_E_AGAIN: on_answer will be called, unless *ret_wait is cancelled. Anything else: there is
 * none; *ret_failure says whose fault that is, in a text without secrets. */
SL_MUST int sl_credential_get(const struct sl_cred_want *want, struct sl_cred *ret_cred, struct sl_cred_wait **ret_wait,
                              struct sl_cred_failure *ret_failure);
/* The asker is gone: on_answer is not called. Takes over `wait`. */
void sl_credential_cancel(struct sl_cred_wait *wait);
/* The provider refused it: the next one who asks fetches a new one. */
void sl_credential_refused(const struct sl_cred_source *source, const struct sl_cred *cred);
/* The worker ends: stops its fetches; those who wait on other workers ask again. */
void sl_credentials_end(struct sl_worker *worker);
/* The process ends: wipes all credentials. */
void sl_credentials_done(void);

#endif
