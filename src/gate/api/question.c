/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/question.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/api/api.h"
#include "gate/api/reprice.h"
#include "gate/call/auth.h"
#include "gate/call/part.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/group_path.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "wire/uri.h"

enum kind { ROUTE, KEY, GROUP, AUDIT, ROTATE, REPRICE, NODES };

/* A question with all that belongs to it. */
struct asked {
    struct sl_question question;
    enum kind kind;
    struct sl_part part;
    struct sl_arena arena; /* for `who`, which the audit needs */
    struct sl_worker *worker;
    struct sl_xchg *x; /* NULL: it ended. On the loop's thread only */
    struct sl_post post;
    sl_question_fn *on_answer;
    bool has_seat; /* of gate->changes */
    uint64_t seat;
};

static struct asked *asked_of(struct sl_question *question)
{
    return SL_CONTAINER_OF(question, struct asked, question);
}

void sl_question_free(struct sl_question *question)
{
    if (!question) {
        return;
    }
    struct asked *asked = asked_of(question);
    switch (asked->kind) {
    case ROUTE:
        sl_store_route_job_done(&question->route_job);
        break;
    case KEY:
        sl_store_key_job_done(&question->key);
        break;
    case GROUP:
        sl_store_group_job_done(&question->group);
        break;
    case AUDIT:
        sl_store_audit_job_done(&question->audit);
        break;
    case ROTATE:
        break;
    case REPRICE:
        sl_reprice_free(question->reprice);
        break;
    case NODES:
        sl_store_nodes_job_done(&question->nodes);
        break;
    }
    free(question->base.pending);
    if (asked->has_seat) {
        sl_seats_leave(&asked->worker->gate->changes, asked->seat);
    }
    sl_secret_done(&question->token);
    sl_arena_done(&asked->arena);
    sl_route_unref(question->route);
    sl_settings_unref(question->settings);
    free(asked);
}

/* Copies, because the exchange may end first. */
static int who_set(struct asked *asked, const struct sl_xchg *x)
{
    struct sl_store_who *who = &asked->question.base.who;
    *who = (struct sl_store_who){
        .principal = sl_arena_dup(&asked->arena, x->caller.principal),
        .key = sl_arena_dup(&asked->arena, x->caller.key ? x->caller.key->id : SL_STR("")),
        .request_id = sl_arena_dup(&asked->arena, x->caller.request_id),
        .top = sl_arena_dup(&asked->arena, x->caller.key ? sl_group_top(x->caller.key->group) : SL_STR("")),
    };
    return who->principal.p && who->key.p && who->request_id.p && who->top.p ? 0 : SL_E_NOMEM;
}

/* NULL: the exchange was failed. */
static struct sl_question *question_alloc(struct sl_xchg *x, enum kind kind)
{
    if (!x->worker->gate->store) {
        sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                      "This gateway runs without a data directory, so that routes, limits, groups and keys "
                      "cannot be changed: start it with --data DIR.");
        return NULL;
    }
    struct asked *asked = calloc(1, sizeof(*asked));
    if (!asked) {
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    asked->kind = kind;
    asked->worker = x->worker;
    asked->x = x;
    asked->question.settings = sl_settings_ref(x->settings);
    sl_arena_init_small(&asked->arena, 256);
    return &asked->question;
}

/* Call this after the job's init, with its result. */
static struct sl_question *question_ready(struct sl_xchg *x, struct sl_question *question, int r)
{
    if (r < 0 || who_set(asked_of(question), x) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    return question;
}

struct sl_question *sl_question_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name)
{
    struct sl_question *question = question_alloc(x, ROUTE);
    if (!question) {
        return NULL;
    }
    int r = sl_store_route_job_init(&question->route_job, verb, name);
    question->route_job.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, r);
}

struct sl_question *sl_question_new_key(struct sl_xchg *x, enum sl_store_key_verb verb, const struct sl_key *key)
{
    struct sl_question *question = question_alloc(x, KEY);
    if (!question) {
        return NULL;
    }
    sl_store_key_job_init(&question->key, verb);
    question->key.key.id = key ? key->number : 0;
    question->key.if_version = key ? key->version : 0;
    question->key.max = x->settings->limits_max_group_keys;
    question->key.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_group(struct sl_xchg *x, enum sl_store_group_verb verb, struct sl_str path)
{
    struct sl_question *question = question_alloc(x, GROUP);
    if (!question) {
        return NULL;
    }
    int r = sl_store_group_job_init(&question->group, verb, path);
    question->group.max = x->settings->limits_max_subgroups;
    question->group.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, r);
}

