/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/cidr.h"

static void networks_are_parsed_and_compared(void **state)
{
    (void)state;
    static const struct {
        const char *cidr, *in, *out;
    } rows[] = {
        { "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
        { "10.1.2.3/8", "10.0.0.1", "9.255.255.255" },
        { "192.0.2.1", "192.0.2.1", "192.0.2.2" },
        { "172.16.0.0/12", "172.31.255.255", "172.32.0.0" },
        { "0.0.0.0/0", "255.255.255.255", "2001:db8::1" },
        { "::/0", "1.2.3.4", NULL },
        { "fd00::/8", "fdff::1", "fc00::1" },
        { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
        { "::1/128", "::1", "::2" },
        { "::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_cidr cidr;
        struct sl_ip ip;
        assert_int_equal(sl_cidr_parse(sl_str_c(rows[i].cidr), &cidr), 0);
        assert_int_equal(sl_ip_parse(sl_str_c(rows[i].in), &ip), 0);
        if (!sl_cidr_has(&cidr, &ip)) {
            fail_msg("%s has %s", rows[i].cidr, rows[i].in);
        }
        if (rows[i].out) {
            assert_int_equal(sl_ip_parse(sl_str_c(rows[i].out), &ip), 0);
            if (sl_cidr_has(&cidr, &ip)) {
                fail_msg("%s has not %s", rows[i].cidr, rows[i].out);
            }
        }
    }
    static const char *const bad[] = { "",          "10.0.0.0/33",       "10.0.0/8", "::/129",
                                       "10.0.0.0/", "10.0.0.0/-1",       "a.b.c.d",  "10.0.0.0/8x",
                                       "/8",        "::ffff:1.2.3.4.5/8" };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        struct sl_cidr cidr;
        assert_int_equal(sl_cidr_parse(sl_str_c(bad[i]), &cidr), SL_E_INVAL);
    }
}

static void special_addresses_are_known(void **state)
{
    (void)state;
    static const char *const special[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::1",
        "2002:7f00:1::",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "::ffff:169.254.1.1",
        "100::1",
        "::ffff:0:127.0.0.1", /* IPv4-translated */
        "::ffff:0:8.8.8.8",
        "::1.1.1.1",
        "::2:0:0:1",
        "64:ff9b:2::1",
        "200::1",
        "1fff::1",
        "4000::1",
        "5f00::1",
        "8000::1",
        "e000::1",
        "fe00::1",
    };
    static const char *const public[] = {
        "1.1.1.1",        "8.8.8.8",         "100.63.255.255", "100.128.0.0",      "172.32.0.1",
        "172.15.255.255", "192.0.1.1",       "192.167.1.1",    "198.20.0.1",       "223.255.255.255",
        "11.0.0.1",       "2606:4700::1111", "2a00:1450::1",   "64:ff9b::808:808", "2002:808:808::1",
        "::ffff:8.8.8.8", "126.255.255.255", "128.0.0.1",      "168.63.129.17",
    };
    struct sl_ip ip;
    for (size_t i = 0; i < SL_ARRAY_LEN(special); i++) {
        assert_int_equal(sl_ip_parse(sl_str_c(special[i]), &ip), 0);
        if (!sl_ip_is_special(&ip)) {
            fail_msg("%s is special", special[i]);
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(public); i++) {
        assert_int_equal(sl_ip_parse(sl_str_c(public[i]), &ip), 0);
        if (sl_ip_is_special(&ip)) {
            fail_msg("%s is public", public[i]);
        }
    }
}

static void a_guard_lets_what_is_allowed(void **state)
{
    (void)state;
    struct sl_cidr allow;
    assert_int_equal(sl_cidr_parse(SL_STR("10.0.0.0/8"), &allow), 0);
    struct sl_guard none = { { NULL, 0 } }, some = { { &allow, 1 } };
    struct sl_ip ip;
    assert_int_equal(sl_ip_parse(SL_STR("::ffff:10.0.0.1"), &ip), 0);
    assert_true(sl_guard_lets(NULL, &ip));
    assert_false(sl_guard_lets(&none, &ip));
    assert_true(sl_guard_lets(&some, &ip));
    assert_int_equal(sl_ip_parse(SL_STR("127.0.0.1"), &ip), 0);
    assert_false(sl_guard_lets(&some, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_parsed_and_compared),
        cmocka_unit_test(special_addresses_are_known),
        cmocka_unit_test(a_guard_lets_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
