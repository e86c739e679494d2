/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/metrics_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "gate/watch/metrics.h"
#include "llm/core/error.h"

/* Room for the labels of one series: names of routes and models, escaped. */
#define LABELS_MAX (1u << 20)
/* The most values of one series: the sum and the buckets of a histogram. */
#define VALUES_MAX 32

/* A label's value; `room` is for numbers. */
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
    case LB_MODEL:
        return labels->model;
    case LB_TARGET:
        return labels->target;
    case LB_DIALECT:
        return sl_str_c(key->dialect);
    case LB_WHOSE:
    case LB_ACCOUNT:
        return labels->owner;
    case LB_STATUS:
    case LB_AT:
        return sl_str_make(room, (size_t)snprintf(room, 24, "%u", key->status));
    case LB_ERROR:
    case LB_REASON:
        return sl_str_c(sl_error_type_word((enum sl_error_type)key->error_type));
    case LB_SOURCE:
        return sl_str_c(key->source);
    case LB_STREAM:
        return key->is_stream ? SL_STR("true") : SL_STR("false");
    case LB_TOKEN_TYPE:
    case LB_OUTCOME:
    case LB_HEDGED:
    case LB_SHADOWED:
    case LB_DECISION:
    case LB_STATE:
    case LB_CANCELLED:
    case LB_RESULT:
    case LB_VERSION:
    case LB_FILE:
    case LB_HANDSHAKE:
    case LB_KIND:
    case LB_FATE:
    case LB_SPAN:
        return sl_str_c(key->word);
    case LB_END:
    case LB_COUNT:
        break;
    }
    return SL_STR_NONE;
}

/* A name may have control characters, which a terminal would obey: they become "\\x1b". */
static void value_escape(struct sl_buf *out, struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\n') {
            sl_buf_add_lit(out, "\\n");
            continue;
        }
        if (c < 0x20 || c == 0x7f) {
            sl_buf_printf(out, "\\\\x%02x", c);
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\') {
            sl_buf_add_char(out, '\\');
        }
        sl_buf_add_char(out, s.p[i]);
    }
}

/* Writes `a="b",c="d"`. */
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

#define NANO 1000000000u

static void scaled_write(struct sl_buf *out, uint64_t value, uint32_t scale)
{
    sl_buf_add_char(out, ' ');
    sl_buf_add_u64(out, value / scale);
    if (scale > 1) {
        sl_buf_printf(out, ".%0*u", scale == NANO ? 9 : 6, (unsigned)(value % scale));
    }
    sl_buf_add_char(out, '\n');
}

/* The page, and buffers that all its lines use. */
struct page {
    struct sl_buf *out;
    struct sl_buf labels;        /* of the current series */
    char bounds[VALUES_MAX][24]; /* the bounds of the family's buckets, as in `le` */
};

static void labels_make(struct page *page, const struct sl_metric_family *family, const struct sl_metric_key *key)
{
    sl_buf_reset(&page->labels);
    labels_add(&page->labels, family, key);
    if (sl_buf_status(&page->labels) < 0) {
        page->out->status = sl_buf_status(&page->labels);
    }
}

/* Writes `name_suffix{labels,le="…"} value`. */
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

/* Sorts by metric, then by label values: equal series of several workers become neighbours. */
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

/* Sums and writes the series at the front that are equal. Returns how many they are. */
static size_t series_write(struct page *page, struct sl_metric_series *const *all, size_t n)
{
    uint64_t sum[VALUES_MAX] = { 0 };
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
        sample_write(page, family, "", NULL, sum[0], family->kind == SL_METRIC_IS_DOLLARS ? NANO : 1);
    }
    return same;
}

/* "histogram", "counter" or "gauge". */
static const char *type_word(const struct sl_metric_family *family)
{
    bool is_counter = family->kind == SL_METRIC_IS_COUNTER || family->kind == SL_METRIC_IS_DOLLARS;
    return family->buckets ? "histogram" : is_counter ? "counter" : "gauge";
}

static void family_begin(struct page *page, const struct sl_metric_family *family)
{
    sl_buf_printf(page->out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                  type_word(family));
    uint32_t scale = family->kind == SL_METRIC_IS_SECONDS ? 1000000 : 1;
    for (size_t i = 0; i < family->n_buckets; i++) {
        snprintf(page->bounds[i], sizeof(page->bounds[i]), "%.10g", (double)family->buckets[i] / scale);
    }
    strcpy(page->bounds[family->n_buckets], "+Inf");
}