struct sl_question *sl_question_new_audit(struct sl_xchg *x, uint64_t before_id, uint32_t max)
{
    struct sl_question *question = question_alloc(x, AUDIT);
    if (!question) {
        return NULL;
    }
    sl_store_audit_job_init(&question->audit, before_id, max);
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_nodes(struct sl_xchg *x)
{
    struct sl_question *question = question_alloc(x, NODES);
    if (!question) {
        return NULL;
    }
    sl_store_nodes_job_init(&question->nodes);
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_rotate(struct sl_xchg *x)
{
    struct sl_question *question = question_alloc(x, ROTATE);
    if (!question) {
        return NULL;
    }
    sl_store_rotate_job_init(&question->rotate);
    question->rotate.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_reprice(struct sl_xchg *x, bool is_dry, struct sl_str text)
{
    struct sl_question *question = question_alloc(x, REPRICE);
    if (!question) {
        return NULL;
    }
    struct sl_store_reprice_job *job = &question->reprice_job;
    sl_store_reprice_job_init(job, is_dry);
    job->text = sl_arena_dup(&asked_of(question)->arena, text);
    job->now_usec = sl_clock_wall_usec();
    job->price = sl_reprice_row;
    job->arg = question->reprice = sl_reprice_new(question->settings->prices);
    return question_ready(x, question, job->arg && job->text.p ? 0 : SL_E_NOMEM);
}

void sl_question_fail(struct sl_xchg *x, int r, const struct sl_err *err)
{
    if (r == SL_E_LIMIT || r == SL_E_NOMEM) {
        sl_api_refuse(x, SL_ERR_SLUICE_OVERLOADED, "TEMPORARILY_UNAVAILABLE",
                      "Too many changes are waiting for the store: try again in a second.");
        return;
    }
    bool is_told = err && sl_auth_reaches(x, SL_STR("")); /* the store's text may name a host and a user */
    sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                  "%s: the gateway's store is not available%s%s.",
                  x->match.method == SL_GET ? "This cannot be read now" : "The change was not made",
                  is_told ? ": " : "", is_told ? err->text : "");
}

bool sl_question_done_or_refuse(struct sl_xchg *x, const struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_NOTFOUND) {
        sl_api_refuse_missing(x, question->route_job.route.name);
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    }
    return r >= 0;
}

static void on_loop(void *arg)
{
    struct asked *asked = arg;
    struct sl_worker *worker = asked->worker;
    struct sl_xchg *x = asked->x;
    if (x) {
        struct sl_desk *desk = x->desk;
        sl_part_end(&x->parts, &asked->part);
        desk->pending = asked->question.base.pends_on_any ? "*\n" : asked->question.base.pending;
        asked->on_answer(x, &asked->question);
        desk->pending = NULL;
    }
    sl_question_free(&asked->question);
    sl_worker_answered(worker);
}

static void on_done(struct sl_store_job *base)
{
    struct asked *asked = asked_of(SL_CONTAINER_OF(base, struct sl_question, base));
    sl_loop_post(&asked->worker->engine->loop, &asked->post, on_loop, asked);
}

/* The exchange ends first: nobody reads the answer. */
static void on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct asked, part)->x = NULL;
}

/* False: its topmost group has as many questions there as it may, so that others need not wait for them. */
static bool seat_take(struct asked *asked, const struct sl_key *key)
{
    if (!key || !key->group.n) {
        return true;
    }
    asked->has_seat = sl_seats_take(&asked->worker->gate->changes, sl_key_tenant(key), &asked->seat);
    return asked->has_seat;
}

/* ?wait=all: the answer comes when all nodes have the change. */
static bool wait_or_refuse(struct sl_xchg *x, struct sl_store_job *job)
{
    struct sl_str word;
    if (!job->is_write || !sl_query_get(x->match.query, "wait", x->arena, &word)) {
        return true;
    }
    job->waits = sl_str_eq_c(word, "all");
    if (!job->waits) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                      "wait: must be all: the answer comes when all nodes have the change");
    }
    return job->waits;
}

void sl_question_ask(struct sl_question *question, sl_question_fn *on_answer)
{
    struct asked *asked = asked_of(question);
    struct sl_xchg *x = asked->x;
    if (!wait_or_refuse(x, &question->base)) {
        sl_question_free(question);
        return;
    }
    if (!seat_take(asked, x->caller.key)) {
        sl_question_free(question);
        sl_question_fail(x, SL_E_LIMIT, NULL);
        return;
    }
    asked->on_answer = on_answer;
    question->base.on_done = on_done;
    sl_part_begin(&x->parts, &asked->part, on_stop);
    asked->worker->n_questions++;
    int r = sl_store_submit(x->worker->gate->store, &question->base);
    if (r < 0) {
        asked->worker->n_questions--;
        sl_part_end(&x->parts, &asked->part);
        sl_question_free(question);
        sl_question_fail(x, r, NULL);
    }
}
