/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges without a process: where a request goes (front), which attempts it makes (plan), what happens to
 * their replies (relay) and what the client gets (reply). */
#include "gate_test.h"

#include <unistd.h>

#include "base/clock.h"
#include "gate/call/front.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/queue.h"

#define OPENAI(name, more)                                                                               \
    "- name: " name "\n  endpoint_type: llm/v1/chat\n  model: { provider: openai, name: gpt, config: { " \
    "openai_api_key: sk-of-the-gateway, openai_api_base: 'http://127.0.0.1:PORT/v1' } }\n  sluice: { " more " }\n"
#define CLAUDE                                                                                                \
    "- name: claude\n  endpoint_type: llm/v1/chat\n  model: { provider: anthropic, name: claude-sonnet-4-5, " \
    "config: { anthropic_api_key: k, anthropic_api_base: 'http://127.0.0.1:PORT/v1' } }\n  sluice: { retries: 0 }\n"
#define MOCKED(name, type, more)                                                                         \
    "- name: " name "\n  endpoint_type: llm/v1/" type "\n  model: { provider: mock, name: m, config: { " \
    "chunk_size: 4 } }\n" more
#define CONFIG                                                                                          \
    "endpoints:\n" OPENAI("chat", "retries: 2") OPENAI("once", "retries: 0")                            \
        OPENAI("quick", "retries: 0, timeouts: { first_byte: 50ms }") CLAUDE MOCKED("mock", "chat", "") \
            MOCKED("comp", "completions", "") MOCKED("emb", "embeddings", "")                           \
                MOCKED("tight", "chat", "  limit: { calls: 1, renewal_period: hour }\n")

#define HEAD_OF(method, path) method " " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
#define GET(path)             HEAD_OF("GET", path) "\r\n"
/* The compiler counts a body's length. */
#define CHUNKED_1(body) "Transfer-Encoding: chunked\r\n\r\n" body "0\r\n\r\n"

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static int begin(void **state)
{
    return gate_test_setup(state, CONFIG);
}

/* --- calls without an upstream --- */

