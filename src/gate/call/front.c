/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/front.h"

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/asked.h"
#include "gate/call/auth.h"
#include "gate/call/charge.h"
#include "gate/call/deadline.h"
#include "gate/call/estimate.h"
#include "gate/call/follow.h"
#include "gate/call/measure.h"
#include "gate/call/nopath.h"
#include "gate/call/own.h"
#include "gate/call/passage.h"
#include "gate/call/peer.h"
#include "gate/call/plan.h"
#include "gate/call/preflight.h"
#include "gate/call/reply.h"
#include "gate/call/shadow.h"
#include "gate/call/state.h"
#include "gate/call/trace.h"
#include "gate/call/upload.h"
#include "gate/call/upload_form.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/worker.h"
#include "http/server.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "log/ident.h"
#include "log/row.h"
#include "wire/uri.h"

/* An exchange together with structs that it points to. */
struct whole {
    struct sl_xchg x;
    struct sl_call call;
    struct sl_env env;
};

/* Gives the request its own id. */
static void ident_give(struct sl_xchg *x)
{
    struct sl_rlog_id id;
    sl_ident_make(x->worker->idents, x->req->start_usec, &id);
    x->begun_wall_usec = id.time_usec;
    x->id_counter = id.counter;
    char *p = sl_arena_bytes(x->arena, SL_RLOG_ID_HEX);
    if (!p) {
        x->caller.own_id = SL_STR("none");
        return;
    }
    sl_rlog_id_format(&id, p);
    x->caller.own_id = sl_str_make(p, SL_RLOG_ID_HEX);
}

/* The caller's request id if it is valid, else our own. */
static struct sl_str request_id_of(struct sl_xchg *x)
{
    struct sl_str given = sl_headers_get(&x->req->msg.headers, "x-request-id");
    return sl_header_is_visible(given, 128) ? given : x->caller.own_id;
}

static struct sl_xchg *xchg_new(struct sl_worker *worker, struct sl_hreq *req)
{
    struct whole *whole = SL_ARENA_NEW(&req->arena, struct whole);
    if (!whole) {
        return NULL;
    }
    struct sl_xchg *x = &whole->x;
    x->worker = worker;
    x->desk = &worker->desk;
    x->req = req;
    x->arena = &req->arena;
    x->call = &whole->call;
    x->env = &whole->env;
    req->user = x;
    req->arena.budget = x->desk->memory; /* the number of connections bounds memory for heads, but not what comes now */
    x->settings = sl_settings_ref(sl_worker_snapshot(worker)->settings);
    x->dialect = sl_path_dialect(worker->paths, SL_STR("/"), NULL);
    x->record.usage = SL_USAGE_NONE;
    x->record.cost_nano = SL_COST_UNKNOWN;
    ident_give(x);
    x->caller.request_id = request_id_of(x);
    struct sl_addr client = sl_peer_client(x->settings, &req->conn->peer, &req->msg.headers);
    x->caller.address = sl_arena_dup(x->arena, sl_str_c(client.text));
    x->caller.principal = sl_peer_principal(&client, x->arena);
    x->env->request_id = x->caller.request_id;
    x->env->headers = &req->msg.headers;
    x->env->scratch = x->desk->scratch;
    sl_xchg_list_add(&x->desk->xchgs, x);
    sl_metrics_in_flight(x->desk->metrics, 1);
    return x;
}

/* --- from the server connection --- */

static struct sl_worker *worker_of(struct sl_hserver *server)
{
    return server->user;
}

/* False: the client was refused. */
static bool route_hold_or_refuse(struct sl_xchg *x, struct sl_route *route)
{
    x->route = sl_route_ref(route);
    x->at = (struct sl_at){ route, route->traffic };
    if (sl_charge_begin(x) < 0) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    return true;
}

