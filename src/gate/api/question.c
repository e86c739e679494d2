/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/question.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/api/api.h"
#include "gate/call/reply.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/worker.h"

void sl_question_free(struct sl_question *question)
{
    if (!question) {
        return;
    }
    switch (question->kind) {
    case SL_QUESTION_ROUTE:
        sl_store_route_job_done(&question->route_job);
        break;
    case SL_QUESTION_KEY:
        sl_store_key_job_done(&question->key);
        break;
    case SL_QUESTION_AUDIT:
        sl_store_audit_job_done(&question->audit);
        break;
    case SL_QUESTION_ROTATE:
        break;
    }
    sl_secret_done(&question->token);
    sl_arena_done(&question->arena);
    sl_route_unref(question->route);
    sl_settings_unref(question->settings);
    free(question);
}

/* Copies: the exchange may end first. */
static int who_set(struct sl_question *question, const struct sl_xchg *x)
{
    struct sl_store_who *who = &question->base.who;
    *who = (struct sl_store_who){
        .principal = sl_arena_dup(&question->arena, x->caller.principal),
        .key = sl_arena_dup(&question->arena, x->caller.key ? x->caller.key->id : SL_STR("")),
        .request_id = sl_arena_dup(&question->arena, x->caller.request_id),
    };
    return who->principal.p && who->key.p && who->request_id.p ? 0 : SL_E_NOMEM;
}

/* NULL: the exchange was failed. */
static struct sl_question *question_alloc(struct sl_xchg *x, enum sl_question_kind kind)
{
    if (!x->worker->gate->store) {
        sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                      "This gateway runs without a data directory, so that routes, limits and keys cannot be "
                      "changed: start it with --data DIR.");
        return NULL;
    }
    struct sl_question *question = calloc(1, sizeof(*question));
    if (!question) {
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    question->kind = kind;
    question->worker = x->worker;
    question->x = x;
    question->settings = sl_settings_ref(x->settings);
    sl_arena_init_small(&question->arena, 256);
    return question;
}

/* Behind the kind's own init. */
static struct sl_question *question_ready(struct sl_xchg *x, struct sl_question *question, int r)
{
    if (r < 0 || who_set(question, x) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    return question;
}

struct sl_question *sl_question_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name)
{
    struct sl_question *question = question_alloc(x, SL_QUESTION_ROUTE);
    if (!question) {
        return NULL;
    }
    int r = sl_store_route_job_init(&question->route_job, verb, name);
    question->route_job.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, r);
}

struct sl_question *sl_question_new_key(struct sl_xchg *x, uint64_t revoke_id)
{
    struct sl_question *question = question_alloc(x, SL_QUESTION_KEY);
    if (!question) {
        return NULL;
    }
    sl_store_key_job_init(&question->key, revoke_id != 0);
    question->key.key.id = revoke_id;
    question->key.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_audit(struct sl_xchg *x, uint64_t before_id, uint32_t max)
{
    struct sl_question *question = question_alloc(x, SL_QUESTION_AUDIT);
    if (!question) {
        return NULL;
    }
    sl_store_audit_job_init(&question->audit, before_id, max);
    return question_ready(x, question, 0);
}

struct sl_question *sl_question_new_rotate(struct sl_xchg *x)
{
    struct sl_question *question = question_alloc(x, SL_QUESTION_ROTATE);
    if (!question) {
        return NULL;
    }
    sl_store_rotate_job_init(&question->rotate);
    question->rotate.now_usec = sl_clock_wall_usec();
    return question_ready(x, question, 0);
}

void sl_question_fail(struct sl_xchg *x, int r, const struct sl_err *err)
{
    if (r == SL_E_LIMIT || r == SL_E_NOMEM) {
        sl_api_refuse(x, SL_ERR_SLUICE_OVERLOADED, "TEMPORARILY_UNAVAILABLE",
                      "Too many changes are waiting for the store: try again in a second.");
        return;
    }
    sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                  "The change was not made: the gateway's store is not available%s%s.", err ? ": " : "",
                  err ? err->text : "");
}

static void on_loop(void *arg)
{
    struct sl_question *question = arg;
    struct sl_worker *worker = question->worker;
    struct sl_xchg *x = question->x;
    if (x) {
        sl_part_end(&x->parts, &question->part);
        question->on_answer(x, question);
    }
    sl_question_free(question);
    sl_worker_answered(worker);
}

static void on_done(struct sl_store_job *base)
{
    struct sl_question *question = SL_CONTAINER_OF(base, struct sl_question, base);
    sl_loop_post(&question->worker->engine->loop, &question->post, on_loop, question);
}

/* The exchange ends first: its answer has no reader. */
static void question_on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct sl_question, part)->x = NULL;
}

void sl_question_ask(struct sl_question *question, sl_question_fn *on_answer)
{
    struct sl_xchg *x = question->x;
    question->on_answer = on_answer;
    question->base.on_done = on_done;
    sl_part_begin(&x->parts, &question->part, question_on_stop);
    question->worker->n_questions++;
    int r = sl_store_submit(x->worker->gate->store, &question->base);
    if (r < 0) {
        question->worker->n_questions--;
        sl_part_end(&x->parts, &question->part);
        sl_question_free(question);
        sl_question_fail(x, r, NULL);
    }
}
