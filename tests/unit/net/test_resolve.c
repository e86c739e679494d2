/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>

#include "fake_dns.h"
#include "net/resolve.h"

struct ask {
    struct sl_resolve_wait wait;
    int n, error;
};

static void on_done(struct sl_resolve_wait *wait, int error)
{
    struct ask *ask = SL_CONTAINER_OF(wait, struct ask, wait);
    ask->n++;
    ask->error = error;
}

/* 1: answered at once. */
static int ask_start(struct ask *ask, struct sl_loop *loop, const char *host)
{
    *ask = (struct ask){ .wait = { .loop = loop, .on_done = on_done } };
    return sl_resolve_start(&ask->wait, sl_str_c(host));
}

static void assert_first(const struct ask *ask, const char *ip)
{
    char text[INET6_ADDRSTRLEN];
    assert_true(ask->wait.addrs.n > 0);
    assert_int_equal(ask->wait.addrs.addrs[0].any.sa_family, AF_INET);
    inet_ntop(AF_INET, &ask->wait.addrs.addrs[0].v4.sin_addr, text, sizeof(text));
    assert_string_equal(text, ip);
}

static int setup(void **state)
{
    fake_dns_start();
    return setup_loop(state);
}

static int teardown(void **state)
{
    fake_dns_stop();
    return teardown_loop(state);
}

static void test_one_look_up_a_host_kept_30_seconds(void **state)
{
    struct sl_loop *loop = *state;
    fake_dns_set("api.example", "192.0.2.1");
    fake_dns_hang("api.example", true);
    struct ask asks[20];
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask_start(&asks[i], loop, i % 2 ? "api.example" : "API.Example"), 0);
    }
    RUN_UNTIL(loop, fake_dns_running() == 1);
    fake_dns_hang("api.example", false);
    for (int i = 0; i < 20; i++) {
        RUN_UNTIL(loop, asks[i].n == 1);
        assert_int_equal(asks[i].error, 0);
        assert_first(&asks[i], "192.0.2.1");
    }
    assert_int_equal(fake_dns_calls("api.example"), 1);
    fake_dns_pass(29);
    fake_dns_set("api.example", "192.0.2.2");
    assert_int_equal(ask_start(&asks[0], loop, "api.example"), 1);
    assert_first(&asks[0], "192.0.2.1");
    fake_dns_pass(1);
    assert_int_equal(ask_start(&asks[0], loop, "api.example"), 0);
    assert_true(asks[0].wait.has_stale);
    RUN_UNTIL(loop, asks[0].n == 1);
    assert_first(&asks[0], "192.0.2.2");
    assert_int_equal(fake_dns_calls("api.example"), 2);
}

static void test_a_hanging_host_stalls_no_other(void **state)
{
    struct sl_loop *loop = *state;
    struct ask hung[SL_RESOLVE_THREADS - 1], good;
    char name[32];
    for (int i = 0; i < SL_RESOLVE_THREADS - 1; i++) {
        snprintf(name, sizeof(name), "dead%d.example", i);
        fake_dns_hang(name, true);
        assert_int_equal(ask_start(&hung[i], loop, name), 0);
    }
    RUN_UNTIL(loop, fake_dns_running() == SL_RESOLVE_THREADS - 1);
    fake_dns_set("good.example", "192.0.2.1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_start(&good, loop, "good.example"), 0);
        RUN_UNTIL(loop, good.n == 1);
        fake_dns_pass(31);
    }
    for (int i = 0; i < SL_RESOLVE_THREADS - 1; i++) {
        assert_int_equal(hung[i].n, 0);
        snprintf(name, sizeof(name), "dead%d.example", i);
        fake_dns_hang(name, false);
        RUN_UNTIL(loop, hung[i].n == 1);
        assert_int_equal(hung[i].error, EAI_NONAME);
    }
}

static void test_more_hanging_hosts_than_threads_queue(void **state)
{
    struct sl_loop *loop = *state;
    struct ask asks[SL_RESOLVE_THREADS + 5];
    char name[32];
    for (int i = 0; i < SL_RESOLVE_THREADS + 5; i++) {
        snprintf(name, sizeof(name), "dead%d.example", i);
        fake_dns_hang(name, true);
        assert_int_equal(ask_start(&asks[i], loop, name), 0);
    }
    RUN_UNTIL(loop, fake_dns_running() == SL_RESOLVE_THREADS);
    for (int i = 0; i < SL_RESOLVE_THREADS + 5; i++) {
        snprintf(name, sizeof(name), "dead%d.example", i);
        fake_dns_hang(name, false);
    }
    for (int i = 0; i < SL_RESOLVE_THREADS + 5; i++) {
        RUN_UNTIL(loop, asks[i].n == 1);
    }
}

