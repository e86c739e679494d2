/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_RESPONSES_PASS_H
#define SL_LLM_RESPONSES_PASS_H

#include "json/scan.h"
#include "llm/core/llm.h"

extern const struct sl_json_scan_want sl_responses_reply_members[SL_REPLY_COUNT];
int sl_responses_read_usage(struct sl_json_val usage, struct sl_usage *ret);
enum sl_pass sl_responses_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);

#endif
