/* SPDX-License-Identifier: Apache-2.0 */
/* The newest rows of the request log: in memory for readers, and in a file, so that they outlive the process. A file is
 *
 *   "SLRACT1" and a NUL, the number of its first row (8), a salt (4), their CRC (4)
 *   rows: length (4), CRC of salt and row (4), the row (log/row.h)
 *
 * The salt is random: so a caller's text cannot be taken for a row when a file is damaged. One thread adds rows; any
 * thread reads those that were published. */
#ifndef SL_LOG_ACTIVE_H
#define SL_LOG_ACTIVE_H

#include <stdatomic.h>

#include "log/block.h"

/* Rows are sealed when they take more, even if they are fewer than a block may have. */
#define SL_ACTIVE_BYTES (8u << 20)

struct sl_active {
    atomic_uint refs;
    uint64_t first_row;
    uint32_t salt;
    char *bytes;
    uint32_t *ends;     /* of each row in `bytes` */
    atomic_uint n_rows; /* published: they are in the file */
    /* Of the thread that adds. */
    uint32_t n_added;
    size_t len, written; /* bytes in memory, and in the file */
    size_t file_at;      /* where the next one goes in the file */
    int fd;
    char *path;
    int64_t oldest_usec; /* the time of its first row; INT64_MAX: it has none */
};

/* Makes the file, which must not exist. */
SL_MUST int sl_active_new(const char *dir, uint64_t first_row, uint32_t salt, struct sl_active **ret,
                          struct sl_err *err);
struct sl_active *sl_active_ref(struct sl_active *active);
/* The last one closes the file, which stays. */
void sl_active_unref(struct sl_active *active);

/* True: there is room for a row of any length. */
bool sl_active_has_room(const struct sl_active *active);
/* Room for a row of `n` bytes; then call sl_active_added. */
char *sl_active_room(struct sl_active *active, size_t n);
void sl_active_added(struct sl_active *active, size_t n);
/* Writes what was added and publishes it. SL_E_IO: these rows are gone (*ret_lost); *err has the reason. */
SL_MUST int sl_active_write(struct sl_active *active, uint32_t *ret_lost, struct sl_err *err);

/* Row `i` of those that are published. */
struct sl_str sl_active_row(const struct sl_active *active, uint32_t i);

/* Reads a file's rows: calls fn for each. *ret_bad: how many bytes are damaged. SL_E_DAMAGED: it is no such file. */
SL_MUST int sl_active_read(struct sl_str file, uint64_t *ret_first_row, void (*fn)(void *arg, struct sl_str row),
                           void *arg, size_t *ret_bad);

#endif