static void requests_are_answered_here(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *has[4];
    } gets[] = {
        { GET("/health"), 200, { "{\"status\":\"OK\"}", "x-request-id: " } },
        { GET("/ready"), 200, { "OK" } },
        { GET("/v1/models"), 200, { "\"id\":\"mock\"", "\"id\":\"emb\"" } },
        { GET("/v1/models/mock"), 200, { "\"id\":\"mock\"" } },
        { GET("/v1/models/none"), 404, { "model_not_found" } },
        { GET("/api/2.0/gateway/routes/"), 200, { "\"routes\":[{\"name\":\"chat\"", "\"limit\":{\"calls\":1" } },
        { GET("/api/2.0/endpoints/tight"), 200, { "\"endpoint_type\":\"llm/v1/chat\"" } },
        { GET("/api/2.0/endpoints/none"), 404, { "{\"detail\":\"The endpoint 'none' is not present" } },
        { GET("/api/2.0/gateway/limits/tight"), 200, { "{\"limits\":[{\"calls\":1,\"key\":\"user\"" } },
        { GET("/api/2.0/serving-endpoints"), 200, { "\"name\":\"tight\"" } },
        { GET("/api/sluice/v1/routes"), 200, { "\"name\":\"claude\"", "\"owner\":\"file\"" } },
        { GET("/api/sluice/v1/routes/claude"), 200, { "anthropic", "\"owner\":\"file\"" } },
        { GET("/api/sluice/v1/keys"), 200, { "{\"keys\":[]" } },
        { GET("/api/sluice/v1/audit"), 503, { "--data" } },
        { HEAD_OF("DELETE", "/api/2.0/gateway/routes/none") "\r\n", 503, { "--data" } },
        { HEAD_OF("DELETE", "/api/2.0/gateway/routes/mock") "\r\n", 409, { "cannot be deleted by a call" } },
        { GET("/docs"), 200, { "text/html", "/v1/chat/completions" } },
        { GET("/openapi.json"), 200, { "\"openapi\":\"3.1" } },
        { GET("/metrics"), 200, { "\nsluice_requests_in_flight 1\n", "sluice_build_info{" } },
        { GET("/"), 307, { "location: /docs" } },
        { GET("/health/"), 307, { "location: /health\r\n" } },
        { GET("/nowhere"), 404, { "{\"detail\":\"Not Found\"}" } },
        { GET("/v1/nowhere"), 404, { "\"error\":{\"message\"" } },
        { HEAD_OF("DELETE", "/v1/models") "\r\n", 405, { "allow: GET, HEAD" } },
        { HEAD_OF("BREW", "/v1/models") "\r\n", 501, { "method" } },
        { "GET nonsense HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, { "x-sluice-error-type: caller_invalid_request" } },
        { "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403, { "open to this machine only" } },
        { HEAD_OF("GET", "/health") "Origin: http://evil.example\r\n\r\n", 403, { "open to this machine only" } },
        { HEAD_OF("GET", "/health") "Sec-Fetch-Site: cross-site\r\n\r\n", 403, { "open to this machine only" } },
        { "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, { "Host", "caller_invalid_request" } },
        { HEAD_OF("POST", "/v1/chat/completions") "Content-Length: 99999999999\r\n\r\n",
          413,
          { "server.limits.body" } },
        { HEAD_OF("POST", "/v1/chat/completions") "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
          415,
          { "accept-encoding: gzip" } },
        { HEAD_OF("POST", "/v1/chat/completions") CHUNKED_1("2\r\n{}\r\n"), 400, { "model" } },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(gets); i++) {
        gate_test_send(*state, gets[i].request, NULL);
        gate_test_check(*state, gets[i].request, gets[i].status, gets[i].has, NULL);
    }
}

static void calls_are_refused_or_answered_by_mock(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *has[4];
    } posts[] = {
        { "/v1/chat/completions",
          "{\"model\":\"mock\"," MESSAGES "}",
          200,
          { "You said: hi", "x-sluice-route: mock" } },
        { "/v1/chat/completions",
          "{\"model\":\"mock\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," MESSAGES "}",
          200,
          { "{\"content\":\"You \"}", "\"usage\":{", "data: [DONE]\n\n" } },
        { "/v1/completions", "{\"model\":\"comp\",\"prompt\":[\"a\",\"b\"]}", 200, { "You said: a", "You said: b" } },
        { "/v1/embeddings", "{\"model\":\"emb\",\"input\":\"x\",\"dimensions\":4}", 200, { "\"embedding\":[" } },
        { "/gateway/mock/invocations", "{" MESSAGES "}", 200, { "You said: hi" } },
        { "/endpoints/mock/invocations", "{\"stream\":true," MESSAGES "}", 200, { "data: {", "\"You \"" } },
        { "/serving-endpoints/mock/invocations", "{" MESSAGES "}", 200, { "You said: hi" } },
        { "/v1/chat/completions", "{\"model\":\"none\"," MESSAGES "}", 404, { "model_not_found" } },
        { "/gateway/none/invocations", "{}", 404, { "{\"detail\":" } },
        { "/v1/chat/completions",
          "{\"model\":\"emb\"," MESSAGES "}",
          400,
          { "Endpoint 'emb' is not a chat endpoint" } },
        { "/v1/chat/completions", "{\"model\":", 400, { "\"error\":{" } },
        { "/gateway/mock/invocations", "{\"messages\":5}", 422, { "\"detail\":[{" } },
        { "/v1/chat/completions", "{\"model\":\"mock\",\"messages\":[]}", 400, { "empty_array" } },
        { "/v1/embeddings", "{\"model\":\"emb\",\"input\":[]}", 400, { "invalid_request_error" } },
        { "/api/2.0/gateway/routes/", "{\"name\":\"x\"}", 422, { "\"loc\":[\"body\",\"route_type\"]" } },
        { "/api/sluice/v1/keys", "{}", 400, { "name: is missing" } },
        { "/api/2.0/gateway/routes/",
          "{\"name\":\"x\",\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\"}}",
          503,
          { "--data" } },
        { "/api/sluice/v1/keys", "{\"name\":\"n\",\"principal\":\"p\",\"role\":\"query\"}", 503, { "--data" } },
        { "/api/2.0/gateway/limits/", "{\"route\":\"mock\",\"limits\":[]}", 503, { "--data" } },
        { "/v1/chat/completions", "{\"model\":\"tight\"," MESSAGES "}", 200, { "x-ratelimit-remaining-requests: 0" } },
        { "/v1/chat/completions",
          "{\"model\":\"tight\"," MESSAGES "}",
          429,
          { "x-sluice-error-type: policy_rate_limited", "1 call per 1 hour", "x-ratelimit-limit-requests: 1" } },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(posts); i++) {
        gate_test_call(*state, "POST", posts[i].path, "", posts[i].body, NULL);
        gate_test_check(*state, posts[i].body, posts[i].status, posts[i].has, NULL);
    }
}

/* --- an upstream's replies --- */

#define UP(status, more, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" more "\r\n" body
#define JSON(status, body)     UP(status, "Content-Type: application/json\r\n", body)
#define EVENTS(events)         UP("200 OK", "Content-Type: text/event-stream\r\n", events)
#define EVENT(delta, finish)                                                                                      \
    "data: "                                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
    "\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define A     EVENT("{\"content\":\"an answer\"}", "null")
#define STOP  EVENT("{}", "\"stop\"")
#define DONE  "data: [DONE]\n\n"
#define USAGE "{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}"
#define WHOLE                                                                                                          \
    JSON(                                                                                                              \
        "200 OK",                                                                                                      \
        "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"        \
        "\"message\":{\"role\":\"assistant\",\"content\":\"an answer\"},\"finish_reason\":\"stop\"}],\"usage\":" USAGE \
        "}")
#define BUSY \
    UP("503 Busy", "Content-Type: application/json\r\nRetry-After: 0\r\n", "{\"error\":{\"message\":\"too much\"}}")
#define V1          "/v1/chat/completions"
#define BODY(route) "{\"model\":\"" route "\"," MESSAGES "}"
#define ASKS(route) "{\"model\":\"" route "\",\"stream\":true," MESSAGES "}"
#define CLAUDES                                                                                                    \
    JSON("200 OK", "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[{" \
                   "\"type\":\"text\",\"text\":\"an answer\"}],\"stop_reason\":\"end_turn\",\"usage\":{"           \
                   "\"input_tokens\":3,\"output_tokens\":4}}")
#define CLAUDES_BEGIN                                                                                              \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\"}}\n\n" \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"          \
    "\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\","    \
    "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"an answer\"}}\n\n"
#define CLAUDES_END                                                                                     \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}," \
    "\"usage\":{\"output_tokens\":4}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static const struct exchange {
    const char *name, *path, *body, *replies[UPSTREAM_REPLIES_MAX];
    unsigned n_asked;
    int status;
    const char *has[4], *hasnt;
} exchanges[] = {
    { "whole", V1, BODY("chat"), { WHOLE }, 1, 200, { "an answer", "x-sluice-attempts: 1" }, NULL },
    { "whole, MLflow", "/gateway/chat/invocations", "{" MESSAGES "}", { WHOLE }, 1, 200, { "an answer" }, "[DONE]" },
    { "a page", V1, BODY("chat"), { JSON("200 OK", "<title>Sign in</title>") }, 1, 502, { "Sign in" }, NULL },
    { "an error under 200",
      V1,
      BODY("chat"),
      { JSON("200 OK", "{\"error\":{\"message\":\"slow down\",\"code\":429}}") },
      1,
      429,
      { "slow down", "provider_rate_limited" },
      NULL },
    { "busy, then not", V1, BODY("chat"), { BUSY, WHOLE }, 2, 200, { "an answer", "x-sluice-attempts: 2" }, NULL },
    { "busy for good", V1, BODY("chat"), { BUSY, BUSY, BUSY }, 3, 503, { "too much", "provider_overloaded" }, NULL },
    { "no retries", V1, BODY("once"), { BUSY, WHOLE }, 1, 503, { "too much" }, NULL },
    { "no reply", V1, BODY("once"), { NULL }, 1, 502, { "provider_" }, NULL },
    { "a refused key",
      V1,
      BODY("once"),
      { JSON("401 No", "{\"error\":{\"message\":\"bad key sk-of-the-gateway\"}}") },
      1,
      502,
      { "gateway's credential", "x-should-retry: false" },
      "sk-of-the" },
    { "a refusal in MLflow's words",
      "/gateway/once/invocations",
      "{" MESSAGES "}",
      { JSON("429 Slow", "{\"error\":{\"message\":\"slow down\"}}") },
      1,
      429,
      { "{\"detail\":\"slow down\"}" },
      NULL },
    { "cut",
      V1,
      BODY("once"),
      { UP("200 OK", "Content-Length: 999\r\n", "{\"choices\":[") },
      1,
      502,
      { "error" },
      NULL },
    { "a stream",
      V1,
      ASKS("chat"),
      { EVENTS(A STOP DONE) },
      1,
      200,
      { "an answer", "[DONE]", "x-accel-buffering: no" },
      "error" },
    { "usage that nobody asked for",
      V1,
      ASKS("chat"),
      { EVENTS(A STOP "data: {\"choices\":[],\"usage\":" USAGE "}\n\n" DONE) },
      1,
      200,
      { "[DONE]" },
      "usage" },
    { "stream_options refused",
      V1,
      ASKS("once"),
      { JSON("400 No", "{\"error\":{\"message\":\"Unrecognized request argument supplied: stream_options\"}}"),
        EVENTS(A STOP DONE) },
      2,
      200,
      { "an answer", "[DONE]" },
      "error" },
    { "a broken stream", V1, ASKS("chat"), { EVENTS(A) }, 1, 200, { "an answer", "\"error\":{", "[DONE]" }, NULL },
    { "an error in a stream",
      V1,
      ASKS("chat"),
      { EVENTS(A "event: error\ndata: {\"message\":\"it broke\"}\n\n") },
      1,
      200,
      { "it broke" },
      NULL },
    { "a whole reply for a stream",
      V1,
      ASKS("chat"),
      { WHOLE },
      1,
      200,
      { "event-stream", "an answer", "[DONE]" },
      NULL },
    { "a stream for a whole reply",
      V1,
      BODY("chat"),
      { EVENTS(A STOP DONE) },
      1,
      200,
      { "chat.completion\"" },
      "data: " },
    { "a stream, MLflow",
      "/gateway/chat/invocations",
      "{\"stream\":true," MESSAGES "}",
      { EVENTS(A STOP DONE) },
      1,
      200,
      { "an answer", "\"finish_reason\":\"stop\"" },
      "[DONE]" },
    { "translated", V1, BODY("claude"), { CLAUDES }, 1, 200, { "an answer", "\"total_tokens\":7" }, "end_turn" },
    { "a translated stream",
      V1,
      ASKS("claude"),
      { EVENTS(CLAUDES_BEGIN CLAUDES_END) },
      1,
      200,
      { "an answer", "\"finish_reason\":\"stop\"", "[DONE]" },
      "message_delta" },
    { "a broken translated stream",
      V1,
      ASKS("claude"),
      { EVENTS(CLAUDES_BEGIN) },
      1,
      200,
      { "an answer", "error" },
      NULL },
    { "a translated error",
      V1,
      BODY("claude"),
      { JSON("400 No", "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"because\"}}") },
      1,
      400,
      { "\"message\":\"because\"", "provider_rejected" },
      NULL },
    { "no translation of it", V1, "{\"model\":\"claude\",\"n\":2," MESSAGES "}", { NULL }, 0, 400, { "'n'" }, NULL },
};

