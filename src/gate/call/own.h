/* SPDX-License-Identifier: Apache-2.0 */
/* The headers that every reply of the gateway has. */
#ifndef SL_GATE_OWN_H
#define SL_GATE_OWN_H

#include <stdbool.h>

#include "base/err.h"

struct sl_headers;
struct sl_xchg;

/* Adds them: the request's id, the limits, and what server.headers allows. */
SL_MUST int sl_headers_own(struct sl_xchg *x, struct sl_headers *io_headers);

/* True: pages of server.cors may read the reply. */
bool sl_own_is_for_pages(const struct sl_xchg *x);

#endif
