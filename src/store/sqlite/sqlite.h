/* SPDX-License-Identifier: Apache-2.0 */
/* The store in one SQLite file. */
#ifndef SL_STORE_SQLITE_SQLITE_H
#define SL_STORE_SQLITE_SQLITE_H

#include "store/ops.h"

extern const struct sl_store_ops sl_store_sqlite;

#endif