static void replies_are_told(void **state)
{
    struct gate_test *g = *state;
    for (size_t i = 0; i < SL_ARRAY_LEN(exchanges); i++) {
        const struct exchange *e = &exchanges[i];
        gate_test_call(g, "POST", e->path, "", e->body, e->replies);
        gate_test_check(g, e->name, e->status, e->has, e->hasnt);
        if (g->n_asked != e->n_asked) {
            fail_msg("%s: the upstream was asked %u times", e->name, g->n_asked);
        }
    }
}

/* The same, wherever the upstream's bytes are cut. */
static void replies_are_told_byte_by_byte(void **state)
{
    struct gate_test *g = *state;
    g->piece = 1;
    replies_are_told(state);
}

static void replies_are_told_from_pieces(void **state)
{
    struct gate_test *g = *state;
    g->piece = 7;
    replies_are_told(state);
}

/* --- time-outs, and clients that leave --- */

static void a_silent_upstream_is_given_up(void **state)
{
    struct gate_test *g = *state;
    static const char *const has[] = { "(sluice.timeouts.first_byte of the route 'quick': 50ms)",
                                       "x-should-retry: false", NULL };
    g->is_held = true;
    gate_test_call(g, "POST", V1, "", BODY("quick"), NULL);
    gate_test_check(g, "silent", 504, has, NULL);
    GATE_UNTIL(g, g->is_up_gone);
}

