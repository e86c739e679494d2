/* SPDX-License-Identifier: Apache-2.0 */
/* The modes COLLECT and COLLECT_ERROR: the reply is read whole before anything is sent to the client. */
#ifndef SL_GATE_RELAY_COLLECT_H
#define SL_GATE_RELAY_COLLECT_H

#include "base/str.h"
#include "gate/call/verdict.h"

struct sl_llm_error;
struct sl_relay;
struct sl_reply;
struct sl_reply_judgement;

/* relay->mode and relay->length must be set. */
void sl_relay_collect_start(struct sl_relay *relay);
struct sl_verdict sl_relay_collect_push(struct sl_relay *relay, struct sl_str bytes);
/* The body ended. */
struct sl_verdict sl_relay_collect_end(struct sl_relay *relay);

/* Sends a reply in the client's language; as a stream if the client asked for one. */
struct sl_verdict sl_relay_reply_tell(struct sl_relay *relay, const struct sl_reply *reply);
/* Sends an upstream's error in the client's language. */
struct sl_verdict sl_relay_error_tell(struct sl_relay *relay, struct sl_llm_error *error);
/* The collected body has no answer: sends an error that says what it is instead. An error in a 2xx reply gets the
 * status that it names. */
struct sl_verdict sl_relay_no_answer_tell(struct sl_relay *relay, const struct sl_reply_judgement *judgement);

#endif
