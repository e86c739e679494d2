/* SPDX-License-Identifier: Apache-2.0 */
#include "log/columns.h"

#include <stdlib.h>

#include "log/filter.h"

int sl_columns_init(struct sl_columns *columns, const struct sl_block *block, int fd)
{
    *columns = (struct sl_columns){ .block = block, .fd = fd };
    columns->bytes = calloc(block->n_sections + 1, sizeof(char *));
    return columns->bytes ? 0 : SL_E_NOMEM;
}

void sl_columns_done(struct sl_columns *columns)
{
    for (uint32_t i = 0; columns->bytes && i < columns->block->n_sections; i++) {
        free(columns->bytes[i]);
    }
    for (uint32_t i = 0; i < SL_RLOG_TEXTS; i++) {
        free(columns->words[i]);
    }
    free(columns->bytes);
}

int sl_columns_get(struct sl_columns *columns, enum sl_section_kind kind, unsigned tag, struct sl_str *ret)
{
    const struct sl_section *section = sl_block_section(columns->block, kind, tag);
    *ret = SL_STR_NONE;
    if (!section) {
        return 0;
    }
    char **bytes = &columns->bytes[section - columns->block->sections];
    if (!*bytes) {
        char *read = malloc(section->n + 1);
        int r = read ? sl_block_read(columns->block, columns->fd, section, read) : SL_E_NOMEM;
        if (r < 0) {
            free(read);
            return r;
        }
        *bytes = read;
    }
    *ret = sl_str_make(*bytes, section->n);
    return 0;
}

/* --- numbers --- */

/* Opens a column of numbers. *ret_same: all rows have this one, and there are no packed ones. */
static int numbers_open(struct sl_columns *columns, enum sl_rlog_number number, bool *ret_is_packed, int64_t *ret_same)
{
    struct sl_packed *packed = &columns->numbers[number];
    const struct sl_section *same = sl_block_section(columns->block, SL_SECTION_CONST, number);
    *ret_is_packed = false;
    *ret_same = same ? same->min : -1;
    if (same || packed->n) {
        *ret_is_packed = !same;
        return 0;
    }
    struct sl_str bytes;
    int r = sl_columns_get(columns, SL_SECTION_PACKED, number, &bytes);
    if (r < 0 || !bytes.p) {
        return r;
    }
    *ret_is_packed = true;
    return sl_packed_open(bytes, columns->block->n_rows, packed);
}

static int number_get(struct sl_columns *columns, enum sl_rlog_number number, uint32_t row, int64_t *ret)
{
    bool is_packed;
    int r = numbers_open(columns, number, &is_packed, ret);
    if (r == 0 && is_packed) {
        *ret = sl_packed_get(&columns->numbers[number], row);
    }
    return r;
}

/* --- words --- */

/* Opens a column of words: an array of its texts, and the codes. *ret: NULL if no row has such a text. */
static int words_open(struct sl_columns *columns, enum sl_rlog_text text, const struct sl_str **ret, uint32_t *ret_n)
{
    struct sl_str bytes;
    int r = sl_columns_get(columns, SL_SECTION_WORDS, text, &bytes);
    *ret = NULL;
    if (r < 0 || !bytes.p) {
        return r;
    }
    struct sl_words words;
    r = sl_words_open(bytes, &words);
    r = r < 0 ? r : sl_columns_get(columns, SL_SECTION_CODES, text, &columns->codes[text]);
    if (r < 0 || columns->codes[text].n != (size_t)sl_code_width(words.n) * columns->block->n_rows) {
        return r < 0 ? r : SL_E_DAMAGED;
    }
    *ret_n = words.n;
    if (!columns->words[text]) {
        struct sl_str *v = malloc(words.n * sizeof(*v));
        struct sl_word_iter it = { 0 };
        if (!v) {
            return SL_E_NOMEM;
        }
        while (sl_words_next(&words, &it)) {
            v[it.i] = it.text;
        }
        columns->words[text] = v;
    }
    *ret = columns->words[text];
    return 0;
}

static uint32_t code_get(struct sl_str codes, unsigned width, uint32_t row)
{
    uint16_t code;
    if (width == 0) {
        return 0;
    }
    if (width == 1) {
        return (unsigned char)codes.p[row];
    }
    memcpy(&code, codes.p + (size_t)row * 2, 2);
    return code;
}