static void a_client_that_leaves_takes_its_upstream_along(void **state)
{
    struct gate_test *g = *state;
    static const char *const begun[] = { EVENTS(A), NULL }, *const silent[] = { NULL };
    const char *const *const replies[] = { silent, begun };
    for (size_t i = 0; i < SL_ARRAY_LEN(replies); i++) {
        g->is_held = true;
        gate_test_call(g, "POST", V1, "", ASKS("chat"), replies[i]);
        GATE_UNTIL(g, i == 0 ? g->n_asked == 1 : sl_str_find(sl_buf_str(&g->got), SL_STR("an answer"), 0) >= 0);
        close(g->client);
        g->client = -1;
        GATE_UNTIL(g, g->is_up_gone && !sl_xchg_list_first(&g->worker.desk.xchgs));
        close(g->up);
        g->up = -1;
    }
}

/* A loop that is busy with others finds a head late, but it came in time. */
static void what_waits_to_be_read_is_not_late(void **state)
{
    (void)state;
    static struct gate_test world;
    gate_test_start(&world, "server: { timeouts: { head: 100ms } }\nendpoints: []\n");
    gate_test_send(&world, GET("/health"), NULL);
    for (uint64_t until = sl_clock_usec() + 150000; sl_clock_usec() < until;) {
    }
    gate_test_check(&world, "a head that waited", 200, (const char *const[]){ "{\"status\":\"OK\"}", NULL }, NULL);
    gate_test_send(&world, "GET /health HTTP/1.1\r\nHo", NULL); /* the rest never comes */
    for (uint64_t until = sl_clock_usec() + 150000; sl_clock_usec() < until;) {
    }
    gate_test_check(&world, "half a head", 408, (const char *const[]){ "server.timeouts.head", NULL }, NULL);
    gate_test_end(&world);
}

