/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges of browsers that log in: with a key, and by an identity provider as far as nobody signs for it. */
#include "gate_test.h"

#define SESSION  "/api/sluice/v1/session"
#define SESSIONS SESSION "s"
#define KEYS     "/api/sluice/v1/keys"
#define ADMIN    "an-admin-key-of-the-file"
#define CONFIG                                                                                           \
    "auth:\n  admin_key: { sha256: 4aebdd94a397383d02386df564a3d797514af9c618cf1ea546e321cea6e41c5b }\n" \
    "  keys: [ { name: ann, group: acme, key: { sha256: "                                                \
    "c4e45673b2f7288cb160a53c203d35be97700e8da887702955b45b2c782044ef } } ]\n"                           \
    "groups: [ { name: acme } ]\nendpoints:\n  - { name: a, endpoint_type: llm/v1/chat, model: " MOCK " }\n"
#define OIDC "auth:\n  oidc: { issuer: 'http://127.0.0.1:PORT', client_id: me, roles: { a: query } }\nendpoints: []\n"

struct browser {
    char cookie[64], csrf[64];
    char headers[256]; /* with the cookie, and with both */
};

static void ask(struct gate_test *g, const char *method, const char *path, const char *headers, const char *body,
                int status, const char *has)
{
    const char *const all[] = { has, NULL };
    gate_test_call(g, method, path, headers, body, NULL);
    gate_test_check(g, path, status, has ? all : all + 1, ADMIN);
}

static void log_in(struct gate_test *g, const char *key, struct browser *ret)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"key\":\"%s\"}", key);
    ask(g, "POST", SESSION, "Origin: http://localhost\r\n", body, 201, "HttpOnly; SameSite=Strict\r\n");
    gate_test_cut(g, "set-cookie: sluice_session=", ";", ret->cookie, sizeof(ret->cookie));
    gate_test_cut(g, "\"csrf\":\"", "\"", ret->csrf, sizeof(ret->csrf));
    snprintf(ret->headers, sizeof(ret->headers), "Cookie: sluice_session=%s\r\nx-sluice-csrf: %s\r\n", ret->cookie,
             ret->csrf);
}

static void a_browser_logs_in_with_a_key(void **state)
{
    (void)state;
    struct gate_test g;
    struct browser boss, ann;
    char unmarked[128], id[32], path[128];
    gate_test_start(&g, CONFIG);
    ask(&g, "GET", SESSION, "", NULL, 200, "{\"session\":null,\"logins\":[\"key\"],\"csrf\":null,\"secure\":false}");
    ask(&g, "POST", SESSION, "", "{}", 400, "an API key is needed");
    ask(&g, "POST", SESSION, "", "{\"key\":\"sk-sluice-nobody's\"}", 401, "is not known to this gateway");
    ask(&g, "POST", SESSION, "Sec-Fetch-Site: cross-site\r\n", "{\"key\":\"x\"}", 403, "A page of another origin");
    log_in(&g, ADMIN, &boss);
    log_in(&g, "sk-sluice-query-key", &ann);
    snprintf(unmarked, sizeof(unmarked), "Cookie: sluice_session=%s\r\n", boss.cookie);
    ask(&g, "GET", SESSION, unmarked, NULL, 200, "\"via\":\"session\"");
    ask(&g, "GET", SESSION, "Authorization: Bearer sk-sluice-query-key\r\n", NULL, 200, "\"via\":\"key\"");
    ask(&g, "GET", KEYS, unmarked, NULL, 200, "\"name\":\"ann\"");
    ask(&g, "GET", KEYS, ann.headers, NULL, 403, "role admin");
    ask(&g, "DELETE", KEYS "/x", unmarked, NULL, 403, "x-sluice-csrf");
    ask(&g, "POST", "/gateway/a/invocations", ann.headers, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        200, "You said: hi");
    ask(&g, "GET", SESSIONS, ann.headers, NULL, 200, "\"principal\":\"acme/ann\"");
    gate_test_cut(&g, "{\"id\":\"", "\"", id, sizeof(id));
    ask(&g, "DELETE", SESSIONS "/1", ann.headers, NULL, 404, "no session with the id '1'");
    ask(&g, "DELETE", SESSIONS "/x", boss.headers, NULL, 404, "no session with the id 'x'");
    ask(&g, "GET", SESSIONS "?page_token=1", boss.headers, NULL, 200, "\"next_page_token\":null");
    snprintf(path, sizeof(path), SESSIONS "/%s", id);
    ask(&g, "DELETE", path, boss.headers, NULL, 200, "{}");
    ask(&g, "GET", "/v1/models", ann.headers, NULL, 401, "The session has ended: log in again.");
    ask(&g, "GET", SESSION, ann.headers, NULL, 200,
        "set-cookie: sluice_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ask(&g, "DELETE", SESSION, unmarked, NULL, 403, "x-sluice-csrf");
    ask(&g, "DELETE", SESSION, boss.headers, NULL, 200, "Max-Age=0");
    ask(&g, "DELETE", SESSION, boss.headers, NULL, 200, "{}");
    ask(&g, "GET", KEYS, "Cookie: sluice_session=a; sluice_session=b\r\n", NULL, 401, "Two different cookies");
    gate_test_end(&g);
}

static void where_nobody_needs_a_key_nobody_logs_in(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, "endpoints: []\n");
    ask(&g, "GET", SESSION, "", NULL, 200, "\"role\":\"admin\",\"group\":null,\"via\":\"open\"");
    ask(&g, "POST", SESSION, "", "{\"key\":\"x\"}", 409, "nobody needs to log in");
    ask(&g, "GET", "/console/login", "Accept: text/html\r\n", NULL, 404, "<h1>You are not logged in</h1>");
    gate_test_end(&g);
}

