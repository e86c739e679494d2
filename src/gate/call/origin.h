/* SPDX-License-Identifier: Apache-2.0 */
/* How a client reached us, for URLs that it is to use again. */
#ifndef SL_GATE_ORIGIN_H
#define SL_GATE_ORIGIN_H

#include "base/str.h"

struct sl_xchg;

/* What of a path the client sees before ours: that of server.public_url, else what a trusted proxy says in
 * X-Forwarded-Prefix; "" or "/sluice", without a slash at its end. On the exchange's arena, or the settings'. */
struct sl_str sl_origin_prefix(struct sl_xchg *x);
/* What stands before a route's path in its URL: server.public_url, else "http://gateway.example:5000" from the
 * connection and the request's Host, or what a trusted proxy says of them, and the prefix; without a Host that fits a
 * URL the prefix alone. On the exchange's arena, or the settings'. */
struct sl_str sl_origin_public(struct sl_xchg *x);

#endif
