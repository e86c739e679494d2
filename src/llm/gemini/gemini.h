/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Google's Gemini as an upstream: generateContent, its streams and its embeddings. Two providers speak
 * it (Gemini's own API, Vertex AI); the configuration has the differences. */
#ifndef SL_LLM_GEMINI_H
#define SL_LLM_GEMINI_H

#include "llm/chat/embed.h"
#include "llm/form/rules.h"

enum sl_gemini_method {
    SL_GEMINI_GENERATE,
    SL_GEMINI_STREAM,
    SL_GEMINI_EMBED,
    SL_GEMINI_EMBED_BATCH,
    SL_GEMINI_PREDICT, /* Vertex AI's older embeddings */
    SL_GEMINI_COUNT,
    SL_GEMINI_METHOD_COUNT
};

/* The configuration that the language reads; the first member of each provider's own. */
struct sl_gemini_conf {
    /* made by the provider's prepare */
    struct sl_str targets[SL_GEMINI_METHOD_COUNT]; /* path and query */
    struct sl_str model_name;                      /* "models/…", quoted: for embeddings */
    bool has_no_ids;                               /* calls and results go up without ids */
    bool needs_media_type;                         /* a file that is only named needs a type */
    bool has_labels;
    bool has_embed_content, embeds_one; /* for Vertex AI's embeddings: it uses embedContent; a call takes one text */
};

#define SL_GEMINI_CHOICES_MAX 32

/* In a stream's text with characters of several bytes, the first bytes of characters are known for this many bytes, so
 * that sources get places there. */
#define SL_GEMINI_MARKED_MAX 65536

struct sl_gemini_stream {
    bool has_start, has_error;
    uint8_t marked;   /* the choice + 1 whose text `begins` is about: the first text with such characters */
    uint32_t n_calls; /* for ids that are made here */
    struct {
        bool has_begun, has_finish, has_call;
        uint8_t open_kind;
        uint16_t open; /* block + 1; 0: none */
        uint16_t next_block;
        uint16_t text_block;  /* the block of the last text, counted like `open` */
        int64_t bytes, chars; /* of the texts so far */
        int64_t plain;        /* how many bytes at the texts' begin are one character each */
    } choices[SL_GEMINI_CHOICES_MAX];
    /* The language's read_state_room. */
    uint64_t begins[SL_GEMINI_MARKED_MAX / 64]; /* a bit for each byte after `plain`: it begins a character */
};

/* The prefix of ids that are made here, for calls without one. Calls are recognised by it, and such ids do not go
 * up. */
#define SL_GEMINI_MADE_ID "call_gen_"

/* A request that is being built. */
struct sl_gemini_builder {
    const struct sl_form *form;
    const struct sl_call *call;
    const struct sl_gemini_conf *conf;
    const struct sl_model *model;
    const struct sl_chat *chat;
    const struct sl_env *env;
    const struct sl_provider *provider;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
    bool is_config_open; /* generationConfig has a member already */
};

/* The rules of form of a model, wherever it is served. */
const struct sl_form_rules *sl_gemini_form(const struct sl_model *model);

/* Writes the members `systemInstruction` and `contents`. */
SL_MUST int sl_gemini_contents_write(struct sl_gemini_builder *b);
/* Writes the members `tools` and `toolConfig`. */
SL_MUST int sl_gemini_tools_write(struct sl_gemini_builder *b);

SL_MUST int sl_gemini_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                 struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);
/* Writes embedContent for one text, batchEmbedContents for several. */
SL_MUST int sl_gemini_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                  struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error);

/* Makes the paths of all methods, behind target->base: `prefix` ("models/…") and ":method". */
SL_MUST int sl_gemini_targets_make(struct sl_arena *arena, const struct sl_uri *base, struct sl_str prefix,
                                   struct sl_gemini_conf *conf);

/* A part of a candidate. */
enum sl_gemini_part_kind {
    SL_GEMINI_TEXT,
    SL_GEMINI_THOUGHT,
    SL_GEMINI_CALL,
    SL_GEMINI_IMAGE,
    SL_GEMINI_AUDIO, /* or a film: it has no equivalent */
    SL_GEMINI_OTHER, /* code that was run, and the like: no equivalent */
};

struct sl_gemini_part {
    enum sl_gemini_part_kind kind;
    struct sl_json_val text, signature; /* strings, or absent */
    struct sl_json_val call, data;      /* functionCall, inlineData */
};
void sl_gemini_part_read(struct sl_json_val v, struct sl_gemini_part *ret);
/* A call's arguments as the compact JSON of an object. p == NULL: no memory. */
struct sl_str sl_gemini_arguments(struct sl_json_val call, struct sl_arena *arena);
/* The call's id, or a made one. p == NULL: no memory. */
struct sl_str sl_gemini_call_id(struct sl_json_val call, const struct sl_env *env, uint32_t at, struct sl_arena *arena);

/* An image of the reply as a text, a data URI in Markdown; "" if it is no image. p == NULL: no memory. */
struct sl_str sl_gemini_image_text(struct sl_json_val data, struct sl_arena *arena);
/* Reads logprobsResult to OpenAI's form; *ret stays as it is when there is none. */
SL_MUST int sl_gemini_logprobs(struct sl_json_val result, struct sl_arena *arena, struct sl_str *ret);
/* The members of a candidate, beside its parts and its grounding, that have no place in our reply. */
uint32_t sl_gemini_lost(struct sl_json_val candidate);

/* Tells which character of a choice's text a byte of a part is; -1: not known. */
struct sl_gemini_places {
    int64_t (*find)(const void *arg, int64_t part, int64_t byte);
    const void *arg;
};
/* Reads the web sources of groundingMetadata to OpenAI's annotations; *ret stays as it is when there are none. A source
 * whose place is not known gets no place. *io_left_out: some of it was left out. */
SL_MUST int sl_gemini_sources(struct sl_json_val metadata, struct sl_gemini_places places, struct sl_arena *arena,
                              struct sl_str *ret, bool *io_left_out);
/* The same for a whole candidate, whose texts are all there. */
SL_MUST int sl_gemini_sources_whole(struct sl_json_val candidate, struct sl_arena *arena, struct sl_str *ret,
                                    bool *io_left_out);

/* SL_FINISH_OTHER: the end is a fault, unless there was output. */
enum sl_finish sl_gemini_finish(struct sl_str word, bool has_call);
void sl_gemini_usage_read(struct sl_json_val v, struct sl_usage *io_usage);
/* The refusal text for a prompt that was blocked. */
struct sl_str sl_gemini_block_text(struct sl_json_val feedback, struct sl_arena *arena);

int sl_gemini_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err);
int sl_gemini_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err);
bool sl_gemini_is_over(const void *state);
int sl_gemini_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

extern const struct sl_language sl_language_gemini;
/* Embeddings in Vertex AI's form. */
extern const struct sl_language sl_language_vertex_embeddings;

#endif
