/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/call/headers.h"
#include "gate/config/route.h"
#include "gate/config/route_own.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/policy/queue.h"
#include "gate/watch/notice.h"
#include "gate/worker.h"
#include "llm/core/call.h"
#include "llm/core/error.h"
#include "llm/core/http_req.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

/* At most this much of a list is read, so that its connection can be kept. Only the status of a list counts. */
#define LIST_MAX 65536
/* The most checks of dynamic routes at a time. Each holds a descriptor, and whoever makes a route chooses how many
 * targets there are and how long they take. */
#define MADE_MAX 64

/* A check that runs. */
struct run {
    struct sl_hcall hcall;
    struct sl_arena arena;
    struct sl_settings *settings; /* held: the guard is in them */
    bool is_made;                 /* it counts in n_made */
    int status;                   /* of the reply to a GET of the models; 0: none came */
    size_t n_read;
};

struct check {
    struct watched *of;
    uint32_t target;
    struct sl_timer timer; /* the next check is due; or `run` must end, which its own callbacks may not do */
    struct run *run;       /* NULL: none */
    int told_status;       /* the refusal of a list that the log has */
};

/* A route whose targets are checked. */
struct watched {
    struct sl_worker *worker;
    struct sl_route *route; /* held */
    uint32_t n;
    struct check checks[];
};

struct sl_health {
    struct sl_map routes; /* struct watched, by name */
    struct sl_map before; /* during a refresh: those of the last snapshot that the new one was not found to have */
    uint64_t version;     /* of the snapshot that has them */
    uint32_t n_made;      /* the checks of dynamic routes that run */
};

static struct sl_loop *loop_of(const struct check *check)
{
    return &check->of->worker->engine->loop;
}

static struct sl_pool *pool_of(const struct check *check)
{
    return &check->of->route->traffic->pool;
}

/* A route that was made over the API. */
static bool is_made(const struct check *check)
{
    return check->of->route->incarnation != 0;
}

static void check_arm(struct check *check)
{
    struct sl_loop *loop = loop_of(check);
    uint64_t due = sl_pool_check_due(pool_of(check), check->target, sl_rng_next(&loop->rng), sl_loop_now(loop));
    sl_timer_set(loop, &check->timer, due);
}

static void run_free(struct check *check)
{
    struct run *run = check->run;
    check->run = NULL;
    if (run) {
        check->of->worker->health->n_made -= run->is_made;
        sl_hcall_cancel(&run->hcall);
        sl_settings_unref(run->settings);
        sl_arena_wipe(&run->arena); /* the credential was on it */
        sl_arena_done(&run->arena);
        free(run);
    }
}

/* --- the result --- */

static void tell(const struct check *check, const char *kind, const char *text)
{
    const struct watched *of = check->of;
    sl_notice_route(of->worker->gate->notices,
                    &(struct sl_notice){ .route = of->route->name,
                                         .target = of->route->traffic->targets[check->target].name,
                                         .kind = kind,
                                         .text = sl_str_c(text) },
                    sl_loop_now(loop_of(check)));
}

static void turn_tell(const struct check *check, bool is_well, const char *why)
{
    char text[400];
    if (is_well) {
        tell(check, "health_up", "it gets its calls again: a health check was answered");
        return;
    }
    snprintf(text, sizeof(text), "it gets no calls: its last %d health checks failed: %.300s", SL_HEALTH_FALL, why);
    tell(check, "health_down", text);
}

/* The check is over; `why` says why it failed (NULL: it was answered). */
static void check_end(struct check *check, bool is_well, const char *why)
{
    struct sl_loop *loop = loop_of(check);
    struct sl_queue *queue = check->of->route->traffic->queue;
    uint64_t now = sl_loop_now(loop);
    if (sl_pool_checked(pool_of(check), check->target, is_well, sl_rng_next(&loop->rng), now)) {
        turn_tell(check, is_well, why);
        if (is_well && queue) { /* a call may wait for it */
            sl_queue_serve(queue, now, sl_rng_next(&loop->rng));
        }
    }
    run_free(check);
    check_arm(check);
}

/* There is no memory, descriptor or place here: that says nothing about the target. */
static void check_skip(struct check *check)
{
    struct sl_loop *loop = loop_of(check);
    run_free(check);
    sl_pool_unchecked(pool_of(check), check->target, sl_rng_next(&loop->rng), sl_loop_now(loop));
    check_arm(check);
}

