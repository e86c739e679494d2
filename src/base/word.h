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
/* The character at the front of a text in UTF-8, which is cut off; false at its end or where it is no UTF-8. */
bool sl_utf8_next(struct sl_str *io_rest, uint32_t *ret);
/* A character that steers a terminal, or makes a text read as another one: controls, line separators, marks,
 * embeddings, overrides and isolates of the direction of writing, and what takes no room. The joiners do not count:
 * some scripts need them. */
bool sl_is_steering(uint32_t c);
/* As many bytes of a text in UTF-8 as fit into `max` without cutting a character. */
size_t sl_utf8_fit(struct sl_str s, size_t max);

#endif
