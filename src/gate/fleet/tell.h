/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet: a worker's shares, that is what it has added to each counter, as the limiter knows it. The
 * server puts them in the place of what it has of this worker. */
#ifndef SL_GATE_FLEET_TELL_H
#define SL_GATE_FLEET_TELL_H

#include "base/err.h"

struct sl_fleet_link;

/* Sends them. `told` of the link's events follows, maybe at once. SL_E_NOMEM, SL_E_IO. */
SL_MUST int sl_fleet_tell(struct sl_fleet_link *link);

#endif
