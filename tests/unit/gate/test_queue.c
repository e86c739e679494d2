/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls wait for a place at a target, and which one gets it: tables, and several threads at once. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/policy/pick.h"
#include "gate/policy/queue.h"

#define N_MAX 26
#define NOW   (1000 * SL_USEC_PER_SEC)

static struct sl_arena arena;
static struct sl_target_rule rules[2];
static struct sl_pool pool;
static struct sl_queue *queue;

/* By letters: "a" is the first one that joined. */
static struct sl_waiter waiters[N_MAX];
static uint64_t passed[N_MAX][1];
static char woken[64];

static void on_wake(struct sl_waiter *waiter)
{
    size_t n = strlen(woken);
    char letter = (char)('a' + (waiter - waiters));
    snprintf(woken + n, sizeof(woken) - n, "%c%s", letter, waiter->state == SL_WAITING_DROPPED ? "!" : "");
}

/* Two targets with `max` places each. */
static void begin(uint32_t max_a, uint32_t max_b, uint32_t size)
{
    static const struct sl_breaker_rule no_breaker;
    sl_arena_init(&arena, NULL);
    rules[0] = (struct sl_target_rule){ .weight = 1, .max_concurrent = max_a };
    rules[1] = (struct sl_target_rule){ .weight = 1, .tier = 1, .max_concurrent = max_b };
    assert_int_equal(sl_pool_init(&pool, SL_BALANCE_WEIGHTED, &no_breaker, rules, 2, &arena), 0);
    const struct sl_queue_rule rule = { size, 5 * SL_USEC_PER_SEC };
    assert_int_equal(sl_queue_new(&rule, &pool, &queue), 0);
    memset(waiters, 0, sizeof(waiters));
    memset(passed, 0, sizeof(passed));
    woken[0] = '\0';
}

static void end(void)
{
    assert_int_equal(sl_queue_depth(queue), 0);
    sl_queue_free(queue);
    sl_pool_done(&pool);
    sl_arena_done(&arena);
}

static void run_all(void)
{
    const struct sl_ask ask = { passed[0], NOW, 0, false };
    for (uint32_t i; (i = sl_pool_pick(&pool, &ask)) != SL_NO_TARGET;) {
        assert_int_equal(sl_pool_begin(&pool, i, NOW), SL_BEGUN);
    }
}

static int join(char letter, const char *principal)
{
    struct sl_waiter *waiter = &waiters[letter - 'a'];
    waiter->passed = passed[letter - 'a'];
    waiter->has_passed = passed[letter - 'a'][0] != 0;
    waiter->wake = on_wake;
    return sl_queue_join(queue, waiter, sl_str_c(principal), NOW, 7);
}

/* One call at the target ends. */
static void finish(uint32_t target)
{
    sl_pool_end(&pool, target, SL_BEGUN, SL_OUTCOME_GOOD, NOW);
    sl_queue_serve(queue, NOW, 7);
}

