/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the languages for looking at events that pass untouched. */
#ifndef SL_LLM_PASS_H
#define SL_LLM_PASS_H

#include "json/json.h"
#include "llm/core/frame.h"

struct sl_pass_reader {
    bool (*is_alive)(struct sl_str name); /* an event of this name is only a heartbeat */
    void (*note)(struct sl_pass_state *state, struct sl_json_val root);
};

/* Reads one event as it was sent, and calls `note` for it. A comment is a heartbeat. An event that cannot be read is
 * forwarded, and is_unread is set. */
enum sl_pass sl_pass_event_read(const struct sl_pass_reader *reader, struct sl_pass_state *state, struct sl_str event,
                                struct sl_json *scratch);

#endif
