/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of a store: the bounded queue that every thread writes to and the store's thread reads, and lists of jobs
 * that were taken from it together. For kinds of store. */
#ifndef SL_STORE_JOBS_H
#define SL_STORE_JOBS_H

#include <pthread.h>

#include "store/store.h"

/* The most jobs that are taken at once: more would wait for the next transaction anyway. */
#define SL_JOBS_BATCH 512

struct sl_jobs {
    pthread_mutex_t lock; /* guards everything below */
    struct sl_store_job *first, **tail;
    uint32_t n;
    uint32_t last_writes; /* how many writes the last batch had */
    bool is_closing;
};

void sl_jobs_init(struct sl_jobs *jobs);
void sl_jobs_done(struct sl_jobs *jobs);
/* As sl_store_submit. *ret_wake: the thread may wait for this one. */
SL_MUST int sl_jobs_put(struct sl_jobs *jobs, struct sl_store_job *job, bool *ret_wake);
/* Takes the first ones; the caller holds the lock. NULL: there is none. */
struct sl_store_job *sl_jobs_take(struct sl_jobs *jobs);

/* --- lists --- */

uint32_t sl_jobs_count_writes(const struct sl_store_job *list);
/* Gives all of them SL_E_IO with the text of `err`. */
void sl_jobs_fail(struct sl_store_job *list, bool writes_only, const struct sl_err *err);
/* Reports the events of the writes. */
void sl_jobs_report(struct sl_store_job *list, const struct sl_store_cbs *cbs);
/* Calls on_done of each: after it the list belongs to the askers. True: jobs that have more to do wait in the queue
 * again. */
bool sl_jobs_answer(struct sl_jobs *jobs, struct sl_store_job *list);

#endif
