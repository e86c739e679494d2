/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms for Prometheus. Each worker counts in a table of its own, which only it writes; a reader on
 * any thread sums over the workers. A series is made on first use and then costs no allocation.
 *
 * One table (metrics.c) has every name, help text, label and bucket; docs/metrics.md is made from it. */
#ifndef SL_GATE_METRICS_H
#define SL_GATE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"
#include "llm/core/error.h"

enum sl_metric {
    SL_METRIC_SERVER_DURATION,
    SL_METRIC_FIRST_TOKEN,
    SL_METRIC_PER_TOKEN,
    SL_METRIC_CLIENT_DURATION,
    SL_METRIC_TOKENS,
    SL_METRIC_REQUESTS,
    SL_METRIC_IN_FLIGHT,
    SL_METRIC_OVERHEAD,
    SL_METRIC_ATTEMPTS,
    SL_METRIC_LIMITS,
    SL_METRIC_LIMIT_USED,
    SL_METRIC_UPSTREAM_CONNECTIONS,
    SL_METRIC_CLIENT_GONE,
    SL_METRIC_USAGE_MISSING,
    SL_METRIC_LOG_DROPPED,
    SL_METRIC_CONFIG_RELOAD,
    SL_METRIC_CONFIG_VERSION,
    SL_METRIC_BUILD_INFO,
    SL_METRIC_PROCESS_CPU,
    SL_METRIC_PROCESS_RESIDENT,
    SL_METRIC_PROCESS_VIRTUAL,
    SL_METRIC_PROCESS_FDS,
    SL_METRIC_PROCESS_MAX_FDS,
    SL_METRIC_PROCESS_START,
    SL_METRIC_COUNT
};

/* Series of one worker that are made for single routes; beyond it they are counted under `other`. */
#define SL_METRICS_SERIES_MAX 100000

/* What a route's target contributes. Interned: equal texts are one object, which lives as long as the process. */
struct sl_metric_labels {
    struct sl_str route, operation, provider, model;
};

struct sl_metrics;
struct sl_metrics_worker;

/* What names a series beside its metric; what a metric has no label for stays zero. Texts are literals. */
struct sl_metric_key {
    const struct sl_metric_labels *labels;
    const char *dialect;
    const char *word; /* outcome, decision, token type, … */
    uint16_t status;
    uint8_t error_type; /* enum sl_error_type */
    bool is_stream;
};

SL_MUST int sl_metrics_new(struct sl_metrics **ret);
/* The workers' tables go with it. */
void sl_metrics_free(struct sl_metrics *metrics);

/* Labels for what is not a configured route ("other"), and for requests that ask for none ("none"). */
const struct sl_metric_labels *sl_metrics_other(const struct sl_metrics *metrics);
const struct sl_metric_labels *sl_metrics_none(const struct sl_metrics *metrics);
/* Interned labels; `other` when `max_routes` routes have labels already. Takes a lock: keep the result. */
const struct sl_metric_labels *sl_metrics_intern(struct sl_metrics *metrics, const struct sl_metric_labels *labels,
                                                 uint32_t max_routes);

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

/* A value that somebody else keeps, read now. `scale` units are one: 1000000 for microseconds and shares. */
struct sl_metric_reading {
    enum sl_metric metric;
    const char *word; /* of its label, or NULL */
    uint64_t value;
    uint32_t scale;
    const struct sl_metric_labels *labels; /* of a route, or NULL */
};

/* Sums over the workers. */
struct sl_metrics_gauges {
    uint64_t in_flight, upstream_conns, upstream_idle;
};
void sl_metrics_gauges_read(struct sl_metrics *metrics, struct sl_metrics_gauges *ret);
/* Prometheus text 0.0.4. Failures stay in the buffer's status. */
void sl_metrics_write(struct sl_metrics *metrics, const struct sl_metric_reading *readings, size_t n_readings,
                      struct sl_buf *out);
/* docs/metrics.md. */
void sl_metrics_write_docs(struct sl_buf *out);

#endif
