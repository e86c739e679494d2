/* SPDX-License-Identifier: Apache-2.0 */
/* Writes rows as a block into the right file, and keeps the list of these files. On the log's thread. */
#ifndef SL_LOG_SEAL_H
#define SL_LOG_SEAL_H

#include "log/segment.h"

struct sl_rlog;
struct sl_str;

/* *ret: the block, which is on disk. */
SL_MUST int sl_rlog_seal_rows(struct sl_rlog *log, uint64_t first_row, const struct sl_str *rows, uint32_t n,
                              struct sl_block **ret, struct sl_err *err);
/* Takes the file, which is newer than all others. */
SL_MUST int sl_rlog_add_segment(struct sl_rlog *log, struct sl_segment *segment);
/* A file of blocks, and the age of the newest rows when they are sealed, are at most this part of what is kept. */
uint64_t sl_rlog_part_usec(const struct sl_rlog *log);

#endif