/* A refused list shows that the target is there: many keys may not list models, and some hosts have no list. */
static void list_tell(struct check *check, int status)
{
    char text[160];
    if (status != check->told_status) {
        check->told_status = status;
        snprintf(text, sizeof(text), "its list of models is refused with status %d: %s", status,
                 status == 401 ? "its credential is not taken"
                               : "that it answers is enough for its health; `by: connect` asks for no list");
        tell(check, "health_list", text);
    }
}

static void list_end(struct check *check)
{
    int status = check->run->status;
    bool is_list = status < 300, is_limit = status == 429, is_failure = status >= 500;
    char why[64];
    snprintf(why, sizeof(why), "status %d of its list of models", status);
    if (is_list) {
        check->told_status = 0;
    } else if (!is_limit && !is_failure) {
        list_tell(check, status);
    }
    check_end(check, status != 401 && !is_failure, why);
}

static void on_head(struct sl_hcall *hcall, int status, const struct sl_headers *headers, int64_t length)
{
    (void)headers;
    (void)length;
    struct check *check = hcall->user;
    check->run->status = status;
}

static void on_data(struct sl_hcall *hcall, struct sl_str bytes)
{
    struct check *check = hcall->user;
    struct run *run = check->run;
    run->n_read += bytes.n;
    if (run->n_read > LIST_MAX) {
        sl_hcall_cancel(hcall);
        sl_timer_set(loop_of(check), &check->timer, sl_loop_now(loop_of(check)));
    }
}

static void on_end(struct sl_hcall *hcall)
{
    struct check *check = hcall->user;
    if (check->run->status) {
        list_end(check);
    } else {
        check_end(check, true, NULL);
    }
}

static void on_error(struct sl_hcall *hcall, enum sl_hcall_fault fault, const char *text)
{
    struct check *check = hcall->user;
    char room[300], limit[32];
    if (fault == SL_HF_MEMORY) {
        check_skip(check);
    } else if (check->run->status) {
        list_end(check);
    } else if (fault == SL_HF_CODING) {
        check_end(check, true, NULL); /* it answered, with a list in a coding that is not read */
    } else {
        bool is_late = fault == SL_HF_TIMEOUT_TOTAL || fault == SL_HF_TIMEOUT_FIRST_BYTE || fault == SL_HF_TIMEOUT_IDLE;
        bool is_unconnected = fault == SL_HF_TIMEOUT_CONNECT;
        sl_format_duration(hcall->timeouts.connect_usec, limit);
        if (is_late) {
            snprintf(room, sizeof(room), "no answer within %s (timeouts.connect)", limit);
        } else {
            snprintf(room, sizeof(room), "%.200s (timeouts.connect: %s)", text, limit);
        }
        check_end(check, false, is_late || is_unconnected ? room : text);
    }
}

static void on_turn(struct sl_hcall *hcall)
{
    (void)hcall;
}

static const struct sl_hcall_cbs cbs = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_error = on_error,
    .on_turn = on_turn,
};

/* --- making a check --- */

int sl_health_ask(const struct sl_route *route, uint32_t index, struct sl_arena *arena, struct sl_hcall_req *io_req)
{
    const struct sl_target *target = &route->targets[index];
    const struct sl_headers none = { 0 };
    struct sl_passage passage = { .method = "GET" };
    const struct sl_call call = { .type = SL_LLM_CHAT, .passage = &passage };
    struct sl_http_req request = { 0 };
    struct sl_llm_error error = { 0 };
    int r = target->provider->models_target(target, arena, &passage.target);
    r = r < 0 ? r : target->provider->build(&call, target, &(struct sl_env){ 0 }, false, arena, &request, &error);
    r = r < 0 ? r : sl_headers_up(NULL, &none, arena, &request.headers);
    r = r < 0 ? r : sl_route_own_headers(route->own, arena, &request.headers);
    io_req->method = request.method;
    io_req->target = request.target;
    io_req->headers = request.headers;
    return r;
}

static int run_start(struct check *check)
{
    const struct watched *of = check->of;
    struct sl_route *route = of->route;
    struct run *run = check->run;
    struct sl_upstream_timeouts room;
    const struct sl_upstream_timeouts *t = sl_traffic_timeouts(route->traffic, check->target, &route->conf.timeouts,
                                                               &room);
    struct sl_hcall_req req = {
        /* A check of a dynamic route must reach no more addresses than the route's calls may. */
        .guard = is_made(check) ? &run->settings->upstream.guard : NULL,
        .way = route->way,
        .is_connect = pool_of(check)->health.by == SL_HEALTH_CONNECT,
    };
    uint64_t limit = t->connect_usec;
    /* When only connecting, the time-out for that ends the check, because its text says more. */
    const struct sl_hcall_timeouts timeouts = { limit, limit, limit, req.is_connect ? 2 * limit : limit };
    int r = req.is_connect ? 0 : sl_health_ask(route, check->target, &run->arena, &req);
    return r < 0 ? r
                 : sl_hcall_start(&run->hcall, &of->worker->engine->client, &route->targets[check->target].base, &req,
                                  &timeouts, &run->arena, &cbs, check);
}

