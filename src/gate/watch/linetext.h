/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the access log for people, made from its JSON by the log's own thread:
 *   10:45:01 200     12 ms  POST /v1/chat/completions  chat  openai/gpt-4.1  12+34 tokens  $0.0004 */
#ifndef SL_GATE_LINETEXT_H
#define SL_GATE_LINETEXT_H

#include <stdbool.h>

#include "base/str.h"

struct sl_buf;
struct sl_json;

/* Adds the line of `json`, which is one line with its end, to `out`. A line that cannot be read stays as it is. */
void sl_line_to_text(struct sl_json *doc, struct sl_str json, bool has_color, struct sl_buf *out);

#endif
