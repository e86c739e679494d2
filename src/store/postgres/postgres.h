/* SPDX-License-Identifier: Apache-2.0 */
/* The store on PostgreSQL: many nodes share it. */
#ifndef SL_STORE_POSTGRES_POSTGRES_H
#define SL_STORE_POSTGRES_POSTGRES_H

#include "store/ops.h"

extern const struct sl_store_ops sl_store_postgres;

#endif
