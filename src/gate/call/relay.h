/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends on its way to the client. The status and the first bytes choose the way; what the head says of
 * its body is a hint:
 *
 *   - status >= 300: COLLECT_ERROR (whole, classified, then passed on as it is or told in the client's dialect)
 *   - a stream that was asked for: EVENTS (same language: whole events through), else TRANSLATE_EVENTS (frame, deltas,
 *     events)
 *   - a stream that was not asked for: GATHER (frame, deltas, one reply)
 *   - a whole reply: HELD, then RAW (same language, no stream asked for: bytes through once an answer is seen in them),
 *     else COLLECT (read whole, then written in the client's words, as a stream where it asked for one)
 *
 * Every call answers with a verdict; behind DONE, AGAIN and TOLD no other call follows. */
#ifndef SL_GATE_RELAY_H
#define SL_GATE_RELAY_H

#include "base/str.h"
#include "gate/call/verdict.h"
#include "llm/core/error.h"

struct sl_headers;
struct sl_http_req;
struct sl_relay;
struct sl_target;
struct sl_xchg;

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
