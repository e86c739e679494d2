/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/sheet.h"

#include <stdlib.h>

#include "store/usage.h"

/* More than nine names of the longest kind. */
#define KEY_MAX (1u << 20)

struct line {
    struct sl_usage_row row; /* its texts are in `key` */
    char key[];
};

void sl_sheet_init(struct sl_sheet *sheet)
{
    *sheet = (struct sl_sheet){ .key = SL_BUF_INIT(KEY_MAX) };
}

void sl_sheet_done(struct sl_sheet *sheet)
{
    struct line *line;
    for (size_t i = 0; (line = sl_map_each(&sheet->rows, &i)) != NULL;) {
        free(line);
    }
    sl_map_done(&sheet->rows);
    sl_buf_done(&sheet->key);
}

/* Time and lengths, then the names one after the other. */
struct key_head {
    uint64_t at_sec;
    uint32_t span_sec;
    uint32_t n[SL_USAGE_OF_COUNT];
};

static int key_make(struct sl_sheet *sheet, const struct sl_usage_row *row)
{
    struct key_head head = { .at_sec = row->at_sec, .span_sec = row->span_sec };
    for (size_t i = 0; i < SL_USAGE_OF_COUNT; i++) {
        head.n[i] = (uint32_t)row->of[i].n;
    }
    sl_buf_reset(&sheet->key);
    sl_buf_add(&sheet->key, &head, sizeof(head));
    for (size_t i = 0; i < SL_USAGE_OF_COUNT; i++) {
        sl_buf_add_str(&sheet->key, row->of[i]);
    }
    return sl_buf_status(&sheet->key);
}

static int line_add(struct sl_sheet *sheet, const struct sl_usage_row *row)
{
    size_t n = sheet->key.len;
    struct line *line = malloc(sizeof(*line) + n);
    if (!line) {
        return SL_E_NOMEM;
    }
    memcpy(line->key, sheet->key.p, n);
    line->row = *row;
    const char *at = line->key + sizeof(struct key_head);
    for (size_t i = 0; i < SL_USAGE_OF_COUNT; i++) {
        line->row.of[i].p = at;
        at += row->of[i].n;
    }
    int r = sl_map_put(&sheet->rows, sl_str_make(line->key, n), line);
    if (r < 0) {
        free(line);
    }
    return r;
}

int sl_sheet_add(struct sl_sheet *sheet, const struct sl_usage_row *row)
{
    int r = key_make(sheet, row);
    if (r < 0) {
        return r;
    }
    struct line *line = sl_map_find(&sheet->rows, sl_buf_str(&sheet->key));
    if (!line) {
        return line_add(sheet, row);
    }
    for (size_t i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        line->row.sums[i] = sl_usage_plus(line->row.sums[i], row->sums[i]);
    }
    return 0;
}

const struct sl_usage_row *sl_sheet_each(const struct sl_sheet *sheet, size_t *io_index)
{
    const struct line *line = sl_map_each(&sheet->rows, io_index);
    return line ? &line->row : NULL;
}

int sl_sheet_take(struct sl_sheet *sheet, const struct sl_usage_row *row, const struct sl_usage_query *query)
{
    int r = sl_sheet_add(sheet, row);
    return r == 0 && sheet->rows.n > query->max ? SL_E_LIMIT : r;
}

static bool is_asked(const struct sl_usage_row *row, const struct sl_usage_query *query)
{
    return row->at_sec >= query->from_sec && row->at_sec < query->to_sec &&
           (!query->key.p || sl_str_eq(query->key, row->of[SL_USAGE_KEY])) &&
           (!query->group.p || sl_usage_is_in(row->of[SL_USAGE_GROUP], query->group));
}

int sl_sheet_ask(struct sl_sheet *sheet, const struct sl_sheet *from, const struct sl_usage_query *query)
{
    const struct sl_usage_row *row;
    int r = 0;
    for (size_t i = 0; r == 0 && (row = sl_sheet_each(from, &i)) != NULL;) {
        if (!is_asked(row, query)) {
            continue;
        }
        struct sl_usage_row asked = *row;
        asked.span_sec = query->span_sec;
        asked.at_sec -= query->span_sec ? asked.at_sec % query->span_sec : asked.at_sec;
        for (size_t k = 0; k < SL_USAGE_OF_COUNT; k++) {
            asked.of[k] = query->by & SL_BIT(k) ? asked.of[k] : SL_STR("");
        }
        r = sl_sheet_take(sheet, &asked, query);
    }
    return r;
}
