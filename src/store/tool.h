/* SPDX-License-Identifier: Apache-2.0 */
/* What `sluice db` does on a data directory, whether or not a daemon runs on it. */
#ifndef SL_STORE_TOOL_H
#define SL_STORE_TOOL_H

#include "base/err.h"

struct sl_store_report {
    uint64_t n_routes, n_limits;
    int schema;
};

/* Structure, schema, and that the secret key opens every route, and that every row is what was written.
 * SL_E_DAMAGED, SL_E_KEY or SL_E_IO with what is wrong. */
SL_MUST int sl_store_check(const char *dir, struct sl_store_report *ret, struct sl_err *err);
/* A whole copy as of one moment, while the daemon writes or not. `file` must not exist. Without the secret key: keep
 * that elsewhere. */
SL_MUST int sl_store_backup(const char *dir, const char *file, struct sl_err *err);

/* Another secret key, while no daemon runs on the directory: SL_E_BUSY when one does. */
SL_MUST int sl_store_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err);

#endif
