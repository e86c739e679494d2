/* SPDX-License-Identifier: Apache-2.0 */
/* Streams an answer that is one word of a list (text/x.enum). The upstream sends it as a JSON string in pieces, as the
 * schema wants it, and clients get the decoded text. */
#ifndef SL_LLM_GEMINI_WORD_H
#define SL_LLM_GEMINI_WORD_H

#include "base/str.h"

struct sl_buf;

/* The longest incomplete escape: a surrogate pair. */
#define SL_GEMINI_WORD_HELD 12

/* The caller zeroes it. */
struct sl_gemini_word {
    enum { SL_GEMINI_WORD_BEGIN, SL_GEMINI_WORD_INSIDE, SL_GEMINI_WORD_PLAIN, SL_GEMINI_WORD_END } at;
    uint8_t n_held;
    char held[SL_GEMINI_WORD_HELD];
};

/* Decodes the next piece into `out`. Leaves an answer that is not a string unchanged. SL_E_NOMEM. */
SL_MUST int sl_gemini_word_push(struct sl_gemini_word *word, struct sl_str piece, struct sl_buf *out);

#endif
