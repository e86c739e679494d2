/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_REQUESTS_H
#define SL_GATE_REQUESTS_H

#include <stdbool.h>

#include "base/err.h"

struct sl_arena;
struct sl_rlog_query;
struct sl_xchg;

/* False: there is no request log, and the client was told so. */
bool sl_requests_log_or_refuse(struct sl_xchg *x);
void sl_requests_refuse(struct sl_xchg *x, const struct sl_err *err);
/* True: the caller may see all calls, and what upstreams said. A key that only calls models sees those of its
 * principal. */
bool sl_requests_is_operators(const struct sl_xchg *x);
/* Adds to the query what the caller may see. SL_E_NOMEM */
SL_MUST int sl_requests_scope_add(const struct sl_xchg *x, struct sl_arena *arena, struct sl_rlog_query *io_query,
                                  struct sl_err *err);

/* Sends rows of the request log as they come, as events, until the client leaves or the gateway drains. */
void sl_requests_tail(struct sl_xchg *x);

#endif
