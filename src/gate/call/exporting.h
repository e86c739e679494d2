/* SPDX-License-Identifier: Apache-2.0 */
/* Sends spans to the operator's collector, as OTLP over HTTP. One worker does this for the process, on its own loop and
 * with its own client, one batch after the other. A batch that the collector does not take is sent again, with longer
 * and longer pauses, for five minutes; meanwhile the rings of the workers fill, and what they have no room for is
 * dropped.
 *
 *   rings ─a second, or a ring is filling─> batch ─> sent ─2xx─> counted
 *                                             ^        ├─ 429, 502, 503, 504, no answer ─┐    else: counted as rejected
 *                                             └──────────────────── pause ───────────────┘ */
#ifndef SL_GATE_EXPORTING_H
#define SL_GATE_EXPORTING_H

#include "base/err.h"

struct sl_worker;

/* The worker sends spans from now on. SL_E_NOMEM. */
SL_MUST int sl_exporting_start(struct sl_worker *worker);
/* Call this when spans came, and when the settings may have changed. Does nothing on a worker that does not send. */
void sl_exporting_look(struct sl_worker *worker);
/* Sends what waits, as long as the collector takes it, for two seconds at most; then calls `fn`, maybe at once. The
 * rest is dropped. */
void sl_exporting_end(struct sl_worker *worker, void (*fn)(void *arg), void *arg);
/* Accepts a worker that does not send. */
void sl_exporting_stop(struct sl_worker *worker);

#endif