#define REPLY(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

/* The provider's description of itself, with this test's port. */
static const char *described(const struct gate_test *g, char out[1024])
{
    snprintf(out, 1024,
             REPLY("200 OK", "{\"issuer\":\"http://127.0.0.1:%u\",\"authorization_endpoint\":\"http://127.0.0.1:%u/a\","
                             "\"token_endpoint\":\"http://127.0.0.1:%u/t\",\"jwks_uri\":\"http://127.0.0.1:%u/k\"}"),
             g->port, g->port, g->port, g->port);
    return out;
}

/* Begins a login; returns the headers and the path of its way back. */
static void begin(struct gate_test *g, char headers[256], char path[256])
{
    char meta[1024], cookie[128], sent[128];
    const char *const replies[] = { described(g, meta), NULL };
    gate_test_call(g, "GET", "/console/login", "", NULL, replies);
    static const char *const has[] = { "code_challenge_method=S256", "/a?response_type=code&client_id=me", NULL };
    gate_test_check(g, "login", 303, has, NULL);
    gate_test_cut(g, "set-cookie: ", ";", cookie, sizeof(cookie));
    gate_test_cut(g, "&state=", "&", sent, sizeof(sent));
    snprintf(headers, 256, "Cookie: %s\r\n", cookie);
    snprintf(path, 256, "/console/callback?code=c&state=%s", sent);
}

static void back(struct gate_test *g, const char *what, const char *const *replies, int status, const char *words)
{
    char headers[256], path[256];
    const char *const has[] = { words, NULL };
    begin(g, headers, path);
    gate_test_call(g, "GET", path, headers, NULL, replies);
    gate_test_check(g, what, status, has, "sluice_session");
}

static void a_provider_that_answers_nonsense_opens_nothing(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, OIDC);
    static const char *const refused[] = { REPLY("400 Bad Request", "{\"error\":\"invalid_grant\"}"), NULL };
    static const char *const empty[] = { REPLY("200 OK", "{}"), NULL };
    static const char *const garbage[] = { REPLY("200 OK", "{\"id_token\":\"a.b.c\"}"),
                                           REPLY("200 OK", "{\"keys\":[]}"), NULL };
    static const char *const no_keys[] = { REPLY("200 OK", "{\"id_token\":\"a.b.c\"}"), REPLY("404 Not Found", ""),
                                           NULL };
    static const char *const closed[] = { NULL };
    back(&g, "refused", refused, 502, "cannot be used");
    back(&g, "empty", empty, 502, "cannot be used");
    back(&g, "closed", closed, 502, "cannot be reached");
    back(&g, "no keys", no_keys, 502, "cannot be used");
    back(&g, "garbage", garbage, 502, "ID token is not taken");
    gate_test_end(&g);
}

static void an_answer_must_be_the_one_to_this_login(void **state)
{
    (void)state;
    struct gate_test g;
    char headers[256], path[256], more[512];
    gate_test_start(&g, OIDC);
    begin(&g, headers, path);
    ask(&g, "GET", path, "", NULL, 400, "This browser began no login here");
    ask(&g, "GET", "/console/callback?code=c&state=x", headers, NULL, 400, "began last");
    snprintf(more, sizeof(more), "Cookie: sluice_login=%.43s.1\r\n", headers + strlen("Cookie: sluice_login="));
    ask(&g, "GET", path, more, NULL, 400, "took longer than 10 minutes");
    snprintf(more, sizeof(more), "%s&iss=https://evil.example", path);
    ask(&g, "GET", more, headers, NULL, 400, "(iss)");
    snprintf(more, sizeof(more), "%s&error=access_denied", path);
    ask(&g, "GET", more, headers, NULL, 403, "did not allow it");
    snprintf(more, sizeof(more), "/console/callback?%s", strstr(path, "state="));
    ask(&g, "GET", more, headers, NULL, 400, "has no code");
    gate_test_end(&g);
}

static void a_description_that_is_none_is_told(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, OIDC);
    static const char *const answers[] = { REPLY("500 Oops", ""), REPLY("200 OK", "<html>"), REPLY("200 OK", "{}") };
    for (size_t i = 0; i < SL_ARRAY_LEN(answers); i++) {
        const char *const replies[] = { answers[i], NULL };
        static const char *const has[] = { "<p>The identity provider&#39;s answer cannot be used", NULL };
        gate_test_call(&g, "GET", "/console/login", "Accept: text/html\r\n", NULL, replies);
        gate_test_check(&g, answers[i], 502, has, "set-cookie");
    }
    gate_test_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_logs_in_with_a_key),
        cmocka_unit_test(where_nobody_needs_a_key_nobody_logs_in),
        cmocka_unit_test(a_provider_that_answers_nonsense_opens_nothing),
        cmocka_unit_test(an_answer_must_be_the_one_to_this_login),
        cmocka_unit_test(a_description_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
