/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of windows of an hour and more survive a restart: the store's thread collects what changed twice a second
 * and at the end. Shorter ones start afresh. */
#ifndef SL_GATE_COUNTERS_H
#define SL_GATE_COUNTERS_H

#include <stdbool.h>

#include "base/err.h"

struct sl_store;
struct sl_limiter;
struct sl_store;

#define SL_COUNTERS_PERIOD_MIN 3600000000ull

struct sl_counters {
    struct sl_limiter *limiter;
    bool is_behind;   /* something was left out for lack of memory: everything is written again */
    uint64_t n_ticks; /* counters whose window is over are removed now and then */
};

/* Before the store's start. */
SL_MUST int sl_counters_load(struct sl_counters *counters, struct sl_store *store, struct sl_err *err);
/* For struct sl_store_cbs; `counters`. */
int sl_counters_tick(void *counters, struct sl_store *store, bool was_lost, struct sl_err *err);

#endif