static void check_begin(struct check *check)
{
    struct sl_health *health = check->of->worker->health;
    bool has_place = !is_made(check) || health->n_made < MADE_MAX;
    check->run = has_place ? calloc(1, sizeof(*check->run)) : NULL;
    if (!check->run) {
        check_skip(check);
        return;
    }
    check->run->is_made = is_made(check);
    health->n_made += check->run->is_made;
    sl_arena_init(&check->run->arena, &loop_of(check)->arenas);
    check->run->settings = sl_settings_ref(check->of->worker->snapshot->settings);
    if (run_start(check) < 0) {
        check_skip(check);
    }
}

static void check_on_timer(struct sl_timer *timer)
{
    struct check *check = SL_CONTAINER_OF(timer, struct check, timer);
    struct sl_worker *worker = check->of->worker;
    if (check->run) {
        list_end(check);
    } else if (sl_worker_snapshot(worker)->version != worker->health->version) {
        sl_timer_set(loop_of(check), timer, sl_loop_now(loop_of(check)));
        sl_health_refresh(worker); /* may free the check */
    } else {
        check_begin(check);
    }
}

/* --- which routes --- */

static void watched_free(struct watched *watched)
{
    for (uint32_t i = 0; watched && i < watched->n; i++) {
        run_free(&watched->checks[i]);
        sl_timer_remove(loop_of(&watched->checks[i]), &watched->checks[i].timer);
    }
    if (watched) {
        sl_route_unref(watched->route);
        free(watched);
    }
}

static struct watched *watched_new(struct sl_worker *worker, struct sl_route *route)
{
    uint32_t n = route->n_targets;
    struct watched *watched = calloc(1, sizeof(*watched) + n * sizeof(watched->checks[0]));
    if (!watched) {
        return NULL;
    }
    watched->worker = worker;
    watched->route = sl_route_ref(route);
    watched->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct check *check = &watched->checks[i];
        check->of = watched;
        check->target = i;
        sl_timer_init(&check->timer, check_on_timer);
        if (sl_traffic_is_watched(route->traffic, i)) {
            check_arm(check);
        }
    }
    return watched;
}

/* A route of the new snapshot. A route that only has other limits shares its targets with the one before: their checks
 * go on. */
static void route_look(void *arg, struct sl_route *route)
{
    struct sl_worker *worker = arg;
    struct sl_health *health = worker->health;
    struct watched *watched = sl_map_remove(&health->before, route->name);
    if (watched && watched->route->traffic == route->traffic) {
        sl_route_ref(route);
        sl_route_unref(watched->route);
        watched->route = route;
    } else {
        watched_free(watched);
        watched = watched_new(worker, route);
    }
    if (!watched || sl_map_put(&health->routes, watched->route->name, watched) < 0) {
        sl_log(SL_LOG_WARNING, "upstream", "route '%.*s': out of memory: its targets have no health checks",
               SL_STR_ARG(route->name));
        watched_free(watched);
    }
}

static void all_free(struct sl_map *routes)
{
    struct watched *watched;
    for (size_t i = 0; (watched = sl_map_each(routes, &i)) != NULL;) {
        watched_free(watched);
    }
    sl_map_done(routes);
    *routes = (struct sl_map){ 0 };
}

void sl_health_refresh(struct sl_worker *worker)
{
    struct sl_health *health = worker->health;
    const struct sl_snapshot *snapshot = sl_worker_snapshot(worker);
    if (!health || health->version == snapshot->version) {
        return;
    }
    health->version = snapshot->version;
    health->before = health->routes;
    health->routes = (struct sl_map){ 0 };
    sl_snapshot_each_watched(snapshot, route_look, worker);
    all_free(&health->before);
}

int sl_health_start(struct sl_worker *worker)
{
    worker->health = calloc(1, sizeof(*worker->health));
    if (!worker->health) {
        return SL_E_NOMEM;
    }
    sl_health_refresh(worker);
    return 0;
}

void sl_health_stop(struct sl_worker *worker)
{
    if (worker->health) {
        all_free(&worker->health->routes);
        free(worker->health);
        worker->health = NULL;
    }
}
