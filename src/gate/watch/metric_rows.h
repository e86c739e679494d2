/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics that workers count, one row each, and the labels of all metrics. The rows of metrics that are only read
 * are in readings.c. */
#ifndef SL_GATE_METRIC_ROWS_H
#define SL_GATE_METRIC_ROWS_H

#include "gate/watch/metric.h"

enum sl_metric {
    SL_METRIC_SERVER_DURATION,
    SL_METRIC_FIRST_TOKEN,
    SL_METRIC_PER_TOKEN,
    SL_METRIC_CLIENT_DURATION,
    SL_METRIC_TOKENS,
    SL_METRIC_REQUESTS,
    SL_METRIC_OVERHEAD,
    SL_METRIC_ATTEMPTS,
    SL_METRIC_RETRY_BUDGET_REFUSED,
    SL_METRIC_QUEUE_WAIT,
    SL_METRIC_HEDGES,
    SL_METRIC_SHADOWS,
    SL_METRIC_LIMITS,
    SL_METRIC_COUNTERS,
    SL_METRIC_CLIENT_GONE,
    SL_METRIC_USAGE_MISSING,
    SL_METRIC_COST,
    SL_METRIC_COUNT
};

struct sl_metric_label_row {
    const char *name, *help;
};

extern const struct sl_metric_label_row sl_metric_label_rows[LB_COUNT];
extern const struct sl_metric_family sl_metric_families[SL_METRIC_COUNT];

#endif
