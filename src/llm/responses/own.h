/* SPDX-License-Identifier: Apache-2.0 */
/* What a response says again of the call that it answers: members of the client's body, noted when it is read. */
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

/* Of a call, on its arena: sl_call's `own`. */
struct sl_responses_own {
    struct sl_str echo[SL_ECHO_COUNT]; /* raw JSON; p == NULL: not said, or null */
    bool offers_all;                   /* the client offers OpenAI's own tools to whatever answers */
    struct sl_responses_tool *tools;   /* spelt otherwise than their functions, in a translated call: tools.h */
    size_t n_tools;
};

/* The member's name. */
const char *sl_responses_echo_name(enum sl_responses_echo echo);
/* The members, into the object that is open. `call->own` may be NULL. */
void sl_responses_echo_write(struct sl_jw *w, const struct sl_call *call);

#endif
