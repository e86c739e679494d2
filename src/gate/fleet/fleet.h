/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of limits that several nodes share, on Redis or Valkey: of N nodes a limit of C lets exactly C calls
 * through. Each worker has a link: one connection, by which it asks for its calls (link.h). What all nodes have added
 * up is on the server; what this node has added is in the limiter, too (policy/limit_home.h), so that nothing is
 * forgotten when the server loses its data. */
#ifndef SL_GATE_FLEET_H
#define SL_GATE_FLEET_H

#include <stdbool.h>

#include "base/err.h"

struct sl_fleet;
struct sl_fleet_conf;
struct sl_limiter;

/* `n_workers`: how many links there will be. The limiter must be new. SL_E_NOMEM. */
SL_MUST int sl_fleet_new(const struct sl_fleet_conf *conf, struct sl_limiter *limiter, uint32_t n_workers,
                         struct sl_fleet **ret);
/* After all its links have ended. NULL is fine. */
void sl_fleet_free(struct sl_fleet *fleet);
/* Connects once, and leaves again. SL_E_INVAL: the server must not be used as it is, and `err` says why. SL_E_IO: it
 * cannot be reached now. */
SL_MUST int sl_fleet_try(struct sl_fleet *fleet, struct sl_err *err);

/* Any thread. True: every link can ask. */
bool sl_fleet_is_up(const struct sl_fleet *fleet);
/* How often the server was found with other data than before: the nodes have told what they know then. */
uint64_t sl_fleet_epochs(const struct sl_fleet *fleet);

#endif
