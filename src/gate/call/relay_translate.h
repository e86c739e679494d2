/* SPDX-License-Identifier: Apache-2.0 */
/* The modes TRANSLATE_EVENTS and GATHER: frame by frame from the upstream's language into the client's, or into one
 * reply. */
#ifndef SL_GATE_RELAY_TRANSLATE_H
#define SL_GATE_RELAY_TRANSLATE_H

#include "base/str.h"
#include "gate/call/verdict.h"

struct sl_relay;

/* SL_E_NOMEM. */
SL_MUST int sl_relay_translate_start(struct sl_relay *relay);
struct sl_verdict sl_relay_translate_push(struct sl_relay *relay, struct sl_str bytes);
/* The body ended, in TRANSLATE_EVENTS and in GATHER. */
struct sl_verdict sl_relay_translate_end(struct sl_relay *relay);
struct sl_verdict sl_relay_gather_end(struct sl_relay *relay);

#endif
