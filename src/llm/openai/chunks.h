/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer of OpenAI-like chunks must remember of a stream: who it is, which choices have begun, which block is
 * which tool call. Shared by the dialects whose streams are chunks. Zeroed is a stream that has not begun. */
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
    uint16_t n_thoughts; /* thinking blocks that were signed */
    bool has_identity;
    bool is_plain; /* id and model stand in JSON as they are */
    bool has_usage, wants_usage;
    bool is_one_to_one;    /* the upstream's chunks become ours; deltas of their content say nothing new */
    uint8_t type;          /* enum sl_llm_type */
    const char *provider;  /* who answers, for a dialect that says so */
    struct sl_usage usage; /* the newest */
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

/* Usage comes at the end of a stream and may be told several times before. */
void sl_chunks_note_usage(struct sl_chunks *chunks, const struct sl_usage *usage);

/* Takes id, model and created from a start; what is missing comes from the environment: the same in every chunk. */
void sl_chunks_identify(struct sl_chunks *chunks, const struct sl_call *call, const struct sl_env *env,
                        const struct sl_delta *start);

/* The place of a tool call among its choice's; new blocks get the next one. -1: too many. */
int sl_chunks_tool_index(struct sl_chunks *chunks, uint32_t choice, uint32_t block);

/* What replies and chunks begin with; the object stays open. */
void sl_chunks_write_head(struct sl_jw *w, struct sl_str id, const char *object, int64_t created, struct sl_str model);
/* An event with a chunk's head; its array of choices is open. */
void sl_chunks_write_begin(const struct sl_chunks *chunks, const char *object, struct sl_jw *w, struct sl_buf *out);
/* The delta's member `tool_calls`: a call's beginning, or more of its arguments. A signature is a member of the call,
 * or (`signature_key` NULL) stands where Google's compatible API has it: see sl_chunks_write_google. */
void sl_chunks_write_tool(struct sl_jw *w, const struct sl_delta *d, int index, const char *signature_key);
/* A whole call: {"id", "type", "function"}; the object stays open. */
void sl_chunks_begin_call(struct sl_jw *w, const struct sl_block *block);
/* {"object": "list", "data": [: the list stays open. */
void sl_chunks_begin_list(struct sl_jw *w);
/* "extra_content":{"google":{"thought_signature":…}}, of a call or of a message. */
void sl_chunks_write_google(struct sl_jw *w, struct sl_str signature);

/* "chatcmpl-" and 24 hexadecimal digits of the environment's randomness. `out` has 40 bytes. */
struct sl_str sl_chunks_make_id(const char *prefix, const struct sl_env *env, char out[40]);

#endif
