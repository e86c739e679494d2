/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of replies that upstreams write in more than one way: a tool's input, a missing id, a character that is cut in
 * two between deltas. Shared by the readers of replies and streams. */
#ifndef SL_LLM_PIECES_H
#define SL_LLM_PIECES_H

#include "llm/core/llm.h"

struct sl_jw;

/* The text of a tool call's arguments, always that of an object: "{}" for null or nothing; the object for a text of an
 * object; {"input": value} for anything else. On the arena; p == NULL: no memory. */
struct sl_str sl_arguments_text(struct sl_json_val input, struct sl_arena *arena);
/* True: the text is that of a JSON object. */
bool sl_arguments_are_object(struct sl_str text);
/* The reverse, as a value: the text of an object becomes that object; other arguments are put inside an object. */
void sl_arguments_write(struct sl_jw *w, struct sl_str arguments);
/* An id for a tool call that came without one: always the same for the same reply and place. */
struct sl_str sl_call_id_make(struct sl_str reply_id, uint32_t choice, uint32_t block, struct sl_arena *arena);

/* The first half of a character whose second half is in the next piece, as an escape (\ud83d then \ude00). */
struct sl_half {
    uint16_t high; /* 0: there is none */
};
/* As sl_json_text of a string, for consecutive pieces. A half that still waits at the end of a block becomes U+FFFD:
 * sl_half_end returns it, or "". */
SL_MUST int sl_half_text(struct sl_half *half, struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret);
struct sl_str sl_half_end(struct sl_half *half);

/* The body without a byte order mark, which some servers write before their JSON. */
struct sl_str sl_skip_bom(struct sl_str body);

#endif
