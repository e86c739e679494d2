/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks. Authentication needs the head only, so a refusal is sent before a body is read. */
#ifndef SL_GATE_AUTH_H
#define SL_GATE_AUTH_H

#include "base/err.h"
#include "base/str.h"

struct sl_settings;
struct sl_xchg;

/* Finds the key of the exchange's request and checks what its path asks for; sets the exchange's key and principal.
 * False: the client was refused (401, 403), the exchange is over. */
bool sl_auth_or_refuse(struct sl_xchg *x);
/* May this caller see and use the route of that name? One that may not is told that there is none. */
bool sl_auth_may_use(const struct sl_xchg *x, struct sl_str route);

/* `auth: none` where other machines may come from: allowed, with a warning, which is the text. */
bool sl_auth_is_open(const struct sl_settings *settings, struct sl_str address, bool is_loopback, struct sl_err *err);
/* No auth section: everyone may call, so only loopback may be listened on. False with the reason, which shows both ways
 * out. `address` as in server.listen. */
SL_MUST bool sl_auth_may_listen(const struct sl_settings *settings, struct sl_str address, bool is_loopback,
                                struct sl_err *err);

#endif
