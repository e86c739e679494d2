/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of /metrics, summed up by route: what an overview shows. Everything since the process's start. */
#ifndef SL_GATE_TOTALS_H
#define SL_GATE_TOTALS_H

#include "base/arena.h"
#include "base/map.h"
#include "gate/watch/metric_rows.h"
#include "llm/core/error.h"

struct sl_reading_source;

/* The buckets of a histogram of times, the last without a bound. */
#define SL_TOTALS_BUCKETS 24

struct sl_totals_row {
    struct sl_str name; /* as in the label `route`; of the sum of all: p == NULL */
    uint64_t calls, errors;
    uint64_t types[SL_ERR_COUNT];                                /* the errors by type */
    uint64_t refused;                                            /* calls that a limit refused */
    uint64_t whole[SL_TOTALS_BUCKETS], first[SL_TOTALS_BUCKETS]; /* times until the last byte, and the first event */
    uint64_t input, output;                                      /* tokens */
    uint64_t cost_nano;
    int64_t used; /* of its fullest limit, in millionths; -1: it has none, or nothing of it is used */
};

struct sl_totals {
    struct sl_totals_row all;
    struct sl_totals_row **rows; /* those with most calls first */
    size_t n;
    struct sl_map by_name;
    struct sl_arena arena;
};

/* Reads everything; any thread. The names live as long as the source's snapshot and metrics. SL_E_NOMEM: there is
 * nothing to free. */
SL_MUST int sl_totals_make(const struct sl_reading_source *source, struct sl_totals *ret);
void sl_totals_done(struct sl_totals *totals);

/* The metrics whose times a row has. */
#define SL_TOTALS_WHOLE SL_METRIC_SERVER_DURATION
#define SL_TOTALS_FIRST SL_METRIC_FIRST_TOKEN
/* A quantile of such times, in seconds; -1: there are none. */
double sl_totals_quantile(enum sl_metric metric, const uint64_t *buckets, double q);

#endif
