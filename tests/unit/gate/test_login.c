/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by an identity provider, without I/O: cookies and states, its documents, and who its claims name. */
#include "gate/api/login_meta.h"
#include "gate/api/login_who.h"
#include "gate/call/login_table.h"
#include "gate/config/key.h"
#include "gate/config/oidc.h"
#include "help.h"
#include "json/json.h"

#define NOW    1800000000ull
#define MINUTE (60 * 1000000ull)

static void a_cookie_is_fresh_for_ten_minutes(void **state)
{
    (void)state;
    char cookie[SL_LOGIN_COOKIE_SIZE], other[SL_LOGIN_COOKIE_SIZE];
    uint64_t session = 1;
    sl_logins_cookie(NOW, 0, cookie);
    sl_logins_cookie(NOW, UINT64_MAX, other);
    assert_string_not_equal(cookie, other);
    assert_true(sl_logins_is_fresh(sl_str_c(cookie), NOW, &session));
    assert_true(sl_logins_is_fresh(sl_str_c(cookie), NOW + SL_LOGIN_SEC - 1, &session));
    assert_false(sl_logins_is_fresh(sl_str_c(cookie), NOW + SL_LOGIN_SEC, &session));
    assert_false(sl_logins_is_fresh(sl_str_c(cookie), NOW - 1, &session)); /* later than one can be that begins now */
    assert_int_equal(session, 0);
    assert_true(sl_logins_is_fresh(sl_str_c(other), NOW, &session));
    assert_true(session == UINT64_MAX);
    static const char *const bad[] = {
        "",
        ".",
        "x",
        "1800000600",
        "0123456789012345678901234567890123456789012",
        "0123456789012345678901234567890123456789012.",
        "0123456789012345678901234567890123456789012.1800000600x.0",
        "0123456789012345678901234567890123456789012.1800000600",
        "0123456789012345678901234567890123456789012.1800000600.",
        "0123456789012345678901234567890123456789012..1",
        "0123456789012345678901234567890123456789012.1800000600.1.",
        "0123456789012345678901234567890123456789012.1800000600.-1",
        "0123456789012345678901234567890123456789012.1800000600.18446744073709551616",
        "0123456789012345678901234567890123456789012x1800000600.0",
        "0123456789012345678901234567890123456789012.00000000000000000000000000000000000000001800000600.0"
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        assert_false(sl_logins_is_fresh(sl_str_c(bad[i]), NOW, &session));
    }
}

static void texts_differ_by_use_cookie_provider_and_process(void **state)
{
    (void)state;
    struct sl_logins *a = sl_logins_new(), *b = sl_logins_new();
    char texts[6][SL_LOGIN_TEXT_SIZE], again[SL_LOGIN_TEXT_SIZE];
    sl_logins_text(a, 1, SL_STR("cookie"), SL_LOGIN_STATE, texts[0]);
    sl_logins_text(a, 1, SL_STR("cookie"), SL_LOGIN_NONCE, texts[1]);
    sl_logins_text(a, 1, SL_STR("cookie"), SL_LOGIN_VERIFIER, texts[2]);
    sl_logins_text(a, 1, SL_STR("cookje"), SL_LOGIN_STATE, texts[3]);
    sl_logins_text(a, 2, SL_STR("cookie"), SL_LOGIN_STATE, texts[4]);
    sl_logins_text(b, 1, SL_STR("cookie"), SL_LOGIN_STATE, texts[5]);
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        assert_int_equal(strlen(texts[i]), SL_LOGIN_TEXT_SIZE - 1);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(texts[i], texts[k]);
        }
    }
    sl_logins_text(a, 1, SL_STR("cookie"), SL_LOGIN_STATE, again);
    assert_string_equal(again, texts[0]);
    sl_logins_free(a);
    sl_logins_free(b);
}

static void state_of(uint32_t n, char out[SL_LOGIN_TEXT_SIZE])
{
    snprintf(out, SL_LOGIN_TEXT_SIZE, "%043u", n);
}

