/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that read: MLflow's routes and endpoints, OpenAI's models, health. */
#include <openssl/evp.h>
#include <stdio.h>

#include "gate/auth.h"
#include "gate/exchange.h"
#include "json/write.h"
#include "wire/uri.h"

/* MLflow's page. */
#define PAGE_SIZE 3000

static const struct sl_str json_type = SL_STR_INIT("application/json");

static struct sl_jw *writer(struct sl_xchg *x, struct sl_jw *w)
{
    sl_buf_reset(&x->worker->text);
    sl_jw_init(w, &x->worker->text);
    return w;
}

static void reply_text(struct sl_xchg *x, int status)
{
    if (sl_buf_status(&x->worker->text) < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_xchg_reply(x, status, json_type, sl_buf_str(&x->worker->text));
}

/* The route of the path, when there is one that this caller may see. */
static const struct sl_route *route_find(struct sl_xchg *x)
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

static void write_url(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    struct sl_str base = x->settings->server.public_url;
    while (base.n && base.p[base.n - 1] == '/') {
        base.n--;
    }
    struct sl_str url = sl_arena_printf(&x->req->arena, "%.*s/gateway/%.*s/invocations", SL_STR_ARG(base),
                                        SL_STR_ARG(route->name));
    sl_jw_str(w, url);
}

static void write_route(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, const struct shape *shape)
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
    write_url(x, w, route);
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

/* Standard base64 of {"index": N, "after": "NAME"}; a bare index is read too. False: not a token of ours. */
static bool page_start(struct sl_xchg *x, uint32_t *ret_start)
{
    const struct sl_snapshot *snapshot = x->worker->snapshot;
    struct sl_str token;
    struct sl_arena *arena = &x->req->arena;
    *ret_start = 0;
    if (!sl_query_get(x->match.query, "page_token", arena, &token)) {
        return true;
    }
    if (token.n == 0 || token.n > 4096 || token.n % 4) {
        return false;
    }
    unsigned char *text = sl_arena_alloc(arena, token.n);
    int n = text ? EVP_DecodeBlock(text, (const unsigned char *)token.p, (int)token.n) : -1;
    if (n < 0) {
        return false;
    }
    for (size_t i = token.n; i > 0 && token.p[i - 1] == '='; i--) {
        n--; /* the decoder counts padding as zero bytes */
    }
    struct sl_json *doc = &x->worker->doc;
    if (sl_json_parse(doc, sl_str_make((char *)text, (size_t)n)) < 0) {
        return false;
    }
    int64_t index;
    struct sl_json_val root = sl_json_root(doc);
    if (sl_json_int(sl_json_get(root, "index"), true, &index) < 0 || index < 0) {
        return false;
    }
    *ret_start = (uint32_t)SL_MIN(index, (int64_t)snapshot->n_routes);
    struct sl_str after;
    if (sl_json_text(sl_json_get(root, "after"), arena, &after) == 0) {
        /* Routes may have come and go since: go on behind the named one where it still is. */
        for (uint32_t i = 0; i < snapshot->n_routes; i++) {
            if (sl_str_eq(snapshot->routes[i]->name, after)) {
                *ret_start = i + 1;
            }
        }
    }
    return true;
}

static void write_token(struct sl_xchg *x, struct sl_jw *w, uint32_t next)
{
    struct sl_buf json = SL_BUF_INIT(8192);
    sl_buf_printf(&json, "{\"index\": %u, \"after\": \"", next);
    sl_json_escape(&json, x->worker->snapshot->routes[next - 1]->name);
    sl_buf_add_lit(&json, "\"}");
    char *text = sl_buf_status(&json) == 0 ? sl_arena_bytes(&x->req->arena, json.len / 3 * 4 + 8) : NULL;
    if (text) {
        int n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)json.p, (int)json.len);
        sl_jw_str(w, sl_str_make(text, (size_t)n));
    } else {
        sl_jw_null(w);
    }
    sl_buf_done(&json);
}

static void handle_list(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start;
    if (!page_start(x, &start)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Invalid page_token: it must be the next_page_token of an earlier reply.");
        return;
    }
    uint32_t end = SL_MIN(snapshot->n_routes - start, (uint32_t)PAGE_SIZE) + start;
    struct sl_jw writer_mem, *w = writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, shape->list);
    sl_jw_array(w);
    for (uint32_t i = start; i < end; i++) {
        if (sl_auth_may_use(x, snapshot->routes[i]->name)) {
            write_route(x, w, snapshot->routes[i], shape);
        }
    }
    sl_jw_end(w);
    sl_jw_key(w, "next_page_token");
    if (end < snapshot->n_routes) {
        write_token(x, w, end);
    } else {
        sl_jw_null(w);
    }
    sl_jw_end(w);
    reply_text(x, 200);
}

static void handle_get(struct sl_xchg *x, const struct shape *shape)
{
    const struct sl_route *route = route_find(x);
    if (!route) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND,
                          "The %s '%.*s' is not present or active on the server. Please verify the %s name.",
                          shape->one, SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)), shape->one);
        return;
    }
    struct sl_jw writer_mem, *w = writer(x, &writer_mem);
    write_route(x, w, route, shape);
    reply_text(x, 200);
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
    struct sl_jw writer_mem, *w = writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_member_str(w, "object", SL_STR("list"));
    sl_jw_key(w, "data");
    sl_jw_array(w);
    for (uint32_t i = 0; i < snapshot->n_routes; i++) {
        if (sl_auth_may_use(x, snapshot->routes[i]->name)) {
            write_model(x, w, snapshot->routes[i]);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
    reply_text(x, 200);
}

void sl_handle_model(struct sl_xchg *x)
{
    const struct sl_route *route = route_find(x);
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
    struct sl_jw writer_mem, *w = writer(x, &writer_mem);
    write_model(x, w, route);
    reply_text(x, 200);
}
