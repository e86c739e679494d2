/* SPDX-License-Identifier: Apache-2.0 */
/* `shadow` of a route: what is accepted, which calls have one, and what becomes of such a call. */
#include "gate_test.h"

#include "gate/call/front.h"
#include "gate/policy/shadow.h"

#define ROUTE(name, type, more) \
    "  - name: " name "\n    endpoint_type: llm/v1/" type "\n    model: " MOCK "\n    sluice: { " more " }\n"
#define CHAT(more)    "endpoints:\n" ROUTE("a", "chat", more)
#define WITH(more)    CHAT("shadow: " more) ROUTE("b", "chat", "")
#define MUST_BE_A_MAP "error: endpoints[0].sluice.shadow: must be a map like { route: other, share: 1% }, or off"

static void each_is_taken_or_told_why_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* a line that must be reported; NULL: it is right and nothing is reported */
        uint32_t share;   /* 0: there is none */
    } cases[] = {
        { WITH("{ route: b, share: 7% }"), NULL, 7 },
        { WITH("{ route: b }"), NULL, 1 },
        { WITH("{ route: b, share: 100% }"), NULL, 100 },
        { WITH("off"), NULL, 0 },
        { WITH("~"), NULL, 0 },
        { WITH("{ route: b, share: ~ }"), NULL, 1 },
        { CHAT("shadow: { route: b }") ROUTE("b", "chat", "shadow: { route: a }"), NULL, 1 }, /* a shadow has none */
        { WITH("b"), "f:5:23: " MUST_BE_A_MAP, 0 },
        { WITH("on"), "f:5:23: " MUST_BE_A_MAP, 0 },
        { WITH("[b]"), "f:5:23: " MUST_BE_A_MAP, 0 },
        { WITH("{}"), "f:5:23: error: endpoints[0].sluice.shadow.route: missing", 0 },
        { WITH("{ share: 1% }"), "f:5:23: error: endpoints[0].sluice.shadow.route: missing", 0 },
        { WITH("{ route: [b] }"), "error: endpoints[0].sluice.shadow.route: must be", 0 },
        { WITH("{ route: b, shares: 1% }"), "unknown key \"shares\": did you mean \"share\"?", 0 },
        { WITH("{ route: b, share: 0% }"), "f:5:42: error: endpoints[0].sluice.shadow.share: must be a share from 1%",
          0 },
        { WITH("{ route: b, share: 101% }"), "shadow.share: must be a share from 1% to 100%, as in 20%", 0 },
        { WITH("{ route: b, share: 0.01 }"), "shadow.share: must be a share from 1% to 100%, as in 20%", 0 },
        { WITH("{ route: b, share: 5 }"), "shadow.share: must be a share from 1% to 100%, as in 20%", 0 },
        { WITH("{ route: c }"), "f:5:32: error: endpoints[0].sluice: shadow.route: there is no route \"c\"", 0 },
        { WITH("{ share: 5%, route: '' }"), "error: endpoints[0].sluice: shadow.route: there is no route \"\"", 0 },
        { WITH("{ route: a }"), "f:5:32: error: endpoints[0].sluice: shadow.route: \"a\" is this route itself", 0 },
        { CHAT("shadow: { route: b }") ROUTE("b", "embeddings", ""),
          "f:5:32: error: endpoints[0].sluice: shadow.route: the route \"b\" is of the type llm/v1/embeddings, and "
          "this one of "
          "llm/v1/chat",
          0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct loaded l = load(cases[i].text);
        bool is_right = cases[i].want ? says(&l, cases[i].want) && !l.config : l.problems.n == 0 && l.config;
        const struct sl_shadow *shadow = l.config ? l.config->routes[0]->shadow : NULL;
        if (!is_right || (shadow ? shadow->share : 0) != cases[i].share) {
            show(&l);
            fail_msg("case %zu:\n%s\nwants: %s", i, cases[i].text, cases[i].want ? cases[i].want : "(nothing)");
        }
        unload(&l);
    }
}

static void the_share_is_exact_and_smooth(void **state)
{
    (void)state;
    for (uint32_t share = 1; share <= 100; share++) {
        struct sl_shadow shadow = { .share = share };
        unsigned n = 0, last = 0, least = 1000, most = 0;
        for (unsigned i = 1; i <= 1000; i++) {
            if (sl_shadow_is_due(&shadow)) {
                n++;
                least = last ? SL_MIN(least, i - last) : least;
                most = last ? SL_MAX(most, i - last) : most;
                last = i;
            }
            assert_int_equal(n, i * share / 100);
        }
        assert_true(n == 10 * share && most - least <= 1);
    }
    struct sl_shadow before = { .share = 50 }, after = { .share = 10 };
    for (unsigned i = 0; i < 9; i++) {
        SL_IGNORE(!sl_shadow_is_due(&before));
    }
    sl_shadow_adopt(&after, &before);
    assert_true(sl_shadow_is_due(&after)); /* it is the tenth */
    struct sl_shadow old = { .share = 3, .n_calls = UINT64_MAX - 50 };
    unsigned n = 0;
    for (unsigned i = 0; i < 40; i++) {
        n += sl_shadow_is_due(&old);
    }
    assert_in_range(n, 1, 2);
}

/* --- calls --- */

#define UP                                                                                                   \
    "  model: { provider: openai, name: gpt, config: { openai_api_key: sk-of-the-gateway, openai_api_base: " \
    "'http://127.0.0.1:PORT/v1' } }\n"
