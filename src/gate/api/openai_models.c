/* SPDX-License-Identifier: Apache-2.0 */
/* The routes as OpenAI's clients read models. */
#include "gate/api/api.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

static void write_model(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", route->name);
    sl_jw_member_str(w, "object", SL_STR("model"));
    sl_jw_member_u64(w, "created", x->worker->gate->start_wall_usec / 1000000);
    sl_jw_member_str(w, "owned_by", sl_str_c(route->targets[0].provider->name));
    sl_jw_end(w);
}

static void handle_models(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
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
    sl_api_reply(x, 200);
}

static void handle_model(struct sl_xchg *x)
{
    const struct sl_route *route = sl_api_route(x);
    if (!route) {
        struct sl_llm_error error = {
            .type = SL_ERR_CALLER_NOT_FOUND,
            .code = SL_STR("model_not_found"),
            .param = SL_STR("model"),
            .message = sl_arena_printf(x->arena,
                                       "The model '%.*s' does not exist: no route of this gateway has that name.",
                                       SL_STR_ARG(x->match.arg)),
        };
        sl_xchg_fail(x, &error);
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    write_model(x, w, route);
    sl_api_reply(x, 200);
}

const struct sl_path sl_openai_models_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/v1/models",
      .handle = handle_models,
      .told = SL_TOLD("List the routes, as OpenAI lists models.", .reply = "ModelList") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/v1/models/{}",
      .handle = handle_model,
      .told = SL_TOLD("One route, as OpenAI shows a model.", .reply = "Model") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/models",
      .handle = handle_models,
      .told = SL_TOLD("The same for clients whose base URL lacks /v1.", .reply = "ModelList") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/models/{}",
      .handle = handle_model,
      .told = SL_TOLD("The same for clients whose base URL lacks /v1.", .reply = "Model") },
    { 0 },
};
