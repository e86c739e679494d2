/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/responses/own.h"

#include "base/buf.h"

/* The value of a member that the client did not send: the API's own default. */
static const struct {
    const char *name;
    struct sl_str unsaid;
} rows[SL_ECHO_COUNT] = {
    [SL_ECHO_INSTRUCTIONS] = { "instructions", SL_STR_INIT("null") },
    [SL_ECHO_MAX_OUTPUT_TOKENS] = { "max_output_tokens", SL_STR_INIT("null") },
    [SL_ECHO_MAX_TOOL_CALLS] = { "max_tool_calls", SL_STR_INIT("null") },
    [SL_ECHO_PARALLEL] = { "parallel_tool_calls", SL_STR_INIT("true") },
    [SL_ECHO_PREVIOUS] = { "previous_response_id", SL_STR_INIT("null") },
    [SL_ECHO_CACHE_KEY] = { "prompt_cache_key", SL_STR_INIT("null") },
    [SL_ECHO_REASONING] = { "reasoning", SL_STR_INIT("{\"effort\":null,\"summary\":null}") },
    [SL_ECHO_SAFETY_ID] = { "safety_identifier", SL_STR_INIT("null") },
    [SL_ECHO_TEMPERATURE] = { "temperature", SL_STR_INIT("1.0") },
    [SL_ECHO_TEXT] = { "text", SL_STR_INIT("{\"format\":{\"type\":\"text\"}}") },
    [SL_ECHO_TOOL_CHOICE] = { "tool_choice", SL_STR_INIT("\"auto\"") },
    [SL_ECHO_TOOLS] = { "tools", SL_STR_INIT("[]") },
    [SL_ECHO_TOP_LOGPROBS] = { "top_logprobs", SL_STR_INIT("0") },
    [SL_ECHO_TOP_P] = { "top_p", SL_STR_INIT("1.0") },
    [SL_ECHO_TRUNCATION] = { "truncation", SL_STR_INIT("\"disabled\"") },
    [SL_ECHO_USER] = { "user", SL_STR_INIT("null") },
    [SL_ECHO_METADATA] = { "metadata", SL_STR_INIT("{}") },
};

const char *sl_responses_echo_name(enum sl_responses_echo echo)
{
    return rows[echo].name;
}

void sl_responses_echo_write(struct sl_jw *w, const struct sl_call *call)
{
    const struct sl_responses_own *own = call->own;
    for (size_t i = 0; i < SL_ECHO_COUNT; i++) {
        bool is_said = own && own->echo[i].p;
        sl_jw_key(w, rows[i].name);
        sl_jw_raw(w, is_said ? SL_STR("") : rows[i].unsaid);
        if (is_said) {
            sl_json_compact(w->out, own->echo[i]); /* a line break would end the line of an event */
        }
    }
}
