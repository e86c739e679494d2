/* SPDX-License-Identifier: Apache-2.0 */
/* One line of JSON, written by hand into a fixed buffer: it is on the path of every request. What has no room is left
 * out; what comes from outside is bounded and escaped. */
#ifndef SL_GATE_LINE_H
#define SL_GATE_LINE_H

#include "base/str.h"

struct sl_line {
    char *at;
    char *end; /* room for the closing bytes is behind it */
};

/* As it is. */
void sl_line_put(struct sl_line *line, struct sl_str s);
#define SL_LINE_PUT(line, lit) sl_line_put((line), SL_STR(lit))
void sl_line_number(struct sl_line *line, uint64_t v);
/* "2026-01-01T00:00:00.000Z" from the wall clock. */
void sl_line_time(struct sl_line *line, uint64_t wall_usec);

/* A member behind its `key`, which has its comma and colon. */
/* null where there is no text. */
void sl_line_text(struct sl_line *line, struct sl_str key, struct sl_str value);
/* Milliseconds; left out where `from` is 0 or later than `to`. */
void sl_line_msec(struct sl_line *line, struct sl_str key, uint64_t from, uint64_t to);
/* Left out where it is negative. */
void sl_line_count(struct sl_line *line, struct sl_str key, int64_t n);

#endif
