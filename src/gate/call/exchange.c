/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/exchange.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "gate/call/auth.h"
#include "gate/call/nopath.h"
#include "gate/call/peer.h"
#include "gate/api/question.h"
#include "wire/uri.h"

static const unsigned allowed[SL_XS_COUNT] = {
    [SL_XS_HEAD] = SL_BIT(SL_XS_BODY) | SL_BIT(SL_XS_DONE),
    [SL_XS_BODY] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_DONE),
    [SL_XS_UPSTREAM] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_RELAY) | SL_BIT(SL_XS_DONE), /* self: the next attempt */
    [SL_XS_RELAY] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_DONE), /* back only before a byte left */
    [SL_XS_DONE] = 0,
};

void sl_xchg_set_state(struct sl_xchg *x, enum sl_xchg_state to)
{
    SL_ASSERT(allowed[x->state] & SL_BIT(to));
    x->state = to;
}

/* The caller's id when it is fit to be one, else ours. */
static struct sl_str request_id_of(struct sl_xchg *x)
{
    struct sl_str given = sl_headers_get(&x->req->msg.headers, "x-request-id");
    if (sl_header_is_visible(given, 128)) {
        return given;
    }
    static const char digits[] = "0123456789abcdef";
    char *p = sl_arena_bytes(&x->req->arena, 32);
    if (!p) {
        return SL_STR("none");
    }
    memcpy(p, x->worker->request_id_prefix, 16);
    uint64_t v = sl_rng_next(&x->worker->loop.rng);
    for (size_t i = 0; i < 16; i++) {
        p[16 + i] = digits[v >> (i * 4) & 15];
    }
    return sl_str_make(p, 32);
}

static struct sl_xchg *xchg_new(struct sl_worker *worker, struct sl_hreq *req)
{
    struct sl_xchg *x = SL_ARENA_NEW(&req->arena, struct sl_xchg);
    if (!x) {
        return NULL;
    }
    x->worker = worker;
    x->req = req;
    req->user = x;
    req->arena.budget =
        &worker->gate->memory; /* heads are bounded by the number of connections; what comes now is not */
    worker->n_requests++;
    x->settings = sl_settings_ref(sl_worker_snapshot(worker)->settings);
    x->dialect = &sl_dialect_mlflow;
    x->usage = SL_USAGE_NONE;
    x->request_id = request_id_of(x);
    x->client = sl_peer_client(x->settings, &req->conn->peer, &req->msg.headers);
    x->principal = sl_peer_principal(&x->client, &req->arena);
    x->env.request_id = x->request_id;
    x->env.headers = &req->msg.headers;
    x->env.scratch = &worker->scratch;
    sl_xchg_list_add(&worker->xchgs, x);
    sl_metrics_in_flight(worker->metrics, 1);
    return x;
}

/* What everyone is told who keeps count of exchanges. Once each, when the reply is given. */
static void xchg_settle(struct sl_xchg *x, int status)
{
    if (x->ticket.state == SL_TICKET_OPEN) {
        enum sl_outcome outcome = x->error_type == SL_ERR_NONE               ? SL_OUTCOME_OK
                                  : x->error_type == SL_ERR_CALLER_CANCELLED ? SL_OUTCOME_CANCELLED
                                                                             : SL_OUTCOME_FAILED;
        sl_ticket_settle(&x->ticket, outcome, &x->usage);
    }
    sl_measure_overhead(x);
    sl_record_write(x, status);
}

/* Everything the exchange holds outside its arena. */
static void xchg_release(struct sl_xchg *x)
{
    SL_ASSERT(x->ticket.state != SL_TICKET_OPEN);
    sl_attempt_cancel(x);
    sl_pending_leave(x);
    sl_timer_remove(&x->worker->loop, &x->backoff);
    sl_relay_done(x);
    sl_scrape_forget(x);
    sl_xchg_list_remove(&x->worker->xchgs, x);
    sl_metrics_in_flight(x->worker->metrics, -1);
    sl_route_unref(x->route);
    sl_key_unref(x->key);
    sl_settings_unref(x->settings);
    x->req->user = NULL;
    sl_worker_trim(x->worker);
}

void sl_xchg_end(struct sl_xchg *x)
{
    struct sl_hreq *req = x->req;
    sl_xchg_set_state(x, SL_XS_DONE);
    sl_measure_exchange(x, req->status); /* first: whoever has the reply finds it counted */
    sl_hreq_complete(req);               /* what was gathered may lie in the relay's buffers */
    xchg_settle(x, req->status);
    xchg_release(x);
    sl_hreq_end(req);
}

void sl_xchg_cut(struct sl_xchg *x)
{
    struct sl_hreq *req = x->req;
    sl_xchg_set_state(x, SL_XS_DONE);
    sl_measure_exchange(x, req->status);
    sl_hreq_flush(req);
    xchg_settle(x, req->status);
    xchg_release(x);
    sl_hreq_cut(req);
}