static void a_state_is_used_once(void **state)
{
    (void)state;
    struct sl_logins *logins = sl_logins_new();
    char text[SL_LOGIN_TEXT_SIZE];
    for (uint32_t n = 1; n <= SL_LOGIN_USED_MAX; n++) {
        state_of(n, text);
        assert_true(sl_logins_take(logins, text));
        assert_false(sl_logins_take(logins, text));
    }
    for (uint32_t n = 0; n < 1000; n++) { /* those that failed push out nothing */
        state_of(1000000 + n, text);
        assert_true(sl_logins_take(logins, text));
        sl_logins_give_back(logins, text);
    }
    state_of(2, text);
    assert_false(sl_logins_take(logins, text));
    state_of(5000, text);
    assert_true(sl_logins_take(logins, text));
    sl_logins_give_back(logins, text);
    sl_logins_give_back(logins, text); /* it has no place any more */
    assert_true(sl_logins_take(logins, text));
    state_of(SL_LOGIN_USED_MAX, text);
    assert_false(sl_logins_take(logins, text));
    sl_logins_free(logins);
}

static void documents_are_kept_for_an_hour(void **state)
{
    (void)state;
    struct sl_logins *logins = sl_logins_new();
    struct sl_arena arena;
    bool is_old;
    sl_arena_init(&arena, NULL);
    assert_null(sl_logins_doc(logins, SL_LOGIN_KEYS, 1, MINUTE, &arena, &is_old).p);
    assert_true(is_old);
    sl_logins_doc_put(logins, SL_LOGIN_KEYS, 1, MINUTE, SL_STR("old"));
    sl_logins_doc_put(logins, SL_LOGIN_KEYS, 1, MINUTE, SL_STR("keys"));
    assert_true(sl_str_eq_c(sl_logins_doc(logins, SL_LOGIN_KEYS, 1, 60 * MINUTE, &arena, &is_old), "keys"));
    assert_false(is_old);
    assert_true(sl_str_eq_c(sl_logins_doc(logins, SL_LOGIN_KEYS, 1, 61 * MINUTE, &arena, &is_old), "keys"));
    assert_true(is_old);
    assert_null(sl_logins_doc(logins, SL_LOGIN_KEYS, 2, MINUTE, &arena, &is_old).p); /* of another provider */
    assert_null(sl_logins_doc(logins, SL_LOGIN_META, 1, MINUTE, &arena, &is_old).p);
    sl_arena_done(&arena);
    sl_logins_free(logins);
}

static void what_strangers_can_cause_is_bounded(void **state)
{
    (void)state;
    struct sl_logins *logins = sl_logins_new();
    uint32_t n_hidden, n = 0;
    for (int i = 0; i < 100; i++) {
        n += sl_logins_may_renew(logins, 10 * MINUTE + 1000);
    }
    assert_int_equal(n, SL_LOGIN_RENEWALS);
    assert_true(sl_logins_may_renew(logins, 11 * MINUTE + 1000));
    for (int i = 0; i < SL_LOGIN_LINES + 5; i++) {
        assert_int_equal(sl_logins_may_tell(logins, 10 * MINUTE, &n_hidden), i < SL_LOGIN_LINES);
    }
    assert_true(sl_logins_may_tell(logins, 11 * MINUTE, &n_hidden));
    assert_int_equal(n_hidden, 5);
    assert_true(sl_logins_may_tell(logins, 11 * MINUTE, &n_hidden));
    assert_int_equal(n_hidden, 0);
    sl_logins_free(logins);
}

static struct sl_oidc_role roles[] = { { SL_STR_INIT("users"), SL_ROLE_QUERY },
                                       { SL_STR_INIT("bosses"), SL_ROLE_ADMIN },
                                       { SL_STR_INIT("readers"), SL_ROLE_VIEWER } };
static const struct sl_oidc_conf conf = {
    .issuer = SL_STR_INIT("https://login.example"),
    .base = { .is_https = true },
    .client_id = SL_STR_INIT("me"),
    .role_claim = SL_STR_INIT("roles"),
    .roles = roles,
    .n_roles = SL_ARRAY_LEN(roles),
};

