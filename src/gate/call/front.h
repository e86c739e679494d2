/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests come in: from a head to a handler, or to an admitted call. */
#ifndef SL_GATE_FRONT_H
#define SL_GATE_FRONT_H

struct sl_worker;

extern const struct sl_hserver_cbs sl_front_server_cbs;

/* The drain's time is over: every running exchange ends with an error in its dialect (503 where nothing left yet, the
 * error event in a stream, a cut in a whole reply). */
void sl_front_end_all(struct sl_worker *worker);
/* The last client of a drain is gone: what nobody waits for ends, too. */
void sl_front_end_shadows(struct sl_worker *worker);

#endif
