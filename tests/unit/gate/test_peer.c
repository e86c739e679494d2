/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "base/arena.h"
#include "gate/call/peer.h"
#include "gate/config/settings.h"
#include "net/cidr.h"

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
        { "192.168.1.130/25", "192.168.1.255", true }, /* bits behind the prefix do not count */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_principal_is_an_address_or_its_64),
        cmocka_unit_test(networks_are_compared_bit_by_bit),
    };
    return cmocka_run_group_tests_name("gate/peer", tests, NULL, NULL);
}
