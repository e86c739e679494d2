/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of browsers: how long they last, how many there may be, and who gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gate/call/session_table.h"
#include "gate/config/key.h"

#define MINUTE (60 * 1000000ull)

struct help {
    struct sl_sessions *sessions;
    uint64_t now;
};

static void number_hash(uint32_t n, unsigned char out[SL_SESSION_HASH_BYTES])
{
    memset(out, 0, SL_SESSION_HASH_BYTES);
    memcpy(out, &n, sizeof(n));
}

/* Begins a session with the cookie `n` for the owner `owner`; returns its number, or an error. */
static int64_t begin(struct help *h, uint32_t n, uint32_t owner, const char *tenant)
{
    struct sl_session session = { 0 };
    unsigned char hash[SL_SESSION_HASH_BYTES];
    number_hash(n, hash);
    number_hash(owner, session.owner);
    int r = sl_sessions_begin(h->sessions, hash, sl_str_c(tenant), h->now, &session);
    return r < 0 ? r : (int64_t)session.number;
}

static bool use(struct help *h, uint32_t n)
{
    struct sl_session session;
    unsigned char hash[SL_SESSION_HASH_BYTES];
    number_hash(n, hash);
    bool is_there = sl_sessions_use(h->sessions, hash, h->now, &session);
    if (is_there) {
        sl_session_done(&session);
    }
    return is_there;
}

static bool look(struct help *h, uint32_t n)
{
    struct sl_session session;
    unsigned char hash[SL_SESSION_HASH_BYTES];
    number_hash(n, hash);
    bool is_there = sl_sessions_look(h->sessions, hash, h->now, &session);
    if (is_there) {
        sl_session_done(&session);
    }
    return is_there;
}

static size_t count(struct help *h)
{
    struct sl_session batch[32];
    uint64_t after = 0;
    size_t n, all = 0;
    while ((n = sl_sessions_list(h->sessions, after, h->now, batch, SL_ARRAY_LEN(batch))) > 0) {
        for (size_t i = 0; i < n; i++) {
            assert_true(batch[i].number > after);
            after = batch[i].number;
            sl_session_done(&batch[i]);
        }
        all += n;
    }
    return all;
}

static struct help start(void)
{
    struct help h = { sl_sessions_new(), 1000 * MINUTE };
    assert_non_null(h.sessions);
    return h;
}

static void it_ends_when_it_is_idle(void **state)
{
    (void)state;
    struct help h = start();
    assert_int_equal(begin(&h, 1, 1, "t"), 1);
    for (int i = 0; i < 5; i++) {
        h.now += SL_SESSION_IDLE_USEC - 1;
        assert_true(use(&h, 1));
    }
    h.now += SL_SESSION_IDLE_USEC;
    assert_int_equal(count(&h), 0);
    assert_false(use(&h, 1));
    sl_sessions_free(h.sessions);
}

/* A live list that nobody watches any more keeps no session alive. */
static void to_look_at_it_is_no_use(void **state)
{
    (void)state;
    struct help h = start();
    assert_int_equal(begin(&h, 1, 1, "t"), 1);
    h.now += SL_SESSION_IDLE_USEC - 1;
    assert_true(look(&h, 1));
    assert_false(look(&h, 2));
    h.now += 1;
    assert_false(look(&h, 1));
    assert_false(use(&h, 1));
    sl_sessions_free(h.sessions);
}

static void it_ends_after_half_a_day_of_use(void **state)
{
    (void)state;
    struct help h = start();
    uint64_t end = h.now + SL_SESSION_LIFE_USEC;
    assert_true(begin(&h, 1, 1, "t") > 0);
    for (; h.now < end; h.now += 30 * MINUTE) {
        assert_true(use(&h, 1));
    }
    assert_false(use(&h, 1));
    sl_sessions_free(h.sessions);
}

