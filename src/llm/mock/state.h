/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the provider mock while it answers a call. */
#ifndef SL_LLM_MOCK_STATE_H
#define SL_LLM_MOCK_STATE_H

#include "llm/mock/parts.h"
#include "llm/openai/dialect.h"

/* Part of an answer. */
struct sl_mock_block {
    enum sl_block_kind kind;
    struct sl_mock_text text; /* for a tool call: its arguments */
    struct sl_mock_piece literal;
    struct sl_str tool_id, tool_name;
};

/* One answer; several choices may share their blocks. */
struct sl_mock_answer {
    struct sl_mock_block *blocks;
    uint32_t n_blocks;
    int64_t tokens, reasoning_tokens;
    enum sl_finish finish;
};

enum sl_mock_step { SL_MOCK_STEP_START, SL_MOCK_STEP_BLOCKS, SL_MOCK_STEP_FINISH, SL_MOCK_STEP_END };

struct sl_mock_state {
    struct sl_call call;
    struct sl_env env;
    const struct sl_mock_conf *conf;
    struct sl_mock_answer *answers;
    uint32_t n_choices;
    struct sl_str *inputs; /* for embeddings */
    uint32_t n_inputs, dimensions;
    bool is_base64;
    struct sl_usage usage;
    char id[40];
    struct sl_str id_str;
    struct sl_str model;
    /* The current place: in a whole reply the rest of the frame, and of the text at the mark; in a stream the step. */
    struct sl_str frame;
    bool is_filling;
    enum sl_mock_step step;
    uint32_t choice, block;
    bool has_begun; /* the block has begun */
    struct sl_mock_cursor cursor;
    struct sl_chunks chunks;
};

#endif