static void a_description_must_be_the_issuers(void **state)
{
    (void)state;
#define META(issuer, authorization, rest)                                                                            \
    "{\"issuer\":\"" issuer "\",\"authorization_endpoint\":\"" authorization "\",\"token_endpoint\":\"https://t/\"," \
    "\"jwks_uri\":\"https://k/\"" rest "}"
    static const struct {
        const char *text, *fault; /* NULL: none */
        bool has_basic, says_issuer;
    } cases[] = {
        { META("https://login.example", "https://a/?b=c", ""), NULL, true, false },
        { META("https://login.example", "https://a/",
               ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
               "\"authorization_response_iss_parameter_supported\":true"),
          NULL, false, true },
        { META("https://login.example", "https://a/",
               ",\"token_endpoint_auth_methods_supported\":[\"x\",\"client_secret_basic\"],"
               "\"authorization_response_iss_parameter_supported\":\"yes\""),
          NULL, true, false },
        { META("https://login.example/", "https://a/", ""), "calls itself \"https://login.example/\"", 0, 0 },
        { META("https://login.example", "http://a/", ""), "authorization_endpoint is not https", 0, 0 },
        { META("https://login.example", "https://u:p@a/", ""), "authorization_endpoint is missing, or no URL", 0, 0 },
        { META("https://login.example", "https://a/#x", ""), "authorization_endpoint is missing, or no URL", 0, 0 },
        { META("https://login.example", "https://a/ x", ""), "authorization_endpoint is missing, or no URL", 0, 0 },
        { META("https://login.example", "javascript:alert(1)", ""), "authorization_endpoint", 0, 0 },
        { META("https://login.example", "/authorize", ""), "authorization_endpoint", 0, 0 },
        { "{\"issuer\":\"https://login.example\",\"authorization_endpoint\":\"https://a/\"}", "token_endpoint", 0, 0 },
        { "{}", "calls itself", 0, 0 },
        { "[]", "calls itself", 0, 0 },
        { "<html>", "not JSON", 0, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_login_meta meta = { 0 };
        struct sl_err err = { 0 };
        sl_arena_init(&arena, NULL);
        int r = sl_login_meta_read(&conf, sl_str_c(cases[i].text), &arena, &meta, &err);
        if (cases[i].fault ? r != SL_E_INVAL || !strstr(err.text, cases[i].fault) : r != 0) {
            fail_msg("%s: %d %s", cases[i].text, r, err.text);
        }
        if (r == 0) {
            assert_int_equal(meta.has_basic, cases[i].has_basic);
            assert_int_equal(meta.says_issuer, cases[i].says_issuer);
        }
        sl_arena_done(&arena);
    }
}

static void claims_name_a_person_and_a_role(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        int r;
        enum sl_role role;
        const char *words; /* the name, or what is told */
    } cases[] = {
        { "{\"sub\":\"7\",\"roles\":\"users\"}", 0, SL_ROLE_QUERY, "oidc:7" },
        { "{\"sub\":\"7\",\"roles\":[\"x\",\"readers\",\"users\"],\"email\":\"ann@a\"}", 0, SL_ROLE_VIEWER,
          "oidc:ann@a" },
        { "{\"sub\":\"7\",\"roles\":[\"bosses\",\"users\"],\"preferred_username\":\"ann\",\"email\":\"b\"}", 0,
          SL_ROLE_ADMIN, "oidc:ann" },
        { "{\"sub\":\"7\",\"roles\":[7,null,[\"bosses\"],\"users\"],\"name\":\" ann\"}", 0, SL_ROLE_QUERY, "oidc:7" },
        { "{\"sub\":\"7\",\"roles\":[]}", SL_E_KEY, 0, "\"roles\" has []" },
        { "{\"sub\":\"7\",\"name\":\"ann\"}", SL_E_KEY, 0, "known as ann, but your account has no role here" },
        { "{\"sub\":\"7\",\"roles\":{\"users\":1}}", SL_E_KEY, 0, "no role" },
        { "{\"sub\":\"7\",\"roles\":\"user\"}", SL_E_KEY, 0, "no role" },
        { "{\"roles\":\"users\"}", SL_E_INVAL, 0, "sub" },
        { "{\"sub\":7,\"roles\":\"users\"}", SL_E_INVAL, 0, "sub" },
        { "{\"sub\":\"\",\"roles\":\"users\"}", SL_E_INVAL, 0, "sub" },
        { "{\"sub\":\"a\\u0000b\",\"roles\":\"users\"}", SL_E_INVAL, 0, "sub" },
        { "{\"sub\":\"a\\u202eb\",\"roles\":\"users\"}", SL_E_INVAL, 0, "sub" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_json doc;
        struct sl_key *key = NULL;
        struct sl_err err = { 0 };
        sl_arena_init(&arena, NULL);
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].claims)), 0);
        int r = sl_login_who(&conf, NULL, sl_json_root(&doc), &arena, &key, &err);
        if (r != cases[i].r || (r < 0 && !strstr(err.text, cases[i].words))) {
            fail_msg("%s: %d %s", cases[i].claims, r, err.text);
        }
        if (r == 0) {
            assert_int_equal(key->role, cases[i].role);
            assert_true(sl_str_eq_c(key->name, cases[i].words));
            assert_true(sl_str_eq_c(key->principal, "oidc:7") && sl_str_eq(key->id, key->principal));
            assert_int_equal(key->group.n, 0);
        }
        sl_key_unref(key);
        sl_json_done(&doc);
        sl_arena_done(&arena);
    }
}

