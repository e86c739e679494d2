/* SPDX-License-Identifier: Apache-2.0 */
/* Which provider serves which type of route: found by building a request of each, for docs/providers.md. */
#ifndef SL_TOOLS_TYPE_TABLE_H
#define SL_TOOLS_TYPE_TABLE_H

struct sl_buf;

/* The table; a status in `out` after a message. */
void type_table_write(struct sl_buf *out);

#endif
