/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/change.h"

#include "base/buf.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/beyond.h"
#include "gate/config/definition.h"
#include "gate/config/reach.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "wire/headers.h"

/* Room for the merged configuration, with credentials from the stored one. */
#define CONFIG_MAX (1u << 20)

/* False: it was refused. */
static bool name_or_refuse(struct sl_xchg *x, struct sl_str name)
{
    if (sl_str_eq_c(name, "limits")) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                      "name: 'limits' stands for the limits calls in paths and cannot be a route's name");
        return false;
    }
    return true;
}

/* False: the file defines the route, so a call cannot change it, and it was refused. `what`: "made", "changed",
 * "deleted". */
static bool own_or_refuse(struct sl_xchg *x, struct sl_str name, const char *code, const char *what)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), name);
    if (!route || route->incarnation) {
        return true;
    }
    sl_api_refuse(x, SL_ERR_CALLER_CONFLICT, code,
                  "The route '%.*s' is defined in %s, line %u, and cannot be %s by a call: change that file",
                  SL_STR_ARG(name), sl_settings_file(x->worker->snapshot->settings), route->pos.line, what);
    return false;
}

/* Wipes the body, which may have credentials, as soon as it is not needed. */
static void body_wipe(struct sl_xchg *x)
{
    sl_wipe((void *)(uintptr_t)x->req->body.p, x->req->body.n);
}

/* Reads the body into a definition on the request's arena. False: it was refused. */
static bool definition_or_refuse(struct sl_xchg *x, struct sl_str name, struct sl_definition *ret)
{
    struct sl_json_val body;
    struct sl_body_fault fault;
    struct sl_err err = { 0 };
    if (!sl_api_body_or_refuse(x, &body)) {
        return false;
    }
    int r = sl_definition_read(body, name, x->arena, ret, &fault, &err);
    if (r == SL_E_TYPE) {
        sl_api_refuse_body(x, fault.type, fault.loc, fault.msg);
    } else if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r < 0) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
    }
    return r == 0 && name_or_refuse(x, ret->name);
}

static struct sl_route *route_find(const void *snapshot, struct sl_str name)
{
    return sl_snapshot_find(snapshot, name);
}

/* Checks `fallback.routes` against the routes that exist now. If these change later, each call checks again. */
static int beyond_check(const struct sl_route *route, struct sl_publisher *publisher, struct sl_err *err)
{
    struct sl_snapshot *snapshot = NULL;
    struct sl_pos pos;
    sl_publisher_refresh(publisher, &snapshot);
    int r = sl_beyond_check(route, route_find, snapshot, &pos, err);
    sl_snapshot_unref(snapshot);
    return r;
}

/* Makes the route and checks where it leads. Any thread. */
static int bind_reached(const struct sl_definition *def, const struct sl_settings *settings,
                        struct sl_publisher *publisher, struct sl_route **ret, struct sl_err *err)
{
    struct sl_route *route;
    int r = sl_definition_bind(def, settings, false, &route, err);
    if (r < 0) {
        return r;
    }
    r = beyond_check(route, publisher, err);
    r = r < 0 ? r : sl_reach_check(route, &settings->upstream.guard, err);
    if (r < 0) {
        sl_route_unref(route);
        return r;
    }
    *ret = route;
    return 0;
}

void sl_change_create(struct sl_xchg *x, struct sl_str limits, sl_question_fn *on_answer)
{
    struct sl_definition def;
    struct sl_err err = { 0 };
    struct sl_route *route;
    if (!definition_or_refuse(x, SL_STR_NONE, &def)) {
        return;
    }
    int r = bind_reached(&def, x->settings, x->worker->gate->publisher, &route, &err);
    if (r < 0) {
        sl_api_refuse(x, r == SL_E_INVAL ? SL_ERR_CALLER_INVALID_REQUEST : SL_ERR_SLUICE_OVERLOADED,
                      "INVALID_PARAMETER_VALUE", "%s", err.text);
        return;
    }
    struct sl_question *question = own_or_refuse(x, def.name, "RESOURCE_ALREADY_EXISTS", "made")
                                       ? sl_question_new(x, SL_STORE_CREATE, def.name)
                                       : NULL;
    if (!question) {
        sl_route_unref(route);
        return;
    }
    question->route = route;
    question->route_job.limits = limits.p ? sl_arena_dup(&question->route_job.arena, limits) : SL_STR_NONE;
    if (sl_store_route_job_set(&question->route_job, def.spec, def.config) < 0 ||
        (limits.p && !question->route_job.limits.p)) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    body_wipe(x);
    sl_question_ask(question, on_answer);
}

