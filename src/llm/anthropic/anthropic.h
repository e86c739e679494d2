/* SPDX-License-Identifier: Apache-2.0 */
/* Provider anthropic, private to its files: the Messages API, and the old text completions that MLflow's dialect
 * promises. */
#ifndef SL_LLM_ANTHROPIC_H
#define SL_LLM_ANTHROPIC_H

#include "base/secret.h"
#include "llm/core/reading.h"
#include "llm/form/params.h"

struct sl_anthropic_conf {
    struct sl_secret key;
    struct sl_str base;
    struct sl_str version;
    uint64_t max_tokens; /* when the caller gives none; 0: the dialect's own number */
    /* made by prepare */
    struct sl_str messages_target, complete_target, count_target; /* path and query */
    struct sl_headers headers;
    struct sl_str model_json;
    /* For another host of this API: anthropic_version in the body, quoted, instead of the model. */
    struct sl_str hosted_version;
};

struct sl_anthropic_stream {
    bool has_start, has_usage, has_finish, is_done, has_error;
    bool is_open;       /* a block is open */
    bool is_answer;     /* the open block is the forced tool whose arguments are the answer */
    bool has_arguments; /* the open tool call has got some */
    bool was_answer;    /* there was such a block */
    uint8_t open_kind;  /* enum sl_block_kind, or SKIPPED */
    uint32_t open;      /* the upstream's index of the open block */
    uint32_t n_blocks;  /* how many have begun; the open one is the last */
    int64_t chars;      /* of all texts so far */
    int64_t before;     /* of the texts before the open block */
    char id[64];        /* the reply's id, for calls without one */
    uint8_t id_len;
    struct sl_half half;   /* for the open block */
    struct sl_usage usage; /* cumulative */
};

/* Older models have no structured output: they are forced to call this tool, and its arguments are the answer. */
#define SL_ANTHROPIC_ANSWER_TOOL "structured_answer"

/* A request that is being built. */
struct sl_anthropic_builder {
    const struct sl_call *call;
    const struct sl_anthropic_conf *conf;
    const struct sl_model *model;
    const struct sl_chat *chat;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
    struct sl_form_params params;
    bool has_answer_tool; /* the schema goes into a forced tool */
};

/* Writes the members `messages` and `system`. */
SL_MUST int sl_anthropic_messages_write(struct sl_anthropic_builder *b);
SL_MUST int sl_anthropic_system_write(struct sl_anthropic_builder *b);

/* The rules of form of Claude, wherever it is served. */
extern const struct sl_form_rules sl_anthropic_form;

/* Writes the body of a chat (messages), for /v1's completions too. */
SL_MUST int sl_anthropic_messages_build(const struct sl_call *call, const struct sl_target *target,
                                        const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *req,
                                        struct sl_llm_error *ret_error);
/* Checks numbers by MLflow's rules, for chat and completions alike. */
SL_MUST int sl_anthropic_mlflow_check(const struct sl_call *call, const struct sl_chat *chat, struct sl_arena *arena,
                                      struct sl_llm_error *ret_error);
/* max_tokens when the caller gives none. INT64_MAX: the model's limit. */
int64_t sl_anthropic_fallback_tokens(const struct sl_call *call, const struct sl_anthropic_conf *conf);
/* Writes temperature on the provider's scale of 0 to 1; nothing when it was not given. */
void sl_anthropic_temperature_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body);

void sl_anthropic_stop_write(const struct sl_chat *chat, struct sl_body *body);

/* The old text completions serve only models that are older than the Messages API. */
bool sl_anthropic_is_complete(const struct sl_call *call, const struct sl_target *target);
SL_MUST int sl_anthropic_complete_build(const struct sl_call *call, const struct sl_target *target,
                                        const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *req,
                                        struct sl_llm_error *ret_error);

enum sl_finish sl_anthropic_finish(const struct sl_call *call, struct sl_str word, bool was_answer);
/* Reads a text's citations (a list, or one in a stream): as quotes, and those on the web also as OpenAI's annotations,
 * each for `start` to `end` of all texts (-1: not known). */
struct sl_cited;
void sl_anthropic_citations_read(struct sl_reading *rd, struct sl_json_val list, int64_t start, int64_t end,
                                 struct sl_cited *ret);
/* New counts replace earlier ones. */
void sl_anthropic_usage_read(struct sl_json_val v, struct sl_usage *io_usage);
int sl_anthropic_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                          struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err);
int sl_anthropic_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                          struct sl_delta_sink *sink, struct sl_err *err);
bool sl_anthropic_is_over(const void *state);
int sl_anthropic_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

extern const struct sl_provider sl_provider_anthropic;
extern const struct sl_language sl_language_anthropic;
extern const struct sl_listing sl_anthropic_listing;

#endif
