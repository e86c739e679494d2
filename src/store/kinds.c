/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ops.h"
#include "store/sqlite/sqlite.h"

const struct sl_store_ops *const sl_store_kinds[] = {
    &sl_store_sqlite,
    NULL,
};
