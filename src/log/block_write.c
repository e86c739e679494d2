/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "log/block.h"
#include "log/block_form.h"
#include "log/crc.h"
#include "log/filter.h"

#define SLOTS ((size_t)SL_BLOCK_ROWS * 2)

/* The different texts of one column. */
struct dictionary {
    struct sl_str words[SL_BLOCK_ROWS];
    uint32_t counts[SL_BLOCK_ROWS];
    uint16_t codes[SL_BLOCK_ROWS];
    uint16_t slots[SLOTS]; /* index + 1 */
    uint32_t n;
};

struct writer {
    struct sl_buf *out;
    size_t start;
    uint32_t salt;
    const struct sl_rlog_row *rows;
    uint32_t n_rows;
    uint32_t n_sections;
    char directory[SL_SECTIONS_MAX * SL_SECTION_ENTRY];
    int64_t numbers[SL_BLOCK_ROWS + 1]; /* of the column that is written */
    struct dictionary dictionary;
};

static uint32_t slot_of(struct sl_str text)
{
    uint64_t h = text.n;
    for (size_t i = 0; i < text.n; i += 8) {
        uint64_t v = 0;
        memcpy(&v, text.p + i, SL_MIN(text.n - i, (size_t)8));
        h = (h ^ v) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    return (uint32_t)(h % SLOTS);
}

static uint16_t code_of(struct dictionary *d, struct sl_str text)
{
    uint32_t slot = slot_of(text);
    while (d->slots[slot]) {
        uint16_t code = (uint16_t)(d->slots[slot] - 1);
        if (sl_str_eq(d->words[code], text)) {
            return code;
        }
        slot = (slot + 1) % SLOTS;
    }
    d->words[d->n] = text;
    d->counts[d->n] = 0;
    d->slots[slot] = (uint16_t)(d->n + 1);
    return (uint16_t)d->n++;
}

static void align(struct writer *w)
{
    static const char zeros[8];
    sl_buf_add(w->out, zeros, (8 - (w->out->len - w->start) % 8) % 8);
}

/* The bytes since `at` are the section. */
static void section_end(struct writer *w, unsigned tag, enum sl_section_kind kind, size_t at, int64_t min, int64_t max)
{
    if (sl_buf_status(w->out) < 0) {
        return;
    }
    size_t n = w->out->len - at;
    struct sl_section section = { .tag = (uint8_t)tag,
                                  .kind = (uint8_t)kind,
                                  .at = (uint32_t)(at - w->start),
                                  .n = (uint32_t)n,
                                  .crc = sl_crc32c(0, w->out->p + at, n),
                                  .min = min,
                                  .max = max };
    sl_section_entry_write(&section, w->directory + (size_t)w->n_sections++ * SL_SECTION_ENTRY);
}

static void number_write(struct writer *w, enum sl_rlog_number number)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        int64_t v = w->numbers[i] = w->rows[i].numbers[number];
        min = SL_MIN(min, v);
        max = SL_MAX(max, v);
    }
    align(w);
    size_t at = w->out->len;
    if (min < max) {
        sl_pack_write(w->out, w->numbers, w->n_rows);
    }
    if (min < max || min != -1) {
        section_end(w, number, min < max ? SL_SECTION_PACKED : SL_SECTION_CONST, at, min, max);
    }
}

static void codes_write(struct writer *w, enum sl_rlog_text text)
{
    struct dictionary *d = &w->dictionary;
    align(w);
    size_t at = w->out->len;
    if (sl_code_width(d->n) == 1 && sl_buf_reserve(w->out, w->n_rows) == 0) {
        for (uint32_t i = 0; i < w->n_rows; i++) {
            w->out->p[at + i] = (char)d->codes[i];
        }
        w->out->len += w->n_rows;
    } else {
        sl_buf_add(w->out, d->codes, w->n_rows * sizeof(d->codes[0]));
    }
    section_end(w, text, SL_SECTION_CODES, at, 0, 0);
}

