/* SPDX-License-Identifier: Apache-2.0 */
/* Where a list of routes goes on. A token is MLflow's, standard base64 of {"index": N}, plus "after": the name of the
 * last route told; and "before": a few names further up, for when that one is gone. So a list that is read while routes
 * come and go misses none that stayed, at the price of telling a few twice. A bare index still works. */
#ifndef SL_GATE_PAGE_H
#define SL_GATE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct sl_jw;
struct sl_snapshot;
struct sl_xchg;

/* MLflow's page. */
#define SL_PAGE_SIZE 3000

/* The first route to tell, at most sl_snapshot_count. False: it was refused, the query's page_token is not one. */
bool sl_page_start_or_refuse(struct sl_xchg *x, const struct sl_snapshot *snapshot, uint32_t *ret_start);
/* The member next_page_token of a page that ended before `next`; null behind the last route. */
void sl_page_token_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_snapshot *snapshot, uint32_t next);

#endif