/* Finds the route and holds it. False: the client was refused. */
static bool route_or_refuse(struct sl_xchg *x, struct sl_str name)
{
    struct sl_route *route = sl_snapshot_find(x->worker->snapshot, name);
    struct sl_str other = !route && x->dialect->route_name ? x->dialect->route_name(name, x->arena) : SL_STR_NONE;
    route = other.p ? sl_snapshot_find(x->worker->snapshot, other) : route;
    if (!route || !sl_auth_may_use(x, route->name)) {
        sl_xchg_fail_no_route(x, name);
        return false;
    }
    return route_hold_or_refuse(x, route);
}

/* Checks that the route has the type of the path (on /v1). False: the client was refused. */
static bool type_or_refuse(struct sl_xchg *x)
{
    if (x->call->type == x->route->type || x->path->is_passage) {
        return true;
    }
    static const char *const words[] = {
        "a chat",   "a completions", "an embeddings", "an images",
        "a speech", "a moderations", "a rerank",      "a transcriptions"
    }; /* for the words of MLflow's message */
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .param = SL_STR("model"),
        .message = sl_arena_printf(x->arena, "Endpoint '%.*s' is not %s endpoint: the type of this route is %s.",
                                   SL_STR_ARG(x->route->name), words[x->call->type], sl_llm_type_name(x->route->type)),
    };
    sl_xchg_fail(x, &error);
    return false;
}

static void dialect_find(struct sl_xchg *x)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    const struct sl_dialect *own = x->path ? x->path->dialect : NULL;
    x->dialect = sl_dialect_for(own ? own : sl_path_dialect(x->worker->paths, x->match.path, headers), headers);
}

/* Finds path and dialect of a target without a row, for the log and for the error. */
static void target_take(struct sl_xchg *x)
{
    struct sl_str target = x->req->msg.target;
    if (sl_target_parse(target, &x->match.path, &x->match.query, NULL) < 0) {
        struct sl_str rest = target; /* a query may hold a key */
        SL_IGNORE(!sl_str_next(&rest, '?', &x->match.path));
    } else {
        SL_IGNORE(sl_nopath_cut(x));
    }
    dialect_find(x);
}

static size_t body_max(const struct sl_xchg *x)
{
    size_t max = (size_t)x->settings->server.limits.body_bytes;
    return sl_xchg_is_invocation(x)            ? max
           : x->path->access == SL_ACCESS_OPEN ? SL_MIN(max, (size_t)SL_OPEN_BODY_MAX)
                                               : SL_MIN(max, (size_t)SL_MANAGE_BODY_MAX);
}

/* Finds the row for the path, as it is or without the prefix that the gateway is published under. */
static int path_find(struct sl_xchg *x)
{
    int r;
    struct sl_hreq *req = x->req;
    x->path = sl_path_find(x->worker->paths, req->msg.method, req->msg.target, x->arena, &x->match, &r);
    if (SL_UNLIKELY(!x->path) && r == 0 && sl_nopath_cut(x)) {
        x->path = sl_path_look(x->worker->paths, x->arena, &x->match, &r);
    }
    return r;
}

/* True: answer this request, although its connection is beyond server.limits.connections: a monitor asks. */
static bool may_exceed(struct sl_hserver *server, struct sl_hreq *req)
{
    int r;
    struct sl_path_match match;
    const struct sl_path *path = sl_path_find(worker_of(server)->paths, req->msg.method, req->msg.target, &req->arena,
                                              &match, &r);
    return path && path->is_watch;
}

#define COST_HEADER "x-sluice-usage"

/* Notes whether the client asks for the cost in the reply's body. False: the client was refused. */
static bool cost_asked_or_refuse(struct sl_xchg *x)
{
    struct sl_str said = x->has_own ? sl_headers_get(&x->req->msg.headers, COST_HEADER) : SL_STR_NONE;
    bool is_body = sl_str_eq_c(said, "body");
    x->asks_cost = is_body && x->dialect->language->cost_at; /* else its dialect has no place for it */
    if (!said.p || is_body) {
        return true;
    }
    bool is_shown = sl_header_is_visible(said, 64);
    sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "The header " COST_HEADER " must be \"body\"%s%.*s%s.",
                      is_shown ? ", not \"" : "", SL_STR_ARG(is_shown ? said : SL_STR("")), is_shown ? "\"" : "");
    return false;
}

