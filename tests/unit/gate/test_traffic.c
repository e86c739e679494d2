/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.targets` of the file: which are accepted, and the messages about the others. */
#include "gate/config/traffic.h"
#include "gate/config/traffic_conf.h"
#include "help.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

#define OPENAI                "{ provider: openai, name: m, config: { openai_api_key: k } }"
#define ROUTE                 "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n"
#define WITH                  ROUTE "    model: " MOCK "\n    sluice:\n"
#define SPARE                 "{ name: spare, model: " MOCK " }"
#define ALONE                 ROUTE "    model: " OPENAI "\n    sluice:\n"
#define T(list)               WITH "      targets: [" list "]\n"
#define PLAIN(name, type)     "  - name: " name "\n    endpoint_type: llm/v1/" type "\n    model: " MOCK "\n"
#define OTHER(name, type, to) PLAIN(name, type) "    sluice: { fallback: { routes: " to " } }\n"
#define M(more)               "{ name: x, model: " MOCK more " }"

static const struct {
    const char *text;
    const char *want; /* a line that must be reported; NULL: it is right and nothing is reported */
} cases[] = {
    { T(SPARE), NULL },
    { T(SPARE ", { name: model, weight: 3, tier: 0, max_concurrent: 9 }"), NULL },
    { T(SPARE) "      balance: fastest\n      fallback: { on: [connect, auth], attempts: 2, within: 10m }\n", NULL },
    { T(SPARE) "      fallback: { on: [] }\n", NULL },
    { T(SPARE) "      fallback: ~\n      balance: ~\n", NULL },
    { T(SPARE) "      fallback: off\n", NULL },
    { T(SPARE) "      fallback: on\n",
      "f:7:17: error: endpoints[0].sluice.fallback: must be a map like { on: [connect, timeout], attempts: 4, within: "
      "300s }, or off" },
    { T(SPARE) "      fallback: [connect]\n", "sluice.fallback: must be a map like { on: [connect, timeout]" },
    { T("{ name: spare, tier: 1, timeouts: { connect: 1s, first_byte: 5s, idle: 9s }, model: " MOCK " }"), NULL },
    { ROUTE "    sluice: { targets: [" SPARE ", " M("") "] }\n", NULL }, /* without a `model:` of its own */
    /* the list */
    { T(""), "f:6:16: error: endpoints[0].sluice.targets: must be a list of maps" },
    { WITH "      targets: spare\n", "f:6:16: error: endpoints[0].sluice.targets: must be a list of maps" },
    { T("5"), "f:6:17: error: endpoints[0].sluice.targets[0]: must be a map" },
    { T(SPARE ", " SPARE), "endpoints[0].sluice.targets[1]: the target \"spare\" is there twice (the first one is at "
                           "line 6)" },
    { T("{ name: spare, weight: 0, model: " MOCK " }, { name: model, weight: 0 }"),
      "f:6:16: error: endpoints[0].sluice: targets: every weight is 0: nobody would be asked first" },
    { T("{ name: spare, tier: 2, model: " MOCK " }"), "targets: tier 1 has none, but tier 2 has" },
    { T("{ name: spare, tier: 1, model: " MOCK " }, { name: model, tier: 1 }"),
      "targets: tier 0 has none, but tier 1 has" },
    /* one */
    { T("{ model: " MOCK " }"), "f:6:17: error: endpoints[0].sluice.targets[0].name: missing" },
    { T("{ name: spare }"), "f:6:17: error: endpoints[0].sluice.targets[0]: needs `model:`" },
    { ROUTE "    model: 5\n    sluice: { targets: [" SPARE "] }\n", "endpoints[0].model: Field required: a map" },
    { ROUTE "    model: { provider: openai, name: m }\n    sluice: { targets: [" SPARE "] }\n",
      "endpoints[0].model.config: A config must be supplied" },
    { ROUTE "    model: { provider: openai, name: m }\n    sluice: { breaker: {} }\n",
      "endpoints[0].model.config: A config must be supplied" },
    { "endpoints: [{ name: a, endpoint_type: llm/v1/images, sluice: { targets: [{ name: spare }] } }]\n",
      "endpoints[0].sluice.targets[0]: needs `model:`" }, /* no provider is named, so nobody can check that it has
                                                             images */
    { T("{ name: 'a b', model: " MOCK " }"), "targets[0].name: must be letters, digits" },
    { T("{ name: model, model: " MOCK " }"), "the target named model is the route's own `model:`" },
    { ROUTE "    sluice: { targets: [" SPARE ", { name: model } ] }\n",
      "the route has no `model:` that a target named model could be" },
    { T("{ name: spare, model: 5 }"), "targets[0].model: must be a map with provider" },
    { T("{ name: spare, model: { provider: nobody, name: m } }"),
      "f:6:51: error: endpoints[0].sluice.targets[0].model.provider: The provider 'nobody' is not supported" },
    { T("{ name: spare, model: { provider: openai, name: m } }"),
      "endpoints[0].sluice.targets[0].model.config: A config must be supplied" },
    { T("{ name: spare, model: { provider: mock, name: m, config: { nothing: 1 } } }"),
      "endpoints[0].sluice.targets[0].model.config: unknown key \"nothing\"" },
    { T(M(", weigth: 2")), "unknown key \"weigth\": did you mean \"weight\"?" },
    { T(M(", weight: -1")), "targets[0].weight: must be a whole number from 0 to 10000, not \"-1\"" },
    { T(M(", weight: 10001")), "targets[0].weight: must be from 0 to 10000" },
    { T(M(", max_concurrent: 0")), "targets[0].max_concurrent: must be from 1" },
    { T(M(", timeouts: { first_byte: 30 }")), "targets[0].timeouts.first_byte: \"30\" needs a unit" },
    { T(M(", timeouts: { first_byte: 60s, total: 10s }")),
      "timeouts.first_byte is longer than timeouts.total, which ends it first" },
    { T(M(", retries: 2")), "unknown key \"retries\"" },
    /* beside it */
    { T(SPARE) "      balance: dearest\n",
      "sluice.balance: must be one of weighted, least_busy, fastest, ordered, cheapest" },
    { T(SPARE) "      fallback: { on: [conect] }\n",
      "f:7:24: error: endpoints[0].sluice.fallback.on: \"conect\" is no cause: did you mean \"connect\"?" },
    { T(SPARE) "      fallback: { on: [weather] }\n", "\"weather\" is no cause; there are connect, timeout, "
                                                      "rate_limited, overloaded, server_error, bad_response, auth, "
                                                      "billing, content_filter, context_length, rejected" },
    { T(SPARE) "      affinity: 'header: x y'\n", "\"x y\" is no header's name" },
    { T(SPARE) "      affinity: { header: x-ü }\n", "\"x-ü\" is no header's name" },
    { T(SPARE) "      fallback: { attempts: 0 }\n", "sluice.fallback.attempts: must be from 1 to 20" },
    { T(SPARE) "      fallback: { within: 300 }\n", "sluice.fallback.within: \"300\" needs a unit" },
    { T(SPARE) "      fallback: { routes: [b] }\n",
      "f:7:28: error: endpoints[0].sluice: fallback.routes: there is no route \"b\"" },
    { WITH "      fallback: { routes: [a] }\n",
      "f:6:28: error: endpoints[0].sluice: fallback.routes: \"a\" is this route itself" },
    { WITH "      fallback: { routes: [b, c, b] }\n", "f:6:34: error: endpoints[0].sluice.fallback.routes: \"b\" is "
                                                      "there twice" },
    { WITH "      fallback: { routes: [b] }\n" PLAIN("b", "chat"), NULL },
    { WITH "      fallback: { routes: b }\n" PLAIN("b", "chat"), NULL },
    { WITH "      fallback: { routes: [b, c] }\n" OTHER("b", "chat", "[c]") PLAIN("c", "chat"), NULL },
    { WITH "      fallback: { routes: [b] }\n" PLAIN("b", "embeddings"),
      "f:6:28: error: endpoints[0].sluice: fallback.routes: the route \"b\" is of the type llm/v1/embeddings, and this "
      "one of "
      "llm/v1/chat" },
    { WITH "      fallback: { routes: [b] }\n" OTHER("b", "chat", "[c]") OTHER("c", "chat", "[a]"),
      "f:6:28: error: endpoints[0].sluice: fallback.routes: \"b\" leads back to this route: it is in the list of "
      "\"c\"" },
    { WITH "      fallback: { routes: [b] }\n" OTHER("b", "chat", "[c]") OTHER("c", "chat", "[b]"),
      "f:10:36: error: endpoints[1].sluice: fallback.routes: \"c\" leads back to this route: it is in the list of "
      "\"c\"" },
    { WITH "      fallback: { routes: [b], within: 60s }\n" PLAIN("b", "chat"),
      "warning: endpoints[0].sluice: fallback.within is over before the first_byte of the target \"model\" is (2m)" },
    { T(SPARE) "      breaker: { errors: 3, ratio: 20%, window: 1m, open: 5s }\n", NULL },
    { T(SPARE) "      breaker: off\n", NULL },
    { WITH "      breaker: {}\n", NULL }, /* one target, and asked for */
    { T(SPARE) "      breaker: { ratio: 0.5 }\n",
      "f:7:25: error: endpoints[0].sluice.breaker.ratio: must be a share from 1% to 100%" },
    { T(SPARE) "      breaker: { ratio: 101% }\n", "breaker.ratio: must be a share from 1% to 100%" },
    { T(SPARE) "      breaker: { errors: 0 }\n", "breaker.errors: must be from 1 to 1000000" },
    { T(SPARE) "      breaker: { eror: 1 }\n", "sluice.breaker: unknown key \"eror\": did you mean \"errors\"?" },
    { T(SPARE) "      breaker: fast\n", "sluice.breaker: must be a map like" },
    { T("{ name: model, max_concurrent: 2 }") "      queue: { wait: 1s, size: 5 }\n", NULL },
    { T("{ name: model, max_concurrent: 2 }") "      queue: {}\n", NULL },
    { T(SPARE) "      queue: off\n", NULL },
    { T(SPARE) "      queue: { wait: 1s }\n",
      "f:7:14: warning: endpoints[0].sluice: queue does nothing: no target has max_concurrent" },
    { T(SPARE) "      queue: always\n", "sluice.queue: must be a map like { wait: 5s, size: 100 }, or off" },
    { T(SPARE) "      queue: { size: 0 }\n", "sluice.queue.size: must be from 1 to 10000" },
    { T(SPARE) "      queue: { wait: 5 }\n", "sluice.queue.wait: \"5\" needs a unit" },
    { T(SPARE) "      queue: { wait: 2h }\n", "sluice.queue.wait: must be from 1ms to 1h" },
    { T(SPARE) "      queue: { waits: 5s }\n", "sluice.queue: unknown key \"waits\": did you mean \"wait\"?" },
    { T(SPARE) "      hedge: { after: 1s, at_most: 10% }\n", NULL },
    { T(SPARE) "      hedge: { after: p95 }\n", NULL },
    { T(SPARE) "      hedge: { after: 119s }\n", NULL },
    { T(SPARE) "      hedge: { after: 2m }\n",
      "f:7:23: warning: endpoints[0].sluice: hedge.after (2m) is not shorter than the first_byte of the target "
      "\"model\" (2m): a call there has failed before it is hedged" },
    { T("{ name: spare, timeouts: { first_byte: 2s }, model: " MOCK " }") "      hedge: { after: 3s }\n",
      "hedge.after (3s) is not shorter than the first_byte of the target \"spare\" (2s)" },
    { T(SPARE) "      timeouts: { first_byte: 1s }\n      hedge: { after: 3s }\n",
      "hedge.after (3s) is not shorter than the first_byte of the target \"model\" (1s)" },
    /* time-outs that never come */
    { WITH "      timeouts: { first_byte: 60s, total: 60s }\n", NULL },
    { WITH "      timeouts: { total: 1s }\n", NULL }, /* shorter than what is not said here */
    { WITH "      timeouts: { total: 1s, first_byte: ~ }\n", NULL },
    { WITH "      timeouts: { first_byte: 61s, total: 60s }\n",
      "f:6:31: warning: endpoints[0].sluice: timeouts.first_byte is longer than timeouts.total (1m), which ends the "
      "call first" },
    { WITH "      timeouts: { connect: 2s, total: 1s }\n", "timeouts.connect is longer than timeouts.total (1s)" },
    { WITH "      timeouts: { idle: 2h }\n", "timeouts.idle is longer than timeouts.total (1h)" },
    { "upstream: { timeouts: { total: 1m } }\n" WITH "      timeouts: { idle: 2m }\n",
      "f:7:25: warning: endpoints[0].sluice: timeouts.idle is longer than timeouts.total (1m)" },
    { "upstream: { timeouts: { first_byte: 2m, total: 1m } }\n" WITH "      retries: 0\n",
      "f:1:37: warning: upstream: timeouts.first_byte is longer than timeouts.total (1m), which ends the call first" },
    { T(SPARE) "      hedge: off\n", NULL },
    { T("{ name: model }") "      hedge: {}\n", "hedge does nothing: the route has one target" },
    { T(SPARE) "      hedge: { after: p99 }\n", "sluice.hedge.after: must be a duration from 1ms to 1h" },
    { T(SPARE) "      hedge: { after: 1 }\n", "sluice.hedge.after: must be a duration from 1ms to 1h" },
    { T(SPARE) "      hedge: { at_most: 0% }\n", "sluice.hedge.at_most: must be a share from 1% to 100%, as in 20%" },
    { T(SPARE) "      hedge: 1s\n", "sluice.hedge: must be a map like { after: 1500ms, at_most: 5% }, or off" },
    { ALONE "      health: { every: 1s, by: connect }\n", NULL }, /* one target, and asked for */
    { ALONE "      health: {}\n", NULL },
    { ALONE "      health: { by: models }\n", NULL },
    { ALONE "      health: off\n", "health does nothing: the route has no `targets`" },
    { T(SPARE) "      health: off\n", NULL },
    { T(SPARE) "      health: {}\n",
      "f:7:15: warning: endpoints[0].sluice: health does nothing: the targets answer by themselves" },
    { T(SPARE) "      health: { by: models }\n", "health does nothing: the targets answer by themselves" },
    { T(SPARE) "      health: { every: 999ms }\n",
      "f:7:24: error: endpoints[0].sluice.health.every: must be from 1s to 1h" },
    { T(SPARE) "      health: { every: 61m }\n", "sluice.health.every: must be from 1s to 1h" },
    { T(SPARE) "      health: { every: 10 }\n", "sluice.health.every: \"10\" needs a unit" },
    { T(SPARE) "      health: { by: ping }\n",
      "f:7:21: error: endpoints[0].sluice.health.by: must be one of connect, models" },
    { T(SPARE) "      health: { evry: 10s }\n", "sluice.health: unknown key \"evry\": did you mean \"every\"?" },
    { T(SPARE) "      health: 10s\n", "sluice.health: must be a map like { every: 10s, by: connect }, or off" },
    { ALONE "      health: { by: models }\n      targets: [{ name: x, model: { provider: bedrock, name: m, config: { "
            "aws_config: { aws_region: us-east-1, aws_access_key_id: AKIA, aws_secret_access_key: s } } } }]\n",
      "f:6:15: error: endpoints[0].sluice: health: by models: the provider 'bedrock' of the target \"x\" has no list "
      "of models to ask for: set by: connect" },
    { ROUTE "    model: { provider: azure, name: m, config: { openai_api_type: azuread, openai_api_key: k, "
            "openai_api_base: 'https://a.example', openai_deployment_name: d, openai_api_version: v, azure_tenant_id: "
            "t, azure_client_id: c } }\n    sluice:\n      health: { by: models }\n",
      "f:6:15: error: endpoints[0].sluice: health: by models: the credential for the provider 'azure' of the target "
      "\"model\" has to be fetched, which is not done for that: set by: connect" },
    { T(SPARE) "      fallback: { within: 60s }\n", "f:7:17: warning: endpoints[0].sluice: fallback.within is over "
                                                    "before the first_byte of the target \"model\" is (2m)" },
    { ALONE "      limits: [{ requests: 5, per: minute }]\n", NULL }, /* it needs no targets */
    { WITH "      balance: ordered\n",
      "f:6:16: warning: endpoints[0].sluice: balance does nothing: the route has no `targets`" },
    { "endpoints:\n  - name: a\n    endpoint_type: llm/v1/embeddings\n    model: " MOCK
      "\n    sluice: { targets: [{ name: "
      "x, model: { provider: anthropic, name: m, config: { anthropic_api_key: k } } }] }\n",
      "warning: endpoints[0].sluice.targets[0]: this target can never answer: the provider 'anthropic' does not serve "
      "llm/v1/embeddings" },
    { "endpoints:\n  - name: a\n    endpoint_type: llm/v1/transcriptions\n    model: " OPENAI
      "\n    sluice: { targets: [{ name: x, model: " OPENAI " }] }\n",
      NULL },
    { "endpoints:\n  - name: a\n    endpoint_type: llm/v1/transcriptions\n    model: " OPENAI
      "\n    sluice: { targets: [{ name: x, model: { provider: anthropic, name: m, config: { anthropic_api_key: k } } "
      "}] "
      "}\n",
      "this target can never answer: the provider 'anthropic' does not serve llm/v1/transcriptions" },
};

static void each_is_taken_or_told_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct loaded l = load(cases[i].text);
        bool is_right = cases[i].want ? says(&l, cases[i].want) : l.problems.n == 0 && l.config;
        if (!is_right) {
            show(&l);
            fail_msg("case %zu:\n%s\nwants: %s", i, cases[i].text, cases[i].want ? cases[i].want : "(nothing)");
        }
        unload(&l);
    }
}

static void fallback_can_be_off(void **state)
{
    (void)state;
    static const char *const none[] = { "off", "false", "{ on: [] }" };
    for (size_t i = 0; i < SL_ARRAY_LEN(none); i++) {
        char text[1000];
        snprintf(text, sizeof(text), T(SPARE) "      fallback: %s\n", none[i]);
        struct loaded l = load(text);
        assert_non_null(l.config);
        const struct sl_fallback *f = &l.config->routes[0]->traffic->fallback;
        assert_true(f->on == 0 && f->attempts == 4 && f->within_usec == 300000000);
        unload(&l);
    }
}

static void a_breaker_can_be_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t errors;
    } breakers[] = { { "{}", 5 }, { "{ errors: 3 }", 3 }, { "~", 5 }, { "off", 0 }, { "false", 0 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(breakers); i++) {
        char text[1000];
        snprintf(text, sizeof(text), T(SPARE) "      breaker: %s\n", breakers[i].text);
        struct loaded l = load(text);
        assert_non_null(l.config);
        assert_int_equal(l.config->routes[0]->traffic->pool.breaker.errors, breakers[i].errors);
        unload(&l);
    }
}

static void the_own_model_stays_the_first(void **state)
{
    (void)state;
    struct loaded l = load(T("{ name: spare, weight: 2, model: { provider: mock, name: other, config: {} } }, "
                             "{ name: model, tier: 1, timeouts: { first_byte: 7s } }") "      timeouts: { connect: 3s "
                                                                                       "}\n");
    assert_non_null(l.config);
    const struct sl_route *route = l.config->routes[0];
    assert_int_equal(route->n_targets, 2);
    assert_true(sl_str_eq_c(route->targets[0].model, "m") && sl_str_eq_c(route->traffic->targets[0].name, "model"));
    assert_true(sl_str_eq_c(route->targets[1].model, "other") && sl_str_eq_c(route->traffic->targets[1].name, "spare"));
    assert_int_equal(route->traffic->rules[0].tier, 1);
    assert_int_equal(route->traffic->rules[1].weight, 2);
    struct sl_upstream_timeouts room;
    const struct sl_upstream_timeouts *t = sl_traffic_timeouts(route->traffic, 0, &route->conf.timeouts, &room);
    assert_int_equal(t->first_byte_usec, 7000000);
    assert_int_equal(t->connect_usec, 3000000);
    t = sl_traffic_timeouts(route->traffic, 1, &route->conf.timeouts, &room);
    assert_int_equal(t->first_byte_usec, 0);
    assert_int_equal(t->connect_usec, 3000000);
    unload(&l);
}

static void a_thousand_are_taken_and_no_more(void **state)
{
    (void)state;
    for (uint32_t n = SL_TARGETS_MAX; n <= SL_TARGETS_MAX + 1; n++) {
        static char text[200000];
        int at = snprintf(text, sizeof(text), ROUTE "    sluice:\n      targets:\n");
        for (uint32_t i = 0; i < n; i++) {
            at += snprintf(text + at, sizeof(text) - (size_t)at, "        - { name: t%u, model: " MOCK " }\n", i);
        }
        struct loaded l = load(text);
        if (n > SL_TARGETS_MAX) {
            assert_true(says(&l, "f:6:9: error: endpoints[0].sluice.targets: has 1001 targets: there may be 1000"));
        } else {
            assert_non_null(l.config);
            assert_int_equal(l.config->routes[0]->n_targets, n);
        }
        unload(&l);
    }
}

/* --- routes that split their calls over endpoints --- */

#define EP(name, type) "  - { name: " name ", endpoint_type: llm/v1/" type ", model: " MOCK " }\n"
#define SPLIT          "endpoints:\n" EP("one", "chat") EP("two", "chat") EP("emb", "embeddings") "routes:\n"
#define R(more)        SPLIT "  - { name: split, task_type: llm/v1/chat, destinations: [" more "] }\n"
#define D(name, n)     "{ name: " name ", traffic_percentage: " #n " }"

static void splits_are_routes_with_targets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } splits[] = {
        { R(D("one", 80) ", " D("two", 20)), NULL },
        { R(D("one", 100)), NULL },
        { R(D("one", 80) ", " D("two", 30)),
          "f:6:58: error: routes[0].destinations: the percentages of the route 'split' sum up to 110, not 100" },
        { R(D("one", 80) ", " D("three", 20)),
          "routes[0].destinations[1].name: there is no endpoint 'three' (of the route 'split')" },
        { R(D("one", 80) ", " D("emb", 20)),
          "the endpoint 'emb' has another type than the route 'split': llm/v1/chat" },
        { R(D("one", 50) ", " D("one", 50)), "the target \"one\" is there twice" },
        { R(D("one", 50.5) ", " D("two", 49.5)),
          "destinations[0].traffic_percentage: must be a whole number from 0 to 100 (of the route 'split')" },
        { R("{ name: one }"), "destinations[0].traffic_percentage: must be a whole number" },
        { R("one"), "routes[0].destinations[0]: must be a map with name and traffic_percentage" },
        { R(""), "routes[0].destinations: must be a list of { name, traffic_percentage }" },
        { SPLIT "  - { name: one, task_type: llm/v1/chat, destinations: [" D("two", 100) "] }\n",
          "routes: Duplicate names found in endpoint / route configurations." },
        { SPLIT "  - { name: s, destinations: [" D("two", 100) "] }\n", "routes[0].task_type: Field required" },
        { SPLIT
          "  - { name: s, task_type: llm/v1/chat, routing_strategy: RANDOM, destinations: [" D("two", 100) "] }\n",
          "routes[0].routing_strategy: must be TRAFFIC_SPLIT" },
        { "routes:\n  - { name: s, task_type: llm/v1/chat, destinations: [" D("two", 100) "] }\n",
          "f:2:3: error: routes: split their calls over endpoints, and there is no `endpoints:`" },
        { SPLIT "  - { name: s, destinations: [] }\n"
                "  - { name: t, task_type: llm/v1/chat, destinations: [" D(
                    "one", 100) "], sluice: { shadow: { route: u } } }\n",
          "f:7:123: error: routes[1].sluice: shadow.route: there is no route \"u\"" },
        { SPLIT EP("three", "chat"), "f:6:3: warning: routes: is ignored: there is `endpoints:`" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(splits); i++) {
        struct loaded l = load(splits[i].text);
        bool is_right = splits[i].want ? says(&l, splits[i].want) : l.problems.n == 0 && l.config;
        if (!is_right) {
            show(&l);
            fail_msg("case %zu:\n%s\nwants: %s", i, splits[i].text, splits[i].want ? splits[i].want : "(nothing)");
        }
        unload(&l);
    }
    struct loaded l = load(R(D("one", 100) ", " D("two", 0)));
    assert_non_null(l.config);
    assert_int_equal(l.config->n_routes, 4);
    const struct sl_route *route = l.config->routes[3];
    assert_true(sl_str_eq_c(route->name, "split"));
    assert_int_equal(route->n_targets, 2);
    assert_int_equal(route->traffic->rules[0].weight, 100);
    assert_int_equal(route->traffic->rules[1].weight, 0);
    assert_int_equal(route->traffic->fallback.on, 0); /* by default a failure goes to the client */
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_or_told_why_not),
        cmocka_unit_test(fallback_can_be_off),
        cmocka_unit_test(a_breaker_can_be_off),
        cmocka_unit_test(the_own_model_stays_the_first),
        cmocka_unit_test(a_thousand_are_taken_and_no_more),
        cmocka_unit_test(splits_are_routes_with_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