static void two_issuers_have_two_persons(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_json doc;
    struct sl_key *keys[2] = { NULL };
    struct sl_err err = { 0 };
    struct sl_oidc_conf other = conf;
    other.issuer = SL_STR("https://other.example");
    sl_arena_init(&arena, NULL);
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, SL_STR("{\"sub\":\"7\",\"roles\":\"users\"}")), 0);
    assert_int_equal(sl_login_who(&conf, NULL, sl_json_root(&doc), &arena, &keys[0], &err), 0);
    assert_int_equal(sl_login_who(&other, NULL, sl_json_root(&doc), &arena, &keys[1], &err), 0);
    assert_memory_not_equal(keys[0]->hash, keys[1]->hash, SL_KEY_HASH_BYTES);
    sl_key_unref(keys[0]);
    sl_key_unref(keys[1]);
    sl_json_done(&doc);
    sl_arena_done(&arena);
}

static void the_file_says_who_may(void **state)
{
    (void)state;
#define OIDC(rest) HEAD "auth: { oidc: { issuer: 'https://login.example/realm/', client_id: me, " rest " } }\n"
    static const struct {
        const char *text, *fault; /* NULL: none */
    } cases[] = {
        { OIDC("roles: { a: query }"), NULL },
        { OIDC("roles: { a: admin, b: viewer }, scopes: [openid, groups], role_claim: x.y, group_claim: z"), NULL },
        { OIDC("roles: { a: operator }"), NULL },
        { OIDC("roles: { a: operator }, group_claim: z"), "the role operator goes without a group" },
        { OIDC("roles: [a]"), "must be a map from values" },
        { OIDC("roles: { a: 7 }"), "must be a role" },
        { OIDC("roles: { a: query }, scopes: ['openid email']"), "must be a list of words" },
        { OIDC("roles: { a: query }, scopes: []"), "must have the scope openid" },
        { HEAD "auth: { oidc: yes }\n", "auth.oidc: must be a map" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct loaded l = load(cases[i].text);
        if (cases[i].fault ? l.config != NULL || !says(&l, cases[i].fault) : l.config == NULL) {
            show(&l);
            fail_msg("%s", cases[i].text);
        }
        if (l.config) {
            const struct sl_oidc_conf *oidc = l.config->settings->auth.oidc;
            assert_true(sl_str_eq_c(oidc->discovery, "/realm/.well-known/openid-configuration"));
            assert_true(oidc->n_roles > 0 && oidc->print && oidc->scopes.n >= 2);
        }
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_fresh_for_ten_minutes),
        cmocka_unit_test(texts_differ_by_use_cookie_provider_and_process),
        cmocka_unit_test(a_state_is_used_once),
        cmocka_unit_test(documents_are_kept_for_an_hour),
        cmocka_unit_test(what_strangers_can_cause_is_bounded),
        cmocka_unit_test(a_description_must_be_the_issuers),
        cmocka_unit_test(claims_name_a_person_and_a_role),
        cmocka_unit_test(two_issuers_have_two_persons),
        cmocka_unit_test(the_file_says_who_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
