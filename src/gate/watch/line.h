/* SPDX-License-Identifier: Apache-2.0 */
/* One line of JSON, written by hand into a fixed buffer: it is on the path of every request. What has no room is left
 * out; what comes from outside is bounded and escaped. */
#ifndef SL_GATE_LINE_H
#define SL_GATE_LINE_H

#include <string.h>

#include "base/attr.h"
#include "base/str.h"

struct sl_line {
    char *at;
    char *end; /* room for the closing bytes is behind it */
};

/* As it is. Inline, so that texts known at compile time are a few stores. */
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

/* A text as JSON; null where there is none. */
void sl_line_value(struct sl_line *line, struct sl_str value);
/* Microseconds as milliseconds. */
void sl_line_usec(struct sl_line *line, uint64_t usec);

/* A member behind its `key`, which has its comma and colon. */
SL_INLINE void sl_line_text(struct sl_line *line, struct sl_str key, struct sl_str value)
{
    sl_line_put(line, key);
    sl_line_value(line, value);
}
/* The same of a word of ours, which needs no escaping. */
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
/* Milliseconds; left out where `from` is 0 or later than `to`. */
SL_INLINE void sl_line_msec(struct sl_line *line, struct sl_str key, uint64_t from, uint64_t to)
{
    if (from && to >= from) {
        sl_line_put(line, key);
        sl_line_usec(line, to - from);
    }
}
/* Left out where it is negative. */
SL_INLINE void sl_line_count(struct sl_line *line, struct sl_str key, int64_t n)
{
    if (n >= 0) {
        sl_line_put(line, key);
        sl_line_number(line, (uint64_t)n);
    }
}

#endif