static int word_get(struct sl_columns *columns, enum sl_rlog_text text, uint32_t row, struct sl_str *ret)
{
    const struct sl_str *words;
    uint32_t n;
    int r = words_open(columns, text, &words, &n);
    *ret = SL_STR_NONE;
    if (r < 0 || !words) {
        return r;
    }
    uint32_t code = code_get(columns->codes[text], sl_code_width(n), row);
    if (code >= n) {
        return SL_E_DAMAGED;
    }
    *ret = words[code];
    return 0;
}

/* --- texts --- */

static int text_get(struct sl_columns *columns, enum sl_rlog_text text, uint32_t row, struct sl_str *ret)
{
    struct sl_texts *texts = &columns->texts[text];
    struct sl_str bytes;
    *ret = SL_STR_NONE;
    int r = sl_columns_get(columns, SL_SECTION_TEXTS, text, &bytes);
    if (r < 0 || !bytes.p) {
        return r;
    }
    r = texts->ends.n ? 0 : sl_texts_open(bytes, columns->block->n_rows, texts);
    return r < 0 ? r : sl_texts_get(texts, row, ret);
}

int sl_columns_row(struct sl_columns *columns, uint32_t row, struct sl_rlog_row *ret)
{
    int r = 0;
    for (enum sl_rlog_number i = 0; i < SL_RLOG_NUMBERS && r == 0; i++) {
        r = number_get(columns, i, row, &ret->numbers[i]);
    }
    for (enum sl_rlog_text i = 0; i < SL_RLOG_TEXTS && r == 0; i++) {
        r = sl_rlog_is_word(i) ? word_get(columns, i, row, &ret->texts[i]) : text_get(columns, i, row, &ret->texts[i]);
    }
    return r;
}

/* --- selecting --- */

struct selection {
    struct sl_columns *columns;
    uint8_t *fits;
    bool is_begun; /* `fits` is written */
    bool is_none;
};

static uint8_t *fits_begin(struct selection *s)
{
    if (!s->is_begun) {
        memset(s->fits, 1, s->columns->block->n_rows);
        s->is_begun = true;
    }
    return s->fits;
}

/* Keeps rows whose number is in [min, max]. */
static int number_select(struct selection *s, enum sl_rlog_number number, int64_t min, int64_t max)
{
    bool is_packed;
    int64_t same, v[SL_PACK_CHUNK];
    const struct sl_section *section = sl_block_section(s->columns->block, SL_SECTION_PACKED, number);
    if (section && section->min >= min && section->max <= max) {
        return 0;
    }
    if (section && (section->max < min || section->min > max)) {
        s->is_none = true;
        return 0;
    }
    int r = numbers_open(s->columns, number, &is_packed, &same);
    if (r < 0 || !is_packed) {
        s->is_none |= same < min || same > max;
        return r;
    }
    uint8_t *fits = fits_begin(s);
    uint32_t n;
    for (uint32_t chunk = 0; (n = sl_packed_chunk(&s->columns->numbers[number], chunk, v)) != 0; chunk++) {
        for (uint32_t i = 0; i < n; i++) {
            fits[i] &= (uint8_t)((v[i] >= min) & (v[i] <= max));
        }
        fits += n;
    }
    return 0;
}

/* Keeps rows whose code has a 1. */
static void codes_select(struct selection *s, struct sl_str codes, unsigned width, const uint8_t *wanted,
                         uint32_t n_words, uint32_t only)
{
    uint32_t n_rows = s->columns->block->n_rows;
    uint8_t *fits = fits_begin(s);
    if (width == 1 && only < n_words) {
        const uint8_t *v = (const uint8_t *)codes.p, one = (uint8_t)only;
        for (uint32_t i = 0; i < n_rows; i++) {
            fits[i] &= v[i] == one;
        }
        return;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t code = code_get(codes, width, i);
        fits[i] &= (uint8_t)(code < n_words && wanted[code]);
    }
}