/* A reply that was made from an upstream's keeps what that one said beside its body. */
static int upstream_headers_keep(struct sl_xchg *x, struct sl_headers *headers)
{
    if (x->mode != SL_RELAY_COLLECT && x->mode != SL_RELAY_COLLECT_ERROR) {
        return 0;
    }
    int r = 0;
    for (uint32_t i = 0; i < x->up_headers.n && r == 0; i++) {
        if (!sl_header_is_of_body(x->up_headers.v[i].name)) {
            r = sl_headers_add(headers, &x->req->arena, x->up_headers.v[i].name, x->up_headers.v[i].value);
        }
    }
    return r;
}

void sl_xchg_reply_with(struct sl_xchg *x, int status, struct sl_headers *headers, struct sl_str content_type,
                        struct sl_str body)
{
    struct sl_arena *arena = &x->req->arena;
    int r = upstream_headers_keep(x, headers);
    if (r == 0 && content_type.n) {
        r = sl_headers_add(headers, arena, SL_STR("content-type"), content_type);
    }
    if (r == 0) {
        r = sl_headers_own(x, headers);
    }
    if (r == 0) {
        r = sl_hreq_reply(x->req, status, headers, (int64_t)body.n);
    }
    if (r < 0) {
        sl_xchg_cut(x);
        return;
    }
    if (!x->first_byte_usec) {
        x->first_byte_usec = sl_loop_now(&x->worker->loop);
    }
    /* A client that cannot take it is seen by the loop. */
    SL_IGNORE(sl_hreq_data(x->req, body) < 0);
    sl_xchg_end(x);
}

void sl_xchg_reply(struct sl_xchg *x, int status, struct sl_str content_type, struct sl_str body)
{
    struct sl_headers headers = { 0 };
    sl_xchg_reply_with(x, status, &headers, content_type, body);
}

void sl_xchg_fail(struct sl_xchg *x, struct sl_llm_error *error)
{
    struct sl_arena *arena = &x->req->arena;
    x->error_type = error->type;
    error->request_id = x->request_id;
    struct sl_buf *out = &x->worker->text;
    sl_buf_reset(out);
    x->dialect->language->write_error(error, out); /* the dialect chooses the status, where none is set */
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    struct sl_headers headers = { 0 };
    int r = sl_buf_status(out);
    uint64_t wait = error->retry_after_sec;
    if (wait == 0 && error->status == 503 && !sl_error_type_is_upstream(error->type)) {
        wait = 1; /* every 503 of ours says when */
    }
    if (r == 0 && wait && wait <= 120) {
        struct sl_str text = sl_arena_printf(arena, "%llu", (unsigned long long)wait);
        r = text.p ? sl_headers_add(&headers, arena, SL_STR("retry-after"), text) : SL_E_NOMEM;
    }
    if (r == 0 && error->type == SL_ERR_CALLER_UNSUPPORTED_MEDIA) {
        r = sl_headers_add(&headers, arena, SL_STR("accept-encoding"), SL_STR(SL_CODINGS_ACCEPTED));
    }
    if (r == 0 && error->type == SL_ERR_CALLER_METHOD_NOT_ALLOWED) {
        char names[64];
        sl_methods_format(x->match.allowed, names);
        struct sl_str text = sl_arena_dup(arena, sl_str_c(names));
        r = text.p ? sl_headers_add(&headers, arena, SL_STR("allow"), text) : SL_E_NOMEM;
    }
    if (r == 0 && error->type == SL_ERR_CALLER_UNAUTHENTICATED) {
        r = sl_headers_add(&headers, arena, SL_STR("www-authenticate"), SL_STR("Bearer realm=\"sluice\""));
        r = r < 0 ? r : sl_headers_add(&headers, arena, SL_STR("www-authenticate"), SL_STR("Basic realm=\"sluice\""));
    }
    if (r == 0 && error->type == SL_ERR_PROVIDER_AUTH_FAILED && x->dialect->manners->reads_should_retry) {
        /* The gateway's credential is wrong: asking again cannot help, and the client is told so. */
        r = sl_headers_add(&headers, arena, SL_STR("x-should-retry"), SL_STR("false"));
    }
    if (r < 0) {
        sl_xchg_cut(x);
        return;
    }
    sl_xchg_reply_with(x, error->status, &headers, SL_STR("application/json"), sl_buf_str(out));
}

void sl_xchg_fail_text(struct sl_xchg *x, enum sl_error_type type, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct sl_llm_error error = { .type = type, .message = sl_arena_dup(&x->req->arena, sl_str_c(text)) };
    sl_xchg_fail(x, &error);
}

