/* SPDX-License-Identifier: Apache-2.0 */
/* The usage and the cost of replies that pass in their own language. */
#ifndef SL_GATE_RELAY_USAGE_H
#define SL_GATE_RELAY_USAGE_H

#include <stdbool.h>

#include "base/str.h"

struct sl_relay;
struct sl_usage;
struct sl_xchg;

/* True: the client is to be told the cost in the body of its reply. */
bool sl_relay_tells_cost(const struct sl_xchg *x);
/* For a usage that is about to be written, which the record has: says in it what the client is told. */
void sl_relay_cost_show(struct sl_xchg *x, struct sl_usage *io_usage);
/* HELD, RAW: reads the usage that the scan has found to the record, once. */
void sl_relay_usage_read(struct sl_relay *relay);
/* All of the reply is here: reads what it cost, so that the head can say it. */
void sl_relay_cost_read(struct sl_relay *relay);
/* Writes the cost into the held reply, if the client wants to read it there. */
void sl_relay_cost_tell(struct sl_relay *relay);
/* EVENTS. True: `edited` has the event with the cost in its usage. */
bool sl_relay_event_cost(struct sl_relay *relay, struct sl_str event);

#endif
