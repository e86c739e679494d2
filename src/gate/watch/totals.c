/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/totals.h"

#include <math.h>
#include <stdlib.h>

#include "base/quantile.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/watch/readings.h"

#define MILLION 1000000

/* Finds or makes it; NULL: no memory. */
static struct sl_totals_row *row_of(struct sl_totals *totals, struct sl_str name)
{
    struct sl_totals_row *row = sl_map_find(&totals->by_name, name);
    if (!row) {
        row = SL_ARENA_NEW(&totals->arena, struct sl_totals_row);
        if (row) {
            row->name = name;
            row->used = -1;
        }
        row = row && sl_map_put(&totals->by_name, name, row) == 0 ? row : NULL;
        totals->n += row != NULL;
    }
    return row;
}

static uint64_t value_of(const struct sl_metric_series *series, size_t i)
{
    return atomic_load_explicit(&series->v[i], memory_order_relaxed);
}

static void times_add(uint64_t *buckets, const struct sl_metric_series *series)
{
    size_t n = sl_metric_value_count(series->metric) - 1;
    SL_ASSERT(n <= SL_TOTALS_BUCKETS);
    for (size_t i = 0; i < n; i++) {
        buckets[i] += value_of(series, 1 + i);
    }
}

static void series_add(struct sl_totals_row *row, const struct sl_metric_series *series)
{
    const struct sl_metric_key *key = &series->key;
    uint64_t value = value_of(series, 0);
    switch ((int)series->metric) {
    case SL_METRIC_REQUESTS:
        row->calls += value;
        row->errors += key->error_type != SL_ERR_NONE ? value : 0;
        row->types[key->error_type] += key->error_type != SL_ERR_NONE ? value : 0;
        break;
    case SL_TOTALS_WHOLE:
        times_add(row->whole, series);
        break;
    case SL_TOTALS_FIRST:
        times_add(row->first, series);
        break;
    case SL_METRIC_TOKENS:
        *(strcmp(key->word, "input") == 0 ? &row->input : &row->output) += value;
        break;
    case SL_METRIC_COST:
        row->cost_nano += value;
        break;
    case SL_METRIC_LIMITS:
        row->refused += strcmp(key->word, "refused") == 0 ? value : 0;
        break;
    default:
        break;
    }
}

static bool is_wanted(enum sl_metric metric)
{
    return metric == SL_METRIC_REQUESTS || metric == SL_TOTALS_WHOLE || metric == SL_TOTALS_FIRST ||
           metric == SL_METRIC_TOKENS || metric == SL_METRIC_COST || metric == SL_METRIC_LIMITS;
}

static int series_read(struct sl_totals *totals, struct sl_metrics *metrics)
{
    struct sl_metric_series **all;
    size_t n = 0;
    int r = sl_metrics_collect(metrics, &all, &n);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (is_wanted(all[i]->metric)) {
            struct sl_totals_row *row = row_of(totals, all[i]->key.labels->route);
            series_add(&totals->all, all[i]);
            if (row) {
                series_add(row, all[i]);
            }
            r = row ? 0 : SL_E_NOMEM;
        }
    }
    free(all);
    return r;
}

/* --- how much of limits is used: a metric that is only read --- */

struct sink {
    struct sl_reading_sink base;
    struct sl_totals *totals;
    int r;
};

static void on_used(struct sl_reading_sink *base, const struct sl_metric_key *key, uint64_t value, uint32_t scale)
{
    struct sink *sink = SL_CONTAINER_OF(base, struct sink, base);
    struct sl_totals_row *row = row_of(sink->totals, key->labels->route);
    sink->r = row ? sink->r : SL_E_NOMEM;
    if (row) {
        row->used = (int64_t)(value * (MILLION / scale));
    }
}

static int used_read(struct sl_totals *totals, const struct sl_reading_source *source)
{
    struct sink sink = { .base.put = on_used, .totals = totals };
    for (const struct sl_reading *row = sl_readings; row->read; row++) {
        if (strcmp(row->family.name, "sluice_limit_used_ratio") == 0) {
            row->read(&sink.base, source);
        }
    }
    return sink.r;
}

/* --- the whole --- */

static int row_cmp(const void *a, const void *b)
{
    const struct sl_totals_row *x = *(struct sl_totals_row *const *)a, *y = *(struct sl_totals_row *const *)b;
    return x->calls != y->calls ? (x->calls < y->calls ? 1 : -1) : sl_str_cmp(x->name, y->name);
}

static int rows_sort(struct sl_totals *totals)
{
    totals->rows = SL_ARENA_ARRAY(&totals->arena, struct sl_totals_row *, totals->n + 1);
    struct sl_totals_row *row;
    size_t n = 0;
    for (size_t i = 0; totals->rows && (row = sl_map_each(&totals->by_name, &i)) != NULL;) {
        totals->rows[n++] = row;
    }
    if (n) {
        qsort(totals->rows, n, sizeof(struct sl_totals_row *), row_cmp);
    }
    return totals->rows ? 0 : SL_E_NOMEM;
}

int sl_totals_make(const struct sl_reading_source *source, struct sl_totals *ret)
{
    *ret = (struct sl_totals){ .all.used = -1 };
    sl_arena_init(&ret->arena, NULL);
    int r = series_read(ret, source->gate->metrics);
    r = r < 0 ? r : used_read(ret, source);
    r = r < 0 ? r : rows_sort(ret);
    if (r < 0) {
        sl_totals_done(ret);
    }
    return r;
}

void sl_totals_done(struct sl_totals *totals)
{
    sl_map_done(&totals->by_name);
    sl_arena_done(&totals->arena);
}

double sl_totals_quantile(enum sl_metric metric, const uint64_t *buckets, double q)
{
    const struct sl_metric_family *family = &sl_metric_families[metric];
    double le[SL_TOTALS_BUCKETS], n[SL_TOTALS_BUCKETS], sum = 0;
    for (size_t i = 0; i <= family->n_buckets; i++) {
        sum += (double)buckets[i];
        n[i] = sum;
        le[i] = i < family->n_buckets ? (double)family->buckets[i] / MILLION : INFINITY;
    }
    return sl_quantile(le, n, family->n_buckets + 1, q);
}
