/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the operator of alerts: a line of the log, and the webhook, if there is one. One worker does this for the
 * process, on its own loop and with its own client, one alert after the other. What cannot be delivered is tried again,
 * for a day, with longer and longer pauses; a bounded number waits.
 *
 *   taken ─> logged ─> waiting ─> sent ─2xx─> delivered
 *                         ^         └─ no answer, or another status ─┐
 *                         └───────────────── pause ──────────────────┘ */
#ifndef SL_GATE_CALL_ALERTING_H
#define SL_GATE_CALL_ALERTING_H

#include "base/err.h"

struct sl_worker;

/* The worker tells the operator from now on. SL_E_NOMEM. */
SL_MUST int sl_alerting_start(struct sl_worker *worker);
/* Takes the alerts that were raised. Does nothing on a worker that does not tell the operator. */
void sl_alerting_take(struct sl_worker *worker);
/* Ends the attempt that runs. Alerts that wait are given up, and the log says how many. */
void sl_alerting_stop(struct sl_worker *worker);

#endif
