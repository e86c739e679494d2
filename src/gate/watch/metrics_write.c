/* SPDX-License-Identifier: Apache-2.0 */
/* The sums over all workers as Prometheus text. */
#include <stdio.h>
#include <stdlib.h>

#include "gate/watch/metrics_priv.h"

/* The labels of one series: names of routes and models, escaped. */
#define LABELS_MAX (1u << 20)

/* A label's value; numbers into `room`. */
static struct sl_str label_value(const struct sl_metric_key *key, enum sl_metric_label label, char room[24])
{
    static const struct sl_metric_labels nothing = { 0 };
    const struct sl_metric_labels *labels = key->labels ? key->labels : &nothing;
    switch (label) {
    case LB_ROUTE:
    case LB_ORIGINAL_MODEL:
        return labels->route;
    case LB_OPERATION:
        return labels->operation;
    case LB_GEN_AI_PROVIDER:
    case LB_PROVIDER:
        return labels->provider;
    case LB_REQUEST_MODEL:
    case LB_RESPONSE_MODEL:
        return labels->model;
    case LB_DIALECT:
        return sl_str_c(key->dialect);
    case LB_STATUS:
        return sl_str_make(room, (size_t)snprintf(room, 24, "%u", key->status));
    case LB_ERROR:
    case LB_REASON:
        return sl_str_c(sl_error_type_word((enum sl_error_type)key->error_type));
    case LB_STREAM:
        return key->is_stream ? SL_STR("true") : SL_STR("false");
    case LB_TOKEN_TYPE:
    case LB_OUTCOME:
    case LB_DECISION:
    case LB_STATE:
    case LB_CANCELLED:
    case LB_RESULT:
    case LB_VERSION:
        return sl_str_c(key->word);
    case LB_END:
    case LB_COUNT:
        break;
    }
    return SL_STR_NONE;
}

static void value_escape(struct sl_buf *out, struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n') {
            sl_buf_add_lit(out, "\\n");
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\') {
            sl_buf_add_char(out, '\\');
        }
        sl_buf_add_char(out, s.p[i]);
    }
}

/* `a="b",c="d"`. */
static void labels_add(struct sl_buf *out, const struct sl_metric_family *family, const struct sl_metric_key *key)
{
    char room[24];
    for (size_t i = 0; i < SL_METRIC_LABELS_MAX && family->labels[i] != LB_END; i++) {
        if (i) {
            sl_buf_add_char(out, ',');
        }
        sl_buf_add_c(out, sl_metric_label_rows[family->labels[i]].name);
        sl_buf_add_lit(out, "=\"");
        value_escape(out, label_value(key, family->labels[i], room));
        sl_buf_add_char(out, '"');
    }
}

static void scaled_write(struct sl_buf *out, uint64_t value, uint32_t scale)
{
    sl_buf_add_char(out, ' ');
    sl_buf_add_u64(out, value / scale);
    if (scale == 1000000) {
        sl_buf_printf(out, ".%06u", (unsigned)(value % scale));
    }
    sl_buf_add_char(out, '\n');
}

/* The page, and what is used again from line to line. */
struct page {
    struct sl_buf *out;
    struct sl_buf labels;                  /* of the series being written */
    char bounds[SL_METRIC_VALUES_MAX][24]; /* of the family's buckets, as `le` spells them */
};

static void labels_make(struct page *page, const struct sl_metric_family *family, const struct sl_metric_key *key)
{
    sl_buf_reset(&page->labels);
    labels_add(&page->labels, family, key);
    if (sl_buf_status(&page->labels) < 0) {
        page->out->status = sl_buf_status(&page->labels);
    }
}

/* `name_suffix{labels,le="…"} value` */
static void sample_write(struct page *page, const struct sl_metric_family *family, const char *suffix, const char *le,
                         uint64_t value, uint32_t scale)
{
    struct sl_buf *out = page->out;
    sl_buf_add_c(out, family->name);
    sl_buf_add_c(out, suffix);
    if (page->labels.len || le) {
        sl_buf_add_char(out, '{');
        sl_buf_add_str(out, sl_buf_str(&page->labels));
        if (le) {
            sl_buf_add_c(out, page->labels.len ? ",le=\"" : "le=\"");
            sl_buf_add_c(out, le);
            sl_buf_add_char(out, '"');
        }
        sl_buf_add_char(out, '}');
    }
    scaled_write(out, value, scale);
}

static void histogram_write(struct page *page, const struct sl_metric_family *family, const uint64_t *v)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= family->n_buckets; i++) {
        count += v[1 + i];
        sample_write(page, family, "_bucket", page->bounds[i], count, 1);
    }
    sample_write(page, family, "_sum", NULL, v[0], family->kind == SL_METRIC_IS_SECONDS ? 1000000 : 1);
    sample_write(page, family, "_count", NULL, count, 1);
}

