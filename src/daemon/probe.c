/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "gate/call/health.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/worker.h"
#include "http/client.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

/* So many at a time. */
#define PROBES_MAX 32

struct probe {
    struct sl_hcall call;
    struct sl_hcall_req req;
    struct sl_probed *told;
    struct probes *of;
};

struct probes {
    struct sl_loop loop;
    struct sl_hclient client;
    struct sl_buf auth;
    struct sl_arena arena; /* requests, with their credentials, and replies */
    struct sl_hcall_timeouts timeouts;
    const struct sl_settings *settings;
    struct sl_route *const *routes;
    uint32_t n_routes;
    struct probe *v;
    uint32_t n, n_begun, n_running;
};

static void next_begin(struct probes *p);

static void probe_end(struct probe *probe)
{
    struct probes *p = probe->of;
    probe->told->usec = sl_clock_usec() - probe->call.start_usec;
    p->n_running--;
    next_begin(p);
    if (p->n_running == 0) {
        sl_hclient_close(&p->client);
        sl_loop_stop(&p->loop);
    }
}

static void on_head(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length)
{
    (void)length;
    struct sl_probed *told = ((struct probe *)call->user)->told;
    struct sl_str date = sl_headers_get(headers, "date");
    int64_t theirs;
    told->status = status;
    told->is_page = sl_str_case_eq(sl_str_sub(sl_headers_get(headers, "content-type"), 0, 9), SL_STR("text/html"));
    told->is_answered = true;
    if (date.n && sl_parse_http_date(date, &theirs) == 0) {
        told->has_clock = true;
        told->ahead_sec = theirs - (int64_t)(sl_clock_wall_usec() / 1000000);
    }
}

static void on_data(struct sl_hcall *call, struct sl_str bytes)
{
    (void)call;
    (void)bytes;
}

static void on_end(struct sl_hcall *call)
{
    struct probe *probe = call->user;
    probe->told->is_answered = true;
    probe_end(probe);
}

static void on_error(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    (void)fault;
    struct probe *probe = call->user;
    snprintf(probe->told->why, sizeof(probe->told->why), "%s", text);
    probe_end(probe);
}

static void on_turn(struct sl_hcall *call)
{
    (void)call;
}

static const struct sl_hcall_cbs cbs = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_error = on_error, .on_turn = on_turn
};

static void next_begin(struct probes *p)
{
    while (p->n_begun < p->n && p->n_running < PROBES_MAX) {
        struct probe *probe = &p->v[p->n_begun++];
        const struct sl_target *target = &probe->told->route->targets[probe->told->target];
        int r = sl_hcall_start(&probe->call, &p->client, &target->base, &probe->req, &p->timeouts, &p->arena, &cbs,
                               probe);
        p->n_running += r == 0;
        if (r < 0) {
            snprintf(probe->told->why, sizeof(probe->told->why), "out of memory");
        }
    }
}

/* --- which upstreams --- */

/* What two targets must have in common to be one upstream. */
static struct sl_str identity(struct probes *p, const struct probe *probe)
{
    const struct sl_target *target = &probe->told->route->targets[probe->told->target];
    struct sl_buf text = SL_BUF_INIT(65536);
    sl_buf_printf(&text, "%s %p %d %d %d %.*s:%u %.*s", target->provider->name, (void *)probe->req.way,
                  probe->req.guard != NULL, probe->req.is_connect, target->base.is_https, SL_STR_ARG(target->base.host),
                  (unsigned)target->base.port, SL_STR_ARG(probe->req.target));
    for (size_t i = 0; i < probe->req.headers.n; i++) {
        sl_buf_printf(&text, "\n%.*s", SL_STR_ARG(probe->req.headers.v[i].value));
    }
    struct sl_str key = sl_arena_dup(&p->arena, sl_buf_str(&text));
    sl_buf_done(&text);
    return key;
}

static int probe_add(struct probes *p, struct sl_map *known, struct sl_probed *told)
{
    const struct sl_target *target = &told->route->targets[told->target];
    struct probe *probe = &p->v[p->n];
    *probe = (struct probe){ .of = p, .told = told };
    probe->req.way = told->route->way;
    /* A created route must lead to no more addresses than its calls may. */
    probe->req.guard = told->route->incarnation ? &p->settings->upstream.guard : NULL;
    told->is_asked = target->provider->models_target && !target->cred;
    probe->req.is_connect = !told->is_asked;
    int r = told->is_asked ? sl_health_ask(told->route, told->target, &p->arena, &probe->req) : 0;
    struct sl_str key = r < 0 ? SL_STR_NONE : identity(p, probe);
    if (!key.p) {
        return SL_E_NOMEM;
    }
    r = sl_map_put(known, key, probe);
    p->n += r == 0;
    return r == SL_E_EXISTS ? 0 : r;
}

static int probes_fill(struct probes *p, struct sl_probed *told)
{
    struct sl_map known = { 0 };
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < p->n_routes; i++) {
        const struct sl_route *route = p->routes[i];
        for (uint32_t k = 0; r == 0 && k < route->n_targets; k++) {
            bool has_upstream = !route->targets[k].is_local && !route->targets[k].provider->successor;
            told[p->n] = (struct sl_probed){ .route = route, .target = k };
            r = has_upstream ? probe_add(p, &known, &told[p->n]) : 0;
        }
    }
    sl_map_done(&known);
    return r;
}

static uint32_t targets_count(struct sl_route *const *routes, uint32_t n_routes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_routes; i++) {
        n += routes[i]->n_targets;
    }
    return n;
}

static int probes_run(struct probes *p, struct sl_err *err)
{
    struct sl_hclient_conf conf;
    int r = sl_worker_client_conf(p->settings, &p->auth, &conf);
    r = r < 0 ? sl_fail_nomem(err) : sl_loop_init(&p->loop, err);
    if (r < 0) {
        return r;
    }
    sl_hclient_init(&p->client, &p->loop, &conf);
    next_begin(p);
    if (p->n_running) {
        sl_loop_run(&p->loop);
    }
    sl_hclient_done(&p->client);
    sl_loop_done(&p->loop);
    return 0;
}

int sl_probe_all(const struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                 uint64_t timeout_usec, struct sl_probed **ret, uint32_t *ret_n, struct sl_err *err)
{
    uint32_t most = targets_count(routes, n_routes);
    struct sl_probed *told = calloc((size_t)most + 1, sizeof(*told));
    struct probes p = { .settings = settings,
                        .routes = routes,
                        .n_routes = n_routes,
                        .timeouts = { timeout_usec, timeout_usec, timeout_usec, timeout_usec } };
    p.v = calloc((size_t)most + 1, sizeof(*p.v));
    sl_arena_init(&p.arena, NULL);
    int r = told && p.v ? probes_fill(&p, told) : SL_E_NOMEM;
    r = r < 0 ? sl_fail_nomem(err) : p.n ? probes_run(&p, err) : 0;
    sl_arena_wipe(&p.arena);
    sl_arena_done(&p.arena);
    sl_proxy_auth_done(&p.auth);
    free(p.v);
    if (r < 0) {
        free(told);
        return r;
    }
    *ret = told;
    *ret_n = p.n;
    return 0;
}
