/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the usage ledger in memory: one for each time and each set of names, with a copy of the names. Belongs to one
 * thread at a time. */
#ifndef SL_GATE_SHEET_H
#define SL_GATE_SHEET_H

#include "base/buf.h"
#include "base/map.h"

struct sl_usage_query;
struct sl_usage_row;

struct sl_sheet {
    struct sl_map rows;
    struct sl_buf key; /* room for the key that is looked for */
};

void sl_sheet_init(struct sl_sheet *sheet);
void sl_sheet_done(struct sl_sheet *sheet);
/* Adds the sums to the row of that time and those names. SL_E_NOMEM. */
SL_MUST int sl_sheet_add(struct sl_sheet *sheet, const struct sl_usage_row *row);
/* for (size_t i = 0; (row = sl_sheet_each(sheet, &i)) != NULL;): in no order. Valid until the sheet changes. */
const struct sl_usage_row *sl_sheet_each(const struct sl_sheet *sheet, size_t *io_index);
/* Adds of the rows of `from` what the query asks for. SL_E_NOMEM; SL_E_LIMIT: more rows than query->max. */
SL_MUST int sl_sheet_ask(struct sl_sheet *sheet, const struct sl_sheet *from, const struct sl_usage_query *query);
/* The same for one row that the store has summed up already. */
SL_MUST int sl_sheet_take(struct sl_sheet *sheet, const struct sl_usage_row *row, const struct sl_usage_query *query);

#endif
