/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: their texts, times, the file's list, the set of stored ones, and the rights of each role. */
#include "base/str.h"
#include "gate/call/access.h"
#include "gate/config/instant.h"
#include "gate/config/key.h"
#include "gate/config/keyset.h"
#include "help.h"
#include "store/store.h"

static void times_are_rfc_3339_or_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t sec; /* -1: no time */
    } cases[] = {
        { "0", 0 },
        { "1798761599", 1798761599 },
        { "253402300799", 253402300799 },
        { "253402300800", -1 },
        { "2026-12-31T23:59:59Z", 1798761599 },
        { "2026-12-31t23:59:59z", 1798761599 },
        { "2026-12-31 23:59:59Z", 1798761599 },
        { "2026-12-31T23:59:59.123Z", 1798761599 },
        { "2027-01-01T01:59:59+02:00", 1798761599 },
        { "2026-12-31T18:29:59-05:30", 1798761599 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2023-02-29T00:00:00Z", -1 },
        { "2026-06-31T00:00:00Z", -1 },
        { "2026-12-31T24:00:00Z", -1 },
        { "2026-12-31T23:59:59", -1 },
        { "2026-12-31", -1 },
        { "2026-12-31T23:59:59.Z", -1 },
        { "2026-12-31T23:59:59+25:00", -1 },
        { "2026-12-31T23:59:59Zx", -1 },
        { "1970-01-01T00:00:00+01:00", -1 },
        { "tomorrow", -1 },
        { "", -1 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint64_t sec = 0;
        int r = sl_instant_parse(sl_str_c(cases[i].text), &sec);
        if (cases[i].sec < 0 ? r == 0 : r < 0 || sec != (uint64_t)cases[i].sec) {
            fail_msg("case %zu: %s: %d %llu", i, cases[i].text, r, (unsigned long long)sec);
        }
    }
    char text[32];
    assert_true(sl_str_eq_c(sl_instant_format(1798761599, text), "2026-12-31T23:59:59Z"));
}

/* Each role, without a group and in one, for each kind of row: may it? */
static void roles_have_their_rights(void **state)
{
    (void)state;
    static const struct {
        enum sl_access access;
        const char *may; /* query, viewer, operator, admin; then the same in a group; x: yes */
    } cases[] = {
        { SL_ACCESS_QUERY, "xxxx xxxx" },       { SL_ACCESS_INVOKE, "x--x x--x" },
        { SL_ACCESS_VIEWER, "-xxx ----" },      { SL_ACCESS_OPERATOR, "--xx ----" },
        { SL_ACCESS_ADMIN, "---x ----" },       { SL_ACCESS_GROUP_VIEWER, "-xxx -xxx" },
        { SL_ACCESS_GROUP_ADMIN, "---x ---x" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t k = 0; k < 9; k++) {
            if (k == 4) {
                continue;
            }
            struct sl_key_spec spec = { .name = SL_STR("k"), .role = (enum sl_role)(k % 5), .expires_sec = 100 };
            spec.group = k > 4 ? SL_STR("acme") : SL_STR("");
            struct sl_key *key = sl_key_new(&spec);
            assert_non_null(key);
            enum sl_access_verdict verdict = sl_access_judge(cases[i].access, key, true, 99);
            if ((verdict == SL_ACCESS_GRANTED) != (cases[i].may[k] == 'x')) {
                fail_msg("case %zu, %zu: %d", i, k, (int)verdict);
            }
            assert_int_equal(sl_access_judge(cases[i].access, key, true, 100), SL_ACCESS_EXPIRED);
            sl_key_unref(key);
        }
        assert_int_equal(sl_access_judge(cases[i].access, NULL, true, 0), SL_ACCESS_UNKNOWN);
        assert_int_equal(sl_access_judge(cases[i].access, NULL, false, 0), SL_ACCESS_NO_KEY);
        assert_string_not_equal(sl_access_roles(cases[i].access), "");
    }
    enum sl_role role;
    assert_int_equal(sl_role_parse(SL_STR("viewer"), &role), 0);
    assert_int_equal(role, SL_ROLE_VIEWER);
    assert_int_equal(sl_role_parse(SL_STR("Viewer"), &role), SL_E_INVAL);
    assert_string_equal(sl_role_name(SL_ROLE_ADMIN), "admin");
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void the_files_keys(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        const char *want; /* NULL: fine */
    } cases[] = {
        { "{ name: a, key: { sha256: " HEX " } }", NULL },
        { "{ name: a, role: viewer, key: { sha256: " HEX " } }", NULL },
        { "{ name: a, role: admin, key: { sha256: " HEX " } }", NULL },
        { "{ name: a, role: query, routes: [x], key: { sha256: " HEX " } }", NULL },
        { "{ name: a, routes: [], key: { sha256: " HEX " } }", NULL },
        { "{ name: a, role: admin, routes: [x], key: { sha256: " HEX " } }",
          "f:1:48: error: auth.keys[0]: routes go with the role query only" },
        { "{ name: a, role: viewer, routes: [x], key: { sha256: " HEX " } }", "routes go with the role query only" },
        { "{ name: a, role: admin, routes: [], key: { sha256: " HEX " } }", "routes go with the role query only" },
        { "{ name: a, role: veiwer, key: { sha256: " HEX " } }",
          "must be one of query, viewer, operator, admin, not \"veiwer\": did you mean \"viewer\"?" },
        { "{ name: a, role: root, key: { sha256: " HEX " } }", "not \"root\"" },
        { "{ name: a, key: { sha256: 12 } }", "sha256 must be the 64 hexadecimal digits" },
        { "{ name: a, key: { sha256: " HEX ", more: 1 } }", "sha256 must be the 64 hexadecimal digits" },
        { "{ name: a, key: plain }", "only the operator's file can have keys" },
        { "{ name: a }", "auth.keys[0].key: missing" },
        { "{ key: { sha256: " HEX " } }", "auth.keys[0].name: missing" },
        { "{ name: a, expires_at: soon, key: { sha256: " HEX " } }", "expires_at must be a time like" },
        { "{ name: a, expire_at: x, key: { sha256: " HEX " } }", "did you mean \"expires_at\"?" },
        { "a", "must be a map with name and key" },
        { "{ name: a, key: { sha256: " HEX " } }, { name: b, key: { sha256: " HEX " } }", "is in another entry" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "auth: { keys: [%s] }\n" HEAD, cases[i].item);
        struct loaded l = load(text);
        if (cases[i].want ? !says(&l, cases[i].want) : !l.config) {
            show(&l);
            fail_msg("case %zu: %s", i, cases[i].item);
        }
        unload(&l);
    }
}

static struct sl_store_key row_of(uint64_t id, const unsigned char *hash, const char *role, const char *routes)
{
    return (struct sl_store_key){
        .id = id,
        .name = SL_STR("n"),
        .principal = SL_STR("p"),
        .role = sl_str_c(role),
        .routes = routes ? sl_str_c(routes) : SL_STR_NONE,
        .hash = sl_str_make((const char *)hash, SL_KEY_HASH_BYTES),
    };
}

static void a_key_reaches_its_group(void **state)
{
    (void)state;
    unsigned char hash[SL_KEY_HASH_BYTES] = { 1 };
    struct sl_keyset *set = NULL;
    struct sl_store_key row = row_of(1, hash, "admin", NULL);
    row.group = SL_STR("acme");
    assert_int_equal(sl_keyset_put(&set, &row, NULL), 0);
    const struct sl_key *key = sl_keyset_find(set, 1);
    assert_true(sl_key_reaches(key, SL_STR("acme")));
    assert_true(sl_key_reaches(key, SL_STR("acme/search")));
    assert_false(sl_key_reaches(key, SL_STR("")));
    assert_false(sl_key_reaches(key, SL_STR("acme2")));
    assert_false(sl_key_reaches(key, SL_STR("other")));
    sl_keyset_unref(set);
    set = NULL;
    row.group = SL_STR("");
    assert_int_equal(sl_keyset_put(&set, &row, NULL), 0);
    assert_true(sl_key_reaches(sl_keyset_find(set, 1), SL_STR("")));
    assert_true(sl_key_reaches(sl_keyset_find(set, 1), SL_STR("other")));
    sl_keyset_unref(set);
}

static void a_set_is_copied_before_it_changes(void **state)
{
    (void)state;
    unsigned char hashes[64][SL_KEY_HASH_BYTES] = { { 0 } };
    struct sl_keyset *set = NULL;
    for (uint64_t i = 0; i < 64; i++) {
        hashes[i][0] = (unsigned char)(i + 1);
        struct sl_store_key row = row_of(64 - i, hashes[i], "query", i % 2 ? "[\"a\",\"b\"]" : NULL);
        assert_int_equal(sl_keyset_put(&set, &row, NULL), 0);
    }
    uint64_t last = 0;
    uint32_t n = 0;
    struct sl_keyset_iter it = sl_keyset_walk(set, 0);
    for (struct sl_key *key; (key = sl_keyset_next(&it)) != NULL; n++) {
        assert_true(key->number > last);
        last = key->number;
    }
    assert_int_equal(n, 64);
    struct sl_keyset *held = sl_keyset_ref(set);
    assert_int_equal(sl_keyset_remove(&set, 7), 0);
    assert_int_equal(sl_keyset_remove(&set, 7), 0);
    assert_ptr_not_equal(set, held);
    assert_null(sl_keyset_find(set, 7));
    assert_non_null(sl_keyset_find(held, 7));
    it = sl_keyset_walk(set, 6);
    assert_int_equal(sl_keyset_next(&it)->number, 8);
    it = sl_keyset_walk(NULL, 6);
    assert_null(sl_keyset_next(&it));
    it = sl_keyset_walk(set, 64);
    assert_null(sl_keyset_next(&it));
    /* A key that is loaded again changes nothing; a key that cannot be read gives no access. */
    struct sl_store_key again = row_of(1, hashes[63], "query", NULL), odd = row_of(99, hashes[0], "emperor", NULL);
    struct sl_store_key torn = row_of(100, hashes[0], "query", "[");
    assert_int_equal(sl_keyset_put(&set, &again, NULL), 0);
    assert_int_equal(sl_keyset_put(&set, &odd, NULL), 0);
    assert_int_equal(sl_keyset_put(&set, &torn, NULL), 0);
    assert_int_equal(set->by_number.n, 63);
    assert_int_equal(set->by_hash.n, 63);
    const struct sl_key *key = sl_keyset_match(set, hashes[1]);
    assert_non_null(key);
    assert_true(sl_key_may_use(key, SL_STR("b")));
    assert_false(sl_key_may_use(key, SL_STR("c")));
    assert_true(sl_key_may_use(sl_keyset_match(set, hashes[2]), SL_STR("c")));
    /* One that was changed takes its place, and its holders keep the old one. */
    struct sl_key *before = sl_key_ref(sl_keyset_find(set, 2));
    struct sl_store_key moved = row_of(2, hashes[62], "viewer", NULL);
    moved.version = 5;
    moved.group = SL_STR("acme");
    assert_int_equal(sl_keyset_put(&set, &moved, set), 0);
    assert_true(sl_str_eq_c(sl_keyset_match(set, hashes[62])->group, "acme"));
    assert_ptr_equal(sl_keyset_match(set, hashes[62]), sl_keyset_find(set, 2));
    assert_int_equal(before->group.n, 0);
    assert_int_equal(set->by_number.n, 63);
    sl_key_unref(before);
    /* The time of last use survives a reload of the store. */
    atomic_store(&sl_keyset_find(set, 3)->last_used_sec, 1234);
    struct sl_keyset *fresh = NULL;
    struct sl_store_key third = row_of(3, hashes[61], "viewer", NULL);
    third.last_used_sec = 1000;
    assert_int_equal(sl_keyset_put(&fresh, &third, set), 0);
    assert_int_equal(atomic_load(&sl_keyset_find(fresh, 3)->last_used_sec), 1234);
    sl_keyset_unref(fresh);
    sl_keyset_unref(held);
    sl_keyset_unref(set);
}

/* How many pages of a set are not shared with the one before it. */
static uint32_t pages_of_its_own(const struct sl_keyset *set, const struct sl_keyset *before)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->by_hash.n_pages; i++) {
        n += set->by_hash.pages[i] != before->by_hash.pages[i];
    }
    for (uint32_t i = 0; i < set->by_number.n_pages; i++) {
        n += i >= before->by_number.n_pages || set->by_number.pages[i] != before->by_number.pages[i];
    }
    return n;
}

