/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pending.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/manage.h"

void sl_pending_free(struct sl_pending *pending)
{
    if (pending) {
        sl_store_route_job_done(&pending->job);
        sl_route_unref(pending->route);
        sl_settings_unref(pending->settings);
        free(pending);
    }
}

struct sl_pending *sl_pending_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name)
{
    if (!x->worker->gate->store) {
        sl_manage_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                         "This gateway runs without a data directory, so that routes and limits cannot be changed: "
                         "start it with --data DIR.");
        return NULL;
    }
    struct sl_pending *pending = calloc(1, sizeof(*pending));
    if (!pending || sl_store_route_job_init(&pending->job, verb, name) < 0) {
        if (pending) {
            sl_store_route_job_done(&pending->job);
            free(pending);
        }
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return NULL;
    }
    pending->worker = x->worker;
    pending->x = x;
    pending->settings = sl_settings_ref(x->settings);
    pending->job.now_usec = sl_clock_wall_usec();
    return pending;
}

void sl_pending_fail(struct sl_xchg *x, int r, const struct sl_err *err)
{
    if (r == SL_E_LIMIT || r == SL_E_NOMEM) {
        sl_manage_refuse(x, SL_ERR_SLUICE_OVERLOADED, "TEMPORARILY_UNAVAILABLE",
                         "Too many changes are waiting for the store: try again in a second.");
        return;
    }
    sl_manage_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                     "The change was not made: the gateway's store is not available%s%s.", err ? ": " : "",
                     err ? err->text : "");
}

static void on_loop(void *arg)
{
    struct sl_pending *pending = arg;
    struct sl_worker *worker = pending->worker;
    struct sl_xchg *x = pending->x;
    if (x) {
        x->pending = NULL;
        pending->on_answer(x, pending);
    }
    sl_pending_free(pending);
    worker->n_pending--;
    if (worker->n_pending == 0 && worker->on_answered) {
        worker->on_answered(worker);
    }
}

static void on_done(struct sl_store_job *base)
{
    struct sl_store_route_job *job = SL_CONTAINER_OF(base, struct sl_store_route_job, job);
    struct sl_pending *pending = SL_CONTAINER_OF(job, struct sl_pending, job);
    sl_loop_post(&pending->worker->loop, &pending->post, on_loop, pending);
}

void sl_pending_ask(struct sl_pending *pending, void (*on_answer)(struct sl_xchg *x, struct sl_pending *pending))
{
    struct sl_xchg *x = pending->x;
    pending->on_answer = on_answer;
    pending->job.job.on_done = on_done;
    x->pending = pending;
    pending->worker->n_pending++;
    int r = sl_store_submit(x->worker->gate->store, &pending->job.job);
    if (r < 0) {
        pending->worker->n_pending--;
        x->pending = NULL;
        sl_pending_free(pending);
        sl_pending_fail(x, r, NULL);
    }
}

void sl_pending_leave(struct sl_xchg *x)
{
    if (x->pending) {
        x->pending->x = NULL;
        x->pending = NULL;
    }
}
