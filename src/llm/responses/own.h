/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the client's body that a response repeats; they are noted when the body is read. */
#ifndef SL_LLM_RESPONSES_OWN_H
#define SL_LLM_RESPONSES_OWN_H

#include "json/write.h"
#include "llm/core/call.h"

/* In the order in which they are written. */
enum sl_responses_echo {
    SL_ECHO_INSTRUCTIONS,
    SL_ECHO_MAX_OUTPUT_TOKENS,
    SL_ECHO_MAX_TOOL_CALLS,
    SL_ECHO_PARALLEL,
    SL_ECHO_PREVIOUS,
    SL_ECHO_CACHE_KEY,
    SL_ECHO_REASONING,
    SL_ECHO_SAFETY_ID,
    SL_ECHO_TEMPERATURE,
    SL_ECHO_TEXT,
    SL_ECHO_TOOL_CHOICE,
    SL_ECHO_TOOLS,
    SL_ECHO_TOP_LOGPROBS,
    SL_ECHO_TOP_P,
    SL_ECHO_TRUNCATION,
    SL_ECHO_USER,
    SL_ECHO_METADATA,
    SL_ECHO_COUNT
};

struct sl_responses_tool;

/* Notes of a call, on its arena: sl_call's `own`. */
struct sl_responses_own {
    struct sl_str echo[SL_ECHO_COUNT]; /* raw JSON; p == NULL: not given, or null */
    bool offers_all;                   /* the client always offers OpenAI's own tools */
    struct sl_responses_tool *tools;   /* in a translated call, tools whose functions have another name: tools.h */
    size_t n_tools;
};

/* The member's name. */
const char *sl_responses_echo_name(enum sl_responses_echo echo);
/* Writes the members into the object that is open. `call->own` may be NULL. */
void sl_responses_echo_write(struct sl_jw *w, const struct sl_call *call);

#endif
