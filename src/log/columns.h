/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of one sealed block, each read when it is first asked for. For one thread. */
#ifndef SL_LOG_COLUMNS_H
#define SL_LOG_COLUMNS_H

#include "log/query.h"
#include "log/segment.h"

struct sl_columns {
    const struct sl_block *block;
    int fd;                                    /* of the block's file; not owned */
    char **bytes;                              /* of each section; NULL: not read yet */
    struct sl_packed numbers[SL_RLOG_NUMBERS]; /* n == 0: not open yet */
    struct sl_texts texts[SL_RLOG_TEXTS];
    struct sl_str *words[SL_RLOG_TEXTS]; /* NULL: not open yet */
    struct sl_str codes[SL_RLOG_TEXTS];
};

SL_MUST int sl_columns_init(struct sl_columns *columns, const struct sl_block *block, int fd);
void sl_columns_done(struct sl_columns *columns);

/* Each of the following returns 0, SL_E_DAMAGED, SL_E_IO or SL_E_NOMEM. */

/* The bytes of a section; p == NULL: the block has none. */
SL_MUST int sl_columns_get(struct sl_columns *columns, enum sl_section_kind kind, unsigned tag, struct sl_str *ret);
/* A whole row. Its texts live as long as the columns. */
SL_MUST int sl_columns_row(struct sl_columns *columns, uint32_t row, struct sl_rlog_row *ret);
/* Which rows the query fits: 1 in `ret_fits` (n_rows bytes), else 0. *ret_n: how many. *ret_all: all fit, and
 * `ret_fits` was not written. */
SL_MUST int sl_columns_select(struct sl_columns *columns, const struct sl_rlog_query *query, uint8_t *ret_fits,
                              uint32_t *ret_n, bool *ret_all);

#endif
