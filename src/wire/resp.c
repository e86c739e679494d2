/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/resp.h"

#include "base/buf.h"
#include "base/num.h"

/* --- reading --- */

struct reading {
    struct sl_str bytes;
    size_t at;
};

/* The next line, without its end. */
static int line_read(struct reading *reading, struct sl_str *ret)
{
    const char *from = reading->bytes.p + reading->at;
    size_t left = reading->bytes.n - reading->at;
    const char *end = left ? memchr(from, '\r', left) : NULL;
    size_t n = end ? (size_t)(end - from) : left;
    if (n > SL_RESP_BULK_MAX) {
        return SL_E_LIMIT;
    }
    if (!end || n + 1 == left) {
        return SL_E_AGAIN;
    }
    if (end[1] != '\n') {
        return SL_E_INVAL;
    }
    *ret = sl_str_make(from, n);
    reading->at += n + 2;
    return 0;
}

/* A length: -1 stands for nothing at all. */
static int length_read(struct sl_str line, int64_t max, int64_t *ret)
{
    int r = sl_parse_i64(line, -1, max, ret);
    return r == SL_E_RANGE ? SL_E_LIMIT : r;
}

static int bulk_read(struct reading *reading, struct sl_str line, struct sl_resp *item)
{
    int64_t n;
    int r = length_read(line, SL_RESP_BULK_MAX, &n);
    if (r < 0) {
        return r;
    }
    if (n < 0) {
        item->type = SL_RESP_NIL;
        return 0;
    }
    size_t len = (size_t)n, left = reading->bytes.n - reading->at;
    const char *p = reading->bytes.p + reading->at;
    if (left > len && p[len] != '\r') {
        return SL_E_INVAL;
    }
    if (left < len + 2) {
        return SL_E_AGAIN;
    }
    if (p[len + 1] != '\n') {
        return SL_E_INVAL;
    }
    item->text = sl_str_make(p, len);
    reading->at += len + 2;
    return 0;
}

static int list_read(struct sl_str line, struct sl_resp *item)
{
    int r = length_read(line, SL_RESP_ITEMS_MAX, &item->number);
    if (r == 0 && item->number < 0) {
        item->type = SL_RESP_NIL;
        item->number = 0;
    }
    return r;
}

/* Reads one item, but not the items of a list. */
static int item_read(struct reading *reading, struct sl_resp *item)
{
    static const struct {
        char mark;
        enum sl_resp_type type;
    } marks[] = { { '+', SL_RESP_TEXT },
                  { '-', SL_RESP_ERROR },
                  { ':', SL_RESP_NUMBER },
                  { '$', SL_RESP_BULK },
                  { '*', SL_RESP_LIST } };
    if (reading->at == reading->bytes.n) {
        return SL_E_AGAIN;
    }
    size_t i = 0;
    while (i < SL_ARRAY_LEN(marks) && marks[i].mark != reading->bytes.p[reading->at]) {
        i++;
    }
    if (i == SL_ARRAY_LEN(marks)) {
        return SL_E_INVAL;
    }
    struct sl_str line;
    reading->at++;
    int r = line_read(reading, &line);
    if (r < 0) {
        return r;
    }
    *item = (struct sl_resp){ .type = marks[i].type };
    switch (item->type) {
    case SL_RESP_NUMBER:
        return sl_parse_i64(line, INT64_MIN, INT64_MAX, &item->number) < 0 ? SL_E_INVAL : 0;
    case SL_RESP_BULK:
        return bulk_read(reading, line, item);
    case SL_RESP_LIST:
        return list_read(line, item);
    case SL_RESP_TEXT:
    case SL_RESP_ERROR:
    case SL_RESP_NIL:
        item->text = line;
        break;
    }
    return 0;
}

int sl_resp_read(struct sl_str bytes, struct sl_resp *items, size_t max, size_t *ret_used)
{
    struct reading reading = { .bytes = bytes };
    int64_t left[SL_RESP_DEPTH_MAX + 1] = { 1 }; /* items that each open list still lacks */
    size_t depth = 0, n = 0;
    while (true) {
        while (depth && left[depth] == 0) {
            depth--;
        }
        if (left[depth] == 0) {
            break;
        }
        if (n == max || n == SL_RESP_ITEMS_MAX) {
            return SL_E_LIMIT;
        }
        struct sl_resp *item = &items[n];
        int r = item_read(&reading, item);
        if (r < 0) {
            return r;
        }
        n++;
        left[depth]--;
        if (item->type == SL_RESP_LIST && item->number) {
            if (depth == SL_RESP_DEPTH_MAX) {
                return SL_E_LIMIT;
            }
            left[++depth] = item->number;
        }
    }
    *ret_used = reading.at;
    return (int)n;
}

/* --- writing --- */

/* The most bytes of a mark, a number and its line's end. */
#define HEAD_MAX 24

static char *head_put(char *p, char mark, size_t n)
{
    *p++ = mark;
    p += sl_format_u64(n, p);
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

void sl_resp_begin(struct sl_buf *out, size_t n_words)
{
    if (sl_buf_reserve(out, HEAD_MAX) == 0) {
        out->len = (size_t)(head_put(out->p + out->len, '*', n_words) - out->p);
    }
}

void sl_resp_word_of(struct sl_buf *out, struct sl_str first, struct sl_str rest)
{
    if (sl_buf_reserve(out, HEAD_MAX + first.n + rest.n + 2) < 0) {
        return;
    }
    char *p = head_put(out->p + out->len, '$', first.n + rest.n);
    memcpy(p, first.p, first.n);
    p += first.n;
    if (rest.n) {
        memcpy(p, rest.p, rest.n);
        p += rest.n;
    }
    memcpy(p, "\r\n", 2);
    out->len = (size_t)(p + 2 - out->p);
}

void sl_resp_word(struct sl_buf *out, struct sl_str word)
{
    sl_resp_word_of(out, word.n ? word : SL_STR(""), SL_STR(""));
}

void sl_resp_word_i64(struct sl_buf *out, int64_t v)
{
    char text[21] = "-";
    size_t sign = v < 0;
    uint64_t amount = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    sl_resp_word(out, sl_str_make(text, sign + sl_format_u64(amount, text + sign)));
}

void sl_resp_word_u64(struct sl_buf *out, uint64_t v)
{
    char text[20];
    sl_resp_word(out, sl_str_make(text, sl_format_u64(v, text)));
}
