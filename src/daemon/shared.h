/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes share besides routes: the database of store.postgres and the counters of counters.redis. */
#ifndef SL_DAEMON_SHARED_H
#define SL_DAEMON_SHARED_H

#include <stdint.h>

#include "base/err.h"

struct sl_fleet;
struct sl_limiter;
struct sl_settings;
struct sl_store_looker;
struct sl_store_report;

/* With SLUICE_SECRET_KEY, the hashes of all nodes that have it are the same, so that they can tell each other where
 * conversations are. Before anything is hashed. */
void sl_shared_hash_set(void);
/* For counters.redis, which is set. SL_E_NOMEM. */
SL_MUST int sl_shared_fleet_new(const struct sl_settings *settings, struct sl_limiter *limiter, uint32_t n_workers,
                                struct sl_fleet **ret, struct sl_err *err);
/* Connects to counters.redis once, as a start does, and leaves again. SL_E_INVAL: a start would end; SL_E_IO: it cannot
 * be reached. */
SL_MUST int sl_shared_counters_try(const struct sl_settings *settings, struct sl_err *err);
/* Without connecting: what a node must have for store.postgres, and that SLUICE_SECRET_KEY, where it is set, can be a
 * key. SL_E_INVAL. */
SL_MUST int sl_shared_store_check(const struct sl_settings *settings, struct sl_err *err);
/* The same, and looks at the database without changing it. */
SL_MUST int sl_shared_store_try(const struct sl_settings *settings, const struct sl_store_looker *looker,
                                struct sl_store_report *ret, struct sl_err *err);

#endif
