/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's connection to the server of the shared counters. Belongs to its loop. */
#ifndef SL_GATE_FLEET_LINK_H
#define SL_GATE_FLEET_LINK_H

#include "base/err.h"

struct sl_counter_home;
struct sl_fleet;
struct sl_fleet_link;
struct sl_loop;
struct sl_metrics_worker;

/* Begins to connect. `metrics` may be NULL. SL_E_NOMEM. */
SL_MUST int sl_fleet_link_new(struct sl_fleet *fleet, struct sl_loop *loop, uint32_t number,
                              struct sl_metrics_worker *metrics, struct sl_fleet_link **ret);
struct sl_counter_home *sl_fleet_link_home(struct sl_fleet_link *link);
/* Ends it: no call asks any more. `on_done` is called from the loop when what was sent has arrived, or soon; it may
 * free the link. */
void sl_fleet_link_end(struct sl_fleet_link *link, void (*on_done)(void *arg), void *arg);

/* Not before on_done. NULL is fine. */
void sl_fleet_link_free(struct sl_fleet_link *link);

#endif