static void test_stale_answers_serve_five_minutes(void **state)
{
    struct sl_loop *loop = *state;
    struct ask ask;
    fake_dns_set("api.example", "192.0.2.1");
    assert_int_equal(ask_start(&ask, loop, "api.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    fake_dns_set("api.example", NULL);
    fake_dns_pass(40);
    assert_int_equal(ask_start(&ask, loop, "api.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask.error, 0);
    assert_first(&ask, "192.0.2.1");
    /* The failed refresh is not repeated at once. */
    assert_int_equal(ask_start(&ask, loop, "api.example"), 1);
    assert_int_equal(fake_dns_calls("api.example"), 2);
    fake_dns_pass(5);
    assert_int_equal(ask_start(&ask, loop, "api.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask.error, 0);
    /* Too old. */
    fake_dns_pass(255);
    assert_int_equal(ask_start(&ask, loop, "api.example"), 0);
    assert_false(ask.wait.has_stale);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask.error, EAI_NONAME);
    /* Failures are not kept. */
    fake_dns_set("api.example", "192.0.2.3");
    assert_int_equal(ask_start(&ask, loop, "api.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_first(&ask, "192.0.2.3");
}

static void test_cancel(void **state)
{
    struct sl_loop *loop = *state;
    struct ask a, b;
    fake_dns_set("api.example", "192.0.2.1");
    fake_dns_hang("api.example", true);
    assert_int_equal(ask_start(&a, loop, "api.example"), 0);
    assert_int_equal(ask_start(&b, loop, "api.example"), 0);
    assert_true(sl_resolve_cancel(&a.wait));
    fake_dns_hang("api.example", false);
    RUN_UNTIL(loop, b.n == 1);
    assert_int_equal(a.n, 0);
    /* The answer is on its way, and comes. */
    fake_dns_pass(31);
    fake_dns_hang("api.example", true);
    assert_int_equal(ask_start(&a, loop, "api.example"), 0);
    RUN_UNTIL(loop, fake_dns_running() == 1);
    fake_dns_hang("api.example", false);
    for (;;) {
        uv_mutex_lock(&loop->post_lock);
        bool is_posted = loop->posts != NULL;
        uv_mutex_unlock(&loop->post_lock);
        if (is_posted) {
            break;
        }
    }
    assert_false(sl_resolve_cancel(&a.wait));
    RUN_UNTIL(loop, a.n == 1);
}

static void test_names_that_are_none(void **state)
{
    struct ask ask;
    char name[400];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_int_equal(ask_start(&ask, *state, ""), SL_E_INVAL);
    assert_int_equal(ask_start(&ask, *state, name), SL_E_INVAL);
    assert_int_equal(sl_resolve_start(&ask.wait, sl_str_make("a\0b", 3)), SL_E_INVAL);
}

static void test_the_table_is_bounded(void **state)
{
    /* The host that was asked for longest ago is removed. */
    struct sl_loop *loop = *state;
    struct ask ask;
    fake_dns_set("first.example", "192.0.2.1");
    fake_dns_set("second.example", "192.0.2.1");
    assert_int_equal(ask_start(&ask, loop, "second.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask_start(&ask, loop, "first.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask_start(&ask, loop, "second.example"), 1);
    sl_resolve_set_getaddrinfo(NULL, NULL);
    for (int i = 0; i < SL_RESOLVE_HOSTS_MAX - 1; i++) {
        char name[32];
        snprintf(name, sizeof(name), "10.0.%d.%d", i / 256, i % 256); /* a real look-up that asks no server */
        assert_int_equal(ask_start(&ask, loop, name), 0);
        RUN_UNTIL(loop, ask.n == 1);
        assert_int_equal(ask.error, 0);
    }
    assert_int_equal(ask_start(&ask, loop, "second.example"), 1);
    assert_int_equal(ask_start(&ask, loop, "10.0.0.0"), 1);
    fake_dns_start();
    fake_dns_set("first.example", "192.0.2.9");
    assert_int_equal(ask_start(&ask, loop, "first.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_first(&ask, "192.0.2.9");
}

static void test_families_are_interleaved(void **state)
{
    struct sl_loop *loop = *state;
    struct ask ask;
    fake_dns_set("both.example", "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2");
    assert_int_equal(ask_start(&ask, loop, "both.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    const char *want[] = { "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3" };
    assert_int_equal(ask.wait.addrs.n, SL_ARRAY_LEN(want));
    for (size_t i = 0; i < SL_ARRAY_LEN(want); i++) {
        const union sl_sockaddr *addr = &ask.wait.addrs.addrs[i];
        char text[INET6_ADDRSTRLEN];
        bool is_v6 = addr->any.sa_family == AF_INET6;
        inet_ntop(addr->any.sa_family, is_v6 ? (const void *)&addr->v6.sin6_addr : (const void *)&addr->v4.sin_addr,
                  text, sizeof(text));
        assert_string_equal(text, want[i]);
    }
    fake_dns_set("many.example", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 "
                                 "192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14 192.0.2.15 "
                                 "192.0.2.16 192.0.2.17 2001:db8::1");
    assert_int_equal(ask_start(&ask, loop, "many.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask.wait.addrs.n, SL_RESOLVE_ADDRS_MAX);
    fake_dns_set("none.example", "");
    assert_int_equal(ask_start(&ask, loop, "none.example"), 0);
    RUN_UNTIL(loop, ask.n == 1);
    assert_int_equal(ask.error, EAI_NONAME);
}

/* Two workers' loops ask for the same hosts, cancel some, and time passes. */
#define N_LOOPS 3
#define N_ASKS  3000

static void *worker(void *arg)
{
    struct sl_loop loop;
    struct sl_err err;
    SL_ASSERT(sl_loop_init(&loop, &err) == 0);
    sl_rng_init(&loop.rng);
    static const char *const names[] = { "a.example", "b.example", "c.example", "unknown.example" };
    size_t *n_answers = arg;
    for (int i = 0; i < N_ASKS; i++) {
        struct ask ask;
        int r = ask_start(&ask, &loop, names[sl_rng_next(&loop.rng) % 4]);
        SL_ASSERT(r >= 0);
        if (r == 0 && sl_rng_next(&loop.rng) % 4 == 0 && sl_resolve_cancel(&ask.wait)) {
            continue;
        }
        while (r == 0 && ask.n == 0) {
            loop_turn(&loop);
        }
        ++*n_answers;
        if (i % 50 == 0) {
            fake_dns_pass(20);
        }
    }
    sl_loop_done(&loop);
    return NULL;
}

static void test_several_loops(void **state)
{
    (void)state;
    fake_dns_set("a.example", "192.0.2.1");
    fake_dns_set("b.example", "192.0.2.2");
    fake_dns_set("c.example", "192.0.2.3 2001:db8::1");
    pthread_t threads[N_LOOPS];
    size_t n[N_LOOPS] = { 0 };
    for (int i = 0; i < N_LOOPS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &n[i]), 0);
    }
    for (int i = 0; i < N_LOOPS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(n[i] > N_ASKS / 2);
    }
    /* Look-ups whose askers all cancelled may still be under way; one at a time a host, they end. */
    struct sl_loop *loop = *state;
    RUN_UNTIL(loop, fake_dns_running() == 0);
    static const char *const names[] = { "a.example", "b.example", "c.example", "unknown.example" };
    for (int i = 0; i < 4; i++) {
        struct ask ask;
        if (ask_start(&ask, loop, names[i]) == 0) {
            RUN_UNTIL(loop, ask.n == 1);
        }
    }
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(test_one_look_up_a_host_kept_30_seconds),
        NET_TEST(test_a_hanging_host_stalls_no_other),
        NET_TEST(test_more_hanging_hosts_than_threads_queue),
        NET_TEST(test_stale_answers_serve_five_minutes),
        NET_TEST(test_cancel),
        NET_TEST(test_names_that_are_none),
        NET_TEST(test_the_table_is_bounded),
        NET_TEST(test_families_are_interleaved),
        NET_TEST(test_several_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
