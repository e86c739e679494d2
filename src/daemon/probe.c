/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "gate/config/route.h"
#include "gate/worker.h"

/* So many at a time. */
#define PROBES_MAX 32

struct probes {
    struct sl_loop loop;
    struct sl_hclient client;
    struct sl_buf auth;
    struct sl_arena arena; /* requests, with their credentials, and replies */
    struct sl_hcall_timeouts timeouts;
    const struct sl_settings *settings;
    struct sl_route *const *routes;
    uint32_t n_routes;
    struct sl_probe *v;
    uint32_t n, n_begun, n_running;
};

static void next_begin(struct probes *p);

static void on_probe(struct sl_probe *probe)
{
    struct probes *p = probe->user;
    p->n_running--;
    next_begin(p);
    if (p->n_running == 0) {
        sl_hclient_close(&p->client);
        sl_loop_stop(&p->loop);
    }
}

static void next_begin(struct probes *p)
{
    while (p->n_begun < p->n && p->n_running < PROBES_MAX) {
        struct sl_probe *probe = &p->v[p->n_begun++];
        int r = sl_probe_start(probe, &p->loop, &p->client, &p->timeouts, &p->arena);
        p->n_running += r == 0;
        if (r < 0) {
            snprintf(probe->told.why, sizeof(probe->told.why), "out of memory");
        }
    }
}

static int probe_add(struct probes *p, struct sl_map *known, const struct sl_route *route, uint32_t target)
{
    struct sl_probe *probe = &p->v[p->n];
    int r = sl_probe_init(probe, route, target, p->settings, &p->arena);
    struct sl_str key = r < 0 ? SL_STR_NONE : sl_probe_identity(probe, &p->arena);
    if (!key.p) {
        return SL_E_NOMEM;
    }
    probe->on_end = on_probe;
    probe->user = p;
    r = sl_map_put(known, key, probe);
    p->n += r == 0;
    return r == SL_E_EXISTS ? 0 : r;
}

static int probes_fill(struct probes *p)
{
    struct sl_map known = { 0 };
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < p->n_routes; i++) {
        const struct sl_route *route = p->routes[i];
        for (uint32_t k = 0; r == 0 && k < route->n_targets; k++) {
            r = sl_probe_can(route, k) ? probe_add(p, &known, route, k) : 0;
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
    int r = told && p.v ? probes_fill(&p) : SL_E_NOMEM;
    r = r < 0 ? sl_fail_nomem(err) : p.n ? probes_run(&p, err) : 0;
    for (uint32_t i = 0; r == 0 && i < p.n; i++) {
        told[i] = p.v[i].told;
    }
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
