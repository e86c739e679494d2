/* SPDX-License-Identifier: Apache-2.0 */
/* The language of OpenAI's Responses API as an upstream speaks it: chats and completions go up as items, and come back
 * as canonical replies. Its targets have OpenAI's configuration (openai.h).
 *
 * The client keeps reasoning between turns: encrypted reasoning goes down as the signature of a thinking block,
 * "ID:CLOSED", and becomes an item again when it comes back. */
#ifndef SL_LLM_RESPONSES_H
#define SL_LLM_RESPONSES_H

#include "llm/core/language.h"
#include "llm/core/pieces.h"
#include "llm/form/rules.h"

/* The ids of reasoning items begin like this: one that does not is another provider's. */
#define SL_RESPONSES_REASONING "rs_"

/* A request that is being built. */
struct sl_responses_builder {
    const struct sl_form *form;
    const struct sl_call *call;
    const struct sl_model *model;
    const struct sl_chat *chat;
    const struct sl_provider *provider;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
};

extern const struct sl_form_rules sl_responses_form;

/* Writes the member `input`. */
SL_MUST int sl_responses_input_write(struct sl_responses_builder *b);
SL_MUST int sl_responses_chat_write(const struct sl_call *call, const struct sl_target *target,
                                    const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req,
                                    struct sl_llm_error *ret_error);

struct sl_reading;

/* The finish reason, by the response's status and its incomplete_details; `has_calls`: it calls functions. */
enum sl_finish sl_responses_finish(struct sl_reading *rd, struct sl_json_val response, bool has_calls,
                                   struct sl_str *ret_word);
void sl_responses_usage_read(struct sl_json_val usage, struct sl_usage *ret);
/* The signature for a reasoning item, or "" if it has no encrypted form. */
struct sl_str sl_responses_signature(struct sl_reading *rd, struct sl_json_val item);
/* A source of a text in the form of OpenAI's chats, as a list with one; "": they have no place for this kind. `before`:
 * characters of the texts before this one. */
struct sl_str sl_responses_annotation(struct sl_reading *rd, struct sl_json_val annotation, int64_t before);
/* A text's list of its tokens' probabilities: OpenAI's chats have the same list in another member. */
struct sl_str sl_responses_logprobs(struct sl_reading *rd, struct sl_json_val list);
/* Reads an error of a response or an event. */
void sl_responses_error_read(struct sl_json_val error, struct sl_arena *arena, struct sl_llm_error *ret);

int sl_responses_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                          struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err);
void sl_responses_judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc,
                              struct sl_reply_judgement *ret);

/* The state of a stream. Items come one after the other; pieces of a call may come late. */
#define SL_RESPONSES_CALLS_MAX 128

struct sl_responses_stream {
    bool has_start, is_done, has_error;
    bool is_open;
    uint8_t open_kind;
    bool has_text; /* of the open block */
    uint32_t item; /* output_index of what is open */
    uint32_t part; /* content_index or summary_index of what is open */
    uint32_t n_blocks;
    int64_t chars, before; /* characters of all texts, and of those before this part */
    uint32_t told;         /* output_index + 1 of the last item that gave a text */
    struct sl_half half;
    uint16_t n_calls;
    struct {
        uint32_t item, block;
        bool has_arguments;
    } calls[SL_RESPONSES_CALLS_MAX];
};

int sl_responses_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                          struct sl_delta_sink *sink, struct sl_err *err);
bool sl_responses_is_over(const void *state);
int sl_responses_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

extern const struct sl_language sl_language_responses;

#endif
