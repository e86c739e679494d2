/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms for Prometheus. Each worker counts in its own table, and is its only writer; a reader on any
 * thread sums over the workers. A series is allocated at its first use. */
#ifndef SL_GATE_METRICS_H
#define SL_GATE_METRICS_H

#include <stdatomic.h>

#include "base/err.h"
#include "gate/watch/metric_rows.h"

/* The most series of one worker for single routes; more are counted under `other`. */
#define SL_METRICS_SERIES_MAX 100000

struct sl_metrics;
struct sl_metrics_worker;

SL_MUST int sl_metrics_new(struct sl_metrics **ret);
/* Frees the workers' tables, too. */
void sl_metrics_free(struct sl_metrics *metrics);

/* Labels for unknown routes ("other"), and for requests that name no route ("none"). */
const struct sl_metric_labels *sl_metrics_other(const struct sl_metrics *metrics);
const struct sl_metric_labels *sl_metrics_none(const struct sl_metrics *metrics);
/* How many routes have labels of their own, and how many of these also in histograms, which have many lines for each
 * route. */
struct sl_metric_bounds {
    uint32_t routes, histogram_routes;
};
/* Interned labels; `other` when no more routes may have labels of their own. It takes a lock, so keep the result. */
const struct sl_metric_labels *sl_metrics_intern(struct sl_metrics *metrics, const struct sl_metric_labels *labels,
                                                 const struct sl_metric_bounds *bounds);

/* --- counting: from the worker's own thread only --- */

SL_MUST int sl_metrics_worker_new(struct sl_metrics *metrics, struct sl_metrics_worker **ret);
void sl_metrics_add(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key);
/* Adds `n` to a counter. */
void sl_metrics_add_many(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key,
                         uint64_t n);
/* A call succeeded, and nobody knows what it cost. */
void sl_metrics_unpriced(struct sl_metrics_worker *worker);
/* Adds to a histogram: microseconds, or tokens. */
void sl_metrics_observe(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key,
                        uint64_t value);
void sl_metrics_in_flight(struct sl_metrics_worker *worker, int change);
/* Sets the addresses of the worker's numbers of upstream connections (all, idle); they must live as long as the
 * metrics. */
void sl_metrics_watch(struct sl_metrics_worker *worker, const atomic_uint *n_conns, const atomic_uint *n_idle);

/* --- reading: any thread --- */

/* Sums over the workers. */
struct sl_metrics_gauges {
    uint64_t in_flight, upstream_conns, upstream_idle, unpriced;
};
void sl_metrics_gauges_read(struct sl_metrics *metrics, struct sl_metrics_gauges *ret);

struct sl_metric_series {
    struct sl_metric_series *next;
    enum sl_metric metric;
    uint64_t hash;
    struct sl_metric_key key;
    /* The value of a counter; or the sum of a histogram, then its buckets, the last of them without a bound. */
    atomic_uint_fast64_t v[];
};
/* 1 for a counter; for a histogram, 1 for the sum and 1 for each bucket, that without a bound included. */
size_t sl_metric_value_count(enum sl_metric metric);
/* The series of all workers, unsorted. The caller frees the list; the series live as long as the metrics. */
SL_MUST int sl_metrics_collect(struct sl_metrics *metrics, struct sl_metric_series ***ret, size_t *ret_n);

#endif
