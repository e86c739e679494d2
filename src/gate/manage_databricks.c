/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as Databricks' deployment client reads serving endpoints: each one an external model. */
#include "gate/manage.h"

#include "gate/auth.h"

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
            write_endpoint(w, route);
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
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, SL_ENDPOINT_MISSING,
                          SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)));
        return;
    }
    struct sl_jw writer, *w = sl_manage_writer(x, &writer);
    write_endpoint(w, route);
    sl_manage_reply(x, 200);
}