static void on_head(struct sl_hserver *server, struct sl_hreq *req)
{
    struct sl_xchg *x = xchg_new(worker_of(server), req);
    if (!x) {
        sl_hreq_cut(req);
        return;
    }
    if (path_find(x) < 0) {
        target_take(x);
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "the request target is malformed");
        return;
    }
    dialect_find(x);
    struct sl_uri uri;
    bool is_absolute = req->msg.target.p[0] != '/' && sl_uri_parse(req->msg.target, &uri, NULL) == 0;
    const char *fault = sl_peer_page_fault(x->settings, &req->conn->peer, &req->msg.headers,
                                           is_absolute ? uri.authority : SL_STR_NONE, sl_own_is_for_pages(x));
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN, "%s", fault);
        return;
    }
    if (x->match.method == SL_OTHER) {
        struct sl_llm_error error = {
            .type = SL_ERR_CALLER_UNSUPPORTED,
            .status = 501,
            .message = SL_STR("HTTP has no such method."),
        };
        sl_xchg_fail(x, &error);
        return;
    }
    if (sl_preflight_answer(x)) {
        return;
    }
    if (!x->path) {
        sl_nopath_refuse(x);
        return;
    }
    if (!sl_auth_or_refuse(x)) {
        return;
    }
    if (SL_UNLIKELY(x->settings->otel) && sl_xchg_is_invocation(x)) {
        sl_trace_begin(x);
    }
    /* Slow readers hold more memory than allowed: no more replies are made. */
    if (x->path->access != SL_ACCESS_OPEN && !x->path->is_watch && sl_budget_is_over(x->desk->memory)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway's memory (server.limits.memory) is used up");
        return;
    }
    if (sl_xchg_is_invocation(x) && !x->path->follows && x->match.arg.p && !route_or_refuse(x, x->match.arg)) {
        return;
    }
    if ((x->path->is_passage && !sl_passage_or_refuse(x)) ||
        (sl_xchg_is_invocation(x) && (!sl_deadline_or_refuse(x) || !cost_asked_or_refuse(x)))) {
        return;
    }
    if (x->path->takes_form && sl_form_is_sent(x)) {
        if (sl_form_begin_or_refuse(x)) {
            sl_xchg_set_state(x, SL_XS_BODY);
            sl_hreq_stream_body(req, x->settings->server.limits.form_bytes);
        }
        return;
    }
    if (x->path->takes_form && !sl_form_type_or_refuse(x)) {
        return;
    }
    sl_xchg_set_state(x, SL_XS_BODY);
    req->is_secret = !sl_xchg_is_invocation(x) && (x->path->access != SL_ACCESS_OPEN || x->path->takes_key);
    sl_hreq_read_body(req, body_max(x));
}

/* False: the client was refused. */
static bool admitted_or_refuse(struct sl_xchg *x, int r)
{
    if (!x->charge) {
        return true;
    }
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    sl_measure_limit(x, r < 0);
    if (r < 0) {
        struct sl_llm_error error;
        sl_charge_error(x, r, &error);
        sl_xchg_fail(x, &error);
    }
    return r == 0;
}

/* Asks the limits of the call, and goes on with `fn`: at once, or when the shared counters have answered. */
static void admit(struct sl_xchg *x, sl_charge_fn *fn)
{
    int r = x->charge ? sl_charge_take(x, fn, x) : 0;
    if (SL_LIKELY(r != SL_E_AGAIN)) {
        fn(x, r);
    }
}

/* The call was parsed into a document that all exchanges of the worker use, and others may have used it since. False:
 * the client was refused. */
static bool doc_again_or_refuse(struct sl_xchg *x)
{
    struct sl_json *doc = x->desk->doc;
    const struct sl_call *call = x->call;
    if (SL_LIKELY(!call->doc || sl_json_holds(doc, call->body)) || sl_json_parse(doc, call->body) == 0) {
        return true;
    }
    sl_xchg_fail_nomem(x); /* it was valid before */
    return false;
}

