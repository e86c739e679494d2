/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "log/block.h"
#include "log/block_form.h"
#include "log/crc.h"
#include "log/filter.h"

/* The table of a dictionary grows with it: few words stay within the processor's cache. */
#define SLOTS_MIN 64u
#define SLOTS_MAX ((uint32_t)SL_BLOCK_ROWS * 2)

/* A column of words: its different texts, and the place of each row's among them. */
struct dictionary {
    struct sl_str words[SL_BLOCK_ROWS];
    uint32_t counts[SL_BLOCK_ROWS];
    uint16_t codes[SL_BLOCK_ROWS];
    uint16_t slots[SLOTS_MAX]; /* index + 1 */
    uint32_t hashes[SL_BLOCK_ROWS];
    uint32_t n, n_slots;
    uint32_t n_rows; /* that have a code */
    uint16_t last;   /* the code of the last one */
};

/* A column of numbers. */
struct numbers {
    int64_t v[SL_BLOCK_ROWS];
    uint32_t n_rows; /* that are written */
};

/* A column of texts that differ; zeros for rows without one. */
struct texts {
    struct sl_str v[SL_BLOCK_ROWS];
    bool has_any;
};

/* Each row is read once, and its parts are put into their columns. It is some megabytes large: nothing of a column is
 * touched, or cleared, before a row has it. */
struct writer {
    struct sl_buf *out;
    size_t start;
    uint32_t salt;
    uint32_t n_rows;
    uint32_t n_sections;
    char directory[SL_SECTIONS_MAX * SL_SECTION_ENTRY];
    int64_t ends[SL_BLOCK_ROWS + 1];
    struct numbers numbers[SL_RLOG_NUMBERS];
    union {
        struct dictionary words;
        struct texts texts;
    } columns[SL_RLOG_TEXTS];
};

SL_INLINE bool is_same(struct sl_str a, struct sl_str b)
{
    return a.n == b.n && sl_str_same_n(a.p, b.p, a.n);
}

/* The first free slot for the hash. */
static void slot_fill(struct dictionary *d, uint32_t hash, uint32_t code)
{
    uint32_t slot = hash & (d->n_slots - 1);
    while (d->slots[slot]) {
        slot = (slot + 1) & (d->n_slots - 1);
    }
    d->slots[slot] = (uint16_t)(code + 1);
}

static void slots_size(struct dictionary *d, uint32_t n_slots)
{
    d->n_slots = n_slots;
    memset(d->slots, 0, n_slots * sizeof(d->slots[0]));
    for (uint32_t i = 0; i < d->n; i++) {
        slot_fill(d, d->hashes[i], i);
    }
}

static uint16_t code_of(struct dictionary *d, struct sl_str text)
{
    uint32_t hash = (uint32_t)sl_hash(text), slot = hash & (d->n_slots - 1);
    while (d->slots[slot]) {
        uint16_t code = (uint16_t)(d->slots[slot] - 1);
        if (is_same(d->words[code], text)) {
            return code;
        }
        slot = (slot + 1) & (d->n_slots - 1);
    }
    uint32_t code = d->n++;
    d->words[code] = text;
    d->hashes[code] = hash;
    d->counts[code] = 0;
    slot_fill(d, hash, code);
    if (d->n * 2 > d->n_slots && d->n_slots < SLOTS_MAX) {
        slots_size(d, d->n_slots * 2);
    }
    return (uint16_t)code;
}

/* --- from rows to columns --- */

static void word_put(struct dictionary *d, struct sl_str text)
{
    if (d->n_rows == 0) {
        slots_size(d, SLOTS_MIN);
    }
    if (d->n_rows == 0 || !is_same(d->words[d->last], text)) {
        d->last = code_of(d, text);
    }
    d->counts[d->last]++;
    d->codes[d->n_rows++] = d->last;
}

/* Rows before this one that have no such word. */
static void word_gap(struct dictionary *d, uint32_t to)
{
    while (d->n_rows < to) {
        word_put(d, SL_STR(""));
    }
}

static void number_gap(struct numbers *numbers, uint32_t to)
{
    while (numbers->n_rows < to) {
        numbers->v[numbers->n_rows++] = -1;
    }
}

