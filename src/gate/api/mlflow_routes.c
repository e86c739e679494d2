/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's calls that list, make and delete routes, under the old names (routes) and the new ones (endpoints). */
#include "gate/api/api.h"
#include "gate/api/change.h"
#include "gate/api/page.h"
#include "gate/call/auth.h"
#include "gate/call/origin.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/limits_write.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/policy/limit_rule.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

/* The names that differ between the two forms; the order is the same. */
struct shape {
    const char *list, *type, *url;
    const char *one; /* for MLflow's message */
};

static const struct shape route_shape = { "routes", "route_type", "route_url", "route" };
static const struct shape endpoint_shape = { "endpoints", "endpoint_type", "endpoint_url", "endpoint" };

static bool is_absolute_wanted(const struct sl_xchg *x)
{
    return x->dialect->manners->needs_absolute_urls;
}

static void write_url(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, bool is_absolute)
{
    struct sl_str origin = is_absolute ? sl_origin_public(x) : SL_STR("");
    sl_jw_str(w,
              sl_arena_printf(x->arena, "%.*s/gateway/%.*s/invocations", SL_STR_ARG(origin), SL_STR_ARG(route->name)));
}

/* Writes the first limit of requests in the list (set_limits or the definition), else the definition's own `limit`. */
static void write_limit(struct sl_jw *w, const struct sl_route *route)
{
    bool is_listed = route->stored_limits.p || !route->has_limit;
    const struct sl_limits *limits = route->limits;
    uint32_t first = 0, n = limits ? limits->n : 0;
    while (first < n && !sl_limit_is_plain(&limits->rules[first])) {
        first++;
    }
    if (is_listed && first < n) {
        sl_limit_write(w, &sl_limits_requests, &limits->rules[first]);
    } else if (route->has_limit) {
        sl_jw_object(w);
        sl_jw_member_u64(w, "calls", route->limit.calls);
        sl_jw_member_str(w, "key", route->limit.key);
        sl_jw_member_str(w, "renewal_period", route->limit.renewal_period);
        sl_jw_end(w);
    } else {
        sl_jw_null(w);
    }
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
    write_limit(w, route);
    sl_jw_end(w);
}

static void handle_list(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start;
    if (!sl_page_start_or_refuse(x, snapshot, &start)) {
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, shape->list);
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    const struct sl_route *route;
    for (uint32_t n = 0; n < SL_PAGE_SIZE && (route = sl_snapshot_next(&it)) != NULL;) {
        if (!sl_snapshot_is_shadowed(snapshot, route)) {
            n++;
            if (sl_auth_may_use(x, route->name)) {
                write_route(x, w, route, shape, is_absolute_wanted(x));
            }
        }
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void handle_get(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_route *route = sl_api_route(x);
    if (!route) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND,
                          "The %s '%.*s' is not present or active on the server. Please verify the %s name.",
                          shape->one, SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)), shape->one);
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    write_route(x, w, route, shape, is_absolute_wanted(x));
    sl_api_reply(x, 200);
}

static void handle_route_list(struct sl_xchg *x)
{
    handle_list(x, &route_shape);
}

static void handle_route_get(struct sl_xchg *x)
{
    handle_get(x, &route_shape);
}

static void handle_endpoint_list(struct sl_xchg *x)
{
    handle_list(x, &endpoint_shape);
}

static void handle_endpoint_get(struct sl_xchg *x)
{
    handle_get(x, &endpoint_shape);
}

static void on_created(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_change_created_or_refuse(x, question)) {
        struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
        write_route(x, w, question->route, &route_shape, true); /* an absolute URL: the client keeps it as it is */
        sl_api_reply(x, 200);
    }
}

static void handle_route_create(struct sl_xchg *x)
{
    sl_change_create(x, SL_STR_NONE, on_created);
}

const struct sl_path sl_mlflow_routes_rows[] = {
    { .methods = SL_GET,
      .pattern = "/api/2.0/gateway/routes/",
      .handle = handle_route_list,
      .told = SL_TOLD("List the routes, 3000 a page.", .parameters = "page_token", .reply = "RoutePage") },
    { .methods = SL_GET,
      .pattern = "/api/2.0/gateway/routes/{}",
      .handle = handle_route_get,
      .told = SL_TOLD("One route.", .reply = "Route") },
    { .methods = SL_GET,
      .pattern = "/api/2.0/endpoints/",
      .handle = handle_endpoint_list,
      .told = SL_TOLD("List the routes with the newer names, 3000 a page.", .parameters = "page_token",
                      .reply = "EndpointPage") },
    { .methods = SL_GET,
      .pattern = "/api/2.0/endpoints/{}",
      .handle = handle_endpoint_get,
      .told = SL_TOLD("One route with the newer names.", .reply = "Endpoint") },
    { .methods = SL_POST,
      .pattern = "/api/2.0/gateway/routes/",
      .handle = handle_route_create,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Create a route.", .statuses = "200 409", .parameters = "wait", .body = "CreateRouteRequest",
                      .reply = "Route") },
    { .methods = SL_DELETE,
      .pattern = "/api/2.0/gateway/routes/{}",
      .handle = sl_change_delete,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Delete a route that was created by a call.", .statuses = "200 409 412",
                      .parameters = "if-match wait", .reply = "Empty") },
    { 0 },
};
