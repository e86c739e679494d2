/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_BEDROCK_PASS_H
#define SL_LLM_BEDROCK_PASS_H

#include "json/scan.h"
#include "llm/core/llm.h"

extern const struct sl_json_scan_want sl_bedrock_reply_members[SL_REPLY_COUNT];
int sl_bedrock_read_usage(struct sl_json_val usage, struct sl_usage *ret);
/* `event`: a whole frame that was checked. */
enum sl_pass sl_bedrock_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);

#endif
