/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the status that was counted. */
#ifndef SL_GATE_STATUS_COUNTS_H
#define SL_GATE_STATUS_COUNTS_H

struct sl_jw;
struct sl_totals;

/* Writes members: the sums of all routes, then each route. */
void sl_status_counts_write(struct sl_jw *w, const struct sl_totals *totals);
/* Writes members: the upper bounds of the buckets. */
void sl_status_bounds_write(struct sl_jw *w);

#endif
