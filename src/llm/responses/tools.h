/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of a call. Other languages know functions alone, so two kinds become functions, and the calls of them are
 * told as the client spells them:
 *   - a function in a namespace has the name of both, "space__name";
 *   - a custom tool, whose input is any text, takes an object with that text as `input`. */
#ifndef SL_LLM_RESPONSES_TOOLS_H
#define SL_LLM_RESPONSES_TOOLS_H

#include "base/err.h"
#include "json/json.h"

struct sl_buf;
struct sl_call;
struct sl_chat_reader;

/* A tool that the client spells otherwise. All decoded. */
struct sl_responses_tool {
    struct sl_str name;       /* of the function that it became */
    struct sl_str space, own; /* space.p == NULL: it is in none */
    bool is_custom;
};

SL_MUST int sl_responses_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice);
/* The function's name for a tool, from an item or a choice that has `name` and maybe `namespace`; raw, p == NULL: it
 * has no name, or there is no memory. */
struct sl_str sl_responses_tool_name(struct sl_chat_reader *rd, struct sl_json_val v);
/* How the client spells this function. NULL: as it is called. */
const struct sl_responses_tool *sl_responses_tool_find(const struct sl_call *call, struct sl_str name);
/* A custom tool's text from its function's arguments, as a string of JSON; where they are not such an object, the
 * arguments themselves are the text. */
void sl_responses_tool_input(struct sl_str arguments, struct sl_buf *out);

#endif
