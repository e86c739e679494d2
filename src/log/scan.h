/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over the rows that a query fits, newest first or, for those who wait for new ones, oldest first; in slices, so
 * that no thread is busy for long. It reads files: never on a loop's thread. */
#ifndef SL_LOG_SCAN_H
#define SL_LOG_SCAN_H

#include "base/arena.h"
#include "base/map.h"
#include "log/query.h"

struct sl_rlog;

struct sl_rlog_scan {
    struct sl_rlog *log;
    const struct sl_rlog_query *query;
    uint64_t before; /* only rows with a smaller number; moves on with each slice; UINT64_MAX: from the newest on */
    bool is_done;    /* there are no more */
    int64_t searched_usec; /* all newer rows were looked at; INT64_MIN: all */
    uint64_t n_damaged;    /* rows that cannot be read */
};

/* False: enough; this row was the last. The row is valid during the call. */
typedef bool sl_rlog_row_fn(void *arg, uint64_t number, const struct sl_rlog_row *row);

/* One slice: calls fn for each row, newest first, until `until_usec` (monotonic) is over, fn returns false, or there
 * are no more. SL_E_NOMEM. */
SL_MUST int sl_rlog_scan_rows(struct sl_rlog_scan *scan, uint64_t until_usec, sl_rlog_row_fn *fn, void *arg);

/* Calls fn for each row from number *io_from on, oldest first, until fn returns false or there are no more.
 * *io_from: the number behind the last one looked at. For those who read rows as they come; it is not cut into slices.
 * SL_E_NOMEM. */
SL_MUST int sl_rlog_scan_from(struct sl_rlog *log, const struct sl_rlog_query *query, uint64_t *io_from,
                              sl_rlog_row_fn *fn, void *arg);
/* The number that the next row gets. */
uint64_t sl_rlog_end(struct sl_rlog *log);

/* --- counting --- */

#define SL_RLOG_FACETS_MAX 8
/* The most different texts of a column that are counted one by one. */
#define SL_RLOG_FACET_TEXTS_MAX 100000

struct sl_rlog_facet_count {
    struct sl_str text;
    uint64_t n;
};

/* How many rows have each text of some columns. */
struct sl_rlog_facets {
    struct sl_arena arena;
    uint64_t n_rows;
    uint32_t n;
    struct {
        enum sl_rlog_text text;
        struct sl_map counts; /* struct sl_rlog_facet_count */
        uint64_t n_others;    /* rows with texts beyond SL_RLOG_FACET_TEXTS_MAX */
    } v[SL_RLOG_FACETS_MAX];
};

void sl_rlog_facets_init(struct sl_rlog_facets *facets);
void sl_rlog_facets_done(struct sl_rlog_facets *facets);
/* One slice, as above. */
SL_MUST int sl_rlog_scan_count(struct sl_rlog_scan *scan, uint64_t until_usec, struct sl_rlog_facets *facets);

#endif
