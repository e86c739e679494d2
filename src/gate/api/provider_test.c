/* SPDX-License-Identifier: Apache-2.0 */
/* Tests a provider: asks its upstreams for their lists of models, with the credentials of the routes that use it. No
 * call of it costs anything. A route that was made by a call reaches no more addresses here than its calls do. */
#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/part.h"
#include "gate/call/path.h"
#include "gate/call/probe.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "wire/uri.h"

/* So many upstreams are asked, all at the same time. */
#define UPSTREAMS_MAX 16
#define TEST_USEC     (10 * SL_USEC_PER_SEC)

struct test {
    struct sl_part part;
    struct sl_xchg *x;
    struct sl_arena arena;        /* requests, with their credentials, and replies */
    struct sl_snapshot *snapshot; /* held: routes and the guard are in it */
    uint64_t seat;
    struct sl_str provider;
    uint32_t n, n_running, n_left_out;
    struct sl_probe probes[UPSTREAMS_MAX];
};

static void test_free(struct test *test)
{
    sl_seats_leave(&test->x->worker->gate->probes, test->seat);
    sl_snapshot_unref(test->snapshot);
    sl_arena_wipe(&test->arena);
    sl_arena_done(&test->arena);
    free(test);
}

static void test_on_stop(struct sl_part *part)
{
    struct test *test = SL_CONTAINER_OF(part, struct test, part);
    for (uint32_t i = 0; i < test->n; i++) {
        sl_probe_cancel(&test->probes[i]);
    }
    test_free(test);
}

/* --- the reply --- */

static void upstream_write(struct sl_jw *w, const struct sl_probed *told)
{
    static const char *const states[] = {
        [SL_PROBE_WELL] = "ok", [SL_PROBE_WARNING] = "warning", [SL_PROBE_ERROR] = "error"
    };
    const struct sl_target *target = &told->route->targets[told->target];
    struct sl_probe_words words;
    sl_probe_tell(told, &words);
    sl_jw_object(w);
    sl_jw_member_str(w, "route", told->route->name);
    sl_jw_member_str(w, "target", sl_route_target_name(told->route, told->target));
    sl_jw_member_str(w, "host", target->base.host);
    sl_jw_member_str(w, "asked", told->is_asked ? SL_STR("models") : SL_STR("connection"));
    sl_jw_member_str(w, "state", sl_str_c(states[words.state]));
    if (told->status) {
        sl_jw_member_u64(w, "status", (uint64_t)told->status);
    } else {
        sl_jw_member_null(w, "status");
    }
    sl_jw_member_u64(w, "ms", told->usec / SL_USEC_PER_MSEC);
    sl_jw_member_str(w, "text", sl_str_c(words.text));
    sl_jw_member_str(w, "advice", words.advice[0] ? sl_str_c(words.advice) : SL_STR_NONE);
    sl_jw_end(w);
}

static void test_reply(struct test *test)
{
    struct sl_xchg *x = test->x;
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_member_str(w, "provider", test->provider);
    sl_jw_key(w, "upstreams");
    sl_jw_array(w);
    for (uint32_t i = 0; i < test->n; i++) {
        upstream_write(w, &test->probes[i].told);
    }
    sl_jw_end(w);
    sl_jw_member_u64(w, "left_out", test->n_left_out);
    sl_jw_end(w);
    sl_part_end(&x->parts, &test->part);
    test_free(test);
    sl_api_reply(x, 200);
}

static void on_probe(struct sl_probe *probe)
{
    struct test *test = probe->user;
    test->n_running--;
    if (test->n_running == 0) {
        test_reply(test);
    }
}

/* --- which upstreams --- */

/* Targets with the same address and the same credential are one upstream. */
static int probe_add(struct test *test, struct sl_map *known, const struct sl_route *route, uint32_t target)
{
    struct sl_probe room, *probe = test->n < UPSTREAMS_MAX ? &test->probes[test->n] : &room;
    int r = sl_probe_init(probe, route, target, test->snapshot->settings, &test->arena);
    struct sl_str key = r < 0 ? SL_STR_NONE : sl_probe_identity(probe, &test->arena);
    if (!key.p) {
        return SL_E_NOMEM;
    }
    probe->on_end = on_probe;
    probe->user = test;
    r = sl_map_put(known, key, test);
    test->n += r == 0 && test->n < UPSTREAMS_MAX;
    test->n_left_out += r == 0 && probe == &room;
    return r == SL_E_EXISTS ? 0 : r;
}

