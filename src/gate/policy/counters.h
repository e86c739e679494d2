/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of windows of an hour and more survive a restart: the store's thread collects changed counters twice a
 * second, and at the end. Counters of shorter windows start at zero. */
#ifndef SL_GATE_COUNTERS_H
#define SL_GATE_COUNTERS_H

#include <stdbool.h>

#include "base/err.h"

struct sl_limit_record;
struct sl_limiter;
struct sl_store;

#define SL_COUNTERS_PERIOD_MIN 3600000000ull

struct sl_counters {
    struct sl_limiter *limiter;
    /* True: what the record counts is limited now. The caller sets both before a tick. */
    bool (*is_alive)(const void *arg, const struct sl_limit_record *record);
    const void *alive_arg;
    bool is_behind;   /* some records were left out for lack of memory: the next tick writes all counters */
    uint64_t n_ticks; /* for removing counters whose window is over now and then */
    size_t n_puts;    /* counters that were written since then */
};

/* Call this before the store starts. */
SL_MUST int sl_counters_load(struct sl_counters *counters, struct sl_store *store, struct sl_err *err);
/* The on_tick of struct sl_store_cbs; its argument is `counters`. */
int sl_counters_tick(void *counters, struct sl_store *store, bool was_lost, struct sl_err *err);

#endif
