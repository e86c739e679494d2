/* SPDX-License-Identifier: Apache-2.0 */
/* Sluice's own calls for routes. */
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/opt.h"
#include "gate/api/api.h"
#include "gate/api/change.h"
#include "gate/api/page.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/definition.h"
#include "gate/config/limits_write.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "store/seal.h"
#include "wire/headers.h"

static void own_reply(struct sl_xchg *x, int status, const struct sl_store_route *row);

static void on_replaced(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_change_replaced_or_refuse(x, question)) {
        own_reply(x, question->base.event.is_new ? 201 : 200, &question->route_job.route);
    }
}

static void handle_own_route_put(struct sl_xchg *x)
{
    sl_change_replace(x, on_replaced);
}

/* --- reading routes --- */

static void own_members(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *served, struct sl_str name,
                        bool is_of_file, bool is_shadowed)
{
    struct sl_str url = sl_arena_printf(x->arena, "/gateway/%.*s/invocations", SL_STR_ARG(name));
    sl_jw_member_str(w, "owner", is_of_file ? SL_STR("file") : SL_STR("api"));
    sl_jw_member_bool(w, "shadowed", is_shadowed);
    sl_jw_member_str(w, "route_url", url);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_mixed, served ? served->limits : NULL);
}

static int etag_add(struct sl_xchg *x, struct sl_headers *headers, uint64_t version)
{
    struct sl_arena *arena = x->arena;
    struct sl_str tag = sl_arena_printf(arena, "\"%llu\"", (unsigned long long)version);
    return tag.p ? sl_headers_add(headers, arena, SL_STR("etag"), tag) : SL_E_NOMEM;
}

