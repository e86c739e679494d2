/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of replies that upstreams spell in more than one way: a tool's input, an id that is missing, a character cut
 * in two between deltas. Shared by the readers of replies and streams. */
#ifndef SL_LLM_PIECES_H
#define SL_LLM_PIECES_H

#include "llm/core/llm.h"

struct sl_jw;

/* The text of a tool call's arguments: always that of an object. Of null and of nothing "{}"; of the text of an object
 * that object; of anything else {"input": it}. On the arena; p == NULL: no memory. */
struct sl_str sl_arguments_text(struct sl_json_val input, struct sl_arena *arena);
/* Is that text one of a JSON object? */
bool sl_arguments_are_object(struct sl_str text);
/* The other way round, a value: arguments that are the text of an object as that object; what a model wrote that is
 * none is told inside one. */
void sl_arguments_write(struct sl_jw *w, struct sl_str arguments);
/* An id for a tool call that came without one: the same for the same reply and place. */
struct sl_str sl_call_id_make(struct sl_str reply_id, uint32_t choice, uint32_t block, struct sl_arena *arena);

/* The first half of a character whose second half is in the next piece, escaped (\ud83d then \ude00). */
struct sl_half {
    uint16_t high; /* 0: none waits */
};
/* As sl_json_text of a string, for pieces that follow each other. What is still waiting at the end of a block is
 * U+FFFD: sl_half_end gives it, or "". */
SL_MUST int sl_half_text(struct sl_half *half, struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret);
struct sl_str sl_half_end(struct sl_half *half);

/* Without a byte order mark, which some servers write before their JSON. */
struct sl_str sl_skip_bom(struct sl_str body);

#endif
