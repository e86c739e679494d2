/* SPDX-License-Identifier: Apache-2.0 */
#include "log/row.h"

#include "base/num.h"
#include "base/word.h"

#define TEXT_BIT 0x80u

bool sl_rlog_is_word(enum sl_rlog_text text)
{
    return text <= SL_RLOG_STREAM || (text >= SL_RLOG_GROUP && text <= SL_RLOG_LIMITS);
}

void sl_rlog_row_clear(struct sl_rlog_row *row)
{
    for (size_t i = 0; i < SL_RLOG_NUMBERS; i++) {
        row->numbers[i] = -1;
    }
    memset(row->texts, 0, sizeof(row->texts));
}

size_t sl_rlog_row_write(const struct sl_rlog_row *row, char out[SL_RLOG_ROW_MAX])
{
    char *at = out, *end = out + SL_RLOG_ROW_MAX;
    for (size_t i = 0; i < SL_RLOG_NUMBERS; i++) {
        if (row->numbers[i] >= 0) {
            *at = (char)i;
            memcpy(at + 1, &row->numbers[i], 8);
            at += 9;
        }
    }
    for (size_t k = 0; k < SL_RLOG_TEXTS; k++) {
        /* The words come first: only longer texts are left out. */
        size_t i = k < SL_RLOG_TEXTS - SL_RLOG_GROUP ? k + SL_RLOG_GROUP : k - (SL_RLOG_TEXTS - SL_RLOG_GROUP);
        struct sl_str text = row->texts[i];
        if (SL_UNLIKELY(text.n > SL_RLOG_TEXT_MAX)) {
            text.n = sl_utf8_fit(text, SL_RLOG_TEXT_MAX);
        }
        if (text.n && (size_t)(end - at) >= 3 + text.n) {
            uint16_t n = (uint16_t)text.n;
            *at = (char)(TEXT_BIT | i);
            memcpy(at + 1, &n, 2);
            memcpy(at + 3, text.p, text.n);
            at += 3 + text.n;
        }
    }
    return (size_t)(at - out);
}

/* Inline: each caller gets a loop of its own. */
SL_INLINE int walk(struct sl_str bytes, sl_rlog_part_fn *fn, void *arg)
{
    const char *at = bytes.p, *end = bytes.p + bytes.n;
    while (at < end) {
        unsigned tag = (unsigned char)*at++;
        bool is_text = tag & TEXT_BIT;
        uint16_t n = 8;
        if (is_text) {
            if (end - at < 2) {
                return SL_E_DAMAGED;
            }
            memcpy(&n, at, 2);
            at += 2;
        }
        if (end - at < n) {
            return SL_E_DAMAGED;
        }
        fn(arg, tag & ~TEXT_BIT, is_text, at, n);
        at += n;
    }
    return 0;
}

int sl_rlog_row_walk(struct sl_str bytes, sl_rlog_part_fn *fn, void *arg)
{
    return walk(bytes, fn, arg);
}

static void part_read(void *arg, unsigned tag, bool is_text, const char *at, size_t n)
{
    struct sl_rlog_row *row = arg;
    if (is_text && tag < SL_RLOG_TEXTS) {
        row->texts[tag] = sl_str_make(at, n);
    } else if (!is_text && tag < SL_RLOG_NUMBERS) {
        memcpy(&row->numbers[tag], at, 8);
    }
}

int sl_rlog_row_read(struct sl_str bytes, struct sl_rlog_row *ret)
{
    sl_rlog_row_clear(ret);
    return walk(bytes, part_read, ret);
}

void sl_rlog_id_format(const struct sl_rlog_id *id, char out[SL_RLOG_ID_HEX])
{
    out = sl_format_hex(id->time_usec, 16, out);
    out = sl_format_hex(id->node, 8, out);
    sl_format_hex(id->counter, 8, out);
}

bool sl_rlog_id_parse(struct sl_str text, struct sl_rlog_id *ret)
{
    uint64_t time, rest;
    if (text.n != SL_RLOG_ID_HEX || sl_parse_hex64(sl_str_sub(text, 0, 16), &time) < 0 ||
        sl_parse_hex64(sl_str_sub(text, 16, 32), &rest) < 0) {
        return false;
    }
    *ret = (struct sl_rlog_id){ time, (uint32_t)(rest >> 32), (uint32_t)rest };
    return true;
}

struct sl_rlog_id sl_rlog_row_id(const struct sl_rlog_row *row)
{
    return (struct sl_rlog_id){ (uint64_t)row->numbers[SL_RLOG_TIME], (uint32_t)row->numbers[SL_RLOG_NODE],
                                (uint32_t)row->numbers[SL_RLOG_COUNTER] };
}