static int word_select(struct selection *s, const struct sl_rlog_is *is)
{
    struct sl_str bytes, codes;
    struct sl_words words;
    uint8_t wanted[SL_BLOCK_ROWS];
    uint32_t n_wanted = 0, only = UINT32_MAX;
    int r = sl_columns_get(s->columns, SL_SECTION_WORDS, is->text, &bytes);
    if (r < 0 || !bytes.p) {
        s->is_none |= is->value.n > 0;
        return r;
    }
    r = sl_words_open(bytes, &words);
    struct sl_word_iter it = { 0 };
    while (r == 0 && sl_words_next(&words, &it)) {
        wanted[it.i] = sl_rlog_is_so(is, it.text);
        n_wanted += wanted[it.i];
        only = wanted[it.i] ? it.i : only;
    }
    if (r < 0 || n_wanted == 0 || n_wanted == words.n) {
        s->is_none |= n_wanted == 0;
        return r;
    }
    r = sl_columns_get(s->columns, SL_SECTION_CODES, is->text, &codes);
    unsigned width = sl_code_width(words.n);
    if (r < 0 || codes.n != (size_t)width * s->columns->block->n_rows) {
        return r < 0 ? r : SL_E_DAMAGED;
    }
    codes_select(s, codes, width, wanted, words.n, n_wanted == 1 ? only : UINT32_MAX);
    return 0;
}

/* Keeps rows with this id, their own or the caller's. */
static int id_select(struct selection *s, const struct sl_rlog_query *query)
{
    const struct sl_block *block = s->columns->block;
    struct sl_rlog_id id;
    struct sl_str filter;
    int r = sl_columns_get(s->columns, SL_SECTION_FILTER, SL_RLOG_REQUEST_ID, &filter);
    bool is_own = sl_rlog_id_parse(query->id, &id) && (int64_t)id.time_usec >= block->min_time_usec &&
                  (int64_t)id.time_usec <= block->max_time_usec;
    bool is_callers = r == 0 && !query->is_own_id && sl_filter_has(filter, block->salt, query->id);
    if (r < 0 || (!is_own && !is_callers)) {
        s->is_none = true;
        return r;
    }
    uint8_t *fits = fits_begin(s);
    for (uint32_t i = 0; i < block->n_rows && r == 0; i++) {
        int64_t time = -1, node = -1, counter = -1;
        struct sl_str text = SL_STR_NONE;
        r = is_own ? number_get(s->columns, SL_RLOG_TIME, i, &time) : 0;
        bool is_it = is_own && (uint64_t)time == id.time_usec;
        if (r == 0 && is_it) {
            r = number_get(s->columns, SL_RLOG_NODE, i, &node);
            r = r < 0 ? r : number_get(s->columns, SL_RLOG_COUNTER, i, &counter);
            is_it = node == id.node && counter == id.counter;
        }
        if (r == 0 && !is_it && is_callers) {
            r = text_get(s->columns, SL_RLOG_REQUEST_ID, i, &text);
            is_it = sl_str_eq(text, query->id);
        }
        fits[i] &= is_it;
    }
    return r;
}

int sl_columns_select(struct sl_columns *columns, const struct sl_rlog_query *query, uint8_t *ret_fits, uint32_t *ret_n,
                      bool *ret_all)
{
    struct selection s = { .columns = columns, .fits = ret_fits };
    int r = 0;
    *ret_n = 0;
    *ret_all = false;
    if (query->id.n) {
        r = id_select(&s, query);
    }
    for (uint32_t i = 0; i < query->n_is && r == 0 && !s.is_none; i++) {
        r = word_select(&s, &query->is[i]);
    }
    if (r == 0 && !s.is_none && (query->from_usec > INT64_MIN || query->to_usec < INT64_MAX)) {
        r = number_select(&s, SL_RLOG_TIME, query->from_usec, query->to_usec - 1);
    }
    if (r == 0 && !s.is_none && query->min_duration_usec) {
        r = number_select(&s, SL_RLOG_DURATION, query->min_duration_usec, INT64_MAX);
    }
    if (r < 0 || s.is_none) {
        return r;
    }
    *ret_all = !s.is_begun;
    for (uint32_t i = 0; i < columns->block->n_rows; i++) {
        *ret_n += s.is_begun ? ret_fits[i] : 1;
    }
    return 0;
}
