/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a request that no row of the path table takes. */
#ifndef SL_GATE_NOPATH_H
#define SL_GATE_NOPATH_H

struct sl_xchg;

/* 405 with Allow where the path is there for other methods; 307 to the path with or without the slash at its end where
 * that is one; else 404. As MLflow's server does, whatever the method. Ends the exchange. */
void sl_nopath_refuse(struct sl_xchg *x);

#endif