/* Writes what may be shown of each target, in their order. */
static void targets_write(struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_key(w, "targets");
    sl_jw_array(w);
    for (uint32_t i = 0; i < route->n_targets; i++) {
        const struct sl_target *target = &route->targets[i];
        const struct sl_target_rule *rule = &route->traffic->rules[i];
        sl_jw_object(w);
        sl_jw_member_str(w, "name", route->traffic->targets[i].name);
        sl_jw_member_str(w, "provider", sl_str_c(target->provider->name));
        sl_jw_member_str(w, "model", target->model);
        sl_jw_member_u64(w, "weight", rule->weight);
        sl_jw_member_u64(w, "tier", rule->tier);
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* Replies with everything but the secrets. */
static void own_reply(struct sl_xchg *x, int status, const struct sl_store_route *row)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    const struct sl_route *dynamic = sl_snapshot_find_dynamic(snapshot, row->name);
    const struct sl_definition def = { row->name, row->spec, row->config };
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    struct sl_seal seal;
    sl_store_seal(x->worker->gate->store, &seal);
    int r = sl_definition_write(w, &def, &seal);
    sl_seal_done(&seal);
    if (dynamic && dynamic->traffic) {
        targets_write(w, dynamic);
    }
    own_members(x, w, dynamic, row->name, false, dynamic && sl_snapshot_is_shadowed(snapshot, dynamic));
    sl_jw_member_u64(w, "version", row->version);
    sl_jw_member_u64(w, "created_at", row->created_usec / SL_USEC_PER_SEC);
    sl_jw_member_u64(w, "updated_at", row->updated_usec / SL_USEC_PER_SEC);
    sl_jw_end(w);
    sl_api_pending_write(x);
    struct sl_headers headers = { 0 };
    r = r < 0 ? r : sl_buf_status(x->desk->text);
    r = r < 0 ? r : etag_add(x, &headers, row->version);
    if (r < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply_with(x, status, &headers, SL_STR("application/json"), sl_buf_str(x->desk->text));
}

static void model_write(struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_member_str(w, "name", route->name);
    sl_jw_member_str(w, "route_type", sl_str_c(sl_llm_type_name(route->type)));
    sl_jw_key(w, "model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->targets[0].model);
    sl_jw_member_str(w, "provider", sl_str_c(route->targets[0].provider->name));
    sl_jw_end(w);
}

static void own_item_members(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    model_write(w, route);
    if (route->traffic) {
        targets_write(w, route);
    }
    own_members(x, w, route, route->name, !route->incarnation, sl_snapshot_is_shadowed(x->worker->snapshot, route));
    if (route->incarnation) {
        sl_jw_member_u64(w, "version", route->version);
    } else {
        char where[512];
        snprintf(where, sizeof(where), "%s:%u", sl_settings_file(x->worker->snapshot->settings), route->pos.line);
        sl_jw_member_str(w, "defined_at", sl_str_c(where));
    }
}

static void own_item_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_object(w);
    own_item_members(x, w, route);
    sl_jw_end(w);
}

static void handle_own_route_list(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start;
    if (!sl_page_start_or_refuse(x, snapshot, &start)) {
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, "routes");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    const struct sl_route *route;
    for (uint32_t n = 0; n < SL_PAGE_SIZE && (route = sl_snapshot_next(&it)) != NULL; n++) {
        own_item_write(x, w, route);
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void on_read(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_question_done_or_refuse(x, question)) {
        own_reply(x, 200, &question->route_job.route);
    }
}

/* Writes an object with the fingerprints of a target's secrets. */
static int target_prints(struct sl_jw *w, const struct sl_target *target, const struct sl_seal *seal)
{
    int r = 0;
    sl_jw_object(w);
    for (const struct sl_opt *row = target->provider->opts; r == 0 && row && row->key; row++) {
        const struct sl_secret *secret = (const struct sl_secret *)((const char *)target->conf + row->offset);
        char print[SL_FINGERPRINT_LEN + 1];
        if (row->type != SL_OPT_SECRET || !sl_secret_is_set(secret)) {
            continue;
        }
        /* Some are stored with their scheme. */
        struct sl_str text = sl_secret_reveal(secret), scheme = SL_STR("Bearer ");
        text = sl_str_has_prefix(text, scheme) ? sl_str_sub(text, scheme.n, text.n) : text;
        r = sl_seal_fingerprint(seal, text, print);
        sl_jw_key(w, row->key);
        sl_jw_object(w);
        sl_jw_member_str(w, "fingerprint", sl_str_c(r == 0 ? print : ""));
        sl_jw_end(w);
    }
    sl_jw_end(w);
    return r;
}

/* Writes the fingerprints of a route of the file, in the form of sl_definition_write; without a store it writes
 * none. */
static int file_prints_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    struct sl_seal seal = { 0 };
    if (x->worker->gate->store) {
        sl_store_seal(x->worker->gate->store, &seal);
    }
    if (!seal.is_set) {
        return 0;
    }
    sl_jw_key(w, "secrets");
    int r = target_prints(w, &route->targets[0], &seal);
    if (route->traffic) {
        sl_jw_key(w, "target_secrets");
        sl_jw_object(w);
        for (uint32_t i = 0; r == 0 && i < route->n_targets; i++) {
            sl_jw_key_str(w, route->traffic->targets[i].name);
            r = target_prints(w, &route->targets[i], &seal);
        }
        sl_jw_end(w);
    }
    sl_seal_done(&seal);
    return r;
}

static void file_reply(struct sl_xchg *x, const struct sl_route *route)
{
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    own_item_members(x, w, route);
    int r = file_prints_write(x, w, route);
    sl_jw_end(w);
    if (r < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_api_reply(x, 200);
}

static void handle_own_route_get(struct sl_xchg *x)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), x->match.arg);
    if (route && !route->incarnation) {
        file_reply(x, route);
        return;
    }
    if (!route && !x->worker->gate->store) {
        sl_api_refuse_missing(x, sl_str_sub(x->match.arg, 0, 256));
        return;
    }
    struct sl_question *question = sl_question_new(x, SL_STORE_READ, x->match.arg);
    if (question) {
        sl_question_ask(question, on_read);
    }
}

#define OWN "/api/sluice/v1/routes"

const struct sl_path sl_routes_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN,
      .handle = handle_own_route_list,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("List the routes with their owners and limits, shadowed ones too.", .parameters = "page_token",
                      .reply = "OwnRoutePage") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN "/{}",
      .handle = handle_own_route_get,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Everything about a route, except secrets.", .reply = "OwnRoute") },
    { .methods = SL_PUT,
      .pattern = OWN "/{}",
      .handle = handle_own_route_put,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Create a route, or replace it as a whole. A credential that is left out is kept.",
                      .statuses = "200 201 409 412", .parameters = "if-match wait", .headers = "etag",
                      .body = "PutRouteRequest", .reply = "OwnRoute") },
    { .methods = SL_DELETE,
      .pattern = OWN "/{}",
      .handle = sl_change_delete,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Delete a route that was created by a call.", .statuses = "200 409 412",
                      .parameters = "if-match wait", .reply = "Empty") },
    { 0 },
};