/* For one new key, one page of each table is copied. Pages have a bounded size, whatever the number of keys. */
static void a_key_costs_the_same_among_many(void **state)
{
    (void)state;
    struct sl_keyset *set = NULL;
    uint32_t n_grown = 0;
    for (uint64_t i = 1; i <= 50000; i++) {
        unsigned char hash[SL_KEY_HASH_BYTES] = { 0 };
        memcpy(hash, &i, sizeof(i));
        struct sl_store_key row = row_of(i, hash, "query", NULL);
        struct sl_keyset *held = sl_keyset_ref(set); /* published */
        assert_int_equal(sl_keyset_put(&set, &row, held), 0);
        if (held && held->by_hash.n_pages == set->by_hash.n_pages) {
            assert_int_equal(pages_of_its_own(set, held), 2);
        } else {
            n_grown++;
        }
        assert_ptr_equal(sl_keyset_match(set, hash), sl_keyset_find(set, i));
        sl_keyset_unref(held);
    }
    assert_in_range(n_grown, 1, 12); /* it doubles */
    for (uint32_t i = 0; i < set->by_number.n_pages; i++) {
        assert_in_range(set->by_number.pages[i]->n, 1, 256);
    }
    for (uint32_t i = 0; i < set->by_hash.n_pages; i++) {
        assert_true(!set->by_hash.pages[i] || set->by_hash.pages[i]->n < 256);
    }
    /* And taken away again. */
    for (uint64_t i = 50000; i >= 1; i--) {
        assert_int_equal(sl_keyset_remove(&set, i * 11 % 50001), 0);
    }
    assert_int_equal(set->by_number.n, 0);
    assert_int_equal(set->by_hash.n, 0);
    sl_keyset_unref(set);
}

