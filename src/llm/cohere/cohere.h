/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Cohere's second API as an upstream: chats, their streams and embeddings. */
#ifndef SL_LLM_COHERE_H
#define SL_LLM_COHERE_H

#include "llm/chat/embed.h"
#include "llm/core/pieces.h"
#include "llm/core/sources.h"
#include "llm/form/rules.h"

/* The configuration that the language reads; the first member of each provider's own. */
struct sl_cohere_conf {
    struct sl_str input_type;            /* for embeddings calls without one */
    struct sl_str chat, embed;           /* made by prepare: path and query */
    struct sl_str model_json, type_json; /* made by prepare: with their quotes */
};

/* A request that is being built. */
struct sl_cohere_builder {
    const struct sl_form *form;
    const struct sl_call *call;
    const struct sl_cohere_conf *conf;
    const struct sl_model *model;
    const struct sl_chat *chat;
    const struct sl_provider *provider;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
};

extern const struct sl_form_rules sl_cohere_form;

/* Writes the member `messages`. */
SL_MUST int sl_cohere_messages_write(struct sl_cohere_builder *b);
SL_MUST int sl_cohere_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                 struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);
SL_MUST int sl_cohere_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                  struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);

/* SL_FINISH_OTHER: the end is a fault, unless there was output. */
enum sl_finish sl_cohere_finish(struct sl_str word);
/* Reads the tokens of a chat, or else the billed units. */
void sl_cohere_usage_read(struct sl_json_val usage, struct sl_usage *io_usage);

/* Adds the web sources of a citation; places count from the `before` characters of all earlier texts (-1: not
 * known). */
void sl_cohere_citation_add(struct sl_sources *sources, struct sl_reading *rd, struct sl_json_val citation,
                            int64_t before);

int sl_cohere_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err);

struct sl_cohere_stream {
    bool has_start, is_done, has_error, has_output;
    bool is_open, has_arguments;
    uint8_t open_kind;
    uint8_t id_len;
    uint32_t open;         /* the upstream's index of the open call */
    uint32_t part;         /* the upstream's index of the last part of the content */
    int64_t chars, before; /* characters of all texts, and of those before the last one */
    uint32_t n_blocks;
    struct sl_half half; /* for the open block */
    char id[64];         /* the reply's id, for calls without one */
};

int sl_cohere_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err);
bool sl_cohere_is_over(const void *state);
int sl_cohere_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

extern const struct sl_language sl_language_cohere;

#endif
