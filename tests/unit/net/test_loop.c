/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <pthread.h>

#include "base/clock.h"

#define N_TIMERS 500

struct counted {
    struct sl_timer timer;
    uint64_t due, fired;
    int n;
};

static struct sl_loop *the_loop;
static uint64_t last_due;

static void on_counted(struct sl_timer *timer)
{
    struct counted *c = SL_CONTAINER_OF(timer, struct counted, timer);
    c->n++;
    c->fired = sl_loop_now(the_loop);
    assert_true(c->fired >= c->due);
    assert_true(c->due >= last_due); /* in order */
    last_due = c->due;
}

static void test_a_recent_time_is_of_this_turn(void **state)
{
    the_loop = *state;
    uint64_t now = sl_loop_now(the_loop);
    assert_int_equal(sl_loop_recent(the_loop), now);
    RUN_UNTIL(the_loop, sl_clock_usec() > now + 20000);
    uint64_t recent = sl_loop_recent(the_loop);
    assert_true(recent > now + 20000);
    assert_int_equal(sl_loop_recent(the_loop), recent);
    assert_true(sl_loop_now(the_loop) >= recent);
}

static void test_timers_fire_in_order_and_not_early(void **state)
{
    the_loop = *state;
    last_due = 0;
    static struct counted timers[N_TIMERS];
    uint64_t now = sl_loop_now(the_loop);
    for (size_t i = 0; i < N_TIMERS; i++) {
        timers[i] = (struct counted){ .due = now + 1000 + sl_rng_next(&the_loop->rng) % 50000 };
        sl_timer_init(&timers[i].timer, on_counted);
        sl_timer_set(the_loop, &timers[i].timer, timers[i].due);
    }
    /* Some become due later, some earlier, some are cleared, some removed. */
    for (size_t i = 0; i < N_TIMERS; i++) {
        if (i % 5 == 1) {
            timers[i].due += 30000;
            sl_timer_set(the_loop, &timers[i].timer, timers[i].due);
        } else if (i % 5 == 2) {
            timers[i].due = now + 500;
            sl_timer_set(the_loop, &timers[i].timer, timers[i].due);
        } else if (i % 5 == 3) {
            sl_timer_clear(&timers[i].timer);
        } else if (i % 5 == 4) {
            sl_timer_remove(the_loop, &timers[i].timer);
            assert_int_equal(timers[i].timer.heap_index, 0);
        }
    }
    RUN_UNTIL(the_loop, sl_loop_now(the_loop) > now + 90000);
    assert_int_equal(the_loop->n_heap, 0);
    for (size_t i = 0; i < N_TIMERS; i++) {
        assert_int_equal(timers[i].n, i % 5 < 3 ? 1 : 0);
        if (timers[i].n) {
            assert_true(timers[i].fired - timers[i].due < 2000000); /* allows for a busy machine */
        }
    }
}

static void test_a_late_loop_keeps_the_order(void **state)
{
    the_loop = *state;
    last_due = 0;
    static struct counted timers[2];
    uint64_t now = sl_loop_now(the_loop);
    for (size_t i = 0; i < 2; i++) {
        timers[i] = (struct counted){ .due = now + 1000 * (i + 1) };
        sl_timer_init(&timers[i].timer, on_counted);
        sl_timer_set(the_loop, &timers[i].timer, timers[i].due);
    }
    timers[0].due = now + 3000; /* behind the other one */
    sl_timer_set(the_loop, &timers[0].timer, timers[0].due);
    while (sl_clock_usec() <= now + 5000) {
    }
    RUN_UNTIL(the_loop, timers[0].n + timers[1].n == 2);
}

static void test_moving_a_timer_away_leaves_the_heap_alone(void **state)
{
    the_loop = *state;
    last_due = 0;
    uint64_t now = sl_loop_now(the_loop);
    struct counted c = { .due = now + 5000 };
    sl_timer_init(&c.timer, on_counted);
    sl_timer_set(the_loop, &c.timer, now + 2000);
    sl_timer_set(the_loop, &c.timer, c.due);
    assert_int_equal(c.timer.heap_usec, now + 2000);
    sl_timer_clear(&c.timer);
    assert_int_equal(the_loop->n_heap, 1);
    sl_timer_set(the_loop, &c.timer, c.due);
    assert_int_equal(the_loop->n_heap, 1);
    RUN_UNTIL(the_loop, c.n == 1);
    assert_true(c.fired >= c.due);
    assert_int_equal(the_loop->n_heap, 0);
}

static struct counted pair[2];

static void on_pair(struct sl_timer *timer)
{
    /* The other one, due at the same time, must not fire any more. */
    struct counted *c = SL_CONTAINER_OF(timer, struct counted, timer);
    c->n++;
    sl_timer_remove(the_loop, &pair[c == &pair[0]].timer);
    if (c->n < 3) {
        sl_timer_set(the_loop, timer, sl_loop_now(the_loop));
    }
}

static void test_a_timer_may_remove_and_set_in_its_callback(void **state)
{
    the_loop = *state;
    uint64_t due = sl_loop_now(the_loop) + 1000;
    for (int i = 0; i < 2; i++) {
        pair[i] = (struct counted){ 0 };
        sl_timer_init(&pair[i].timer, on_pair);
        sl_timer_set(the_loop, &pair[i].timer, due);
    }
    RUN_UNTIL(the_loop, pair[0].n + pair[1].n == 3);
    loop_spend(the_loop, 5000);
    assert_int_equal(pair[0].n * pair[1].n, 0);
    assert_int_equal(pair[0].n + pair[1].n, 3);
}

#define N_THREADS 4
#define N_POSTS   2000

struct poster {
    pthread_t thread;
    struct sl_post posts[N_POSTS];
    int next;
};

static int n_posted;

static void on_post(void *arg)
{
    struct sl_post *post = arg;
    n_posted++;
    assert_ptr_equal(post->arg, post);
}

static void *post_many(void *arg)
{
    struct poster *poster = arg;
    for (int i = 0; i < N_POSTS; i++) {
        sl_loop_post(the_loop, &poster->posts[i], on_post, &poster->posts[i]);
    }
    return NULL;
}

static void test_posts_from_threads_all_arrive(void **state)
{
    the_loop = *state;
    n_posted = 0;
    static struct poster posters[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    RUN_UNTIL(the_loop, n_posted == N_THREADS * N_POSTS);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
    }
}

static void on_stop(void *arg)
{
    sl_loop_stop(arg);
}

static void *post_stop(void *arg)
{
    static struct sl_post post;
    sl_loop_post(arg, &post, on_stop, arg);
    return NULL;
}

static void test_run_ends_after_stop(void **state)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_stop, *state), 0);
    sl_loop_run(*state);
    pthread_join(thread, NULL);
}

static void test_run_ends_with_the_last_stream(void **state)
{
    /* One stream is open, one never was: both on_closed come before run returns. */
    struct sl_loop *loop = *state;
    struct peer a, b, idle;
    peers_connect(&a, &b, loop, false);
    peer_init(&idle, loop);
    sl_loop_stop(loop);
    peer_close(&a);
    peer_close(&b);
    peer_close(&idle);
    sl_loop_run(loop);
    assert_int_equal(a.n_closed + b.n_closed + idle.n_closed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_recent_time_is_of_this_turn, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_timers_fire_in_order_and_not_early, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_late_loop_keeps_the_order, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_moving_a_timer_away_leaves_the_heap_alone, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_timer_may_remove_and_set_in_its_callback, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_posts_from_threads_all_arrive, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_run_ends_after_stop, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_run_ends_with_the_last_stream, setup_loop, teardown_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
