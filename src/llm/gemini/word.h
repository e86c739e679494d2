/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that is one word of a list (text/x.enum), in a stream: it comes as a JSON string in pieces, as the schema
 * wants it, and clients get the text that it means. */
#ifndef SL_LLM_GEMINI_WORD_H
#define SL_LLM_GEMINI_WORD_H

#include "base/str.h"

struct sl_buf;

/* An escape that is not complete; the longest one is a pair of halves. */
#define SL_GEMINI_WORD_HELD 12

/* The caller zeroes it. */
struct sl_gemini_word {
    enum { SL_GEMINI_WORD_BEGIN, SL_GEMINI_WORD_INSIDE, SL_GEMINI_WORD_PLAIN, SL_GEMINI_WORD_END } at;
    uint8_t n_held;
    char held[SL_GEMINI_WORD_HELD];
};

/* Appends to `out` what the next piece means. An answer that is no string goes on as it is. SL_E_NOMEM. */
SL_MUST int sl_gemini_word_push(struct sl_gemini_word *word, struct sl_str piece, struct sl_buf *out);

#endif
