/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms for Prometheus. Each worker counts in a table of its own, which only it writes; a reader on
 * any thread sums over the workers. A series is made on first use and then costs no allocation. */
#ifndef SL_GATE_METRICS_H
#define SL_GATE_METRICS_H

#include <stdatomic.h>

#include "base/err.h"
#include "gate/watch/metric_rows.h"

/* Series of one worker that are made for single routes; beyond it they are counted under `other`. */
#define SL_METRICS_SERIES_MAX 100000

struct sl_metrics;
struct sl_metrics_worker;

SL_MUST int sl_metrics_new(struct sl_metrics **ret);
/* The workers' tables go with it. */
void sl_metrics_free(struct sl_metrics *metrics);

/* Labels for what is not a configured route ("other"), and for requests that ask for none ("none"). */
const struct sl_metric_labels *sl_metrics_other(const struct sl_metrics *metrics);
const struct sl_metric_labels *sl_metrics_none(const struct sl_metrics *metrics);
/* How many routes have labels of their own, and how many of these in histograms, which have many lines a route. */
struct sl_metric_bounds {
    uint32_t routes, histogram_routes;
};
/* Interned labels; `other` when as many routes as may have labels have them. Takes a lock: keep the result. */
const struct sl_metric_labels *sl_metrics_intern(struct sl_metrics *metrics, const struct sl_metric_labels *labels,
                                                 const struct sl_metric_bounds *bounds);

/* --- counting: from the worker's own thread only --- */

SL_MUST int sl_metrics_worker_new(struct sl_metrics *metrics, struct sl_metrics_worker **ret);
void sl_metrics_add(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key);
/* Into a histogram: microseconds, or tokens. */
void sl_metrics_observe(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key,
                        uint64_t value);
void sl_metrics_in_flight(struct sl_metrics_worker *worker, int change);
/* Where the worker's numbers of upstream connections (all, idle) are kept: as long as the metrics live. */
void sl_metrics_watch(struct sl_metrics_worker *worker, const atomic_uint *n_conns, const atomic_uint *n_idle);

/* --- reading: any thread --- */

/* Sums over the workers. */
struct sl_metrics_gauges {
    uint64_t in_flight, upstream_conns, upstream_idle;
};
void sl_metrics_gauges_read(struct sl_metrics *metrics, struct sl_metrics_gauges *ret);

struct sl_metric_series {
    struct sl_metric_series *next;
    enum sl_metric metric;
    uint64_t hash;
    struct sl_metric_key key;
    /* A counter's value; or a histogram's sum, then its buckets, the last one without bound. */
    atomic_uint_fast64_t v[];
};
/* A counter has one; a histogram its sum, its buckets and the one without bound. */
size_t sl_metric_value_count(enum sl_metric metric);
/* Every worker's series, in no order; the list is the caller's to free, the series live as long as the metrics. */
SL_MUST int sl_metrics_collect(struct sl_metrics *metrics, struct sl_metric_series ***ret, size_t *ret_n);

#endif