/* The ids of responses are made from these random numbers. Without keys, who can guess an id can read that response, so
 * a cryptographic source makes them. */
static void env_fill(struct sl_xchg *x)
{
    x->env->wall_usec = sl_clock_wall_usec();
    x->env->random[0] = sl_random_take(&x->desk->loop->random);
    x->env->random[1] = sl_random_take(&x->desk->loop->random);
}

/* Reads the body into a call. False: the client was refused. */
static bool call_or_refuse(struct sl_xchg *x)
{
    struct sl_hreq *req = x->req;
    enum sl_llm_type type = x->path->has_type ? x->path->type : x->route->type;
    env_fill(x);
    if (x->path->is_passage) {
        return sl_passage_body_or_refuse(x);
    }
    if (type >= SL_LLM_TRANSLATED_COUNT && !x->path->tail) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Endpoint '%.*s' is of type %s, which has a path of its own: see /docs.",
                          SL_STR_ARG(x->route->name), sl_llm_type_name(type));
        return false;
    }
    struct sl_llm_error error = { 0 };
    struct sl_incoming in = {
        .type = type,
        .path = x->match.path,
        .query = x->match.query,
        .headers = &req->msg.headers,
        .body = req->body,
        .has_route = x->match.arg.p != NULL,
        .is_count = x->path->counts,
    };
    int r = sl_dialect_read(x->dialect, &in, x->desk->doc, x->arena, x->call, &error);
    if (r < 0) {
        if (r == SL_E_NOMEM || error.type == SL_ERR_NONE) {
            error = (struct sl_llm_error){ .type = SL_ERR_SLUICE_OVERLOADED,
                                           .message = SL_STR(
                                               "the gateway's memory (server.limits.memory) is used up") };
        }
        sl_xchg_fail(x, &error);
    }
    x->call->wants_usage |= x->asks_cost; /* a stream tells it with its usage */
    return r == 0;
}

/* False: the client was refused. */
static bool asked_or_refuse(struct sl_xchg *x)
{
    struct sl_llm_error error;
    int r = sl_asked_read(x, &error);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r < 0) {
        sl_xchg_fail(x, &error);
    }
    return r == 0;
}

static void follow_on(void *arg, int r)
{
    if (admitted_or_refuse(arg, r)) {
        sl_plan_start(arg);
    }
}

/* Serves a call about a response. Reading it counts as a call of its route; cancelling and deleting are never refused
 * by a limit. */
static void follow(struct sl_xchg *x)
{
    struct sl_route *route = sl_follow_find(x);
    if (!route) {
        return;
    }
    if (route_hold_or_refuse(x, route)) {
        if (x->match.method == SL_GET) {
            admit(x, follow_on);
        } else {
            sl_plan_start(x);
        }
    }
}

static void call_begin(struct sl_xchg *x)
{
    if (SL_UNLIKELY(x->route->shadow)) {
        sl_shadow_start(x);
    }
    sl_plan_start(x);
}

static void form_on(void *arg, int r)
{
    struct sl_xchg *x = arg;
    if (admitted_or_refuse(x, r)) {
        if (!x->req->body_usec) {
            x->req->body_usec = sl_loop_now(x->desk->loop); /* the call's times count from here */
        }
        sl_upload_flow(x->upload, x->route->n_targets > 1 || (x->route->traffic && x->route->traffic->n_routes));
        call_begin(x);
    }
}

/* The form is known well enough for the call to begin, even if it is not complete yet. */
static void form_step(struct sl_xchg *x, enum sl_form_step step)
{
    if (step != SL_FORM_READY) {
        return;
    }
    env_fill(x);
    if ((x->route || route_or_refuse(x, x->call->model)) && type_or_refuse(x) && sl_passage_tail_or_refuse(x)) {
        admit(x, form_on);
    }
}

static void on_piece(struct sl_hserver *server, struct sl_hreq *req, struct sl_str bytes)
{
    (void)server;
    form_step(req->user, sl_form_push(req->user, bytes));
}