static void row_put(void *arg, unsigned tag, bool is_text, const char *at, size_t n)
{
    struct writer *w = arg;
    if (!is_text && tag < SL_RLOG_NUMBERS) {
        struct numbers *numbers = &w->numbers[tag];
        number_gap(numbers, w->n_rows);
        memcpy(&numbers->v[w->n_rows], at, 8);
        numbers->n_rows = w->n_rows + 1;
    } else if (is_text && tag < SL_RLOG_TEXTS && sl_rlog_is_word((enum sl_rlog_text)tag)) {
        if (w->columns[tag].words.n_rows > w->n_rows) {
            return; /* a damaged row has it twice */
        }
        word_gap(&w->columns[tag].words, w->n_rows);
        word_put(&w->columns[tag].words, sl_str_make(at, n));
    } else if (is_text && tag < SL_RLOG_TEXTS) {
        struct texts *texts = &w->columns[tag].texts;
        if (!texts->has_any) {
            memset(texts->v, 0, sizeof(texts->v));
        }
        texts->has_any = true;
        texts->v[w->n_rows] = sl_str_make(at, n);
    }
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
    struct numbers *numbers = &w->numbers[number];
    if (numbers->n_rows == 0) {
        return; /* -1 in all */
    }
    int64_t min = INT64_MAX, max = INT64_MIN;
    number_gap(numbers, w->n_rows);
    for (uint32_t i = 0; i < w->n_rows; i++) {
        min = SL_MIN(min, numbers->v[i]);
        max = SL_MAX(max, numbers->v[i]);
    }
    align(w);
    size_t at = w->out->len;
    if (min < max) {
        sl_pack_write(w->out, numbers->v, w->n_rows);
    }
    if (min < max || min != -1) {
        section_end(w, number, min < max ? SL_SECTION_PACKED : SL_SECTION_CONST, at, min, max);
    }
}

static void codes_write(struct writer *w, enum sl_rlog_text text, const struct dictionary *d)
{
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
    struct dictionary *d = &w->columns[text].words;
    if (d->n_rows == 0) {
        return; /* none has one */
    }
    word_gap(d, w->n_rows);
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
        codes_write(w, text, d);
    }
}

/* Packed ends of the texts, their length first; then the texts. */
static void text_write(struct writer *w, enum sl_rlog_text text)
{
    const struct texts *texts = &w->columns[text].texts;
    if (!texts->has_any) {
        return;
    }
    int64_t end = 0;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        w->ends[i] = end;
        end += (int64_t)texts->v[i].n;
    }
    w->ends[w->n_rows] = end;
    align(w);
    size_t at = w->out->len;
    uint64_t n_packed = 0;
    sl_buf_add(w->out, &n_packed, 8);
    sl_pack_write(w->out, w->ends, w->n_rows + 1);
    if (sl_buf_status(w->out) == 0) {
        n_packed = w->out->len - at - 8;
        memcpy(w->out->p + at, &n_packed, 8);
    }
    for (uint32_t i = 0; i < w->n_rows; i++) {
        sl_buf_add_str(w->out, texts->v[i]);
    }
    section_end(w, text, SL_SECTION_TEXTS, at, 0, 0);
}

static void filter_write(struct writer *w)
{
    const struct texts *texts = &w->columns[SL_RLOG_REQUEST_ID].texts;
    const struct sl_str *ids = texts->v;
    uint32_t n = 0;
    if (!texts->has_any) {
        return;
    }
    for (uint32_t i = 0; i < w->n_rows; i++) {
        n += ids[i].n > 0;
    }
    align(w);
    size_t at = w->out->len, n_bytes = sl_filter_bytes(n);
    if (!n || sl_buf_reserve(w->out, n_bytes) < 0) {
        return;
    }
    memset(w->out->p + at, 0, n_bytes);
    w->out->len += n_bytes;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        if (ids[i].n) {
            sl_filter_add(w->out->p + at, n_bytes, w->salt, ids[i]);
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
    number_gap(&w->numbers[SL_RLOG_TIME], w->n_rows);
    for (uint32_t i = 0; i < w->n_rows; i++) {
        int64_t time = w->numbers[SL_RLOG_TIME].v[i];
        block.min_time_usec = SL_MIN(block.min_time_usec, time);
        block.max_time_usec = SL_MAX(block.max_time_usec, time);
    }
    /* The room for the entries of sections that are not there stays empty. */
    memcpy(w->out->p + w->start + SL_BLOCK_HEAD, w->directory, sizeof(w->directory));
    sl_block_head_write(&block, w->directory, w->out->p + w->start);
}

static struct writer *writer_new(void)
{
    struct writer *w = malloc(sizeof(*w));
    if (!w) {
        return NULL;
    }
    w->n_rows = w->n_sections = 0;
    memset(w->directory, 0, sizeof(w->directory));
    for (enum sl_rlog_number i = 0; i < SL_RLOG_NUMBERS; i++) {
        w->numbers[i].n_rows = 0;
    }
    for (enum sl_rlog_text i = 0; i < SL_RLOG_TEXTS; i++) {
        if (sl_rlog_is_word(i)) {
            w->columns[i].words.n = w->columns[i].words.n_rows = 0;
        } else {
            w->columns[i].texts.has_any = false;
        }
    }
    return w;
}

void sl_block_write(struct sl_buf *out, uint64_t first_row, uint32_t salt, const struct sl_str *rows, uint32_t n)
{
    SL_ASSERT(n > 0 && n <= SL_BLOCK_ROWS);
    struct writer *w = writer_new();
    if (!w) {
        sl_buf_reserve(out, SIZE_MAX); /* makes the buffer fail */
        return;
    }
    w->out = out;
    w->start = out->len;
    w->salt = salt;
    for (; w->n_rows < n; w->n_rows++) {
        SL_IGNORE(sl_rlog_row_walk(rows[w->n_rows], row_put, w) < 0); /* the caller has read it before */
    }
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
