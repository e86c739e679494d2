/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet: asks a place of a list, a Sentinel or a node of a cluster, where the server is. */
#ifndef SL_GATE_FLEET_FIND_H
#define SL_GATE_FLEET_FIND_H

#include "base/err.h"

struct sl_fleet_link;

/* The link is connected to the place. `found` or `greeted` of its events follows: a node of a cluster is greeted at
 * once. SL_E_NOMEM, SL_E_IO. */
SL_MUST int sl_fleet_find(struct sl_fleet_link *link);

#endif
