/* SPDX-License-Identifier: Apache-2.0 */
/* A job that prices the usage ledger anew (store/usage.h). */
#ifndef SL_STORE_REPRICE_H
#define SL_STORE_REPRICE_H

#include "store/store.h"

struct sl_usage_row;

/* A place in the walk. */
struct sl_usage_place {
    uint32_t level; /* minutes, hours, days */
    uint64_t at_sec;
    int64_t series;
};

/* Walks over the rows that begin in a time, a few of them a transaction, so that nobody waits long for it: when the
 * process is killed, some rows have their new sums and the others their old ones, and the next job does the rest. What
 * waited in memory when the job was asked for is written first. */
struct sl_store_reprice_job {
    struct sl_store_job base;
    uint64_t from_sec, to_sec; /* without the end */
    /* Runs on the store's thread, for each row, which has its names but not all: provider, model, tier, above. True: it
     * changed PRICED, UNPRICED, COST or LOST_COST, which are written. */
    bool (*price)(void *arg, struct sl_usage_row *io_row);
    void *arg;
    struct sl_str text; /* JSON for the audit, the asker's; it stands there once for the whole job */
    uint64_t now_usec;  /* wall */
    /* The store's. */
    uint32_t n_runs;
    struct sl_usage_place place, next; /* where this run began, and where the next one does */
};

/* `is_dry`: nothing is written. */
void sl_store_reprice_job_init(struct sl_store_reprice_job *job, bool is_dry);

#endif
