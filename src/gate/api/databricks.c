/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as Databricks' deployment client reads serving endpoints: each one an external model. */
#include "gate/api/api.h"

#include "gate/call/auth.h"

void sl_manage_write_endpoint(struct sl_jw *w, const struct sl_route *route)
{
    const struct sl_target *target = &route->targets[0];
    struct sl_str task = sl_str_c(sl_llm_type_name(route->type));
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->name);
    sl_jw_member_str(w, "task", task);
    sl_jw_member_str(w, "endpoint_type", SL_STR("EXTERNAL_MODEL"));
    sl_jw_member_raw(w, "state", SL_STR("{\"ready\":\"READY\",\"config_update\":\"NOT_UPDATING\"}"));
    sl_jw_key(w, "config");
    sl_jw_object(w);
    sl_jw_key(w, "served_entities");
    sl_jw_array(w);
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->name);
    sl_jw_key(w, "external_model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", target->model);
    sl_jw_member_str(w, "provider", sl_str_c(target->provider->name));
    sl_jw_member_str(w, "task", task);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    if (route->n_rules) {
        sl_jw_key(w, sl_limits_databricks.list);
        sl_limits_write(w, &sl_limits_databricks, route->rules, route->n_rules);
    }
    sl_jw_end(w);
}

/* All of them: its client reads one page. */
void sl_handle_serving_list(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_jw writer, *w = sl_manage_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "endpoints");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    const struct sl_route *route;
    while ((route = sl_snapshot_next(&it)) != NULL) {
        if (!sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name)) {
            sl_manage_write_endpoint(w, route);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

void sl_handle_serving_get(struct sl_xchg *x)
{
    const struct sl_route *route = sl_manage_route(x);
    if (!route) {
        sl_xchg_fail_no_route(x, x->match.arg);
        return;
    }
    struct sl_jw writer, *w = sl_manage_writer(x, &writer);
    sl_manage_write_endpoint(w, route);
    sl_manage_reply(x, 200);
}

/* --- changes --- */

void sl_handle_serving_unsupported(struct sl_xchg *x)
{
    sl_manage_refuse(
        x, SL_ERR_CALLER_UNSUPPORTED, "NOT_IMPLEMENTED",
        "This call of Databricks' does not map on a route of this gateway. Limits are set by PUT "
        "/api/2.0/serving-endpoints/{name}/rate-limits, a route is replaced by PUT /api/sluice/v1/routes/{name}.");
}

void sl_handle_serving_limits(struct sl_xchg *x)
{
    struct sl_json_val root;
    if (sl_manage_body(x, &root)) {
        sl_manage_limits_set(x, x->match.arg, sl_json_get(root, "rate_limits"), &sl_limits_databricks);
    }
}

static struct sl_str joined(const struct sl_str *parts, size_t n, struct sl_arena *arena)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += parts[i].n;
    }
    char *p = sl_arena_bytes(arena, len), *at = p;
    for (size_t i = 0; p && i < n; i++) {
        memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return p ? sl_str_make(p, len) : SL_STR_NONE;
}

/* The body as create_route has it, of the one external model, and its limits. p == NULL: the exchange was failed. */
static struct sl_str create_body(struct sl_xchg *x, struct sl_json_val root, struct sl_str *ret_limits)
{
    struct sl_json_val config = sl_json_get(root, "config");
    struct sl_json_val entities = sl_json_get(config, "served_entities");
    struct sl_json_val model = sl_json_at(entities, "[0].external_model");
    struct sl_json_val name = sl_json_get(root, "name"), task = sl_json_get(model, "task");
    if (sl_json_count(entities) != 1 || !sl_json_is(model, SL_JSON_OBJECT)) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                         "config.served_entities: must be a list of one entity with an external_model, which becomes "
                         "the route");
        return SL_STR_NONE;
    }
    struct sl_json_val limits = sl_json_get(root, "rate_limits");
    if (!sl_json_is_nothing(limits) && !sl_manage_limits(x, limits, &sl_limits_databricks, ret_limits)) {
        return SL_STR_NONE;
    }
    struct sl_str none = SL_STR("null");
    const struct sl_str parts[] = {
        SL_STR("{\"name\":"),
        sl_json_is_present(name) ? sl_json_raw(name) : none,
        SL_STR(",\"route_type\":"),
        sl_json_is_present(task) ? sl_json_raw(task) : none,
        SL_STR(",\"model\":"),
        sl_json_raw(model),
        SL_STR("}"),
    };
    struct sl_str body = joined(parts, SL_ARRAY_LEN(parts), &x->req->arena);
    if (!body.p) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
    }
    return body;
}

void sl_handle_serving_create(struct sl_xchg *x)
{
    struct sl_json_val root;
    if (!sl_manage_body(x, &root)) {
        return;
    }
    struct sl_str limits = SL_STR_NONE, body = create_body(x, root, &limits);
    if (body.p) {
        sl_wipe((void *)(uintptr_t)x->req->body.p, x->req->body.n);
        x->req->body = body;
        sl_manage_create(x, limits);
    }
}
