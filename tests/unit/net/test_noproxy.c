/* SPDX-License-Identifier: Apache-2.0 */
/* NO_PROXY, as curl reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/noproxy.h"

static const struct {
    const char *word, *host;
    uint16_t port;
    int fits; /* -1: the word is refused */
} cases[] = {
    { "*", "api.example.com", 443, 1 },
    { "*", "10.0.0.1", 80, 1 },
    { "*:8080", "a.example", 8080, 1 },
    { "*:8080", "a.example", 80, 0 },
    { "example.com", "example.com", 443, 1 },
    { "example.com", "EXAMPLE.Com", 443, 1 },
    { "example.com", "example.com.", 443, 1 },
    { "example.com.", "example.com", 443, 1 },
    { "example.com", "api.example.com", 443, 1 },
    { "example.com", "a.b.example.com", 443, 1 },
    { "example.com", "badexample.com", 443, 0 },
    { "example.com", "example.com.evil.net", 443, 0 },
    { ".example.com", "api.example.com", 443, 1 },
    { ".example.com", "example.com", 443, 1 },
    { ".example.com", "badexample.com", 443, 0 },
    { "*.example.com", "api.example.com", 443, 1 },
    { "api.example.com", "example.com", 443, 0 },
    { "localhost", "localhost", 5000, 1 },
    { "example.com:8443", "example.com", 8443, 1 },
    { "example.com:8443", "api.example.com", 8443, 1 },
    { "example.com:8443", "example.com", 443, 0 },
    { "10.1.2.3", "10.1.2.3", 80, 1 },
    { "10.1.2.3", "10.1.2.30", 80, 0 },
    { "10.1.2.3:80", "10.1.2.3", 80, 1 },
    { "10.1.2.3:80", "10.1.2.3", 81, 0 },
    { "10.0.0.0/8", "10.200.3.4", 443, 1 },
    { "10.0.0.0/8", "11.0.0.1", 443, 0 },
    { "10.0.0.0/8", "ten.example", 443, 0 }, /* names are not resolved */
    { "0.0.0.0/0", "192.0.2.1", 443, 1 },
    { "::1", "::1", 80, 1 },
    { "[::1]", "::1", 80, 1 },
    { "[::1]:8080", "::1", 8080, 1 },
    { "[::1]:8080", "::1", 80, 0 },
    { "fd00::/8", "fd12:3456::1", 80, 1 },
    { "fd00::/8", "2001:db8::1", 80, 0 },
    { "0:0:0:0:0:0:0:1", "::1", 80, 1 }, /* another spelling */
    { "2.3", "1.2.3", 80, 1 },           /* here a name: it is not an address, and such a host is not one either */
    { "1.2.3", "9.1.2.3", 80, 0 },       /* the end of an address is no domain */
    { "", "a", 80, -1 },
    { ".", "a", 80, -1 },
    { "10.0.0.0/33", "10.0.0.1", 80, -1 },
    { "example.com/24", "example.com", 80, -1 },
    { "example.com:99999", "example.com", 80, -1 },
    { "example.com:", "example.com", 80, -1 },
    { "http://example.com", "example.com", 80, -1 },
    { "a b", "a", 80, -1 },
    { "[::1", "::1", 80, -1 },
    { "[::1]x", "::1", 80, -1 },
};

static void words_fit_as_in_curl(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_noproxy_rule rule;
        int r = sl_noproxy_parse(sl_str_c(cases[i].word), &rule);
        if ((r < 0) != (cases[i].fits < 0)) {
            fail_msg("case %zu: %s: %d", i, cases[i].word, r);
        }
        struct sl_noproxy rules = { &rule, r == 0 };
        bool fits = sl_noproxy_has(&rules, sl_str_c(cases[i].host), cases[i].port);
        if (fits != (cases[i].fits > 0)) {
            fail_msg("case %zu: %s and %s:%u: %d", i, cases[i].word, cases[i].host, cases[i].port, fits);
        }
    }
}

static void one_of_several_is_enough(void **state)
{
    (void)state;
    struct sl_noproxy_rule v[3];
    assert_int_equal(sl_noproxy_parse(SL_STR("a.example"), &v[0]), 0);
    assert_int_equal(sl_noproxy_parse(SL_STR("10.0.0.0/8"), &v[1]), 0);
    assert_int_equal(sl_noproxy_parse(SL_STR("b.example"), &v[2]), 0);
    struct sl_noproxy all = { v, 3 }, two = { v, 2 }, none = { 0 };
    assert_true(sl_noproxy_has(&all, SL_STR("b.example"), 1));
    assert_false(sl_noproxy_has(&two, SL_STR("b.example"), 1));
    assert_false(sl_noproxy_has(&none, SL_STR("b.example"), 1));
    assert_true(sl_noproxy_is_same(&all, &all));
    assert_false(sl_noproxy_is_same(&all, &two));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words_fit_as_in_curl),
                                        cmocka_unit_test(one_of_several_is_enough) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
