/* SPDX-License-Identifier: Apache-2.0 */
/* The request log: a folder with the newest rows in a file (log/active.h) and all others in files of sealed blocks
 * (log/segment.h). Workers put rows into rings; one thread writes them, seals blocks, and deletes old files. Readers
 * take a view, which does not change. Rows have numbers, which only grow: a row keeps its number when it is sealed. */
#ifndef SL_LOG_RLOG_H
#define SL_LOG_RLOG_H

#include "log/active.h"
#include "log/ring.h"
#include "log/segment.h"

struct sl_rlog;

struct sl_rlog_conf {
    const char *dir; /* made if it is missing */
    uint64_t keep_usec, max_bytes;
    unsigned n_rings;
};

/* Reads what is there, says what is damaged, and starts the thread. */
SL_MUST int sl_rlog_open(const struct sl_rlog_conf *conf, struct sl_rlog **ret, struct sl_err *err);
/* Writes what is in the rings, and ends the thread. No view and no watch may be left. NULL is allowed. */
void sl_rlog_close(struct sl_rlog *log);

struct sl_rlog_ring *sl_rlog_ring(struct sl_rlog *log, unsigned i);
/* Adds a row, whose texts it copies. Rows of all rings are kept in the order of `end_usec` (monotonic). Never waits. */
void sl_rlog_push(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec);

/* From now on these bounds hold. Any thread. */
void sl_rlog_set_bounds(struct sl_rlog *log, uint64_t keep_usec, uint64_t max_bytes);

struct sl_rlog_counts {
    uint64_t n_written; /* rows that are on disk, since the start */
    uint64_t n_dropped; /* rows that a full ring or disk lost */
};
void sl_rlog_count(const struct sl_rlog *log, struct sl_rlog_counts *ret);

/* What the log had at one moment. */
struct sl_rlog_view {
    struct sl_blocks *blocks;
    struct sl_active *active;
    uint32_t n_active; /* rows of `active` that belong to the view */
};
void sl_rlog_view_take(struct sl_rlog *log, struct sl_rlog_view *ret);
void sl_rlog_view_drop(struct sl_rlog_view *view);
/* The number behind the newest row. */
uint64_t sl_rlog_view_end(const struct sl_rlog_view *view);

/* Calls fn(arg) on the log's thread after rows were added. Belongs to the caller until sl_rlog_unwatch returns. */
struct sl_rlog_watch {
    struct sl_rlog_watch *next;
    void (*fn)(void *arg);
    void *arg;
};
void sl_rlog_watch(struct sl_rlog *log, struct sl_rlog_watch *watch);
/* After this fn is not called, and does not run. */
void sl_rlog_unwatch(struct sl_rlog *log, struct sl_rlog_watch *watch);

#endif
