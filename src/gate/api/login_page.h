/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees whose login by the identity provider is refused. */
#ifndef SL_GATE_LOGIN_PAGE_H
#define SL_GATE_LOGIN_PAGE_H

#include "base/attr.h"
#include "llm/core/error.h"

struct sl_xchg;

/* Ends the exchange: with a small page for a browser, else with an error in JSON. The log gets a line. `inside`: more
 * for the log, or NULL. */
void sl_login_refuse(struct sl_xchg *x, enum sl_error_type type, const char *inside, const char *fmt, ...)
    SL_PRINTF(4, 5);

#endif
