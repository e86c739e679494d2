/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay's parts call of each other; private to them. */
#ifndef SL_GATE_RELAY_H
#define SL_GATE_RELAY_H

#include "gate/exchange.h"

/* relay.c: body bytes to the client; they must live until the flush. */
void sl_relay_send(struct sl_xchg *x, struct sl_str bytes);
/* relay.c: the reply cannot be completed. Before the head an error; in a stream the dialect's error event and a clean
 * end; otherwise a cut. The exchange is over. */
void sl_relay_broken(struct sl_xchg *x, enum sl_error_type type, struct sl_str text);

/* relay_events.c */
void sl_relay_events_push(struct sl_xchg *x, struct sl_str bytes);
/* The body ended. */
void sl_relay_events_end(struct sl_xchg *x, bool is_until_close);

#endif