static void tokens_are_ours_and_differ(void **state)
{
    (void)state;
    char a[SL_KEY_TOKEN_SIZE], b[SL_KEY_TOKEN_SIZE];
    unsigned char hash[SL_KEY_HASH_BYTES], parsed[SL_KEY_HASH_BYTES];
    sl_key_make_token(a);
    sl_key_make_token(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), SL_KEY_TOKEN_SIZE - 1);
    assert_int_equal(strncmp(a, SL_KEY_PREFIX, strlen(SL_KEY_PREFIX)), 0);
    sl_key_hash(SL_STR("abc"), hash);
    assert_int_equal(
        sl_key_hash_parse(SL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), parsed), 0);
    assert_memory_equal(hash, parsed, sizeof(hash));
    assert_int_equal(sl_key_hash_parse(SL_STR("ba78"), parsed), SL_E_INVAL);
    assert_int_equal(
        sl_key_hash_parse(SL_STR("xx7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), parsed),
        SL_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_rfc_3339_or_seconds),
        cmocka_unit_test(roles_have_their_rights),
        cmocka_unit_test(the_files_keys),
        cmocka_unit_test(a_set_is_copied_before_it_changes),
        cmocka_unit_test(a_key_reaches_its_group),
        cmocka_unit_test(a_key_costs_the_same_among_many),
        cmocka_unit_test(tokens_are_ours_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