static void call_on(void *arg, int r)
{
    struct sl_xchg *x = arg;
    if (admitted_or_refuse(x, r) && doc_again_or_refuse(x) && !sl_estimate_reply(x)) {
        call_begin(x);
    }
}

static void on_body(struct sl_hserver *server, struct sl_hreq *req)
{
    struct sl_xchg *x = req->user;
    if (x->form) {
        form_step(x, sl_form_end(x));
    } else if (x->path->handle) {
        x->path->handle(x);
    } else if (x->path->follows && x->match.arg.p) {
        follow(x);
    } else if (call_or_refuse(x) && (x->route || route_or_refuse(x, x->call->model)) && type_or_refuse(x) &&
               asked_or_refuse(x) && sl_follow_beside_or_refuse(x) && sl_follow_previous_or_refuse(x) &&
               sl_passage_tail_or_refuse(x)) {
        admit(x, call_on);
    }
    sl_worker_trim(worker_of(server));
}

/* The limit and its size: paths for management take less than calls of a model. */
static struct sl_str too_large_text(const struct sl_xchg *x, const char *text)
{
    char max[32];
    size_t most = x->req->max_body;
    sl_format_size(most, max);
    return !x->req->is_pieced && most < x->settings->server.limits.body_bytes
               ? sl_arena_printf(x->arena, "the body is larger than the %s that this path takes", max)
               : sl_arena_printf(x->arena, "%s (%s)", text, max);
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
    if (status == 413 && req->max_body) {
        error.message = too_large_text(x, text);
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
    /* Clients leave after the last event of a stream, or after an error in it: that does not count as cancelled. */
    bool is_said = sl_plan_is_said(x);
    if (!is_said) {
        x->record.error_type = SL_ERR_CALLER_CANCELLED;
    }
    sl_xchg_gone(x, is_said ? req->status : 499);
}

static void on_drain(struct sl_hserver *server, struct sl_hreq *req)
{
    (void)server;
    if (req->user && sl_hreq_queued(req) <= SL_STREAM_LOW) {
        sl_plan_resume(req->user);
    }
}

static bool on_memory(struct sl_hserver *server, ptrdiff_t n)
{
    struct sl_budget *memory = worker_of(server)->desk.memory;
    if (n >= 0) {
        return sl_budget_take(memory, (size_t)n);
    }
    sl_budget_give(memory, (size_t)-n);
    return true;
}

static void on_waiting(struct sl_hserver *server, ptrdiff_t n)
{
    struct sl_budget *memory = worker_of(server)->desk.memory;
    if (n >= 0) {
        sl_budget_force(memory, (size_t)n);
    } else {
        sl_budget_give(memory, (size_t)-n);
    }
}

static void end_all(struct sl_desk *desk)
{
    static const struct sl_str text = SL_STR_INIT("The gateway is shutting down: try again.");
    for (struct sl_xchg *x = sl_xchg_list_first(&desk->xchgs), *next; x; x = next) {
        next = sl_xchg_list_next(x);
        if (x->state == SL_XS_UPSTREAM || x->state == SL_XS_RELAY) {
            sl_plan_break(x, SL_ERR_SLUICE_DRAINING, text);
        } else if (x->req->is_replying) { /* a list that goes on: gate/api/requests_tail.c */
            sl_xchg_end(x);
        } else {
            sl_xchg_fail_text(x, SL_ERR_SLUICE_DRAINING, "%s", text.p);
        }
    }
}

void sl_front_end_all(struct sl_worker *worker)
{
    end_all(&worker->desk);
    sl_front_end_shadows(worker);
}

void sl_front_end_shadows(struct sl_worker *worker)
{
    end_all(&worker->shadow_desk);
}

const struct sl_hserver_cbs sl_front_server_cbs = {
    .on_head = on_head,
    .may_exceed = may_exceed,
    .on_body = on_body,
    .on_piece = on_piece,
    .on_refused = on_refused,
    .on_gone = on_gone,
    .on_drain = on_drain,
    .on_memory = on_memory,
    .on_waiting = on_waiting,
};
