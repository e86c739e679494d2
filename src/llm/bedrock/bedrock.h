/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Amazon Bedrock's Converse and ConverseStream: declarations that the files of this folder share. */
#ifndef SL_LLM_BEDROCK_H
#define SL_LLM_BEDROCK_H

#include "base/map.h"
#include "llm/core/language.h"
#include "llm/core/reading.h"
#include "llm/form/params.h"

/* The maker of the model: where Converse has no member, the model's own is used. */
enum sl_bedrock_family {
    SL_BEDROCK_OTHER,
    SL_BEDROCK_CLAUDE,
    SL_BEDROCK_NOVA,
    SL_BEDROCK_TITAN,
    SL_BEDROCK_COHERE,
    SL_BEDROCK_AI21,
    SL_BEDROCK_MISTRAL,
    SL_BEDROCK_GPT,
};

enum sl_bedrock_method { SL_BEDROCK_CONVERSE, SL_BEDROCK_STREAM, SL_BEDROCK_INVOKE, SL_BEDROCK_METHOD_COUNT };

/* The first member of the conf of a provider that speaks it. */
struct sl_bedrock_conf {
    enum sl_bedrock_family family;
    bool is_old; /* older than Converse: completions use InvokeModel */
    struct sl_str targets[SL_BEDROCK_METHOD_COUNT];
};

/* The provider->model_table: Claude's rows are Anthropic's, and a region is no part of a model's name. */
const char *sl_bedrock_model_table(struct sl_str *io_model);
/* Sets the family and the languages of target->model, and the paths below its base. SL_E_NOMEM. */
SL_MUST int sl_bedrock_prepare(struct sl_arena *arena, struct sl_bedrock_conf *conf, struct sl_target *target);

/* Older models have no structured output: they are forced to call this tool, and its arguments are the answer. */
#define SL_BEDROCK_ANSWER_TOOL "structured_answer"

/* A request that is being built. */
struct sl_bedrock_builder {
    const struct sl_call *call;
    const struct sl_bedrock_conf *conf;
    const struct sl_provider *provider;
    const struct sl_model *model;
    const struct sl_chat *chat;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
    struct sl_form_params params;
    bool has_answer_tool; /* the schema goes into a forced tool */
    struct sl_map names;  /* of documents: all are different */
    uint32_t n_documents;
    uint32_t n_names; /* the next number for a made name */
};

struct sl_bedrock_stream {
    bool has_start, has_finish, is_done, has_error;
    bool is_open;       /* a block is open */
    bool is_answer;     /* the open block is the forced tool whose arguments are the answer */
    bool has_arguments; /* the open tool call has got some */
    bool was_answer, has_output;
    uint8_t open_kind; /* enum sl_block_kind */
    uint32_t open;     /* the upstream's index of the open block */
    uint32_t n_blocks; /* how many have begun; the open one is the last */
    int64_t chars;     /* of all texts so far */
    int64_t before;    /* of the texts before the open block */
    struct sl_half half;
};

extern const struct sl_form_rules sl_bedrock_form;

/* Notes the members at the root of a reply, or of an event, that are lost. */
void sl_bedrock_beside_lose(struct sl_reading *rd, struct sl_json_val root);

/* True: the model can give citations. */
bool sl_bedrock_cites(const struct sl_bedrock_builder *b);
/* Writes the members `system` and `messages`, and tools for a history with calls that comes without tools. */
SL_MUST int sl_bedrock_messages_write(struct sl_bedrock_builder *b);
/* The media type for Converse's word of a format; NULL: Converse has no such word. */
const char *sl_bedrock_type_of(struct sl_json_val word, bool is_image);
void sl_bedrock_cache_point_write(struct sl_bedrock_builder *b, struct sl_str cache_control);

SL_MUST int sl_bedrock_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                  struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);
/* InvokeModel: completions of the old models, and embeddings. */
SL_MUST int sl_bedrock_complete_write(const struct sl_call *call, const struct sl_target *target,
                                      const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req,
                                      struct sl_llm_error *ret_error);
/* Reads its reply; SL_E_TYPE: it is no reply of that kind. */
int sl_bedrock_complete_read(const struct sl_call *call, struct sl_json_val root, struct sl_arena *arena,
                             struct sl_reply *io_reply, struct sl_err *err);

/* InvokeModel's counts are in the reply's headers when the body has none. */
void sl_bedrock_counts_read(const struct sl_headers *headers, struct sl_usage *io_usage);

enum sl_finish sl_bedrock_finish(struct sl_str word, bool was_answer);
bool sl_bedrock_is_malformed(struct sl_str word);
void sl_bedrock_usage_read(struct sl_json_val v, struct sl_usage *ret);
int sl_bedrock_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                        struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err);
int sl_bedrock_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                        struct sl_delta_sink *sink, struct sl_err *err);
bool sl_bedrock_is_over(const void *state);
int sl_bedrock_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

/* Reads an exception's name and body; `status` 0: it came inside a stream. */
void sl_bedrock_error_read(int status, const struct sl_headers *headers, struct sl_str name, struct sl_str body,
                           struct sl_arena *arena, struct sl_llm_error *ret_error);
void sl_bedrock_read_error(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                           struct sl_llm_error *ret_error);

extern const struct sl_language sl_language_bedrock, sl_language_bedrock_embeddings;

#endif