static void word_write(struct writer *w, enum sl_rlog_text text)
{
    struct dictionary *d = &w->dictionary;
    memset(d->slots, 0, sizeof(d->slots));
    d->n = 0;
    struct sl_str last = SL_STR_NONE;
    uint16_t code = 0;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        struct sl_str word = w->rows[i].texts[text];
        if (i == 0 || !sl_str_eq(word, last)) {
            code = code_of(d, word);
            last = word;
        }
        d->codes[i] = code;
        d->counts[code]++;
    }
    if (d->n == 1 && d->words[0].n == 0) {
        return;
    }
    align(w);
    size_t at = w->out->len;
    sl_buf_add(w->out, &d->n, 4);
    sl_buf_add(w->out, d->counts, (size_t)d->n * 4);
    for (uint32_t i = 0; i < d->n; i++) {
        uint16_t n = (uint16_t)d->words[i].n;
        sl_buf_add(w->out, &n, 2);
    }
    for (uint32_t i = 0; i < d->n; i++) {
        sl_buf_add_str(w->out, d->words[i]);
    }
    section_end(w, text, SL_SECTION_WORDS, at, 0, 0);
    if (d->n > 1) {
        codes_write(w, text);
    }
}

/* Packed ends of the texts, their length first; then the texts. */
static void text_write(struct writer *w, enum sl_rlog_text text)
{
    int64_t end = 0;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        w->numbers[i] = end;
        end += (int64_t)w->rows[i].texts[text].n;
    }
    w->numbers[w->n_rows] = end;
    if (end == 0) {
        return;
    }
    align(w);
    size_t at = w->out->len;
    uint64_t n_packed = 0;
    sl_buf_add(w->out, &n_packed, 8);
    sl_pack_write(w->out, w->numbers, w->n_rows + 1);
    if (sl_buf_status(w->out) == 0) {
        n_packed = w->out->len - at - 8;
        memcpy(w->out->p + at, &n_packed, 8);
    }
    for (uint32_t i = 0; i < w->n_rows; i++) {
        sl_buf_add_str(w->out, w->rows[i].texts[text]);
    }
    section_end(w, text, SL_SECTION_TEXTS, at, 0, 0);
}

static void filter_write(struct writer *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        n += w->rows[i].texts[SL_RLOG_REQUEST_ID].n > 0;
    }
    align(w);
    size_t at = w->out->len, n_bytes = sl_filter_bytes(n);
    if (!n || sl_buf_reserve(w->out, n_bytes) < 0) {
        return;
    }
    memset(w->out->p + at, 0, n_bytes);
    w->out->len += n_bytes;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        struct sl_str id = w->rows[i].texts[SL_RLOG_REQUEST_ID];
        if (id.n) {
            sl_filter_add(w->out->p + at, n_bytes, w->salt, id);
        }
    }
    section_end(w, SL_RLOG_REQUEST_ID, SL_SECTION_FILTER, at, 0, 0);
}

/* Head and directory come last: their room was kept. */
static void front_write(struct writer *w, uint64_t first_row)
{
    struct sl_block block = { .first_row = first_row,
                              .n_rows = w->n_rows,
                              .bytes = (uint32_t)(w->out->len - w->start),
                              .salt = w->salt,
                              .n_sections = w->n_sections,
                              .min_time_usec = INT64_MAX,
                              .max_time_usec = INT64_MIN };
    for (uint32_t i = 0; i < w->n_rows; i++) {
        int64_t time = w->rows[i].numbers[SL_RLOG_TIME];
        block.min_time_usec = SL_MIN(block.min_time_usec, time);
        block.max_time_usec = SL_MAX(block.max_time_usec, time);
    }
    /* The room for the entries of sections that are not there stays empty. */
    memcpy(w->out->p + w->start + SL_BLOCK_HEAD, w->directory, sizeof(w->directory));
    sl_block_head_write(&block, w->directory, w->out->p + w->start);
}

void sl_block_write(struct sl_buf *out, uint64_t first_row, uint32_t salt, const struct sl_rlog_row *rows, uint32_t n)
{
    SL_ASSERT(n > 0 && n <= SL_BLOCK_ROWS);
    struct writer *w = calloc(1, sizeof(*w));
    if (!w) {
        sl_buf_reserve(out, SIZE_MAX); /* makes the buffer fail */
        return;
    }
    w->out = out;
    w->start = out->len;
    w->salt = salt;
    w->rows = rows;
    w->n_rows = n;
    size_t front = SL_BLOCK_HEAD + sizeof(w->directory);
    if (sl_buf_reserve(out, front) == 0) {
        memset(out->p + out->len, 0, front);
        out->len += front;
    }
    for (enum sl_rlog_number i = 0; i < SL_RLOG_NUMBERS; i++) {
        number_write(w, i);
    }
    for (enum sl_rlog_text i = 0; i < SL_RLOG_TEXTS; i++) {
        if (sl_rlog_is_word(i)) {
            word_write(w, i);
        } else {
            text_write(w, i);
        }
    }
    filter_write(w);
    align(w);
    if (sl_buf_status(out) == 0) {
        front_write(w, first_row);
    }
    free(w);
}
