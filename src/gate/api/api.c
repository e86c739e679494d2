/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that read: MLflow's routes and endpoints, OpenAI's models, health. */
#include "gate/api/api.h"

#include "gate/call/auth.h"
#include "gate/call/origin.h"
#include "gate/api/page.h"
#include "llm/mlflow/schema.h"

static const struct sl_str json_type = SL_STR_INIT("application/json");

struct sl_jw *sl_manage_writer(struct sl_xchg *x, struct sl_jw *w)
{
    sl_buf_reset(&x->worker->text);
    sl_jw_init(w, &x->worker->text);
    return w;
}

void sl_manage_reply(struct sl_xchg *x, int status)
{
    if (sl_buf_status(&x->worker->text) < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_xchg_reply(x, status, json_type, sl_buf_str(&x->worker->text));
}

const struct sl_route *sl_manage_route(struct sl_xchg *x)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), x->match.arg);
    return route && sl_auth_may_use(x, route->name) ? route : NULL;
}

void sl_handle_health(struct sl_xchg *x)
{
    sl_xchg_reply(x, 200, json_type, SL_STR("{\"status\":\"OK\"}"));
}

void sl_handle_ready(struct sl_xchg *x)
{
    if (atomic_load_explicit(&x->worker->gate->is_draining, memory_order_relaxed)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_DRAINING, "The gateway is shutting down.");
        return;
    }
    sl_xchg_reply(x, 200, json_type, SL_STR("{\"status\":\"OK\"}"));
}

/* 404 at once, whoever asks: an SDK probes this path before every call. */
void sl_handle_not_here(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "Not Found");
}

/* --- MLflow --- */

/* The two shapes: words differ, order does not. */
struct shape {
    const char *list, *type, *url;
    const char *one; /* in MLflow's refusal */
};

static const struct shape route_shape = { "routes", "route_type", "route_url", "route" };
static const struct shape endpoint_shape = { "endpoints", "endpoint_type", "endpoint_url", "endpoint" };

bool sl_manage_is_absolute(const struct sl_xchg *x)
{
    return x->dialect->manners->needs_absolute_urls;
}

static void write_url(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, bool is_absolute)
{
    struct sl_str origin = is_absolute ? sl_origin_public(x) : SL_STR("");
    sl_jw_str(w, sl_arena_printf(&x->req->arena, "%.*s/gateway/%.*s/invocations", SL_STR_ARG(origin),
                                 SL_STR_ARG(route->name)));
}

static void write_route(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, const struct shape *shape,
                        bool is_absolute)
{
    const struct sl_target *target = &route->targets[0];
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->name);
    sl_jw_member_str(w, shape->type, sl_str_c(sl_llm_type_name(route->type)));
    sl_jw_key(w, "model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", target->model);
    sl_jw_member_str(w, "provider", sl_str_c(target->provider->name));
    sl_jw_end(w);
    sl_jw_key(w, shape->url);
    write_url(x, w, route, is_absolute);
    sl_jw_key(w, "limit");
    if (route->has_limit) {
        sl_jw_object(w);
        sl_jw_member_u64(w, "calls", route->limit.calls);
        sl_jw_member_str(w, "key", route->limit.key);
        sl_jw_member_str(w, "renewal_period", route->limit.renewal_period);
        sl_jw_end(w);
    } else {
        sl_jw_null(w);
    }
    sl_jw_end(w);
}

void sl_manage_write_route(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, bool is_absolute)
{
    write_route(x, w, route, &route_shape, is_absolute);
}

static void handle_list(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start;
    if (!sl_page_start(x, snapshot, &start)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Invalid page_token: it must be the next_page_token of an earlier reply.");
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, shape->list);
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    const struct sl_route *route;
    for (uint32_t n = 0; n < SL_PAGE_SIZE && (route = sl_snapshot_next(&it)) != NULL;) {
        if (!sl_snapshot_is_shadowed(snapshot, route)) {
            n++;
            if (sl_auth_may_use(x, route->name)) {
                write_route(x, w, route, shape, sl_manage_is_absolute(x));
            }
        }
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

static void handle_get(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_route *route = sl_manage_route(x);
    if (!route) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND,
                          "The %s '%.*s' is not present or active on the server. Please verify the %s name.",
                          shape->one, SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)), shape->one);
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    write_route(x, w, route, shape, sl_manage_is_absolute(x));
    sl_manage_reply(x, 200);
}

void sl_handle_route_list(struct sl_xchg *x)
{
    handle_list(x, &route_shape);
}

void sl_handle_route_get(struct sl_xchg *x)
{
    handle_get(x, &route_shape);
}

void sl_handle_endpoint_list(struct sl_xchg *x)
{
    handle_list(x, &endpoint_shape);
}

void sl_handle_endpoint_get(struct sl_xchg *x)
{
    handle_get(x, &endpoint_shape);
}

/* --- OpenAI --- */

static void write_model(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", route->name);
    sl_jw_member_str(w, "object", SL_STR("model"));
    sl_jw_member_u64(w, "created", x->worker->gate->start_wall_usec / 1000000);
    sl_jw_member_str(w, "owned_by", sl_str_c(route->targets[0].provider->name));
    sl_jw_end(w);
}

void sl_handle_models(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_member_str(w, "object", SL_STR("list"));
    sl_jw_key(w, "data");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    const struct sl_route *route;
    while ((route = sl_snapshot_next(&it)) != NULL) {
        if (!sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name)) {
            write_model(x, w, route);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

void sl_handle_model(struct sl_xchg *x)
{
    const struct sl_route *route = sl_manage_route(x);
    if (!route) {
        struct sl_llm_error error = {
            .type = SL_ERR_CALLER_NOT_FOUND,
            .code = SL_STR("model_not_found"),
            .param = SL_STR("model"),
            .message = sl_arena_printf(&x->req->arena,
                                       "The model '%.*s' does not exist: no route of this gateway has that name.",
                                       SL_STR_ARG(x->match.arg)),
        };
        sl_xchg_fail(x, &error);
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    write_model(x, w, route);
    sl_manage_reply(x, 200);
}
