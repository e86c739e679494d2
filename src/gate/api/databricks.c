/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as Databricks' deployment client sees serving endpoints: each has one external model. */
#include "gate/api/api.h"
#include "gate/api/change.h"
#include "gate/api/limits.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

static void write_endpoint(struct sl_jw *w, const struct sl_route *route)
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
    if (route->limits) {
        sl_jw_key(w, sl_limits_databricks.list);
        sl_limits_write(w, &sl_limits_databricks, route->limits);
    }
    sl_jw_end(w);
}

/* Lists all routes: the client reads only one page. */
static void handle_serving_list(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "endpoints");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    const struct sl_route *route;
    while ((route = sl_snapshot_next(&it)) != NULL) {
        if (!sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name)) {
            write_endpoint(w, route);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void handle_serving_get(struct sl_xchg *x)
{
    const struct sl_route *route = sl_api_route(x);
    if (!route) {
        sl_xchg_fail_no_route(x, x->match.arg);
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    write_endpoint(w, route);
    sl_api_reply(x, 200);
}

/* --- changes --- */

static void handle_serving_unsupported(struct sl_xchg *x)
{
    sl_api_refuse(
        x, SL_ERR_CALLER_UNSUPPORTED, "NOT_IMPLEMENTED",
        "This call of Databricks' does not map on a route of this gateway. Limits are set by PUT "
        "/api/2.0/serving-endpoints/{name}/rate-limits, a route is replaced by PUT /api/sluice/v1/routes/{name}.");
}

static void handle_serving_limits(struct sl_xchg *x)
{
    struct sl_json_val root;
    if (sl_api_body_or_refuse(x, &root)) {
        sl_api_limits_set(x, x->match.arg, sl_json_get(root, "rate_limits"), &sl_limits_databricks);
    }
}

/* The external model of the list of entities; there must be exactly one. `where`: the list's path, for the message.
 * False: it was refused. */
static bool model_or_refuse(struct sl_xchg *x, struct sl_json_val config, const char *where, struct sl_json_val *ret)
{
    struct sl_json_val entities = sl_json_get(config, "served_entities");
    *ret = sl_json_at(entities, "[0].external_model");
    if (sl_json_count(entities) == 1 && sl_json_is(*ret, SL_JSON_OBJECT)) {
        return true;
    }
    sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                  "%s: must be a list of one entity with an external_model, which becomes the route", where);
    return false;
}

/* Replaces the request's body by the same in create_route's form. `name` is JSON; `task` is JSON for when the model has
 * none. False: the exchange was failed. */
static bool body_or_refuse(struct sl_xchg *x, struct sl_json_val model, struct sl_str name, struct sl_str task)
{
    struct sl_json_val said = sl_json_get(model, "task");
    const struct sl_str parts[] = {
        SL_STR("{\"name\":"),
        name,
        SL_STR(",\"route_type\":"),
        sl_json_is_nothing(said) ? task : sl_json_raw(said),
        SL_STR(",\"model\":"),
        sl_json_raw(model),
        SL_STR("}"),
    };
    struct sl_str body = sl_arena_join(x->arena, parts, SL_ARRAY_LEN(parts));
    if (!body.p) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    sl_wipe((void *)(uintptr_t)x->req->body.p, x->req->body.n);
    x->req->body = body;
    return true;
}

static void changed_reply(struct sl_xchg *x, const struct sl_question *question)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    const struct sl_store_route *row = &question->route_job.route;
    const struct sl_route *served = sl_snapshot_find(sl_worker_snapshot(x->worker), row->name);
    bool is_it = served && served->incarnation == row->id; /* this one has its limits */
    write_endpoint(w, is_it ? served : question->route);
    sl_api_reply(x, 200);
}

static void on_created(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_change_created_or_refuse(x, question)) {
        changed_reply(x, question);
    }
}

