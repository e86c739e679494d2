/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies, deltas and errors in the form of Cohere's second API. */
#ifndef SL_LLM_COHERE_WRITE_H
#define SL_LLM_COHERE_WRITE_H

#include "llm/core/llm.h"
#include "llm/core/reply.h"

/* The state of a stream that is written: one part or call is open at a time, and each kind is counted by itself. */
struct sl_cohere_writer {
    bool has_start, has_error;
    bool is_open, is_started; /* a block is open; its start was written */
    uint8_t kind;             /* enum sl_block_kind of the open block */
    uint32_t block;           /* the open block's number in the deltas */
    uint32_t n_parts, n_calls, n_citations;
    int64_t chars, before; /* of the texts so far, and of those before the open part */
    const char *reason;    /* the finish reason */
    struct sl_usage usage; /* the latest */
};

int sl_cohere_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
/* SL_E_INVAL: a piece of a tool call whose block has ended. */
int sl_cohere_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_cohere_write_end(void *state, struct sl_buf *out);
void sl_cohere_write_error(struct sl_llm_error *error, struct sl_buf *out);
void sl_cohere_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

#endif
