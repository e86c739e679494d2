/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "gate/peer.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_principal_is_an_address_or_its_64),
    };
    return cmocka_run_group_tests_name("gate/peer", tests, NULL, NULL);
}
