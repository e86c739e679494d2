/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "base/arena.h"
#include "gate/call/cors.h"
#include "gate/call/peer.h"
#include "gate/config/settings.h"
#include "net/cidr.h"
#include "wire/headers.h"

static struct sl_addr addr_of(const char *text)
{
    struct sl_addr addr = { .port = 1234 };
    addr.is_ipv6 = strchr(text, ':') != NULL;
    int r = inet_pton(addr.is_ipv6 ? AF_INET6 : AF_INET, text, addr.ip);
    assert_true(r == 1 || strcmp(text, "unix") == 0);
    memcpy(addr.text, text, strlen(text) + 1);
    return addr;
}

static void a_principal_is_an_address_or_its_64(void **state)
{
    (void)state;
    static const struct {
        const char *addr, *principal;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
        { "2001:db8:1:2::", "2001:db8:1:2::/64" },
        { "::1", "::/64" },
        { "unix", "unix" },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_addr addr = addr_of(cases[i].addr);
        struct sl_str got = sl_peer_principal(&addr, &arena);
        assert_string_equal(sl_arena_printf(&arena, "%.*s", SL_STR_ARG(got)).p, cases[i].principal);
    }
    sl_arena_done(&arena);
}

static void networks_are_compared_bit_by_bit(void **state)
{
    (void)state;
    static const struct {
        const char *network, *addr;
        bool is_in;
    } cases[] = {
        { "10.0.0.0/8", "10.255.255.255", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.1.2.3", "10.1.2.3", true },
        { "10.1.2.3", "10.1.2.4", false },
        { "10.1.2.3/32", "10.1.2.3", true },
        { "192.168.128.0/17", "192.168.128.1", true },
        { "192.168.128.0/17", "192.168.127.255", false },
        { "192.168.1.130/25", "192.168.1.255", true }, /* bits after the prefix do not count */
        { "192.168.1.130/25", "192.168.1.1", false },
        { "0.0.0.0/0", "203.0.113.1", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "2001:db8::1", true },
        { "::/0", "203.0.113.1", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "2001:db8::1/128", "2001:db8::1", true },
        { "2001:db8::1/128", "2001:db8::2", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_cidr network;
        assert_int_equal(sl_cidr_parse(sl_str_c(cases[i].network), &network), 0);
        struct sl_settings settings = { .server.trusted = { .v = &network, .n = 1 } };
        struct sl_addr addr = addr_of(cases[i].addr);
        if (sl_peer_is_trusted(&settings, &addr) != cases[i].is_in) {
            fail_msg("%s in %s", cases[i].addr, cases[i].network);
        }
    }
    struct sl_settings nobody = { 0 };
    struct sl_addr unix_peer = addr_of("unix"), loopback = addr_of("127.0.0.1");
    assert_true(sl_peer_is_trusted(&nobody, &unix_peer));
    assert_false(sl_peer_is_trusted(&nobody, &loopback));
}

/* What a browser reads from a reply, for a page of that origin. */
static void pages_of_listed_origins_may_read(void **state)
{
    (void)state;
    struct sl_str listed[] = { SL_STR("https://a.example"), SL_STR("http://localhost:3000") };
    struct sl_str star = SL_STR("*");
    const struct sl_strs some = { listed, 2 }, every = { &star, 1 }, none = { 0 };
    const struct {
        const struct sl_strs *origins;
        const char *origin, *second; /* NULL: none */
        const char *allowed;         /* NULL: no origin */
        bool has_credentials;
    } rows[] = {
        { &some, "https://a.example", NULL, "https://a.example", true },
        { &some, "http://localhost:3000", NULL, "http://localhost:3000", true },
        { &some, "http://a.example", NULL, NULL, false },
        { &some, "https://a.example", "https://a.example", NULL, false },
        { &some, "", NULL, NULL, false },
        { &some, NULL, NULL, NULL, false },
        { &every, "null", NULL, "*", false },
        { &none, "https://a.example", NULL, NULL, false },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_headers from = { 0 }, to = { 0 };
        const char *origins[] = { rows[i].origin, rows[i].second };
        for (size_t k = 0; k < 2; k++) {
            if (origins[k]) {
                assert_int_equal(sl_headers_add(&from, &arena, SL_STR("Origin"), sl_str_c(origins[k])), 0);
            }
        }
        struct sl_str origin = sl_cors_origin(rows[i].origins, &from);
        assert_int_equal(sl_cors_allow(rows[i].origins, origin, &arena, &to), 0);
        assert_true(sl_str_eq_c(sl_headers_get(&to, "vary"), "origin"));
        struct sl_str allowed = sl_headers_get(&to, "access-control-allow-origin");
        if (!allowed.p != !rows[i].allowed || (allowed.p && !sl_str_eq_c(allowed, rows[i].allowed)) ||
            (sl_headers_get(&to, "access-control-allow-credentials").p != NULL) != rows[i].has_credentials) {
            fail_msg("row %zu", i);
        }
    }
    struct sl_headers reply = { 0 };
    static const char *const names[] = { "x-sluice-route", "date", "provider-ratelimit-tokens-reset", "request-id" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        assert_int_equal(sl_headers_add(&reply, &arena, sl_str_c(names[i]), SL_STR("v")), 0);
    }
    assert_int_equal(sl_cors_expose(&arena, &reply), 0);
    struct sl_str exposed = sl_headers_get(&reply, "access-control-expose-headers");
    static const struct sl_str tail = SL_STR_INIT(
        "x-request-id, x-should-retry, x-sluice-route, provider-ratelimit-tokens-reset, request-id");
    assert_true(sl_str_has_prefix(exposed, SL_STR("retry-after, ")) && sl_str_has_suffix(exposed, tail));
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_principal_is_an_address_or_its_64),
        cmocka_unit_test(networks_are_compared_bit_by_bit),
        cmocka_unit_test(pages_of_listed_origins_may_read),
    };
    return cmocka_run_group_tests_name("gate/peer", tests, NULL, NULL);
}
