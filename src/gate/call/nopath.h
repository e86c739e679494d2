/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a request that no row of the path table takes. */
#ifndef SL_GATE_NOPATH_H
#define SL_GATE_NOPATH_H

#include <stdbool.h>

struct sl_xchg;

/* A proxy in front may leave what the gateway is published under at the front of the path. Where the path as it stands
 * fits no row, whatever the method and the slash at its end, and begins with that prefix, the match's path is what
 * comes behind it. True: it was cut, look again. */
bool sl_nopath_cut(struct sl_xchg *x);
/* 405 with Allow where the path is there for other methods; 307 to the path with or without the slash at its end where
 * that is one; else 404. As MLflow's server does, whatever the method. Ends the exchange. */
void sl_nopath_refuse(struct sl_xchg *x);

#endif
