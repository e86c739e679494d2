/* SPDX-License-Identifier: Apache-2.0 */
/* Passes an upstream's reply on to the client. The status and the first bytes choose the mode; what the head says about
 * the body is a hint:
 *
 *   - status >= 300: COLLECT_ERROR (read whole, then passed on unchanged or written in the client's dialect)
 *   - a stream that the client asked for: EVENTS (same language: whole events are passed on), else TRANSLATE_EVENTS
 *     (frame, deltas, events)
 *   - a stream that the client did not ask for: GATHER (frame, deltas, one reply)
 *   - a whole reply: HELD, then RAW (same language, no stream asked for: bytes are passed on once they show an answer),
 *     else COLLECT (read whole, then written in the client's language, as a stream if it asked for one)
 *
 * Every function returns a verdict; after DONE, AGAIN and TOLD no other may be called. */
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

/* Before the first attempt: nothing was sent, and there is nothing to stop. */
void sl_relay_init(struct sl_relay *relay);
/* Prepares for an attempt's reply. */
void sl_relay_start(struct sl_relay *relay, struct sl_xchg *x, const struct sl_target *target,
                    const struct sl_http_req *request, bool asks_usage);
/* Frees what it holds. Does nothing when it was stopped before. */
void sl_relay_stop(struct sl_relay *relay);

struct sl_verdict sl_relay_head(struct sl_relay *relay, int status, const struct sl_headers *headers, int64_t length);
struct sl_verdict sl_relay_data(struct sl_relay *relay, struct sl_str bytes);
/* Sends what was gathered. True: the client is slow, so the upstream should be paused. */
bool sl_relay_turn(struct sl_relay *relay);
struct sl_verdict sl_relay_end(struct sl_relay *relay, bool is_until_close);
/* The attempt failed, or the exchange must end: sends the error in the client's dialect. */
struct sl_verdict sl_relay_fault(struct sl_relay *relay, enum sl_error_type type, struct sl_str text);

#endif