static int test_fill(struct test *test, const struct sl_provider *provider, struct sl_str only, bool *ret_is_used)
{
    struct sl_map known = { 0 };
    struct sl_snapshot_iter it = sl_snapshot_walk(test->snapshot, 0);
    int r = 0;
    *ret_is_used = false;
    for (const struct sl_route *route; r == 0 && (route = sl_snapshot_next(&it)) != NULL;) {
        bool is_meant = !sl_snapshot_is_shadowed(test->snapshot, route) && (!only.p || sl_str_eq(only, route->name));
        for (uint32_t i = 0; r == 0 && is_meant && i < route->n_targets; i++) {
            if (route->targets[i].provider == provider) {
                *ret_is_used = true;
                r = sl_probe_can(route, i) ? probe_add(test, &known, route, i) : 0;
            }
        }
    }
    sl_map_done(&known);
    return r;
}

/* --- the call --- */

static void test_start(struct test *test)
{
    struct sl_worker *worker = test->x->worker;
    const struct sl_hcall_timeouts timeouts = { TEST_USEC, TEST_USEC, TEST_USEC, TEST_USEC };
    sl_part_begin(&test->x->parts, &test->part, test_on_stop);
    test->n_running = 1;
    for (uint32_t i = 0; i < test->n; i++) {
        struct sl_probe *probe = &test->probes[i];
        int r = sl_probe_start(probe, &worker->engine->loop, &worker->engine->client, &timeouts, &test->arena);
        test->n_running += r == 0;
        if (r < 0) {
            strcpy(probe->told.why, "out of memory");
        }
    }
    on_probe(&(struct sl_probe){ .user = test }); /* there may be nothing to wait for */
}

static void handle_provider_test(struct sl_xchg *x)
{
    const struct sl_provider *provider = sl_provider_find(x->match.arg);
    struct sl_str only = SL_STR_NONE;
    uint64_t seat;
    if (!sl_query_get(x->match.query, "route", x->arena, &only)) {
        only = SL_STR_NONE;
    }
    if (!sl_seats_take(&x->worker->gate->probes, sl_auth_tenant(x), &seat)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "Another test runs: try again in some seconds.");
        return;
    }
    struct test *test = calloc(1, sizeof(*test));
    if (!test) {
        sl_seats_leave(&x->worker->gate->probes, seat);
        sl_xchg_fail_nomem(x);
        return;
    }
    test->x = x;
    test->seat = seat;
    test->provider = provider ? sl_str_c(provider->name) : SL_STR_NONE;
    sl_arena_init(&test->arena, NULL);
    test->snapshot = sl_snapshot_ref((struct sl_snapshot *)(uintptr_t)sl_worker_snapshot(x->worker));
    bool is_used = false;
    int r = provider ? test_fill(test, provider, only, &is_used) : 0;
    if (r == 0 && is_used) {
        test_start(test);
        return;
    }
    test_free(test);
    if (r < 0) {
        sl_xchg_fail_nomem(x);
    } else {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "No route%s%.*s%s uses a provider '%.*s'.", only.p ? " '" : "",
                          SL_STR_ARG(sl_str_sub(only, 0, 256)), only.p ? "'" : "",
                          SL_STR_ARG(sl_str_sub(x->match.arg, 0, 128)));
    }
}

const struct sl_path sl_provider_test_rows[] = {
    { .methods = SL_POST,
      .pattern = "/api/sluice/v1/providers/{}/test",
      .handle = handle_provider_test,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD(
          "Ask the provider's upstreams for their lists of models, with the routes' credentials; where that "
          "is not possible, only connect. It costs nothing.",
          .parameters = "only_route", .reply = "ProviderTest") },
    { 0 },
};
