/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by metrics.c (the store), metrics_table.c (names, help texts, labels, buckets) and metrics_write.c. */
#ifndef SL_GATE_METRICS_PRIV_H
#define SL_GATE_METRICS_PRIV_H

#include <pthread.h>

#include "base/map.h"
#include "gate/watch/metrics.h"

#define SL_METRIC_LABELS_MAX 7
/* Of one series: a histogram's sum and buckets. */
#define SL_METRIC_VALUES_MAX 32

enum sl_metric_kind { SL_METRIC_IS_COUNTER, SL_METRIC_IS_GAUGE, SL_METRIC_IS_SECONDS, SL_METRIC_IS_TOKENS };

enum sl_metric_label {
    LB_END,
    LB_ROUTE,
    LB_DIALECT,
    LB_STATUS,
    LB_ERROR,
    LB_STREAM,
    LB_OPERATION,
    LB_GEN_AI_PROVIDER,
    LB_ORIGINAL_MODEL,
    LB_REQUEST_MODEL,
    LB_RESPONSE_MODEL,
    LB_TOKEN_TYPE,
    LB_PROVIDER,
    LB_OUTCOME,
    LB_REASON,
    LB_DECISION,
    LB_STATE,
    LB_CANCELLED,
    LB_RESULT,
    LB_VERSION,
    LB_COUNT
};

struct sl_metric_label_row {
    const char *name, *help;
};

struct sl_metric_family {
    const char *name;
    enum sl_metric_kind kind;
    const uint64_t *buckets;
    size_t n_buckets;
    enum sl_metric_label labels[SL_METRIC_LABELS_MAX];
    const char *help;
};

extern const struct sl_metric_label_row sl_metric_label_rows[LB_COUNT];
extern const struct sl_metric_family sl_metric_families[SL_METRIC_COUNT];
/* "histogram", "counter" or "gauge". */
const char *sl_metric_type_word(const struct sl_metric_family *family);
/* A counter has one; a histogram its sum, its buckets and the one without bound. */
size_t sl_metric_value_count(enum sl_metric metric);

struct sl_metric_series {
    struct sl_metric_series *next;
    enum sl_metric metric;
    uint64_t hash;
    struct sl_metric_key key;
    atomic_uint_fast64_t
        v[]; /* a counter's value; or a histogram's sum, then its buckets, the last one without bound */
};

struct sl_metrics_worker {
    struct sl_metrics *metrics;
    struct sl_metrics_worker *next;
    struct sl_metric_series **table; /* private to the worker */
    size_t n, cap;
    _Atomic(struct sl_metric_series *) list;
    atomic_uint_fast64_t in_flight;
    const atomic_uint *n_conns, *n_idle; /* or NULL; with the metrics' lock held */
};

struct labels_entry {
    struct sl_metric_labels labels;
    struct labels_entry *next;
    struct sl_str id; /* the four texts */
    char text[];
};

struct sl_metrics {
    pthread_mutex_t lock; /* guards the labels and the list of workers */
    struct sl_map by_id, by_route;
    struct labels_entry *entries;
    uint32_t n_routes;
    struct sl_metrics_worker *workers;
    struct sl_metric_labels other, none;
};

#endif
