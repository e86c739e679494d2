/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT and COLLECT_ERROR: replies that are read whole before anything is said to the client. */
#ifndef SL_GATE_RELAY_COLLECT_H
#define SL_GATE_RELAY_COLLECT_H

#include "base/str.h"
#include "gate/call/verdict.h"

struct sl_llm_error;
struct sl_relay;
struct sl_reply;
struct sl_reply_judgement;

/* mode and length are set. */
void sl_relay_collect_start(struct sl_relay *relay);
struct sl_verdict sl_relay_collect_push(struct sl_relay *relay, struct sl_str bytes);
/* The body ended. */
struct sl_verdict sl_relay_collect_end(struct sl_relay *relay);

/* The client's words for a reply; a stream where it asked for one. */
struct sl_verdict sl_relay_reply_tell(struct sl_relay *relay, const struct sl_reply *reply);
/* The client's words for what the upstream said of itself. */
struct sl_verdict sl_relay_error_tell(struct sl_relay *relay, struct sl_llm_error *error);
/* The collected body is none of an answer: what it is instead is told. An error that came under 2xx has the status
 * that it names. */
struct sl_verdict sl_relay_no_answer_tell(struct sl_relay *relay, const struct sl_reply_judgement *judgement);

#endif