static void only_its_own_cookie_opens_it(void **state)
{
    (void)state;
    struct help h = start();
    assert_true(begin(&h, 1, 1, "t") > 0);
    assert_false(use(&h, 2));
    assert_int_equal(begin(&h, 1, 2, "t"), SL_E_EXISTS);
    int64_t number = begin(&h, 2, 1, "t");
    sl_sessions_end(h.sessions, (uint64_t)number);
    sl_sessions_end(h.sessions, (uint64_t)number); /* again: nothing */
    assert_false(use(&h, 2));
    assert_true(use(&h, 1));
    sl_sessions_free(h.sessions);
}

static void an_owner_pushes_out_its_own(void **state)
{
    (void)state;
    struct help h = start();
    assert_true(begin(&h, 1000, 7, "t") > 0);
    for (uint32_t i = 0; i < SL_SESSIONS_OWNER_MAX; i++) {
        assert_true(begin(&h, i, 1, "t") > 0);
        h.now++;
    }
    assert_true(use(&h, 0)); /* now 1 was used longest ago */
    assert_true(begin(&h, 500, 1, "t") > 0);
    assert_false(use(&h, 1));
    assert_true(use(&h, 0) && use(&h, 2) && use(&h, 500) && use(&h, 1000));
    assert_int_equal(count(&h), SL_SESSIONS_OWNER_MAX + 1);
    sl_sessions_free(h.sessions);
}

static void a_tenant_pushes_out_its_own(void **state)
{
    (void)state;
    struct help h = start();
    assert_true(begin(&h, 0, 0, "other") > 0);
    for (uint32_t i = 1; i <= SL_SESSIONS_TENANT_MAX + 10; i++) {
        assert_true(begin(&h, i, i, "many") > 0);
    }
    assert_int_equal(count(&h), SL_SESSIONS_TENANT_MAX + 1);
    assert_true(use(&h, 0));
    assert_false(use(&h, 10));
    assert_true(use(&h, 11));
    sl_sessions_free(h.sessions);
}

static void there_is_a_most_in_all(void **state)
{
    (void)state;
    struct help h = start();
    char tenant[16];
    for (uint32_t i = 0; i < SL_SESSIONS_MAX; i++) {
        snprintf(tenant, sizeof(tenant), "t%u", i / 100);
        assert_true(begin(&h, i, i, tenant) > 0);
    }
    assert_int_equal(begin(&h, SL_SESSIONS_MAX, SL_SESSIONS_MAX, "one more"), SL_E_LIMIT);
    assert_true(use(&h, 0)); /* nobody was pushed out */
    h.now += SL_SESSION_IDLE_USEC;
    assert_true(begin(&h, SL_SESSIONS_MAX, SL_SESSIONS_MAX, "one more") > 0); /* those that ended make room */
    assert_int_equal(count(&h), 1);
    sl_sessions_free(h.sessions);
}

static void it_holds_the_identity_that_logged_in(void **state)
{
    (void)state;
    struct help h = start();
    const struct sl_key_spec spec = { .id = SL_STR("oidc:x"), .name = SL_STR("x"), .role = SL_ROLE_VIEWER };
    unsigned char hash[SL_SESSION_HASH_BYTES];
    struct sl_session session = { .key = sl_key_new(&spec), .provider = 5 }, found;
    assert_non_null(session.key);
    number_hash(1, hash);
    assert_int_equal(sl_sessions_begin(h.sessions, hash, SL_STR("t"), h.now, &session), 0);
    sl_session_done(&session);
    assert_true(sl_sessions_use(h.sessions, hash, h.now, &found));
    sl_sessions_end(h.sessions, found.number);
    assert_true(sl_str_eq_c(found.key->id, "oidc:x"));
    assert_int_equal(found.provider, 5);
    sl_session_done(&found);
    sl_sessions_free(h.sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_when_it_is_idle),         cmocka_unit_test(to_look_at_it_is_no_use),
        cmocka_unit_test(it_ends_after_half_a_day_of_use), cmocka_unit_test(only_its_own_cookie_opens_it),
        cmocka_unit_test(an_owner_pushes_out_its_own),     cmocka_unit_test(a_tenant_pushes_out_its_own),
        cmocka_unit_test(there_is_a_most_in_all),          cmocka_unit_test(it_holds_the_identity_that_logged_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