/* By metric, then by what its labels say: equal ones of several workers stand together. */
static int series_compare(const struct sl_metric_series *a, const struct sl_metric_series *b)
{
    if (a->metric != b->metric) {
        return a->metric < b->metric ? -1 : 1;
    }
    const struct sl_metric_family *family = &sl_metric_families[a->metric];
    char room_a[24], room_b[24];
    for (size_t i = 0; i < SL_METRIC_LABELS_MAX && family->labels[i] != LB_END; i++) {
        struct sl_str va = label_value(&a->key, family->labels[i], room_a);
        struct sl_str vb = label_value(&b->key, family->labels[i], room_b);
        size_t n = SL_MIN(va.n, vb.n);
        int c = va.p == vb.p || n == 0 ? 0 : memcmp(va.p, vb.p, n);
        if (c != 0 || va.n != vb.n) {
            return c != 0 ? c : va.n < vb.n ? -1 : 1;
        }
    }
    return 0;
}

static int series_order(const void *a, const void *b)
{
    return series_compare(*(struct sl_metric_series *const *)a, *(struct sl_metric_series *const *)b);
}

/* Every worker's series, sorted. */
static int series_collect(struct sl_metrics *metrics, struct sl_metric_series ***ret, size_t *ret_n)
{
    size_t n = 0, cap = 256;
    struct sl_metric_series **all = malloc(cap * sizeof(struct sl_metric_series *));
    pthread_mutex_lock(&metrics->lock);
    struct sl_metrics_worker *first = metrics->workers;
    pthread_mutex_unlock(&metrics->lock);
    for (struct sl_metrics_worker *w = first; all && w; w = w->next) {
        for (struct sl_metric_series *s = atomic_load_explicit(&w->list, memory_order_acquire); all && s; s = s->next) {
            if (n == cap) {
                struct sl_metric_series **more = realloc(all, cap * 2 * sizeof(struct sl_metric_series *));
                if (!more) {
                    free(all);
                }
                all = more;
                cap *= 2;
            }
            if (all) {
                all[n++] = s;
            }
        }
    }
    if (!all) {
        return SL_E_NOMEM;
    }
    qsort(all, n, sizeof(struct sl_metric_series *), series_order);
    *ret = all;
    *ret_n = n;
    return 0;
}

/* The series at the front that are one: summed and written. Returns how many. */
static size_t series_write(struct page *page, struct sl_metric_series *const *all, size_t n)
{
    uint64_t sum[SL_METRIC_VALUES_MAX] = { 0 };
    const struct sl_metric_family *family = &sl_metric_families[all[0]->metric];
    size_t n_values = sl_metric_value_count(all[0]->metric);
    SL_ASSERT(n_values <= SL_ARRAY_LEN(sum));
    size_t same = 0;
    for (; same < n && series_compare(all[0], all[same]) == 0; same++) {
        for (size_t i = 0; i < n_values; i++) {
            sum[i] += atomic_load_explicit(&all[same]->v[i], memory_order_relaxed);
        }
    }
    labels_make(page, family, &all[0]->key);
    if (family->buckets) {
        histogram_write(page, family, sum);
    } else {
        sample_write(page, family, "", NULL, sum[0], 1);
    }
    return same;
}

static void family_begin(struct page *page, const struct sl_metric_family *family)
{
    sl_buf_printf(page->out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                  sl_metric_type_word(family));
    uint32_t scale = family->kind == SL_METRIC_IS_SECONDS ? 1000000 : 1;
    for (size_t i = 0; i < family->n_buckets; i++) {
        snprintf(page->bounds[i], sizeof(page->bounds[i]), "%.10g", (double)family->buckets[i] / scale);
    }
    strcpy(page->bounds[family->n_buckets], "+Inf");
}

void sl_metrics_write(struct sl_metrics *metrics, const struct sl_metric_reading *readings, size_t n_readings,
                      struct sl_buf *out)
{
    struct sl_metric_series **all;
    size_t n = 0, at = 0;
    if (series_collect(metrics, &all, &n) < 0) {
        out->status = SL_E_NOMEM;
        return;
    }
    struct page page = { .out = out, .labels = SL_BUF_INIT(LABELS_MAX) };
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        const struct sl_metric_family *family = &sl_metric_families[m];
        family_begin(&page, family);
        bool is_written = false;
        while (at < n && all[at]->metric == m) {
            at += series_write(&page, all + at, n - at);
            is_written = true;
        }
        for (size_t i = 0; i < n_readings; i++) {
            if (readings[i].metric == m) {
                struct sl_metric_key key = { .labels = readings[i].labels, .word = readings[i].word };
                labels_make(&page, family, &key);
                sample_write(&page, family, "", NULL, readings[i].value, readings[i].scale);
                is_written = true;
            }
        }
        if (!is_written && family->kind == SL_METRIC_IS_COUNTER && family->labels[0] == LB_END) {
            sl_buf_printf(out, "%s 0\n", family->name);
        }
    }
    sl_buf_done(&page.labels);
    free(all);
}
