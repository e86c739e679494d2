/* SPDX-License-Identifier: Apache-2.0 */
/* The place where a list of routes goes on. A token is MLflow's (standard base64 of {"index": N}) with two more
 * members. "after" is the name of the last route of the page. "before" has a few names further up, in case that route
 * is gone. So a list that changes while it is read shows every route that stays, and may show a few twice. A token with
 * only the index still works. */
#ifndef SL_GATE_PAGE_H
#define SL_GATE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct sl_jw;
struct sl_snapshot;
struct sl_xchg;

/* The size of MLflow's pages. */
#define SL_PAGE_SIZE 3000

/* The index of the first route to list, at most sl_snapshot_count. False: the query's page_token is wrong and was
 * refused. */
bool sl_page_start_or_refuse(struct sl_xchg *x, const struct sl_snapshot *snapshot, uint32_t *ret_start);
/* Writes the member next_page_token of a page that ended before `next`; null after the last route. */
void sl_page_token_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_snapshot *snapshot, uint32_t next);

#endif
