/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ops.h"
#include "store/postgres/postgres.h"
#include "store/sqlite/sqlite.h"

const struct sl_store_ops *const sl_store_kinds[] = {
    &sl_store_sqlite,
    &sl_store_postgres,
    NULL,
};
