/* SPDX-License-Identifier: Apache-2.0 */
/* set_limits and get_limits. */
#include "gate/auth.h"
#include "gate/limits_json.h"
#include "gate/manage.h"
#include "gate/pending.h"
#include "llm/mlflow_schema.h"

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

static void limits_reply(struct sl_xchg *x, struct sl_str json)
{
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_member_raw(w, "limits", json);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
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
    sl_limits_write(w, route->rules, route->n_rules);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

static void on_set(struct sl_xchg *x, struct sl_pending *pending)
{
    int r = pending->job.job.r;
    if (r == SL_E_NOTFOUND) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST",
                         "The route '%.*s' is not present or active on the server. Please verify the route name.",
                         SL_STR_ARG(pending->job.route.name));
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else if (pending->job.limits.p) {
        limits_reply(x, pending->job.limits);
    } else {
        limits_reply(x, SL_STR("[]"));
    }
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
    struct sl_json_val list = sl_json_get(sl_json_root(doc), "limits");
    r = r < 0 ? r : sl_json_text(sl_json_get(sl_json_root(doc), "route"), arena, &name);
    if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    struct sl_buf json = SL_BUF_INIT(LIMITS_MAX);
    struct sl_err err = { 0 };
    int n = sl_limits_normalise(list, &json, &err);
    struct sl_str text = n > 0 ? sl_arena_dup(arena, sl_buf_str(&json)) : SL_STR_NONE;
    sl_buf_done(&json);
    if (n < 0) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
        return;
    }
    const struct sl_route *route = route_of(x, name);
    if (!route) {
        return;
    }
    struct sl_pending *pending = sl_pending_new(x, SL_STORE_SET_LIMITS, name);
    if (pending) {
        pending->job.is_file_route = !route->incarnation;
        pending->job.limits = n ? sl_arena_dup(&pending->job.arena, text) : SL_STR_NONE;
        if (n && !pending->job.limits.p) {
            sl_pending_free(pending);
            sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
            return;
        }
        sl_pending_ask(pending, on_set);
    }
}
