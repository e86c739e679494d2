/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one line of JSON into a fixed buffer, by hand, because every request needs one. What does not fit is left out;
 * texts from outside are bounded and escaped. */
#ifndef SL_GATE_LINE_H
#define SL_GATE_LINE_H

#include <string.h>

#include "base/attr.h"
#include "base/str.h"

struct sl_line {
    char *at;
    char *end; /* behind it is room for the closing bytes */
};

/* Writes a text unchanged. Inline: a text that is known at compile time becomes a few stores. */
SL_INLINE void sl_line_put(struct sl_line *line, struct sl_str s)
{
    size_t room = (size_t)(line->end - line->at), n = SL_UNLIKELY(s.n > room) ? room : s.n;
    if (SL_LIKELY(s.n <= room)) {
        memcpy(line->at, s.p, s.n);
    } else {
        memcpy(line->at, s.p, room);
    }
    line->at += n;
}
#define SL_LINE_PUT(line, lit) sl_line_put((line), SL_STR(lit))
void sl_line_number(struct sl_line *line, uint64_t v);
/* "2026-01-01T00:00:00.000Z" from the wall clock. */
void sl_line_time(struct sl_line *line, uint64_t wall_usec);

/* A text as a JSON string, or null. */
void sl_line_value(struct sl_line *line, struct sl_str value);
/* Microseconds as milliseconds. */
void sl_line_usec(struct sl_line *line, uint64_t usec);

/* Nano-dollars as dollars; left out when it is negative. */
void sl_line_dollars(struct sl_line *line, struct sl_str key, int64_t nano);

/* Writes a member; `key` has the comma before it and the colon. */
SL_INLINE void sl_line_text(struct sl_line *line, struct sl_str key, struct sl_str value)
{
    sl_line_put(line, key);
    sl_line_value(line, value);
}
/* The same for a word of Sluice's, which needs no escaping. */
SL_INLINE void sl_line_word(struct sl_line *line, struct sl_str key, struct sl_str word)
{
    sl_line_put(line, key);
    if (word.p) {
        SL_LINE_PUT(line, "\"");
        sl_line_put(line, word);
        SL_LINE_PUT(line, "\"");
    } else {
        SL_LINE_PUT(line, "null");
    }
}
/* Milliseconds; left out when `from` is 0 or later than `to`. */
SL_INLINE void sl_line_msec(struct sl_line *line, struct sl_str key, uint64_t from, uint64_t to)
{
    if (from && to >= from) {
        sl_line_put(line, key);
        sl_line_usec(line, to - from);
    }
}
/* Left out when it is negative. */
SL_INLINE void sl_line_count(struct sl_line *line, struct sl_str key, int64_t n)
{
    if (n >= 0) {
        sl_line_put(line, key);
        sl_line_number(line, (uint64_t)n);
    }
}

#endif