/* The id of a response, in `out`. */
static void id_ask(struct gate_test *g, char out[64])
{
    gate_test_call(g, "POST", "/v1/responses", "", "{\"model\":\"mock\",\"input\":\"x\"}", NULL);
    struct sl_str got = gate_test_reply(g), mark = SL_STR("\"id\":\"resp_");
    ptrdiff_t at = sl_str_find(got, mark, 0);
    assert_true(at >= 0);
    snprintf(out, 64, "%.*s", 32, got.p + at + mark.n);
}

/* Who has seen some random numbers can predict the loop's generator, because request ids are made from it. */
static void ids_of_answers_do_not_follow_from_what_is_told(void **state)
{
    struct gate_test *g = *state;
    const struct sl_rng known = { { 1, 2 } };
    char one[64], two[64];
    g->engine.loop.rng = known;
    id_ask(g, one);
    g->engine.loop.rng = known;
    id_ask(g, two);
    assert_int_equal(strlen(one), 32);
    assert_string_not_equal(one, two);
}

static void the_drains_end_is_told(void **state)
{
    struct gate_test *g = *state;
    static const char *const begun[] = { EVENTS(A), NULL }, *const silent[] = { NULL };
    static const char *const said[] = { "shutting down", NULL };
    const char *const *const replies[] = { silent, begun };
    for (size_t i = 0; i < SL_ARRAY_LEN(replies); i++) {
        g->is_held = true;
        gate_test_call(g, "POST", V1, "", ASKS("chat"), replies[i]);
        GATE_UNTIL(g, i == 0 ? g->n_asked == 1 : sl_str_find(sl_buf_str(&g->got), SL_STR("an answer"), 0) >= 0);
        sl_front_end_all(&g->worker);
        gate_test_check(g, i == 0 ? "before the head" : "in a stream", i == 0 ? 503 : 200, said, NULL);
        GATE_UNTIL(g, g->is_up_gone);
        close(g->up);
        g->up = -1;
    }
}

