/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of requests: from a head to a handler, or to an admitted call. */
#ifndef SL_GATE_FRONT_H
#define SL_GATE_FRONT_H

struct sl_worker;

extern const struct sl_hserver_cbs sl_front_server_cbs;

/* The drain's time is over: ends every running exchange with an error in its dialect. That is a 503 if nothing was sent
 * yet, an error event in a stream, and a cut in a whole reply. */
void sl_front_end_all(struct sl_worker *worker);
/* Call this when the last client of a drain is gone: ends shadow calls, for which nobody waits. */
void sl_front_end_shadows(struct sl_worker *worker);

#endif
