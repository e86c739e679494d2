/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks of the targets of routes with `sluice.health`. One worker makes them for the process, on its own loop
 * and with its own client. The results go to the route's pool, which all workers read. A target has one check at a
 * time, and a check may take as long as connecting.
 *
 *   due ─> connect, or GET of the models ─answered──> well ─> due again in `every`
 *                     └─ refused, too late, 401, 5xx ─> failed ─> again after a second, until the target is down */
#ifndef SL_GATE_CALL_HEALTH_H
#define SL_GATE_CALL_HEALTH_H

#include "base/err.h"

struct sl_arena;
struct sl_hcall_req;
struct sl_route;
struct sl_worker;

/* Makes a GET of the models for a target whose provider has such a list (models_target) and whose credential is not
 * fetched. The headers are those of a call, without what comes from a client. SL_E_NOMEM. */
SL_MUST int sl_health_ask(const struct sl_route *route, uint32_t target, struct sl_arena *arena,
                          struct sl_hcall_req *io_req);
/* The worker makes the checks from now on, for the routes of its snapshot. SL_E_NOMEM. */
SL_MUST int sl_health_start(struct sl_worker *worker);
/* Checks the routes of the newest snapshot from now on, and no others. Does nothing on a worker that makes no checks.
 */
void sl_health_refresh(struct sl_worker *worker);
/* Ends the checks that run. No check begins afterwards. */
void sl_health_stop(struct sl_worker *worker);

#endif