/* --- from the server connection --- */

static struct sl_worker *worker_of(struct sl_hserver *server)
{
    return server->user;
}

/* A client's own name in its error, bounded; a character is not cut. */
static struct sl_str name_shown(struct sl_str name)
{
    size_t n = SL_MIN(name.n, (size_t)256);
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return sl_str_sub(name, 0, n);
}

void sl_xchg_fail_no_route(struct sl_xchg *x, struct sl_str name)
{
    struct sl_llm_error error = { .type = SL_ERR_CALLER_NOT_FOUND, .message = SL_STR("Not Found") };
    if (x->dialect->no_route) {
        x->dialect->no_route(name_shown(name), &x->req->arena, &error);
    }
    sl_xchg_fail(x, &error);
}

/* Finds the route and holds it. False: the exchange was failed. */
static bool route_take(struct sl_xchg *x, struct sl_str name)
{
    struct sl_route *route = sl_snapshot_find(x->worker->snapshot, name);
    if (!route || !sl_auth_may_use(x, name)) {
        sl_xchg_fail_no_route(x, name);
        return false;
    }
    x->route = sl_route_ref(route);
    return true;
}

/* /v1: the path says what is asked for, the route what it can do. */
static bool type_fits(struct sl_xchg *x)
{
    if (!x->path->has_type || x->path->type == x->route->type) {
        return true;
    }
    static const char *const words[] = { "a chat", "a completions", "an embeddings" }; /* MLflow's sentence */
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .param = SL_STR("model"),
        .message = sl_arena_printf(&x->req->arena, "Endpoint '%.*s' is not %s endpoint: the type of this route is %s.",
                                   SL_STR_ARG(x->route->name), words[x->path->type], sl_llm_type_name(x->route->type)),
    };
    sl_xchg_fail(x, &error);
    return false;
}

/* What can be told of a target that leads nowhere: for the log, and for the error's dialect. */
static void target_take(struct sl_xchg *x)
{
    struct sl_str target = x->req->msg.target;
    if (sl_target_parse(target, &x->match.path, &x->match.query, NULL) < 0) {
        x->match.path = target;
    }
    x->dialect = sl_dialect_for(sl_path_dialect(x->match.path), &x->req->msg.headers);
}

static size_t body_max(const struct sl_xchg *x)
{
    size_t max = (size_t)x->settings->server.limits.body_bytes;
    return x->path->is_invocation              ? max
           : x->path->access == SL_ACCESS_OPEN ? SL_MIN(max, (size_t)SL_OPEN_BODY_MAX)
                                               : SL_MIN(max, (size_t)SL_MANAGE_BODY_MAX);
}

static void on_head(struct sl_hserver *server, struct sl_hreq *req)
{
    struct sl_xchg *x = xchg_new(worker_of(server), req);
    if (!x) {
        sl_hreq_cut(req);
        return;
    }
    int r;
    x->path = sl_path_find(req->msg.method, req->msg.target, &req->arena, &x->match, &r);
    if (r < 0) {
        target_take(x);
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "the request target is malformed");
        return;
    }
    x->dialect = x->path ? x->path->dialect : sl_path_dialect(x->match.path);
    x->dialect = sl_dialect_for(x->dialect, &req->msg.headers);
    struct sl_uri uri;
    bool is_absolute = req->msg.target.p[0] != '/' && sl_uri_parse(req->msg.target, &uri, NULL) == 0;
    const char *fault = sl_peer_page_fault(x->settings, &req->conn->peer, &req->msg.headers,
                                           is_absolute ? uri.authority : SL_STR_NONE);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN, "%s", fault);
        return;
    }
    if (!x->path) {
        sl_nopath_refuse(x);
        return;
    }
    if (!sl_auth_check(x)) {
        return;
    }
    /* Slow readers hold more than is allowed: no more replies are made for them. */
    if (x->path->access != SL_ACCESS_OPEN && sl_budget_is_over(&x->worker->gate->memory)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway's memory (server.limits.memory) is used up");
        return;
    }
    if (x->path->is_invocation && x->match.arg.p && !route_take(x, x->match.arg)) {
        return;
    }
    sl_xchg_set_state(x, SL_XS_BODY);
    sl_hreq_read_body(req, body_max(x));
}

