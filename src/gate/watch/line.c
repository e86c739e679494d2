/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/line.h"

#include <string.h>

#include "base/num.h"
#include "base/word.h"

/* The most bytes of one text. */
#define TEXT_MAX 192

/* Sixteen bytes that are looked at together. */
typedef signed char sixteen __attribute__((vector_size(16)));

/* True: all of them are ASCII, and none is a control character or needs escaping. As signed numbers, those beyond ASCII
 * are below all others. */
SL_INLINE bool are_plain(sixteen v)
{
    sixteen stops = (v < 0x20) | (v == 0x7f) | (v == '"') | (v == '\\');
    uint64_t halves[2];
    memcpy(halves, &stops, sizeof(halves));
    return !(halves[0] | halves[1]);
}

/* Writes fewer than 16 bytes. */
static bool put_short(char *at, struct sl_str s)
{
    uint64_t eights[2];
    uint32_t fours[4];
    sixteen v;
    if (s.n >= 8) {
        memcpy(&eights[0], s.p, 8);
        memcpy(&eights[1], s.p + s.n - 8, 8);
        memcpy(at, &eights[0], 8);
        memcpy(at + s.n - 8, &eights[1], 8);
        memcpy(&v, eights, sizeof(v));
        return are_plain(v);
    }
    if (s.n >= 4) {
        memcpy(&fours[0], s.p, 4);
        memcpy(&fours[1], s.p + s.n - 4, 4);
        memcpy(at, &fours[0], 4);
        memcpy(at + s.n - 4, &fours[1], 4);
        fours[2] = fours[3] = fours[0];
        memcpy(&v, fours, sizeof(v));
        return are_plain(v);
    }
    bool is_plain = true;
    for (size_t i = 0; i < s.n; i++) {
        is_plain &= s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\';
        at[i] = s.p[i];
    }
    return is_plain;
}

/* Writes a text that needs no change, as nearly all do. False: it needs one. Reads and writes overlap, so that there is
 * no loop over single bytes. */
static bool put_plain(char *at, struct sl_str s)
{
    if (s.n < sizeof(sixteen)) {
        return put_short(at, s);
    }
    for (size_t i = 0; i < s.n; i += sizeof(sixteen)) {
        size_t from = SL_MIN(i, s.n - sizeof(sixteen));
        sixteen v;
        memcpy(&v, s.p + from, sizeof(v));
        memcpy(at + from, &v, sizeof(v));
        if (!are_plain(v)) {
            return false;
        }
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
    if (line->end - line->at < 24) {
        return;
    }
    unsigned rest = (unsigned)(usec % 1000);
    char *at = line->at + sl_format_u64(usec / 1000, line->at);
    const char text[] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
    memcpy(at, text, sizeof(text));
    line->at = at + sizeof(text);
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

void sl_line_dollars(struct sl_line *line, struct sl_str key, int64_t nano)
{
    char text[SL_DOLLARS_TEXT_MAX];
    if (nano >= 0) {
        sl_line_put(line, key);
        sl_line_put(line, sl_str_make(text, sl_format_dollars((uint64_t)nano, text)));
    }
}
