/* SPDX-License-Identifier: Apache-2.0 */
/* What an ID token must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "jose/claims.h"
#include "json/json.h"

#define NOW 1800000000ull

static const struct sl_claims_wanted wanted = { SL_STR_INIT("https://login.example"), SL_STR_INIT("me"),
                                                SL_STR_INIT("n-0S6_WzA2Mj"), NOW };

static void each_claim_is_looked_at(void **state)
{
    (void)state;
#define TOKEN(iss, rest) "{\"iss\":\"" iss "\",\"nonce\":\"n-0S6_WzA2Mj\"," rest "}"
#define MINE(rest)       TOKEN("https://login.example", rest)
#define TIMED(rest)      MINE("\"aud\":\"me\"," rest)
    static const struct {
        const char *claims, *fault; /* NULL: none */
    } cases[] = {
        { TIMED("\"exp\":1800000001"), NULL },
        { TIMED("\"exp\":1800000001.5"), NULL },
        { TIMED("\"exp\":1799999941"), NULL }, /* within the minute */
        { TIMED("\"exp\":1799999940"), "expired 60 seconds ago" },
        { TIMED("\"exp\":0"), "expired" },
        { TIMED("\"exp\":-1"), "exp is -1" },
        { TIMED("\"exp\":\"1800000001\""), "exp is \"1800000001\"" },
        { TIMED("\"exp\":null"), "exp is null" },
        { TIMED("\"x\":1"), "exp is missing" },
        { TIMED("\"exp\":1900000000,\"nbf\":1800000060"), NULL },
        { TIMED("\"exp\":1900000000,\"nbf\":1800000061"), "61 seconds (nbf)" },
        { TIMED("\"exp\":1900000000,\"iat\":1800000061"), "61 seconds (iat)" },
        { TIMED("\"exp\":1900000000,\"iat\":\"now\""), "iat is no time: \"now\"" },
        { TIMED("\"exp\":1900000000,\"iat\":1700000000"), NULL },
        { TIMED("\"exp\":1900000000,\"azp\":\"me\""), NULL },
        { TIMED("\"exp\":1900000000,\"azp\":\"you\""), "azp is \"you\"" },
        { MINE("\"exp\":1900000000,\"aud\":[\"me\"]"), NULL },
        { MINE("\"exp\":1900000000,\"aud\":[\"you\",\"me\"],\"azp\":\"me\""), NULL },
        { MINE("\"exp\":1900000000,\"aud\":[\"you\",\"me\"]"), "azp does not say" },
        { MINE("\"exp\":1900000000,\"aud\":[\"you\",\"me\"],\"azp\":\"you\""), "azp is \"you\"" },
        { MINE("\"exp\":1900000000,\"aud\":[]"), "aud is []" },
        { MINE("\"exp\":1900000000,\"aud\":{\"me\":1}"), "aud is {\"me\":1}" },
        { MINE("\"exp\":1900000000,\"aud\":\"you\""), "aud is \"you\"" },
        { MINE("\"exp\":1900000000"), "aud is missing" },
        { TOKEN("https://login.example/", "\"aud\":\"me\",\"exp\":1900000000"), "iss is \"https://login.example/\"" },
        { "{\"nonce\":\"n-0S6_WzA2Mj\",\"aud\":\"me\",\"exp\":1900000000}", "iss is missing" },
        { "{\"iss\":\"https://login.example\",\"aud\":\"me\",\"exp\":1900000000}", "nonce" },
        { "{\"iss\":\"https://login.example\",\"aud\":\"me\",\"exp\":1900000000,\"nonce\":\"n-0S6_WzA2Mk\"}", "nonce" },
        { "{\"iss\":\"https://login.example\",\"aud\":\"me\",\"exp\":1900000000,\"nonce\":\"\"}", "nonce" },
        { "[]", "no JSON object" },
        { "7", "no JSON object" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_json doc;
        struct sl_err err = { 0 };
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].claims)), 0);
        int r = sl_claims_check(sl_json_root(&doc), &wanted, &err);
        if (cases[i].fault ? r != SL_E_INVAL || !strstr(err.text, cases[i].fault) : r != 0) {
            fail_msg("%s: %d %s", cases[i].claims, r, err.text);
        }
        sl_json_done(&doc);
    }
}

static void a_dot_leads_into_an_object(void **state)
{
    (void)state;
    static const struct {
        const char *name, *raw; /* NULL: absent */
    } cases[] = {
        { "a", "1" },      { "b.c", "[2]" }, { "b", "{\"c\":[2]}" }, { "d.e", "\"whole\"" }, /* a name with a dot comes
                                                                                                first */
        { "b.c.d", NULL }, { "b.", NULL },   { ".b", NULL },         { "", NULL },           { "x", NULL },
        { "a.b", NULL },
    };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(
        sl_json_parse(&doc, SL_STR("{\"a\":1,\"b\":{\"c\":[2]},\"d\":{\"e\":\"inner\"},\"d.e\":\"whole\"}")), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str raw = sl_json_raw(sl_claims_get(sl_json_root(&doc), sl_str_c(cases[i].name)));
        if (cases[i].raw ? !sl_str_eq_c(raw, cases[i].raw) : raw.p != NULL) {
            fail_msg("%s: %.*s", cases[i].name, SL_STR_ARG(raw));
        }
    }
    sl_json_done(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_claim_is_looked_at),
        cmocka_unit_test(a_dot_leads_into_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