static void handle_serving_create(struct sl_xchg *x)
{
    struct sl_json_val root;
    if (!sl_api_body_or_refuse(x, &root)) {
        return;
    }
    struct sl_str none = SL_STR("null"), limits = SL_STR_NONE;
    struct sl_json_val name = sl_json_get(root, "name"), list = sl_json_get(root, "rate_limits"), model;
    if (!model_or_refuse(x, sl_json_get(root, "config"), "config.served_entities", &model) ||
        (!sl_json_is_nothing(list) && !sl_api_limits_or_refuse(x, list, &sl_limits_databricks, &limits))) {
        return;
    }
    /* The message must have the names that the caller used. */
    if (!sl_json_is(sl_json_get(model, "task"), SL_JSON_STRING)) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                      "config.served_entities[0].external_model.task: must be the route's type, like llm/v1/chat");
        return;
    }
    if (body_or_refuse(x, model, sl_json_is_present(name) ? sl_json_raw(name) : none, none)) {
        sl_change_create(x, limits, on_created);
    }
}

static void on_configured(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_change_replaced_or_refuse(x, question)) {
        changed_reply(x, question);
    }
}

/* Gives the path's route, which must exist, another external model. */
static void handle_serving_config(struct sl_xchg *x)
{
    struct sl_json_val root, model;
    const struct sl_route *route = sl_api_route(x);
    if (!route) {
        sl_xchg_fail_no_route(x, x->match.arg);
        return;
    }
    if (!sl_api_body_or_refuse(x, &root) || !model_or_refuse(x, root, "served_entities", &model)) {
        return;
    }
    struct sl_str task = sl_arena_printf(x->arena, "\"%s\"", sl_llm_type_name(route->type));
    if (body_or_refuse(x, model, SL_STR("null"), task.p ? task : SL_STR("null"))) {
        sl_change_replace(x, on_configured);
    }
}

#define SERVING "/api/2.0/serving-endpoints"

const struct sl_path sl_databricks_rows[] = {
    { .methods = SL_GET,
      .pattern = SERVING "/",
      .handle = handle_serving_list,
      .told = SL_TOLD("List the routes, as Databricks lists serving endpoints.", .reply = "ServingEndpointList") },
    { .methods = SL_GET,
      .pattern = SERVING,
      .handle = handle_serving_list,
      .told = SL_TOLD("The same without the slash.", .reply = "ServingEndpointList") },
    { .methods = SL_GET,
      .pattern = SERVING "/{}",
      .handle = handle_serving_get,
      .told = SL_TOLD("One route, as a Databricks serving endpoint.", .reply = "ServingEndpoint") },
    { .methods = SL_POST,
      .pattern = SERVING "/",
      .handle = handle_serving_create,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Create a route of one external model, as Databricks creates a serving endpoint.",
                      .statuses = "200 409", .parameters = "wait", .body = "CreateServingEndpointRequest",
                      .reply = "ServingEndpoint") },
    { .methods = SL_POST,
      .pattern = SERVING,
      .handle = handle_serving_create,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("The same without the slash.", .statuses = "200 409", .parameters = "wait",
                      .body = "CreateServingEndpointRequest", .reply = "ServingEndpoint") },
    { .methods = SL_DELETE,
      .pattern = SERVING "/{}",
      .handle = sl_change_delete,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Delete a route that was created by a call.", .statuses = "200 409 412",
                      .parameters = "if-match wait", .reply = "Empty") },
    { .methods = SL_PUT,
      .pattern = SERVING "/{}/rate-limits",
      .handle = handle_serving_limits,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Set the limits of a route, as Databricks' client does.", .parameters = "wait",
                      .body = "RateLimits", .reply = "RateLimits") },
    { .methods = SL_PUT,
      .pattern = SERVING "/{}/config",
      .handle = handle_serving_config,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Replace a route by another external model, as Databricks' client does.",
                      .statuses = "200 409 412", .parameters = "if-match wait", .body = "ServingEndpointConfigRequest",
                      .reply = "ServingEndpoint") },
    { .methods = SL_PUT,
      .pattern = SERVING "/{}/ai-gateway",
      .handle = handle_serving_unsupported,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("501: a call of Databricks that has no counterpart here.", .statuses = "501") },
    { .methods = SL_PATCH,
      .pattern = SERVING "/{}/tags",
      .handle = handle_serving_unsupported,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("501: a call of Databricks that has no counterpart here.", .statuses = "501") },
    { 0 },
};