/* A call gets another one's place while both end: it goes back to the target. */
static void a_place_that_came_too_late_is_given_back(void **state)
{
    (void)state;
    static const char *const silent[] = { NULL }, *const ended[] = { "shutting down", NULL };
    static const char *const none[] = { "\"in_flight\":0", NULL };
    static struct gate_test world;
    struct gate_test *g = &world;
    gate_test_start(g,
                    "endpoints:\n" OPENAI("r", "retries: 0, queue: { size: 5, wait: 60s }, targets: [ { name: model, "
                                               "max_concurrent: 1 } ]"));
    g->is_held = true;
    gate_test_call(g, "POST", V1, "", BODY("r"), silent);
    GATE_UNTIL(g, g->n_asked == 1);
    int first = g->client;
    gate_test_call(g, "POST", V1, "", BODY("r"), silent);
    const struct sl_xchg_list *xchgs = &g->worker.desk.xchgs;
    GATE_UNTIL(g, xchgs->n == 2 && sl_queue_depth(sl_xchg_list_first(xchgs)->route->traffic->queue) == 1);
    sl_front_end_all(&g->worker);
    gate_test_check(g, "the one that waited", 503, ended, NULL);
    close(first);
    GATE_UNTIL(g, g->is_up_gone);
    close(g->up);
    g->up = -1;
    gate_test_call(g, "GET", "/api/sluice/v1/targets", "", NULL, NULL);
    gate_test_check(g, "who is left", 200, none, NULL);
    gate_test_end(g);
}

/* --- keys --- */

#define KEY(name, role, sha256) "  - { name: " name ", role: " role ", key: { sha256: " sha256 " } }\n"
#define PROGRAM                 "sk-sluice-of-a-program-0123456789"
#define VIEWER                  "sk-sluice-of-a-viewer-0123456789"
#define ADMIN                   "sk-sluice-of-an-admin-0123456789"

static void who_may_call(void **state)
{
    (void)state;
    static const char config[] = "auth:\n  keys:\n" KEY(
        "q", "query, routes: [mock]", "c4ce14cb55db4e42d1f5f7968e6b2d2daf5f84f2678b010f940091377680305d")
        KEY("v", "viewer", "0bb2c7136e1714e42a41a05091bd68aec52d1f37ef7d9f93d19710976146b704")
            KEY("a", "admin", "b4f6eaab891067ea1809e8e474f5b5b7ae5b55e4f3829ac97ae3d105e323ae29") "endpoints:\n" MOCKED(
                "mock", "chat", "") MOCKED("other", "chat", "");
    static const struct {
        const char *key, *path, *body; /* body NULL: GET */
        int status;
        const char *has[2];
    } cases[] = {
        { NULL, "/health", NULL, 200, { "OK" } },
        { NULL, "/v1/models", NULL, 401, { "www-authenticate: Bearer" } },
        { "wrong", "/v1/models", NULL, 401, { "error" } },
        { PROGRAM, "/v1/models", NULL, 200, { "\"id\":\"mock\"" } },
        { PROGRAM, V1, BODY("mock"), 200, { "You said" } },
        { PROGRAM, V1, BODY("other"), 404, { "model_not_found" } },
        { PROGRAM, "/api/sluice/v1/keys", NULL, 403, { "caller_forbidden" } },
        { VIEWER, V1, BODY("mock"), 403, { "role viewer" } },
        { VIEWER, "/metrics", NULL, 200, { "sluice_build_info" } },
        { ADMIN, "/api/sluice/v1/routes", NULL, 200, { "\"other\"" } },
        { ADMIN, V1, BODY("other"), 200, { "You said" } },
    };
    struct gate_test g;
    gate_test_start(&g, config);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char key[128] = "";
        if (cases[i].key) {
            snprintf(key, sizeof(key), "Authorization: Bearer %s\r\n", cases[i].key);
        }
        gate_test_call(&g, cases[i].body ? "POST" : "GET", cases[i].path, key, cases[i].body, NULL);
        gate_test_check(&g, cases[i].path, cases[i].status, cases[i].has, NULL);
    }
    gate_test_end(&g);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, gate_test_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_here),
        TEST(calls_are_refused_or_answered_by_mock),
        TEST(replies_are_told),
        TEST(replies_are_told_byte_by_byte),
        TEST(replies_are_told_from_pieces),
        TEST(a_silent_upstream_is_given_up),
        TEST(a_client_that_leaves_takes_its_upstream_along),
        cmocka_unit_test(what_waits_to_be_read_is_not_late),
        TEST(ids_of_answers_do_not_follow_from_what_is_told),
        TEST(the_drains_end_is_told),
        cmocka_unit_test(a_place_that_came_too_late_is_given_back),
        cmocka_unit_test(who_may_call),
    };
    return cmocka_run_group_tests_name("gate/call", tests, NULL, NULL);
}
