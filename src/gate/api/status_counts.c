/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/status_counts.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/watch/totals.h"
#include "json/write.h"

static void double_or_null(struct sl_jw *w, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.6g", value);
    sl_jw_member_raw(w, key, value < 0 ? SL_STR("null") : sl_str_c(text));
}

static void list_write(struct sl_jw *w, const char *key, const uint64_t *values, size_t n)
{
    sl_jw_key(w, key);
    sl_jw_array(w);
    for (size_t i = 0; i < n; i++) {
        sl_jw_u64(w, values[i]);
    }
    sl_jw_end(w);
}

static void times_write(struct sl_jw *w, const struct sl_totals_row *row)
{
    double_or_null(w, "total_p50_seconds", sl_totals_quantile(SL_TOTALS_WHOLE, row->whole, 0.5));
    double_or_null(w, "total_p95_seconds", sl_totals_quantile(SL_TOTALS_WHOLE, row->whole, 0.95));
    double_or_null(w, "first_p50_seconds", sl_totals_quantile(SL_TOTALS_FIRST, row->first, 0.5));
    double_or_null(w, "first_p95_seconds", sl_totals_quantile(SL_TOTALS_FIRST, row->first, 0.95));
    list_write(w, "total_buckets", row->whole, sl_metric_families[SL_TOTALS_WHOLE].n_buckets + 1);
    list_write(w, "first_buckets", row->first, sl_metric_families[SL_TOTALS_FIRST].n_buckets + 1);
}

static void types_write(struct sl_jw *w, const char *key, const struct sl_totals_row *row)
{
    sl_jw_key(w, key);
    sl_jw_object(w);
    for (unsigned type = SL_ERR_NONE + 1; type < SL_ERR_COUNT; type++) {
        if (row->types[type]) {
            sl_jw_member_u64(w, sl_error_type_word((enum sl_error_type)type), row->types[type]);
        }
    }
    sl_jw_end(w);
}

static void spent_write(struct sl_jw *w, const struct sl_totals_row *row)
{
    char dollars[SL_DOLLARS_TEXT_MAX];
    sl_jw_member_u64(w, "input_tokens", row->input);
    sl_jw_member_u64(w, "output_tokens", row->output);
    sl_jw_member_raw(w, "cost", sl_str_make(dollars, sl_format_dollars(row->cost_nano, dollars)));
}

static double share_of(const struct sl_totals_row *row)
{
    return row->used < 0 ? -1 : (double)row->used / 1e6;
}

static void route_write(struct sl_jw *w, const struct sl_totals_row *row)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "name", row->name);
    sl_jw_member_u64(w, "calls", row->calls);
    sl_jw_member_u64(w, "errors", row->errors);
    types_write(w, "error_types", row);
    times_write(w, row);
    spent_write(w, row);
    double_or_null(w, "limit_used", share_of(row));
    sl_jw_member_u64(w, "refused", row->refused);
    sl_jw_end(w);
}

void sl_status_counts_write(struct sl_jw *w, const struct sl_totals *totals)
{
    sl_jw_member_u64(w, "requests", totals->all.calls);
    types_write(w, "errors", &totals->all);
    times_write(w, &totals->all);
    spent_write(w, &totals->all);
    sl_jw_key(w, "limits");
    sl_jw_object(w);
    for (size_t i = 0; i < totals->n; i++) {
        if (totals->rows[i]->used >= 0) {
            sl_jw_key_str(w, totals->rows[i]->name);
            sl_jw_double(w, share_of(totals->rows[i]));
        }
    }
    sl_jw_end(w);
    sl_jw_key(w, "routes");
    sl_jw_array(w);
    for (size_t i = 0; i < totals->n; i++) {
        route_write(w, totals->rows[i]);
    }
    sl_jw_end(w);
}

static void bounds_write(struct sl_jw *w, const char *key, enum sl_metric metric)
{
    const struct sl_metric_family *family = &sl_metric_families[metric];
    sl_jw_key(w, key);
    sl_jw_array(w);
    for (size_t i = 0; i < family->n_buckets; i++) {
        sl_jw_double(w, (double)family->buckets[i] / SL_USEC_PER_SEC);
    }
    sl_jw_end(w);
}

void sl_status_bounds_write(struct sl_jw *w)
{
    bounds_write(w, "total_bounds", SL_TOTALS_WHOLE);
    bounds_write(w, "first_bounds", SL_TOTALS_FIRST);
}