bool sl_change_created_or_refuse(struct sl_xchg *x, const struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_EXISTS) {
        sl_api_refuse(x, SL_ERR_CALLER_CONFLICT, "RESOURCE_ALREADY_EXISTS", "A route with the name '%.*s' exists",
                      SL_STR_ARG(question->route_job.route.name));
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    }
    return r >= 0;
}

/* Reads the version of If-Match. */
static void if_match_take(const struct sl_xchg *x, struct sl_store_route_job *job)
{
    struct sl_str text = sl_str_trim(sl_headers_get(&x->req->msg.headers, "if-match"));
    if (!text.p || sl_str_eq_c(text, "*")) {
        return;
    }
    if (text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') {
        text = sl_str_sub(text, 1, text.n - 1);
    }
    job->has_if_version = true;
    if (sl_parse_u64(text, 0, INT64_MAX, &job->if_version) < 0) {
        job->if_version = UINT64_MAX; /* no tag of ours: it fits no version */
    }
}

/* Refuses: the route has not the version of If-Match. */
static void stale_refuse(struct sl_xchg *x, struct sl_str name)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_CONFLICT,
        .status = 412,
        .code = SL_STR("RESOURCE_CONFLICT"),
        .message = sl_arena_printf(x->arena, "The route '%.*s' is not the version that If-Match names: read it again",
                                   SL_STR_ARG(name)),
    };
    sl_xchg_fail(x, &error);
}

static void on_deleted(struct sl_xchg *x, struct sl_question *question)
{
    if (question->base.r == SL_E_STALE) {
        stale_refuse(x, question->route_job.route.name);
    } else if (sl_question_done_or_refuse(x, question)) {
        sl_api_reply_empty(x);
    }
}

void sl_change_delete(struct sl_xchg *x)
{
    struct sl_str name = x->match.arg;
    if (!own_or_refuse(x, name, "RESOURCE_CONFLICT", "deleted")) {
        return;
    }
    struct sl_question *question = sl_question_new(x, SL_STORE_DELETE, name);
    if (question) {
        if_match_take(x, &question->route_job);
        sl_question_ask(question, on_deleted);
    }
}

/* On the store's thread, where the old row is known: takes the credentials that the body leaves out from it. */
static int on_prepare(struct sl_store_route_job *job, const struct sl_store_route *old, struct sl_err *err)
{
    struct sl_question *question = SL_CONTAINER_OF(job, struct sl_question, route_job);
    struct sl_definition def = { job->route.name, job->route.spec, job->route.config };
    int r = 0;
    if (old) {
        struct sl_buf config = SL_BUF_INIT(CONFIG_MAX);
        r = sl_definition_keep(&def, old, &config, err);
        r = r < 0 ? r : sl_store_route_job_set(job, SL_STR_NONE, sl_buf_str(&config));
        sl_wipe(config.p, config.cap);
        sl_buf_done(&config);
        def.config = job->route.config;
    }
    if (r < 0) {
        return r == SL_E_INVAL ? r : sl_fail_nomem(err);
    }
    sl_route_unref(question->route);
    question->route = NULL;
    return bind_reached(&def, question->settings, question->publisher, &question->route, err);
}

bool sl_change_replaced_or_refuse(struct sl_xchg *x, const struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_STALE) {
        stale_refuse(x, question->route_job.route.name);
    } else if (r == SL_E_INVAL || r == SL_E_KEY || r == SL_E_DAMAGED) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", question->base.err.text);
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    }
    return r >= 0;
}

void sl_change_replace(struct sl_xchg *x, sl_question_fn *on_answer)
{
    struct sl_definition def;
    if (!definition_or_refuse(x, x->match.arg, &def) || !own_or_refuse(x, def.name, "RESOURCE_CONFLICT", "changed")) {
        return;
    }
    struct sl_question *question = sl_question_new(x, SL_STORE_REPLACE, def.name);
    if (!question) {
        return;
    }
    question->route_job.prepare = on_prepare;
    question->publisher = x->worker->gate->publisher;
    if (sl_store_route_job_set(&question->route_job, def.spec, def.config) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    body_wipe(x);
    if_match_take(x, &question->route_job);
    sl_question_ask(question, on_answer);
}
