/* SPDX-License-Identifier: Apache-2.0 */
/* set_limits and get_limits. */
#include "gate/call/auth.h"
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/policy/limit.h"
#include "llm/mlflow/schema.h"

const struct sl_limits_words sl_limits_databricks = { "rate_limits", "endpoint" };

/* A list of the most rules with the longest texts. */
#define LIMITS_MAX 8192

static struct sl_route *route_of(struct sl_xchg *x, struct sl_str name)
{
    struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), name);
    if (!route || !sl_auth_may_use(x, name)) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST",
                         "The route '%.*s' is not present or active on the server. Please verify the route name.",
                         SL_STR_ARG(sl_str_sub(name, 0, 256)));
        return NULL;
    }
    return route;
}

void sl_handle_limits_get(struct sl_xchg *x)
{
    const struct sl_route *route = route_of(x, x->match.arg);
    if (!route) {
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_stored, route->rules, route->n_rules);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

static void limits_reply(struct sl_xchg *x, struct sl_str stored, const struct sl_limits_words *words)
{
    struct sl_limit_rule *rules = NULL;
    uint32_t n = 0;
    if (stored.p && sl_limits_read(stored, &x->req->arena, &rules, &n) < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory"); /* what was written can be read */
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, words->list);
    sl_limits_write(w, words, rules, n);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

static void answer(struct sl_xchg *x, struct sl_pending *pending, const struct sl_limits_words *words)
{
    int r = pending->job.job.r;
    if (r == SL_E_NOTFOUND) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST",
                         "The route '%.*s' is not present or active on the server. Please verify the route name.",
                         SL_STR_ARG(pending->job.route.name));
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else {
        limits_reply(x, pending->job.limits, words);
    }
}

static void on_set(struct sl_xchg *x, struct sl_pending *pending)
{
    answer(x, pending, &sl_limits_stored);
}

static void on_set_databricks(struct sl_xchg *x, struct sl_pending *pending)
{
    answer(x, pending, &sl_limits_databricks);
}

bool sl_manage_limits(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                      struct sl_str *ret)
{
    struct sl_buf json = SL_BUF_INIT(LIMITS_MAX);
    struct sl_err err = { 0 };
    int n = sl_limits_normalise(list, words, &json, &err);
    *ret = n > 0 ? sl_arena_dup(&x->req->arena, sl_buf_str(&json)) : SL_STR_NONE;
    sl_buf_done(&json);
    if (n == SL_E_INVAL) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
    } else if (n < 0 || (n > 0 && !ret->p)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
    }
    return n >= 0 && (n == 0 || ret->p);
}

void sl_manage_limits_set(struct sl_xchg *x, struct sl_str name, struct sl_json_val list,
                          const struct sl_limits_words *words)
{
    struct sl_str limits;
    if (!sl_manage_limits(x, list, words, &limits)) {
        return;
    }
    const struct sl_route *route = route_of(x, name);
    struct sl_pending *pending = route ? sl_pending_new(x, SL_STORE_SET_LIMITS, name) : NULL;
    if (!pending) {
        return;
    }
    pending->job.is_file_route = !route->incarnation;
    pending->job.limits = limits.p ? sl_arena_dup(&pending->job.arena, limits) : SL_STR_NONE;
    if (limits.p && !pending->job.limits.p) {
        sl_pending_free(pending);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_pending_ask(pending, words == &sl_limits_stored ? on_set : on_set_databricks);
}

void sl_handle_limits_set(struct sl_xchg *x)
{
    struct sl_str body = x->req->body, name;
    struct sl_arena *arena = &x->req->arena;
    struct sl_json *doc = &x->worker->doc;
    struct sl_llm_error error = { .code = SL_STR("INVALID_PARAMETER_VALUE") };
    int r = sl_mf_read_body(&sl_mf_set_limits, &body, sl_headers_get(&x->req->msg.headers, "content-type"), doc, arena,
                            NULL, &error);
    if (r == SL_E_INVAL) {
        sl_xchg_fail(x, &error);
        return;
    }
    r = r < 0 ? r : sl_json_text(sl_json_get(sl_json_root(doc), "route"), arena, &name);
    if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_manage_limits_set(x, name, sl_json_get(sl_json_root(doc), "limits"), &sl_limits_stored);
}
