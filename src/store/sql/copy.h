/* SPDX-License-Identifier: Apache-2.0 */
/* Copies all rows of one store to another, empty one: of another kind, or under another secret key. */
#ifndef SL_STORE_SQL_COPY_H
#define SL_STORE_SQL_COPY_H

#include "store/sql/db.h"

struct sl_store_copied;

/* Both are in a transaction of the caller. Routes are encrypted anew, under the key of `to`. SL_E_KEY: one cannot be
 * decrypted. */
SL_MUST int sl_sql_copy(struct sl_db *from, struct sl_db *to, struct sl_store_copied *ret, struct sl_err *err);

#endif
