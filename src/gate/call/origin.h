/* SPDX-License-Identifier: Apache-2.0 */
/* The address by which a client reached the gateway, for URLs that it will use again. */
#ifndef SL_GATE_ORIGIN_H
#define SL_GATE_ORIGIN_H

#include <stdbool.h>

#include "base/str.h"

struct sl_xchg;

/* The prefix that clients see before the gateway's paths: from server.public_url, else from a trusted proxy's
 * X-Forwarded-Prefix; "" or "/sluice", without a slash at its end. On the exchange's arena, or the settings'. */
struct sl_str sl_origin_prefix(struct sl_xchg *x);
/* True: what lies between the browser and the gateway is encrypted, as far as can be told: TLS here, or a trusted
 * proxy's X-Forwarded-Proto says so, or the browser knows the gateway by a server.public_url with https. */
bool sl_origin_is_secure(const struct sl_xchg *x);
/* What comes before a route's path in its URL: server.public_url; else "http://gateway.example:5000" from the
 * connection and the request's Host, or from what a trusted proxy says, and the prefix; only the prefix if Host does
 * not fit into a URL. On the exchange's arena, or the settings'. */
struct sl_str sl_origin_public(struct sl_xchg *x);

#endif
