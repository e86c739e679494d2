/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies, deltas and errors in the form of Converse and ConverseStream. */
#ifndef SL_LLM_BEDROCK_WRITE_H
#define SL_LLM_BEDROCK_WRITE_H

#include "llm/core/llm.h"
#include "llm/core/reply.h"

/* The state of a stream that is written. Blocks follow each other: one is open at a time, and each index comes once. */
struct sl_bedrock_writer {
    bool has_start, has_finish, has_error, has_tool;
    bool is_open, is_started; /* a block is open; something of it was written */
    uint8_t kind;             /* enum sl_block_kind of the open block */
    uint32_t block;           /* the open block's number in the deltas */
    uint32_t n_blocks;        /* the next index */
    uint64_t usec;            /* how long the upstream has taken so far */
    struct sl_usage usage;    /* the latest */
};

int sl_bedrock_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                           struct sl_buf *out);
/* SL_E_INVAL: a piece of a tool call whose block has ended. */
int sl_bedrock_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                           const struct sl_delta *delta, struct sl_buf *out);
void sl_bedrock_write_end(void *state, struct sl_buf *out);
void sl_bedrock_write_error(struct sl_llm_error *error, struct sl_buf *out);
/* The exception for an error, by its status. */
struct sl_str sl_bedrock_error_kind(const struct sl_llm_error *error);
void sl_bedrock_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

#endif
