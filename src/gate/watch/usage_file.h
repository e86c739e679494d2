/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's file in the data directory, for a store that may be away: what a killed process had counted, and the
 * store had not, is counted by the next one. It is a list of rows in the order in which they were counted. A mark
 * stands behind the rows that were frozen with it; the rows behind the mark are open.
 *
 * It is written before the store is, and once the store has a sheet, a new file without its rows takes its place. A
 * failure costs what the file would have kept, and counts nothing twice. */
#ifndef SL_GATE_USAGE_FILE_H
#define SL_GATE_USAGE_FILE_H

#include "base/err.h"
#include "base/str.h"

struct sl_sheet;
struct sl_usage_file;
struct sl_usage_row;

/* `node`: the name under which this process keeps its mark in the store. Nothing is read or written yet. SL_E_NOMEM. */
SL_MUST int sl_usage_file_new(const char *dir, const char *node, struct sl_usage_file **ret);
/* Accepts NULL. The file stays. */
void sl_usage_file_free(struct sl_usage_file *file);

struct sl_usage_file_cbs {
    /* Whose mark decides about the rows that were frozen. */
    int (*on_node)(void *arg, struct sl_str node);
    int (*on_row)(void *arg, const struct sl_usage_row *row);
    int (*on_mark)(void *arg, uint64_t mark);
    void *arg;
};
/* Reports what another process left, in order; a result <0 ends it. Nothing was left: nothing is reported. What stands
 * behind damage is named to the operator, and cut off. After a failure the file is as it was, and is not to be written:
 * what was reported is still in it. SL_E_FOREIGN: a newer version's. SL_E_IO. */
SL_MUST int sl_usage_file_read(struct sl_usage_file *file, const struct sl_usage_file_cbs *cbs, struct sl_err *err);

/* Notes a row that was counted. */
void sl_usage_file_note(struct sl_usage_file *file, const struct sl_usage_row *row);
/* Writes what was noted behind the rest. False: the file should be renewed, because it is long, or this failed. */
bool sl_usage_file_write(struct sl_usage_file *file);
/* Replaces the file by one with the rows of these sheets; what was noted is among them. `is_frozen`: the store may get
 * the frozen rows from now on, so that the old file must not stay. */
void sl_usage_file_renew(struct sl_usage_file *file, const struct sl_sheet *frozen, uint64_t mark,
                         const struct sl_sheet *open, bool is_frozen);

#endif
