/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT and COLLECT_ERROR: replies that are read whole before anything is said to the client. */
#ifndef SL_GATE_RELAY_COLLECT_H
#define SL_GATE_RELAY_COLLECT_H

#include "gate/call/relay_out.h"

/* mode and length are set. */
void sl_relay_collect_start(struct sl_relay *relay);
struct sl_verdict sl_relay_collect_push(struct sl_relay *relay, struct sl_str bytes);
/* The body ended. */
struct sl_verdict sl_relay_collect_end(struct sl_relay *relay);

#endif
