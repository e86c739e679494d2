/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay's parts call of each other; private to them. */
#ifndef SL_GATE_RELAY_H
#define SL_GATE_RELAY_H

#include "gate/call/exchange.h"

/* relay.c: the client speaks what the upstream speaks. */
bool sl_relay_is_same_language(const struct sl_xchg *x);
/* relay.c: length -1: not known. False: the exchange is over. */
bool sl_relay_head_send(struct sl_xchg *x, int status, int64_t length);
/* relay.c: body bytes to the client; they must live until the flush. */
void sl_relay_send(struct sl_xchg *x, struct sl_str bytes);
/* relay.c: the reply cannot be completed. Before the head an error; in a stream the dialect's error event and a clean
 * end; otherwise a cut. The exchange is over. */
void sl_relay_broken(struct sl_xchg *x, enum sl_error_type type, struct sl_str text);

/* relay_events.c */
void sl_relay_events_push(struct sl_xchg *x, struct sl_str bytes);
/* The body ended. */
void sl_relay_events_end(struct sl_xchg *x, bool is_until_close);

/* relay_collect.c */
void sl_relay_collect_start(struct sl_xchg *x, int64_t length);
void sl_relay_collect_push(struct sl_xchg *x, struct sl_str bytes);
/* The body ended: of a reply, of an error. */
void sl_relay_collect_end(struct sl_xchg *x);
void sl_relay_error_end(struct sl_xchg *x);
/* Nothing more can be taken, because of r: SL_E_LIMIT, SL_E_AGAIN (server.limits.memory) or SL_E_NOMEM. The exchange is
 * over. */
void sl_relay_collect_refuse(struct sl_xchg *x, int r);

#endif
