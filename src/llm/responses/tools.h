/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of a call. Other languages have only functions, so two kinds of tools become functions, and calls of them
 * reach the client under its own names:
 *   - a function in a namespace gets both names, "space__name";
 *   - a custom tool, whose input is any text, takes an object with that text as `input`. */
#ifndef SL_LLM_RESPONSES_TOOLS_H
#define SL_LLM_RESPONSES_TOOLS_H

#include "base/err.h"
#include "json/json.h"

struct sl_buf;
struct sl_call;
struct sl_chat_reader;

/* A tool that the client calls by another name. All texts are decoded. */
struct sl_responses_tool {
    struct sl_str name;       /* of the function that it became */
    struct sl_str space, own; /* space.p == NULL: it is in no namespace */
    bool is_custom;
};

SL_MUST int sl_responses_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice);
/* The function's name for a tool, from an item or a choice with `name` and maybe `namespace`; raw. p == NULL: it has no
 * name, or there is no memory. */
struct sl_str sl_responses_tool_name(struct sl_chat_reader *rd, struct sl_json_val v);
/* The client's name for this function. NULL: the same name. */
const struct sl_responses_tool *sl_responses_tool_find(const struct sl_call *call, struct sl_str name);
/* Writes a custom tool's text, from its function's arguments, as a JSON string. If the arguments are no such object,
 * they themselves are the text. */
void sl_responses_tool_input(struct sl_str arguments, struct sl_buf *out);

#endif