#define CONFIG                                                                                        \
    "endpoints:\n- name: a\n  endpoint_type: llm/v1/chat\n  model: " MOCK                             \
    "\n  sluice: { shadow: { route: b, share: 100% } }\n- name: b\n  endpoint_type: llm/v1/chat\n" UP \
    "  sluice: { retries: 2, timeouts: { total: 5s } }\n  limit: { calls: 5, renewal_period: day }\n" \
    "- name: c\n  endpoint_type: llm/v1/chat\n  model: " MOCK                                         \
    "\n  sluice: { shadow: { route: d, share: 100% } }\n- name: d\n  endpoint_type: llm/v1/chat\n" UP \
    "  sluice: { targets: [{ name: e, tier: 1, model: " MOCK " }] }\n"
#define ASK(route)  "{\"model\":\"" route "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM      "{\"model\":\"a\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define REPLY(s, b) "HTTP/1.1 " s "\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n" b
#define ANSWER                                                                                                  \
    REPLY("200 OK", "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{" \
                    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"of the shadow\"},"           \
                    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,"      \
                    "\"total_tokens\":7}}")

static const struct {
    const char *body, *replies[3];
    uint32_t n_asked;
    const char *has[4]; /* pieces of the shadow's line */
} calls[] = {
    { ASK("a"),
      { ANSWER },
      1,
      { "\"route\":\"a\",\"shadow\":true,\"provider\":\"openai\",\"model\":\"gpt\"",
        "\"target\":\"b/model\",\"status\":200,\"error_type\":null", "\"input_tokens\":3,\"output_tokens\":4" } },
    { ASK("a"),
      { REPLY("503 Busy", "{}"), ANSWER },
      1,
      { "\"target\":\"b/model\",\"status\":503", "\"attempts\":1," } },
    { STREAM,
      { REPLY("400 Bad Request", "{\"error\":{\"message\":\"no stream_options\"}}"), ANSWER },
      1,
      { "\"target\":\"b/model\",\"status\":400,\"error_type\":\"provider_rejected\"",
        "\"error\":\"the upstream refused stream_options", "\"attempts\":1," } },
    { ASK("a"), { NULL }, 1, { "\"status\":502,\"error_type\":\"provider_bad_response\"", "\"attempts\":1," } },
    { ASK("c"),
      { ANSWER },
      1,
      { "\"route\":\"c\",\"shadow\":true", "\"target\":\"d/model\",\"status\":200",
        "\"attempts\":[{\"target\":\"d/model\"" } },
    { ASK("c"),
      { REPLY("500 No", "{}"), ANSWER },
      1,
      { "\"target\":\"d/model\",\"status\":500", "\"error_type\":\"provider_server_error\"" } },
};

static void nobody_notices(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, CONFIG);
    gate_test_log(&g);
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        gate_test_call(&g, "POST", "/v1/chat/completions", "Idempotency-Key: once\r\n", calls[i].body,
                       calls[i].replies);
        gate_test_check(&g, calls[i].body, 200, (const char *[]){ "\"choices\"", NULL }, "of the shadow");
        GATE_UNTIL(&g, g.worker.shadow_desk.xchgs.n == 0);
        assert_int_equal(g.n_asked, calls[i].n_asked);
        assert_true(sl_str_find(sl_buf_str(&g.asked), SL_STR("\"model\":\"gpt\""), 0) > 0);
        assert_true(sl_str_find(sl_buf_str(&g.asked), SL_STR("dempotency"), 0) < 0);
    }
    struct sl_str rest = gate_test_end_log(&g), line;
    size_t i = 0;
    while (rest.n && sl_str_next(&rest, '\n', &line) && line.n) {
        if (sl_str_find(line, SL_STR("\"shadow\":true"), 0) < 0) {
            continue;
        }
        assert_true(i < SL_ARRAY_LEN(calls));
        for (size_t k = 0; k < 4 && calls[i].has[k]; k++) {
            if (sl_str_find(line, sl_str_c(calls[i].has[k]), 0) < 0) {
                fail_msg("call %zu has no %s: %.*s", i, calls[i].has[k], SL_STR_ARG(line));
            }
        }
        i++;
    }
    assert_int_equal(i, SL_ARRAY_LEN(calls));
}

/* One shadow call that waits for its upstream, one that began just now, and one without room. */
static void a_drain_ends_them(void **state)
{
    (void)state;
    static const char *const held[] = { "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", NULL };
    struct gate_test g;
    gate_test_start(&g, CONFIG);
    gate_test_log(&g);
    g.is_held = true;
    gate_test_call(&g, "POST", "/v1/chat/completions", "", ASK("a"), held);
    gate_test_check(&g, "held", 200, (const char *[]){ "\"choices\"", NULL }, NULL);
    GATE_UNTIL(&g, g.n_asked == 1 && !g.unsent);
    assert_int_equal(g.worker.shadow_desk.xchgs.n, 1);
    assert_true(atomic_load(&g.gate.shadows.used) > 0);
    sl_front_end_shadows(&g.worker);
    assert_int_equal(g.worker.shadow_desk.xchgs.n, 0);
    assert_int_equal(atomic_load(&g.gate.shadows.used), 0);
    GATE_UNTIL(&g, g.is_up_gone);
    atomic_store(&g.gate.is_draining, true);
    gate_test_call(&g, "POST", "/v1/chat/completions", "", ASK("a"), held);
    gate_test_check(&g, "none", 200, (const char *[]){ "\"choices\"", NULL }, NULL);
    assert_int_equal(g.worker.shadow_desk.xchgs.n, 0);
    struct sl_str log = gate_test_end_log(&g);
    assert_true(sl_str_find(log, SL_STR("\"status\":503,\"error_type\":\"sluice_draining\""), 0) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_or_told_why_not),
        cmocka_unit_test(the_share_is_exact_and_smooth),
        cmocka_unit_test(nobody_notices),
        cmocka_unit_test(a_drain_ends_them),
    };
    return cmocka_run_group_tests_name("gate/shadow", tests, NULL, NULL);
}
