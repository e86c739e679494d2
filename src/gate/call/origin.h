/* SPDX-License-Identifier: Apache-2.0 */
/* How a client reached us, for URLs that it is to use again. */
#ifndef SL_GATE_ORIGIN_H
#define SL_GATE_ORIGIN_H

#include "base/str.h"

struct sl_xchg;

/* "http://gateway.example:5000" from the connection and the request's Host, or what a trusted proxy says of them; ""
 * when that is absent or not fit to stand in a URL: then a path alone must do. On the exchange's arena. */
struct sl_str sl_origin(struct sl_xchg *x);
/* The same for a route's URL: what the operator set as server.public_url wins. */
struct sl_str sl_origin_public(struct sl_xchg *x);

#endif