/* Counters without labels are shown from the start. */
static void zero_write(struct page *page, const struct sl_metric_family *family)
{
    if (family->kind == SL_METRIC_IS_COUNTER && family->labels[0] == LB_END) {
        sl_buf_printf(page->out, "%s 0\n", family->name);
    }
}

struct sink {
    struct sl_reading_sink base;
    struct page *page;
    const struct sl_metric_family *family;
    bool is_written;
};

static void on_reading(struct sl_reading_sink *base, const struct sl_metric_key *key, uint64_t value, uint32_t scale)
{
    struct sink *sink = SL_CONTAINER_OF(base, struct sink, base);
    labels_make(sink->page, sink->family, key);
    sample_write(sink->page, sink->family, "", NULL, value, scale);
    sink->is_written = true;
}

void sl_metrics_write(struct sl_metrics *metrics, const struct sl_reading *readings, const void *source,
                      struct sl_buf *out)
{
    struct sl_metric_series **all;
    size_t n = 0, at = 0;
    if (sl_metrics_collect(metrics, &all, &n) < 0) {
        out->status = SL_E_NOMEM;
        return;
    }
    qsort(all, n, sizeof(struct sl_metric_series *), series_order);
    struct page page = { .out = out, .labels = SL_BUF_INIT(LABELS_MAX) };
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        const struct sl_metric_family *family = &sl_metric_families[m];
        family_begin(&page, family);
        if (at == n || all[at]->metric != m) {
            zero_write(&page, family);
        }
        while (at < n && all[at]->metric == m) {
            at += series_write(&page, all + at, n - at);
        }
    }
    for (const struct sl_reading *row = readings; row && row->read; row++) {
        struct sink sink = { { on_reading }, &page, &row->family, false };
        family_begin(&page, &row->family);
        row->read(&sink.base, source);
        if (!sink.is_written) {
            zero_write(&page, &row->family);
        }
    }
    sl_buf_done(&page.labels);
    free(all);
}

/* --- docs/metrics.md --- */

static void family_docs(struct sl_buf *out, const struct sl_metric_family *family)
{
    sl_buf_printf(out, "| `%s` | %s | ", family->name, type_word(family));
    for (size_t i = 0; i < SL_METRIC_LABELS_MAX && family->labels[i] != LB_END; i++) {
        sl_buf_printf(out, "%s`%s`", i ? ", " : "", sl_metric_label_rows[family->labels[i]].name);
    }
    sl_buf_printf(out, " | %s |\n", family->help);
}

void sl_metrics_write_docs(const struct sl_reading *readings, struct sl_buf *out)
{
    sl_buf_add_lit(out, "# Metrics\n"
                        "\n"
                        "<!-- Generated from src/gate/watch/metric_rows.c and readings.c: `make docs`. A test fails "
                        "when this page is stale. -->\n"
                        "\n"
                        "`GET /metrics` answers in Prometheus' text format 0.0.4. Names that begin with `gen_ai_` are "
                        "those of OpenTelemetry's GenAI metrics, in\n"
                        "Prometheus' spelling. A series appears when it is first counted; sums are over all workers.\n"
                        "\n"
                        "| name | type | labels | what |\n"
                        "|---|---|---|---|\n");
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        family_docs(out, &sl_metric_families[m]);
    }
    for (const struct sl_reading *row = readings; row->read; row++) {
        family_docs(out, &row->family);
    }
    sl_buf_add_lit(out, "\n## Labels\n\n| label | value |\n|---|---|\n");
    for (size_t i = LB_END + 1; i < LB_COUNT; i++) {
        sl_buf_printf(out, "| `%s` | %s |\n", sl_metric_label_rows[i].name, sl_metric_label_rows[i].help);
    }
    sl_buf_add_lit(out, "\n## Buckets\n\n");
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        const struct sl_metric_family *family = &sl_metric_families[m];
        if (!family->buckets) {
            continue;
        }
        sl_buf_printf(out, "- `%s`:", family->name);
        for (size_t i = 0; i < family->n_buckets; i++) {
            sl_buf_printf(out, "%s %.10g", i ? "," : "",
                          (double)family->buckets[i] / (family->kind == SL_METRIC_IS_SECONDS ? 1000000 : 1));
        }
        sl_buf_add_char(out, '\n');
    }
}
