/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/squeeze.h"

#include "gate/watch/sheet.h"
#include "store/usage.h"

static void span_set(struct sl_usage_row *row, uint32_t span_sec)
{
    if (row->span_sec < span_sec) {
        row->at_sec -= row->at_sec % span_sec;
        row->span_sec = span_sec;
    }
}

static void hours_of_older(struct sl_usage_row *row, uint64_t now_sec)
{
    if (row->at_sec + SL_USAGE_HOUR < now_sec) {
        span_set(row, SL_USAGE_HOUR);
    }
}

static void hours(struct sl_usage_row *row, uint64_t now_sec)
{
    (void)now_sec;
    span_set(row, SL_USAGE_HOUR);
}

static void callers(struct sl_usage_row *row, uint64_t now_sec)
{
    (void)now_sec;
    if (!row->of[SL_USAGE_KEY].n && row->of[SL_USAGE_PRINCIPAL].n) {
        row->of[SL_USAGE_PRINCIPAL] = SL_STR(SL_USAGE_OTHER);
    }
}

static void days(struct sl_usage_row *row, uint64_t now_sec)
{
    (void)now_sec;
    span_set(row, SL_USAGE_DAY);
}

static void bare(struct sl_usage_row *row, uint64_t now_sec)
{
    (void)now_sec;
    for (size_t i = 0; i < SL_USAGE_OF_COUNT; i++) {
        if (i != SL_USAGE_ROUTE && i != SL_USAGE_KEY) {
            row->of[i] = SL_STR("");
        }
    }
}

/* Without memory the sheet stays as it is. */
static void rewrite(struct sl_sheet *sheet, void (*change)(struct sl_usage_row *row, uint64_t now_sec),
                    uint64_t now_sec)
{
    struct sl_sheet fresh;
    const struct sl_usage_row *row;
    int r = 0;
    sl_sheet_init(&fresh);
    for (size_t i = 0; r == 0 && (row = sl_sheet_each(sheet, &i)) != NULL;) {
        struct sl_usage_row changed = *row;
        change(&changed, now_sec);
        r = sl_sheet_add(&fresh, &changed);
    }
    if (r == 0) {
        struct sl_sheet old = *sheet;
        *sheet = fresh;
        fresh = old;
    }
    sl_sheet_done(&fresh);
}

void sl_sheet_squeeze(struct sl_sheet *sheet, size_t max, uint64_t now_sec)
{
    static void (*const steps[])(struct sl_usage_row * row, uint64_t now_sec) = { hours_of_older, callers, hours, days,
                                                                                  bare };
    for (size_t i = 0; i < SL_ARRAY_LEN(steps) && sheet->rows.n >= max; i++) {
        rewrite(sheet, steps[i], now_sec);
    }
}
