/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

void sl_jobs_init(struct sl_jobs *jobs)
{
    *jobs = (struct sl_jobs){ .n = 0 };
    jobs->tail = &jobs->first;
    pthread_mutex_init(&jobs->lock, NULL);
}

void sl_jobs_done(struct sl_jobs *jobs)
{
    pthread_mutex_destroy(&jobs->lock);
}

static void push(struct sl_jobs *jobs, struct sl_store_job *job)
{
    job->next = NULL;
    *jobs->tail = job;
    jobs->tail = &job->next;
    jobs->n++;
}

int sl_jobs_put(struct sl_jobs *jobs, struct sl_store_job *job, bool *ret_wake)
{
    pthread_mutex_lock(&jobs->lock);
    int r = jobs->is_closing ? SL_E_CANCELLED : jobs->n >= SL_STORE_QUEUE_MAX ? SL_E_LIMIT : 0;
    if (r == 0) {
        push(jobs, job);
        *ret_wake = jobs->n == 1 || jobs->n >= jobs->last_writes;
    }
    pthread_mutex_unlock(&jobs->lock);
    return r;
}

struct sl_store_job *sl_jobs_take(struct sl_jobs *jobs)
{
    struct sl_store_job *list = jobs->first, **end = &jobs->first;
    uint32_t n = 0;
    while (*end && n < SL_JOBS_BATCH) {
        end = &(*end)->next;
        n++;
    }
    if (!n) {
        return NULL;
    }
    struct sl_store_job *rest = *end;
    *end = NULL;
    jobs->first = rest;
    if (!rest) {
        jobs->tail = &jobs->first;
    }
    jobs->n -= n;
    jobs->last_writes = sl_jobs_count_writes(list);
    return list;
}

uint32_t sl_jobs_count_writes(const struct sl_store_job *list)
{
    uint32_t n = 0;
    for (; list; list = list->next) {
        n += list->is_write;
    }
    return n;
}

void sl_jobs_fail(struct sl_store_job *list, bool writes_only, const struct sl_err *err)
{
    for (struct sl_store_job *job = list; job; job = job->next) {
        if (job->is_write || !writes_only) {
            job->has_event = false;
            job->r = sl_fail(&job->err, SL_E_IO, "%s", err->text);
        }
    }
}

void sl_jobs_report(struct sl_store_job *list, const struct sl_store_cbs *cbs)
{
    const struct sl_store_event *events[SL_JOBS_BATCH];
    size_t n = 0;
    for (struct sl_store_job *job = list; job; job = job->next) {
        if (job->is_write && job->r == 0 && job->has_event) {
            events[n++] = &job->event;
        }
    }
    if (n && cbs->on_events) {
        cbs->on_events(cbs->events_arg, events, n);
    }
}

/* False: the job is over. */
static bool goes_on(struct sl_jobs *jobs, struct sl_store_job *job)
{
    if (!job->has_more || job->r < 0) {
        return false;
    }
    pthread_mutex_lock(&jobs->lock);
    bool is_closing = jobs->is_closing;
    job->n_done++;
    if (!is_closing) {
        push(jobs, job);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (is_closing) {
        job->r = sl_fail(&job->err, SL_E_CANCELLED, "the gateway ends before it is done");
    }
    return !is_closing;
}

bool sl_jobs_answer(struct sl_jobs *jobs, struct sl_store_job *list)
{
    bool is_any = false;
    while (list) {
        struct sl_store_job *job = list;
        list = job->next; /* after on_done the job belongs to the asker */
        if (goes_on(jobs, job)) {
            is_any = true;
        } else {
            job->on_done(job);
        }
    }
    return is_any;
}