static void principals_take_turns(void **state)
{
    (void)state;
    static const struct {
        const char *principals; /* of a, b, c, … */
        const char *want;
    } cases[] = {
        { "1111", "abcd" }, { "1112", "adbc" }, { "111222", "adbecf" }, { "1123", "acdb" }, { "12121", "abcde" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        begin(1, 1, 100);
        run_all();
        for (size_t k = 0; k < strlen(cases[i].principals); k++) {
            char name[2] = { cases[i].principals[k] };
            assert_int_equal(join((char)('a' + k), name), 0);
        }
        assert_string_equal(woken, "");
        for (size_t k = 0; k < strlen(cases[i].principals); k++) {
            finish(0);
            assert_int_equal(strlen(woken), k + 1);
        }
        assert_string_equal(woken, cases[i].want);
        end();
    }
}

static void a_place_is_given_by_the_targets_name(void **state)
{
    (void)state;
    begin(1, 1, 100);
    run_all();
    sl_ask_pass(passed[0], 0); /* the first one cannot use the first target */
    assert_int_equal(join('a', "1"), 0);
    assert_int_equal(join('b', "2"), 0);
    finish(0);
    assert_string_equal(woken, "b");
    assert_int_equal(waiters[1].target, 0);
    finish(1);
    assert_string_equal(woken, "ba");
    assert_int_equal(waiters[0].target, 1);
    const struct sl_ask ask = { passed[2], NOW, 0, false };
    assert_int_equal(sl_pool_pick(&pool, &ask), SL_NO_TARGET); /* both places are taken already */
    assert_true(sl_pool_is_full(&pool, passed[2], NOW));
    end();
}

static void who_comes_while_there_is_a_place_has_it_at_once(void **state)
{
    (void)state;
    begin(1, 2, 100);
    run_all();
    sl_ask_pass(passed[0], 1);
    assert_int_equal(join('a', "1"), 0); /* waits for the first target */
    sl_pool_end(&pool, 1, SL_BEGUN, SL_OUTCOME_GOOD, NOW);
    assert_int_equal(join('b', "1"), 0); /* after it, but it is the only one for the second target */
    assert_string_equal(woken, "b");
    finish(0);
    assert_string_equal(woken, "ba");
    end();
}

static void who_leaves_is_not_served(void **state)
{
    (void)state;
    begin(1, 1, 100);
    run_all();
    assert_int_equal(join('a', "1"), 0);
    assert_int_equal(join('b', "1"), 0);
    assert_int_equal(sl_queue_leave(queue, &waiters[0]), SL_WAITING_ON);
    assert_int_equal(sl_queue_leave(queue, &waiters[0]), SL_WAITING_NOT);
    finish(0);
    assert_string_equal(woken, "b");
    assert_int_equal(sl_queue_leave(queue, &waiters[1]), SL_WAITING_GRANTED);
    assert_int_equal(join('c', "1"), 0);
    finish(waiters[1].target); /* it gives back its place */
    assert_string_equal(woken, "bc");
    end();
}

static void a_full_queue_is_shared(void **state)
{
    (void)state;
    begin(1, 1, 4);
    run_all();
    assert_int_equal(join('a', "1"), 0);
    assert_int_equal(join('b', "1"), 0);
    assert_int_equal(join('c', "1"), 0);
    assert_int_equal(join('d', "2"), 0);
    assert_int_equal(join('e', "1"), SL_E_LIMIT); /* has the most waiting calls already */
    assert_int_equal(join('f', "2"), 0);
    assert_string_equal(woken, "c!");
    assert_int_equal(join('g', "2"), SL_E_LIMIT); /* two and two */
    assert_int_equal(join('h', "3"), 0);
    assert_int_equal(sl_queue_depth(queue), 4);
    for (size_t i = 0; i < 4; i++) {
        finish(0);
    }
    end();
}

static void a_queue_of_one(void **state)
{
    (void)state;
    begin(1, 1, 1);
    run_all();
    assert_int_equal(join('a', "1"), 0);
    assert_int_equal(join('b', "2"), SL_E_LIMIT);
    finish(1);
    assert_string_equal(woken, "a");
    end();
}

/* --- threads --- */

#define N_THREADS 4
#define N_CALLS   20000

struct caller {
    struct sl_waiter waiter;
    uint64_t passed[1];
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool is_woken;
};

static atomic_uint n_running, n_over, n_granted;

static void on_caller_wake(struct sl_waiter *waiter)
{
    struct caller *caller = SL_CONTAINER_OF(waiter, struct caller, waiter);
    pthread_mutex_lock(&caller->lock);
    caller->is_woken = true;
    pthread_cond_signal(&caller->cond);
    pthread_mutex_unlock(&caller->lock);
}

/* Waits until it is woken, however long: a lost wake-up hangs the test. Some leave at once instead. */
static bool place_wait(struct caller *caller, const char *principal, bool is_leaver)
{
    caller->is_woken = false;
    caller->waiter = (struct sl_waiter){ .passed = caller->passed, .wake = on_caller_wake };
    if (sl_queue_join(queue, &caller->waiter, sl_str_c(principal), NOW, 7) < 0) {
        return false;
    }
    if (is_leaver && sl_queue_leave(queue, &caller->waiter) == SL_WAITING_ON) {
        return false;
    }
    pthread_mutex_lock(&caller->lock);
    while (!caller->is_woken) {
        pthread_cond_wait(&caller->cond, &caller->lock);
    }
    pthread_mutex_unlock(&caller->lock);
    return caller->waiter.state == SL_WAITING_GRANTED;
}

static void *calls_make(void *arg)
{
    struct caller caller = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
    struct sl_rng rng = { { (uint64_t)(uintptr_t)arg + 1, 9 } };
    char principal[8];
    for (unsigned i = 0; i < N_CALLS; i++) {
        snprintf(principal, sizeof(principal), "%u", (unsigned)(sl_rng_next(&rng) % 3));
        if (!place_wait(&caller, principal, sl_rng_next(&rng) % 8 == 0)) {
            continue;
        }
        atomic_fetch_add(&n_granted, 1);
        if (atomic_fetch_add(&n_running, 1) >= 2) {
            atomic_fetch_add(&n_over, 1);
        }
        sched_yield(); /* others come meanwhile */
        atomic_fetch_sub(&n_running, 1);
        sl_pool_end(&pool, caller.waiter.target, caller.waiter.begun, SL_OUTCOME_GOOD, NOW);
        sl_queue_serve(queue, NOW, 7);
    }
    return NULL;
}

static void no_wake_up_is_lost_among_threads(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    begin(1, 1, 100);
    alarm(30); /* a hang fails */
    for (uintptr_t i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, calls_make, (void *)i), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    alarm(0);
    assert_int_equal(n_over, 0);
    assert_true(n_granted > N_THREADS * N_CALLS / 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct sl_target_look look;
        sl_pool_look(&pool, i, NOW, &look);
        assert_int_equal(look.in_flight, 0);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(principals_take_turns),
        cmocka_unit_test(a_place_is_given_by_the_targets_name),
        cmocka_unit_test(who_comes_while_there_is_a_place_has_it_at_once),
        cmocka_unit_test(who_leaves_is_not_served),
        cmocka_unit_test(a_full_queue_is_shared),
        cmocka_unit_test(a_queue_of_one),
        cmocka_unit_test(no_wake_up_is_lost_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
