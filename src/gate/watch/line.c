/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/line.h"

#include <string.h>

#include "base/num.h"
#include "base/word.h"

/* The most bytes of one text. */
#define TEXT_MAX 192

/* True: the eight bytes are ASCII, and none is a control character or needs escaping. */
static bool eight_are_plain(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
    uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
    uint64_t low = (w - ones * 0x20) & ~w;
    uint64_t escaped = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    return ((w | (w + ones) | low | escaped) & highs) == 0; /* w + ones finds 0x7f */
}

static bool is_plain(char c)
{
    return (unsigned char)(c - 0x20) < 0x7f - 0x20 && c != '"' && c != '\\';
}

/* Writes a text that needs no change, as nearly all do. False: it needs one. The last eight bytes may be written twice.
 */
static bool put_plain(char *at, struct sl_str s)
{
    uint64_t w;
    if (s.n < 8) {
        for (size_t i = 0; i < s.n; i++) {
            at[i] = s.p[i];
            if (!is_plain(s.p[i])) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < s.n; i += 8) {
        size_t from = SL_MIN(i, s.n - 8);
        memcpy(&w, s.p + from, 8);
        if (!eight_are_plain(w)) {
            return false;
        }
        memcpy(at + from, &w, 8);
    }
    return true;
}

/* Writes the inside of a JSON string: at most 192 bytes of input, cut at a character. A '?' replaces what needs
 * escaping, is no UTF-8 or controls a terminal. */
static void put_text(struct sl_line *line, struct sl_str s)
{
    s.n = sl_utf8_fit(s, TEXT_MAX);
    if ((size_t)(line->end - line->at) >= s.n && put_plain(line->at, s)) {
        line->at += s.n;
        return;
    }
    while (s.n && line->at < line->end) {
        uint32_t c;
        struct sl_str rest = s;
        bool is_text = sl_utf8_next(&rest, &c) && !sl_is_steering(c) && c != '"' && c != '\\';
        size_t n = is_text ? s.n - rest.n : 1;
        if (n > (size_t)(line->end - line->at)) {
            return;
        }
        if (is_text) {
            memcpy(line->at, s.p, n);
        } else {
            *line->at = '?';
        }
        line->at += n;
        s = sl_str_sub(s, n, s.n);
    }
}

void sl_line_number(struct sl_line *line, uint64_t v)
{
    if (line->end - line->at >= 20) {
        line->at += sl_format_u64(v, line->at);
    }
}

/* Writes milliseconds with three decimals. */
void sl_line_usec(struct sl_line *line, uint64_t usec)
{
    unsigned rest = (unsigned)(usec % 1000);
    char text[4] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
    sl_line_number(line, usec / 1000);
    sl_line_put(line, sl_str_make(text, 4));
}

void sl_line_value(struct sl_line *line, struct sl_str value)
{
    if (value.p) {
        SL_LINE_PUT(line, "\"");
        put_text(line, value);
        SL_LINE_PUT(line, "\"");
    } else {
        SL_LINE_PUT(line, "null");
    }
}

static void put_two(char *at, unsigned v)
{
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
}

/* "2026-01-01T00:00:00.000Z" from the wall clock, with the civil-from-days rule (Hinnant). */
void sl_line_time(struct sl_line *line, uint64_t wall_usec)
{
    uint64_t sec = wall_usec / 1000000;
    int64_t z = (int64_t)(sec / 86400) + 719468;
    int64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (unsigned)(yoe + era * 400) + (month <= 2);
    unsigned rest = (unsigned)(sec % 86400);
    unsigned msec = (unsigned)(wall_usec / 1000 % 1000);
    char text[] = "0000-00-00T00:00:00.000Z";
    put_two(text, year / 100);
    put_two(text + 2, year % 100);
    put_two(text + 5, month);
    put_two(text + 8, day);
    put_two(text + 11, rest / 3600);
    put_two(text + 14, rest / 60 % 60);
    put_two(text + 17, rest % 60);
    text[20] = (char)('0' + msec / 100);
    put_two(text + 21, msec % 100);
    sl_line_put(line, sl_str_make(text, 24));
}
