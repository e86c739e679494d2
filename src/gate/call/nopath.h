/* SPDX-License-Identifier: Apache-2.0 */
/* Answers requests that no row of the path table fits. */
#ifndef SL_GATE_NOPATH_H
#define SL_GATE_NOPATH_H

#include <stdbool.h>

struct sl_xchg;

/* A proxy may leave the prefix that the gateway is published under in the path. If no row fits the path, for any method
 * and with or without a slash at its end, and it begins with that prefix, removes the prefix from the match's path.
 * True: it was removed, look again. */
bool sl_nopath_cut(struct sl_xchg *x);
/* Ends the exchange, as MLflow's server does, for any method: 405 with Allow if the path has other methods; 307 if it
 * exists with or without the slash at its end; else 404. */
void sl_nopath_refuse(struct sl_xchg *x);

#endif
