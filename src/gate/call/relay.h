/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends on its way to the client. Five ways, chosen at the head:
 *
 *   same language    whole: RAW (bytes through, usage scanned)       stream: EVENTS (whole events through)
 *   another language whole: COLLECT (then on_reply → write_reply)    stream: TRANSLATE_EVENTS (frame → deltas → events)
 *   status >= 400:   COLLECT_ERROR (whole, classified, then passed on as it is or told in the client's dialect)
 *
 * Every call answers with a verdict; behind DONE, AGAIN and TOLD no other call follows. */
#ifndef SL_GATE_RELAY_H
#define SL_GATE_RELAY_H

#include "gate/call/relay_out.h"

/* Prepares for an attempt's reply; target, request and pass.is_asked as they are for it. */
void sl_relay_start(struct sl_relay *relay, struct sl_xchg *x, const struct sl_target *target,
                    const struct sl_http_req *request, bool asks_usage);
/* What it holds is given back. Nothing happens when that was done. */
void sl_relay_stop(struct sl_relay *relay);

struct sl_verdict sl_relay_head(struct sl_relay *relay, int status, const struct sl_headers *headers, int64_t length);
struct sl_verdict sl_relay_data(struct sl_relay *relay, struct sl_str bytes);
/* Sends what was gathered. True: the client is slow, the upstream should be held back. */
bool sl_relay_turn(struct sl_relay *relay);
struct sl_verdict sl_relay_end(struct sl_relay *relay, bool is_until_close);
/* The attempt failed, or the exchange is to end: in the client's words. */
struct sl_verdict sl_relay_fault(struct sl_relay *relay, enum sl_error_type type, struct sl_str text);

#endif
