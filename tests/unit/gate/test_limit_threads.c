/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads use one limiter: exactly the allowed number passes. Built with -Db_sanitize=thread it also checks the
 * locks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "limit_help.h"

#define THREADS 4
#define CALLS   5000
#define HOUR    (3600 * SL_USEC_PER_SEC)
#define T0      (1800000000 * SL_USEC_PER_SEC)

struct job {
    struct sl_limiter *limiter;
    const struct sl_limit_rule *rules;
    uint32_t n_rules;
    unsigned number;
    bool crowd; /* true: every call has another principal */
    atomic_uint *passed;
};

static void *job_run(void *arg)
{
    struct job *job = arg;
    char name[32];
    for (unsigned i = 0; i < CALLS; i++) {
        snprintf(name, sizeof(name), "p-%u", job->crowd ? job->number * CALLS + i : i % 3);
        struct one_call one;
        struct sl_limit_view view;
        uint32_t n_held;
        one_call_make(&one, "chat", 0, name, job->rules, job->n_rules);
        if (sl_limiter_take(job->limiter, &one.call, T0, NULL, &n_held, &view) == 0 && !view.is_refused) {
            atomic_fetch_add(job->passed, 1);
        }
    }
    return NULL;
}

static unsigned run(const struct sl_limit_rule *rules, uint32_t n_rules, size_t max_users, bool crowd)
{
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(max_users, &limiter), 0);
    atomic_uint passed = 0;
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){ limiter, rules, n_rules, i, crowd, &passed };
        assert_int_equal(pthread_create(&threads[i], NULL, job_run, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    sl_limiter_free(limiter);
    return passed;
}

static void one_counter_is_exact(void **state)
{
    (void)state;
    struct sl_limit_rule rule = REQUESTS(1234, HOUR, SL_LIMIT_WHOLE, 1, "hour");
    assert_int_equal(run(&rule, 1, 1000, false), 1234);
}

static void several_counters_are_exact(void **state)
{
    (void)state;
    /* Three principals with 500 each would make 1500; the route allows 1200. */
    const struct sl_limit_rule rules[] = {
        REQUESTS(500, HOUR, SL_LIMIT_USER, 1, "hour"),
        REQUESTS(1200, 2 * HOUR, SL_LIMIT_WHOLE, 2, "hour"),
        REQUESTS(4000, 3 * HOUR, SL_LIMIT_USER, 3, "hour"),
    };
    assert_int_equal(run(rules, 3, 1000, false), 1200);
    assert_int_equal(run(rules, 1, 1000, false), 1500);
}

static void crowd_shares_one_counter_exactly(void **state)
{
    (void)state;
    struct sl_limit_rule rule = REQUESTS(7, HOUR, SL_LIMIT_USER, 1, "hour");
    assert_int_equal(run(&rule, 1, 64, true), 64 + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_counter_is_exact),
        cmocka_unit_test(several_counters_are_exact),
        cmocka_unit_test(crowd_shares_one_counter_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
