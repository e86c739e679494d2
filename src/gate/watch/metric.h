/* SPDX-License-Identifier: Apache-2.0 */
/* The types of metrics: a family with its labels, and the key of one series. */
#ifndef SL_GATE_METRIC_H
#define SL_GATE_METRIC_H

#include "base/str.h"

enum sl_metric_kind {
    SL_METRIC_IS_COUNTER,
    SL_METRIC_IS_GAUGE,
    SL_METRIC_IS_SECONDS,
    SL_METRIC_IS_TOKENS,
    SL_METRIC_IS_DOLLARS
};

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
    LB_MODEL,
    LB_TARGET,
    LB_OUTCOME,
    LB_HEDGED,
    LB_SHADOWED,
    LB_REASON,
    LB_DECISION,
    LB_SOURCE,
    LB_STATE,
    LB_CANCELLED,
    LB_RESULT,
    LB_VERSION,
    LB_FILE,
    LB_HANDSHAKE,
    LB_WHOSE,
    LB_ACCOUNT,
    LB_KIND,
    LB_AT,
    LB_FATE,
    LB_SPAN,
    LB_COUNT
};

#define SL_METRIC_LABELS_MAX 7

struct sl_metric_family {
    const char *name;
    enum sl_metric_kind kind;
    const uint64_t *buckets; /* NULL: no histogram */
    size_t n_buckets;
    enum sl_metric_label labels[SL_METRIC_LABELS_MAX];
    const char *help;
};

/* The label values of a route's target. Interned: equal texts are one object, which lives as long as the process. */
struct sl_metric_labels {
    struct sl_str route, operation, provider, model, target;
    bool has_histograms; /* own series in histograms; otherwise it counts as `other` there */
    struct sl_str owner; /* of a limit; only in readings */
};

/* The key of a series of a metric; values that the metric has no label for are zero. The texts live as long as the
 * process, except those of a reading. */
struct sl_metric_key {
    const struct sl_metric_labels *labels;
    const char *dialect;
    const char *word;   /* outcome, decision, token type, … */
    const char *source; /* of a decision */
    uint16_t status;
    uint8_t error_type; /* enum sl_error_type */
    bool is_stream;
};

/* Takes one value that was read, in units of 1 / `scale`: 1000000 for microseconds and shares. */
struct sl_reading_sink {
    void (*put)(struct sl_reading_sink *sink, const struct sl_metric_key *key, uint64_t value, uint32_t scale);
};

/* A metric whose value another module has: it is read when the page is made. `source` is the caller's. */
struct sl_reading {
    struct sl_metric_family family;
    void (*read)(struct sl_reading_sink *sink, const void *source);
};

#endif
