/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies, deltas and errors in the form of the Responses API. */
#ifndef SL_LLM_RESPONSES_WRITE_H
#define SL_LLM_RESPONSES_WRITE_H

#include "llm/responses/items.h"

/* The state of a stream that is written. Items follow each other: one is open at a time, and each index comes once. The
 * end repeats everything that came in pieces, so all of it is kept. */
struct sl_responses_writer {
    struct sl_answer answer;
    const struct sl_env *env;
    bool has_start, has_error, is_over;
    bool is_open, is_part; /* an item is open, and a part of it */
    bool is_custom;        /* the open call is of a custom tool: its input is sent when it is complete */
    uint8_t kind;          /* enum sl_block_kind of the open part, or of an open item without parts */
    uint8_t finish;        /* enum sl_finish */
    const char *seal_word;
    uint32_t block; /* the open block's number in the deltas */
    uint32_t n_items, n_parts, n_notes;
    uint64_t sequence;
    int64_t chars, before; /* characters of all texts, and of those before the open part */
    struct sl_usage usage; /* the latest */
    /* on the heap, until done */
    struct sl_buf model, output; /* the finished items, as the inside of a list */
    struct sl_buf parts;         /* the finished parts of the open message */
    struct sl_buf text, notes, probs, seal, call_id, name;
};

int sl_responses_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                             struct sl_buf *out);

size_t sl_responses_write_held(const void *state);
void sl_responses_write_done(void *state);
/* SL_E_INVAL: a piece of a call that has ended. */
int sl_responses_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                             const struct sl_delta *delta, struct sl_buf *out);
void sl_responses_write_end(void *state, struct sl_buf *out);
void sl_responses_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

/* Reads the last event, or the whole reply. */
bool sl_responses_read_answer(struct sl_str written, struct sl_json *scratch, struct sl_str *ret_answer,
                              struct sl_str *ret_id, struct sl_str *ret_items);

#endif
