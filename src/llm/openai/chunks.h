/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer of OpenAI-like chunks must remember of a stream: its id and model, which choices have begun, which
 * block is which tool call. Shared by the dialects whose streams are chunks. All zero: the stream has not begun. */
#ifndef SL_LLM_CHUNKS_H
#define SL_LLM_CHUNKS_H

#include "json/write.h"
#include "llm/core/llm.h"

#define SL_CHUNKS_CHOICES_MAX 128
#define SL_CHUNKS_TOOLS_MAX   128
#define SL_CHUNKS_NAME_MAX    256

struct sl_chunks {
    int64_t created;
    uint16_t id_len, model_len;
    uint16_t n_tools;
    uint16_t n_thoughts; /* thinking blocks with a signature */
    bool has_identity;
    bool is_plain; /* id and model need no escapes in JSON */
    bool has_usage, wants_usage;
    bool is_one_to_one;    /* each chunk of the upstream becomes one of ours, so deltas of its content are ignored */
    uint8_t type;          /* enum sl_llm_type */
    const char *provider;  /* the provider's name, for a dialect that writes it */
    struct sl_usage usage; /* the latest */
    char id[SL_CHUNKS_NAME_MAX];
    char model[SL_CHUNKS_NAME_MAX];
    struct {
        bool has_role;
        uint8_t n_tools;
    } choices[SL_CHUNKS_CHOICES_MAX];
    struct {
        uint16_t choice, block;
        uint8_t index;
    } tools[SL_CHUNKS_TOOLS_MAX];
};

/* Notes the usage. It comes at the end of a stream, and may have come several times before. */
void sl_chunks_note_usage(struct sl_chunks *chunks, const struct sl_usage *usage);

/* Takes id, model and created from the start of a stream; if one is missing, it is made from the environment. They are
 * the same in every chunk. */
void sl_chunks_identify(struct sl_chunks *chunks, const struct sl_call *call, const struct sl_env *env,
                        const struct sl_delta *start);

/* The index of a tool call within its choice; a new block gets the next index. -1: too many. */
int sl_chunks_tool_index(struct sl_chunks *chunks, uint32_t choice, uint32_t block);

/* Writes the first members of replies and chunks; the object stays open. */
void sl_chunks_write_head(struct sl_jw *w, struct sl_str id, const char *object, int64_t created, struct sl_str model);
/* Begins an event with a chunk's first members; its array of choices stays open. */
void sl_chunks_write_begin(const struct sl_chunks *chunks, const char *object, struct sl_jw *w, struct sl_buf *out);
/* Writes the delta's member `tool_calls`: the start of a call, or more of its arguments. A signature is a member of the
 * call; with `signature_key` NULL it is written as Google's compatible API does: see sl_chunks_write_google. */
void sl_chunks_write_tool(struct sl_jw *w, const struct sl_delta *d, int index, const char *signature_key);
/* Writes a whole call: {"id", "type", "function"}; the object stays open. */
void sl_chunks_begin_call(struct sl_jw *w, const struct sl_block *block);
/* Writes {"object": "list", "data": [; the list stays open. */
void sl_chunks_begin_list(struct sl_jw *w);
/* Writes "extra_content":{"google":{"thought_signature":…}} for a call or a message. */
void sl_chunks_write_google(struct sl_jw *w, struct sl_str signature);

/* Makes "chatcmpl-" and 24 hexadecimal digits of the environment's randomness. `out` has 40 bytes. */
struct sl_str sl_chunks_make_id(const char *prefix, const struct sl_env *env, char out[40]);

#endif
