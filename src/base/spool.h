/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in a temporary file without a name, when they would need too much memory. The file is gone with the process.
 * Bytes are added at its end and read anywhere. */
#ifndef SL_BASE_SPOOL_H
#define SL_BASE_SPOOL_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sl_budget;

struct sl_spool {
    int fd; /* -1: not open */
    uint64_t n;
    struct sl_budget *budget; /* for all spools together; NULL: none */
};

#define SL_SPOOL_INIT ((struct sl_spool){ .fd = -1 })

/* SL_E_IO: no file can be made in the folder; *err has the system's text. SL_E_LIMIT: its path is too long. */
SL_MUST int sl_spool_open(struct sl_spool *spool, struct sl_str folder, struct sl_budget *budget, struct sl_err *err);
/* Adds bytes. SL_E_BUDGET; SL_E_IO: the disk is full, or fails. */
SL_MUST int sl_spool_add(struct sl_spool *spool, struct sl_str bytes, struct sl_err *err);
/* Reads exactly n bytes that were added before. SL_E_IO. */
SL_MUST int sl_spool_read(const struct sl_spool *spool, uint64_t at, char *out, size_t n, struct sl_err *err);
/* Also for one that is not open. */
void sl_spool_close(struct sl_spool *spool);

#endif
