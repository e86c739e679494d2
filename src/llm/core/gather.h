/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers the deltas of a stream to a whole reply, for an upstream that streams although a whole reply was asked
 * for. */
#ifndef SL_LLM_GATHER_H
#define SL_LLM_GATHER_H

#include "llm/core/llm.h"

struct sl_gather_block;

struct sl_gather {
    struct sl_arena *arena;
    size_t max_bytes; /* for all texts together */
    size_t n_bytes;
    struct sl_gather_block *blocks; /* in the order in which they began */
    uint32_t n_blocks, cap_blocks;
    struct sl_reply reply; /* id, model, created, usage */
    struct sl_gather_finish {
        uint32_t choice;
        enum sl_finish finish;
        struct sl_str text;
    } * finishes;
    uint32_t n_finishes, cap_finishes;
    bool has_error;
    struct sl_llm_error error; /* its texts are on the arena */
};

/* `arena` holds short texts and the reply; long texts are on the heap until done. */
void sl_gather_init(struct sl_gather *gather, struct sl_arena *arena, size_t max_bytes);
void sl_gather_done(struct sl_gather *gather);
/* The push of a sl_delta_sink: `arg` is the gather. SL_E_LIMIT beyond max_bytes, SL_E_NOMEM. */
int sl_gather_push(void *arg, const struct sl_delta *delta);
/* The reply; its slices live until done. SL_E_NOMEM. */
SL_MUST int sl_gather_reply(struct sl_gather *gather, struct sl_reply *ret);

#endif
