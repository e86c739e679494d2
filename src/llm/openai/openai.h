/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI-compatible family. A member is a row: its name, its address, how it is asked for usage, its option table
 * over this configuration. Everything else is shared. */
#ifndef SL_LLM_OPENAI_H
#define SL_LLM_OPENAI_H

#include "base/secret.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/pieces.h"

extern const struct sl_language sl_language_openai;
/* The same for hosts whose answers differ a little from OpenAI's (lists of parts as content), and for those that serve
 * completions as chats: the call goes up in OpenAI's form, and the reply is read and written anew. */
extern const struct sl_language sl_language_openai_like;
/* For calls that pass: images, speech, moderations, rerank, Cohere's too. Only their usage is read. */
extern const struct sl_language sl_language_openai_passed;
struct sl_openai_host;

enum sl_openai_api { SL_OPENAI_PLAIN, SL_OPENAI_AZURE, SL_OPENAI_AZUREAD };
/* Which of OpenAI's two APIs a chat uses: chats, or responses; AUTO: the model decides. */
enum sl_openai_way { SL_OPENAI_CHAT, SL_OPENAI_RESPONSES, SL_OPENAI_AUTO };

/* Values that stay the same for all requests of a target; prepare makes them once. */
struct sl_openai_conf {
    struct sl_secret key; /* after prepare: as in its header ("Bearer …") */
    struct sl_str base;
    struct sl_str organization;
    struct sl_str project;
    struct sl_str api_version;
    struct sl_str deployment;
    struct sl_str tenant, client, authority; /* azuread: the client whose secret the key is */
    struct sl_str metadata_url;              /* azuread, a managed identity */
    int identity;                            /* azuread: enum sl_entra_kind */
    int api;                                 /* enum sl_openai_api */
    int way;                                 /* enum sl_openai_way */
    /* made by prepare */
    struct sl_str targets[SL_LLM_TRANSLATED_COUNT]; /* path and query */
    struct sl_headers headers;
    struct sl_str model_json;          /* p == NULL: the member is left out */
    struct sl_str response_model;      /* the same for responses, where it is always sent */
    const struct sl_openai_host *host; /* the host's differences from OpenAI; NULL: none */
};

/* The state of a stream. Its size is fixed: more parallel calls or choices than any upstream sends are refused. */
#define SL_OPENAI_CHOICES_MAX 128
#define SL_OPENAI_TOOLS_MAX   128

struct sl_openai_stream {
    bool has_start, is_done, has_finish, has_error;
    char id[64]; /* the reply's id, for calls without one */
    uint8_t id_len;
    uint16_t n_tools;
    struct {
        uint16_t choice, index, block;
        uint32_t id_hash;         /* some servers use one index for several calls */
    } tools[SL_OPENAI_TOOLS_MAX]; /* which block each tool call of the upstream is */
    struct {
        uint16_t next_block;
        uint16_t open; /* block + 1; 0: none */
        uint8_t open_kind;
        bool has_begun, has_finish;
        struct sl_half half; /* for the open block */
    } choices[SL_OPENAI_CHOICES_MAX];
};

/* The family's functions, for its rows. */
int sl_openai_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
int sl_openai_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                    bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                    struct sl_llm_error *ret_error);
struct sl_chat;
struct sl_body;
/* Writes a chat as OpenAI's request, whatever language it was read from. */
SL_MUST int sl_openai_chat_write(const struct sl_call *call, const struct sl_chat *chat, const struct sl_target *target,
                                 bool ask_usage, struct sl_arena *arena, struct sl_body *body,
                                 struct sl_llm_error *ret_error);
/* The same for embeddings. */
SL_MUST int sl_openai_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                  struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);
/* For a chat: reasoning_effort as given, or from the budget of tokens of another language; p == NULL: not given. And
 * the member service_tier. */
struct sl_str sl_openai_effort(const struct sl_chat *chat);
void sl_openai_tier_write(const struct sl_chat *chat, struct sl_body *body);
int sl_openai_write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                         bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                         struct sl_llm_error *ret_error);
int sl_openai_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err);
int sl_openai_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err);
bool sl_openai_is_over(const void *state);
int sl_openai_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);
extern const struct sl_json_scan_want sl_openai_reply_members[SL_REPLY_COUNT];
int sl_openai_read_usage(struct sl_json_val usage, struct sl_usage *ret);
enum sl_pass sl_openai_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);
bool sl_openai_refused_usage(int status, struct sl_str body);

/* The parts beside the choices of a reply or a chunk that have no place in other languages: enum sl_lost. */
uint32_t sl_openai_lost(struct sl_json_val root);
/* The finish for OpenAI's word; SL_FINISH_NONE for "". */
enum sl_finish sl_openai_finish(struct sl_str word);

#endif
