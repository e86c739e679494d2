/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics that are read when somebody asks for them, one row with its reader each. */
#ifndef SL_GATE_READINGS_H
#define SL_GATE_READINGS_H

#include "gate/watch/metric.h"

struct sl_gate;
struct sl_snapshot;

/* The source of the readers; they run on any thread. */
struct sl_reading_source {
    struct sl_gate *gate;
    const struct sl_snapshot *snapshot; /* in force; held by the caller */
};

/* Ends with a row without a reader. For struct sl_reading_source. */
extern const struct sl_reading sl_readings[];

#endif
