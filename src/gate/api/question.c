/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/question.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/api/api.h"

void sl_pending_free(struct sl_pending *pending)
{
    if (!pending) {
        return;
    }
    switch (pending->kind) {
    case SL_PENDING_ROUTE:
        sl_store_route_job_done(&pending->job);
        break;
    case SL_PENDING_KEY:
        sl_store_key_job_done(&pending->key);
        break;
    case SL_PENDING_AUDIT:
        sl_store_audit_job_done(&pending->audit);
        break;
    case SL_PENDING_ROTATE:
        break;
    }
    sl_secret_done(&pending->token);
    sl_arena_done(&pending->arena);
    sl_route_unref(pending->route);
    sl_settings_unref(pending->settings);
    free(pending);
}

/* Copies: the exchange may end first. */
static int who_set(struct sl_pending *pending, const struct sl_xchg *x)
{
    struct sl_store_who *who = &pending->base.who;
    *who = (struct sl_store_who){
        .principal = sl_arena_dup(&pending->arena, x->principal),
        .key = sl_arena_dup(&pending->arena, x->key ? x->key->id : SL_STR("")),
        .request_id = sl_arena_dup(&pending->arena, x->request_id),
    };
    return who->principal.p && who->key.p && who->request_id.p ? 0 : SL_E_NOMEM;
}

/* NULL: the exchange was failed. */
static struct sl_pending *pending_alloc(struct sl_xchg *x, enum sl_pending_kind kind)
{
    if (!x->worker->gate->store) {
        sl_manage_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                         "This gateway runs without a data directory, so that routes, limits and keys cannot be "
                         "changed: start it with --data DIR.");
        return NULL;
    }
    struct sl_pending *pending = calloc(1, sizeof(*pending));
    if (!pending) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return NULL;
    }
    pending->kind = kind;
    pending->worker = x->worker;
    pending->x = x;
    pending->settings = sl_settings_ref(x->settings);
    sl_arena_init_small(&pending->arena, 256);
    return pending;
}

/* Behind the kind's own init. */
static struct sl_pending *pending_ready(struct sl_xchg *x, struct sl_pending *pending, int r)
{
    if (r < 0 || who_set(pending, x) < 0) {
        sl_pending_free(pending);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return NULL;
    }
    return pending;
}

struct sl_pending *sl_pending_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name)
{
    struct sl_pending *pending = pending_alloc(x, SL_PENDING_ROUTE);
    if (!pending) {
        return NULL;
    }
    int r = sl_store_route_job_init(&pending->job, verb, name);
    pending->job.now_usec = sl_clock_wall_usec();
    return pending_ready(x, pending, r);
}

struct sl_pending *sl_pending_new_key(struct sl_xchg *x, uint64_t revoke_id)
{
    struct sl_pending *pending = pending_alloc(x, SL_PENDING_KEY);
    if (!pending) {
        return NULL;
    }
    sl_store_key_job_init(&pending->key, revoke_id != 0);
    pending->key.key.id = revoke_id;
    pending->key.now_usec = sl_clock_wall_usec();
    return pending_ready(x, pending, 0);
}

struct sl_pending *sl_pending_new_audit(struct sl_xchg *x, uint64_t before_id, uint32_t max)
{
    struct sl_pending *pending = pending_alloc(x, SL_PENDING_AUDIT);
    if (!pending) {
        return NULL;
    }
    sl_store_audit_job_init(&pending->audit, before_id, max);
    return pending_ready(x, pending, 0);
}

struct sl_pending *sl_pending_new_rotate(struct sl_xchg *x)
{
    struct sl_pending *pending = pending_alloc(x, SL_PENDING_ROTATE);
    if (!pending) {
        return NULL;
    }
    sl_store_rotate_job_init(&pending->rotate, x->worker->gate->store);
    pending->rotate.now_usec = sl_clock_wall_usec();
    return pending_ready(x, pending, 0);
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
    struct sl_pending *pending = SL_CONTAINER_OF(base, struct sl_pending, base);
    sl_loop_post(&pending->worker->loop, &pending->post, on_loop, pending);
}

void sl_pending_ask(struct sl_pending *pending, void (*on_answer)(struct sl_xchg *x, struct sl_pending *pending))
{
    struct sl_xchg *x = pending->x;
    pending->on_answer = on_answer;
    pending->base.on_done = on_done;
    x->pending = pending;
    pending->worker->n_pending++;
    int r = sl_store_submit(x->worker->gate->store, &pending->base);
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
