/* SPDX-License-Identifier: Apache-2.0 */
/* Which characters make a word: Unicode's letters and numbers, and '_'. */
#ifndef SL_BASE_WORD_H
#define SL_BASE_WORD_H

#include "base/str.h"

struct sl_word_range {
    uint32_t from, to;
};

extern const struct sl_word_range sl_word_ranges[]; /* ascending; beyond ASCII */
extern const size_t sl_n_word_ranges;

bool sl_is_word(uint32_t c);
/* Takes the first character off a UTF-8 text; false at its end, or where it is no UTF-8. */
bool sl_utf8_next(struct sl_str *io_rest, uint32_t *ret);
/* True: the character controls a terminal, or makes a text look like another one: controls, line separators, marks,
 * embeddings, overrides and isolates of the writing direction, and characters without width. Joiners do not count,
 * because some scripts need them. */
bool sl_is_steering(uint32_t c);
/* How many bytes of a UTF-8 text fit into `max` without cutting a character. */
size_t sl_utf8_fit(struct sl_str s, size_t max);

#endif
