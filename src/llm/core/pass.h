/* SPDX-License-Identifier: Apache-2.0 */
/* What languages share that look at events which pass untouched. */
#ifndef SL_LLM_PASS_H
#define SL_LLM_PASS_H

#include "json/json.h"
#include "llm/core/frame.h"

struct sl_pass_reader {
    bool (*is_alive)(struct sl_str name); /* an event of this name is a sign of life and no more */
    void (*note)(struct sl_pass_state *state, struct sl_json_val root);
};

/* Reads one event as it lies on the wire, and has it noted. A comment is a sign of life; what cannot be read goes on as
 * it is, and is_unread says so. */
enum sl_pass sl_pass_event_read(const struct sl_pass_reader *reader, struct sl_pass_state *state, struct sl_str event,
                                struct sl_json *scratch);

#endif
