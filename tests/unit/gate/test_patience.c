/* SPDX-License-Identifier: Apache-2.0 */
/* How long an attempt has for its first byte, and which setting is named when a time-out ended it. */
#include "gate/call/patience.h"

#include "gate/call/state.h"
#include "gate/config/traffic.h"
#include "help.h"
#include "llm/core/call.h"
#include "llm/core/passage.h"
#include "llm/dialects.h"

#define MODEL "    model: { provider: mock, name: m, config: {} }\n"
#define FILE_                                                                                                       \
    "upstream: { timeouts: { idle: 7s } }\n"                                                                        \
    "endpoints:\n"                                                                                                  \
    "  - name: one\n    endpoint_type: llm/v1/chat\n" MODEL "  - name: own\n    endpoint_type: llm/v1/chat\n" MODEL \
    "    sluice: { timeouts: { first_byte: 8s, total: 60s } }\n"                                                    \
    "  - name: two\n    endpoint_type: llm/v1/chat\n" MODEL                                                         \
    "    sluice:\n      timeouts: { connect: 3s, total: 60s }\n"                                                    \
    "      targets: [{ name: eu, timeouts: { first_byte: 9s, total: 20s }, model: { provider: mock, name: m, "      \
    "config: {} } }]\n"

static struct loaded loaded;

static int begin(void **state)
{
    (void)state;
    loaded = load(FILE_);
    return loaded.config ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    unload(&loaded);
    return 0;
}

/* An exchange for that target. */
static struct sl_xchg xchg_of(uint32_t route, struct sl_call *call, const struct sl_dialect *dialect)
{
    struct sl_route *r = loaded.config->routes[route];
    return (struct sl_xchg){
        .arena = &loaded.arena, .route = r, .at = { r, r->traffic }, .call = call, .dialect = dialect
    };
}

static const struct sl_upstream_timeouts *timeouts_of(const struct sl_xchg *x, uint32_t target,
                                                      struct sl_upstream_timeouts *room)
{
    const struct sl_upstream_timeouts *of_route = &x->route->conf.timeouts;
    return x->at.traffic ? sl_traffic_timeouts(x->at.traffic, target, of_route, room) : of_route;
}

enum { ONE, OWN, TWO };

static void a_first_byte_has_its_time(void **state)
{
    (void)state;
    static const struct {
        unsigned route, target;
        bool is_stream, is_mlflow, is_passage;
        uint64_t want_sec;
    } cases[] = {
        { ONE, 0, false, false, false, 600 }, { ONE, 0, true, false, false, 600 }, { ONE, 0, false, true, false, 290 },
        { OWN, 0, false, false, false, 8 },   { OWN, 0, false, true, false, 8 },   { TWO, 0, false, false, false, 120 },
        { TWO, 0, true, false, false, 30 },   { TWO, 0, true, true, false, 30 },   { TWO, 1, true, false, false, 9 },
        { TWO, 0, true, false, true, 600 }, /* a raw passage has no other target */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_passage passage = { 0 };
        struct sl_call call = { .is_stream = cases[i].is_stream, .passage = cases[i].is_passage ? &passage : NULL };
        struct sl_xchg x = xchg_of(cases[i].route, &call, cases[i].is_mlflow ? &sl_dialect_mlflow : &sl_dialect_openai);
        struct sl_upstream_timeouts room;
        uint64_t usec = sl_patience_first_byte_usec(&x, timeouts_of(&x, cases[i].target, &room));
        if (usec != cases[i].want_sec * 1000000) {
            fail_msg("case %zu: %llu us", i, (unsigned long long)usec);
        }
    }
}

static void the_setting_that_ruled_is_named(void **state)
{
    (void)state;
    static const struct {
        unsigned route, target;
        enum sl_error_type type;
        uint64_t total_sec; /* left for the attempt */
        const char *want;
    } cases[] = {
        { ONE, 0, SL_ERR_PROVIDER_TIMEOUT_CONNECT, 60, "slow (upstream.timeouts.connect: 5s)" },
        { ONE, 0, SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, 60, "slow (upstream.timeouts.first_byte: 10m)" },
        { ONE, 0, SL_ERR_PROVIDER_TIMEOUT_IDLE, 60, "slow (upstream.timeouts.idle: 7s)" },
        { ONE, 0, SL_ERR_PROVIDER_TIMEOUT_TOTAL, 60, "slow (upstream.timeouts.total: 1h)" },
        { ONE, 0, SL_ERR_PROVIDER_CONNECT_FAILED, 60, "slow" },
        { OWN, 0, SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, 60, "slow (sluice.timeouts.first_byte of the route 'own': 8s)" },
        { OWN, 0, SL_ERR_PROVIDER_TIMEOUT_IDLE, 60, "slow (upstream.timeouts.idle: 7s)" },
        { OWN, 0, SL_ERR_PROVIDER_TIMEOUT_TOTAL, 31, "slow (sluice.timeouts.total of the route 'own': 1m)" },
        { TWO, 0, SL_ERR_PROVIDER_TIMEOUT_CONNECT, 60, "slow (sluice.timeouts.connect of the route 'two': 3s)" },
        { TWO, 0, SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, 60,
          "slow (2m, as no timeouts.first_byte is set and another target may answer)" },
        { TWO, 1, SL_ERR_PROVIDER_TIMEOUT_CONNECT, 20, "slow (sluice.timeouts.connect of the route 'two': 3s)" },
        { TWO, 1, SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, 20, "slow (timeouts.first_byte of the target 'eu': 9s)" },
        { TWO, 1, SL_ERR_PROVIDER_TIMEOUT_TOTAL, 20, "slow (timeouts.total of the target 'eu': 20s)" },
        /* other bounds leave less than it may have */
        { TWO, 1, SL_ERR_PROVIDER_TIMEOUT_TOTAL, 11, "slow (sluice.timeouts.total of the route 'two': 1m)" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_call call = { .is_stream = false };
        struct sl_xchg x = xchg_of(cases[i].route, &call, &sl_dialect_openai);
        struct sl_upstream_timeouts room;
        const struct sl_patience patience = { timeouts_of(&x, cases[i].target, &room), cases[i].total_sec * 1000000,
                                              cases[i].target };
        struct sl_str got = sl_patience_tell(&x, &patience, cases[i].type, SL_STR("slow"));
        if (!sl_str_eq_c(got, cases[i].want)) {
            fail_msg("case %zu: %.*s", i, SL_STR_ARG(got));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_byte_has_its_time),
        cmocka_unit_test(the_setting_that_ruled_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