static void invoke(struct sl_xchg *x)
{
    struct sl_worker *worker = x->worker;
    struct sl_hreq *req = x->req;
    enum sl_llm_type type = x->path->has_type ? x->path->type : x->route->type;
    x->env.wall_usec = sl_clock_wall_usec();
    x->env.random[0] = sl_rng_next(&worker->loop.rng);
    x->env.random[1] = sl_rng_next(&worker->loop.rng);
    struct sl_llm_error error = { 0 };
    struct sl_incoming in = {
        .type = type, .path = x->match.path, .query = x->match.query, .headers = &req->msg.headers, .body = req->body
    };
    int r = sl_dialect_read(x->dialect, &in, &worker->doc, &req->arena, &x->call, &error);
    if (r < 0) {
        if (r == SL_E_NOMEM || error.type == SL_ERR_NONE) {
            error = (struct sl_llm_error){ .type = SL_ERR_SLUICE_OVERLOADED,
                                           .message = SL_STR(
                                               "the gateway's memory (server.limits.memory) is used up") };
        }
        sl_xchg_fail(x, &error);
        return;
    }
    if (!x->route && !route_take(x, x->call.model)) {
        return;
    }
    if (type_fits(x)) {
        sl_admit(x, sl_attempt_start);
    }
}

static void on_body(struct sl_hserver *server, struct sl_hreq *req)
{
    struct sl_worker *worker = worker_of(server);
    struct sl_xchg *x = req->user;
    if (x->path->is_invocation) {
        invoke(x);
    } else {
        x->path->handle(x);
    }
    sl_worker_trim(worker);
}

static void on_refused(struct sl_hserver *server, struct sl_hreq *req, int status, const char *text)
{
    struct sl_xchg *x = req->user ? req->user : xchg_new(worker_of(server), req);
    if (!x) {
        sl_hreq_cut(req);
        return;
    }
    static const struct {
        int status;
        enum sl_error_type type;
    } types[] = {
        { 408, SL_ERR_CALLER_TIMEOUT },           { 413, SL_ERR_CALLER_BODY_TOO_LARGE },
        { 414, SL_ERR_CALLER_HEAD_TOO_LARGE },    { 431, SL_ERR_CALLER_HEAD_TOO_LARGE },
        { 415, SL_ERR_CALLER_UNSUPPORTED_MEDIA }, { 501, SL_ERR_CALLER_UNSUPPORTED },
        { 503, SL_ERR_SLUICE_OVERLOADED },
    };
    struct sl_llm_error error = { .type = SL_ERR_CALLER_INVALID_REQUEST, .status = status, .message = sl_str_c(text) };
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        if (types[i].status == status) {
            error.type = types[i].type;
        }
    }
    if (!x->path) {
        target_take(x);
    }
    sl_xchg_fail(x, &error);
}

static void on_gone(struct sl_hserver *server, struct sl_hreq *req)
{
    (void)server;
    struct sl_xchg *x = req->user;
    if (!x) {
        return;
    }
    /* Clients leave at the last word of a stream, and at an error in it: that is no cancelling. */
    int status = req->status;
    if (x->state != SL_XS_RELAY || !sl_relay_is_over(x)) {
        x->error_type = SL_ERR_CALLER_CANCELLED;
        status = 499;
    }
    sl_xchg_set_state(x, SL_XS_DONE);
    sl_measure_exchange(x, status);
    xchg_settle(x, status);
    xchg_release(x);
}

static void on_drain(struct sl_hserver *server, struct sl_hreq *req)
{
    (void)server;
    struct sl_xchg *x = req->user;
    if (x && x->is_paused && sl_hreq_queued(req) <= SL_STREAM_LOW) {
        sl_attempt_resume(x);
    }
}

static bool on_memory(struct sl_hserver *server, ptrdiff_t n)
{
    struct sl_budget *memory = &worker_of(server)->gate->memory;
    if (n >= 0) {
        return sl_budget_take(memory, (size_t)n);
    }
    sl_budget_give(memory, (size_t)-n);
    return true;
}

static void on_waiting(struct sl_hserver *server, ptrdiff_t n)
{
    struct sl_budget *memory = &worker_of(server)->gate->memory;
    if (n >= 0) {
        sl_budget_force(memory, (size_t)n);
    } else {
        sl_budget_give(memory, (size_t)-n);
    }
}

void sl_xchg_end_all(struct sl_worker *worker)
{
    static const struct sl_str text = SL_STR_INIT("The gateway is shutting down: try again.");
    for (struct sl_xchg *x = sl_xchg_list_first(&worker->xchgs), *next; x; x = next) {
        next = sl_xchg_list_next(x);
        if (x->state == SL_XS_UPSTREAM || x->state == SL_XS_RELAY) {
            sl_relay_on_error(x, SL_ERR_SLUICE_DRAINING, text);
        } else {
            sl_xchg_fail_text(x, SL_ERR_SLUICE_DRAINING, "%s", text.p);
        }
    }
}

const struct sl_hserver_cbs sl_xchg_server_cbs = {
    .on_head = on_head,
    .on_body = on_body,
    .on_refused = on_refused,
    .on_gone = on_gone,
    .on_drain = on_drain,
    .on_memory = on_memory,
    .on_waiting = on_waiting,
};
