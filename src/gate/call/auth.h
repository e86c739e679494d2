/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, and what that one may do. Authentication needs the head only, so a refusal is sent before a body is read.
 */
#ifndef SL_GATE_AUTH_H
#define SL_GATE_AUTH_H

#include "gate/config/key.h"

struct sl_xchg;
struct sl_headers;
struct sl_settings;

/* What a row of the path table asks for. */
enum sl_access {
    SL_ACCESS_QUERY,   /* any key */
    SL_ACCESS_OPEN,    /* everyone */
    SL_ACCESS_ADMIN,   /* an admin's key */
    SL_ACCESS_METRICS, /* as auth.metrics says */
};

/* The credential of a request: of Authorization: Bearer, Basic's password, x-api-key and api-key the first that looks
 * like one of our keys, else the first there is. Decoded text on the arena; p == NULL: none. */
struct sl_str sl_auth_credential(const struct sl_headers *headers, struct sl_arena *arena);

/* Finds the key of the exchange's request and checks what its path asks for; sets x->key and x->principal. False: the
 * exchange was failed (401, 403). */
bool sl_auth_check(struct sl_xchg *x);
/* May this caller see and use the route of that name? One that may not is told that there is none. */
bool sl_auth_may_use(const struct sl_xchg *x, struct sl_str route);

/* No auth section: everyone may call, so only loopback may be listened on. False with the reason, which shows both ways
 * out. `address` as in server.listen. */
SL_MUST bool sl_auth_may_listen(const struct sl_settings *settings, struct sl_str address, bool is_loopback,
                                struct sl_err *err);

#endif
