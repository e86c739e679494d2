/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the cost of one decision about a route's targets, without contention, in nanoseconds: one line of JSON. A
 * decision is the pick, its begin and its end. Some of the targets take no calls, and all others have running calls. */
#include "gate/policy/pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"

#define ROUNDS  300 /* short rounds: the best one was not disturbed */
#define N_MAX   1000
#define RUNNING 3 /* calls at each target */

static struct sl_target_rule rules[N_MAX];

static void pool_fill(struct sl_pool *pool, uint32_t n, uint64_t now)
{
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < RUNNING; k++) {
            if (sl_pool_begin(pool, i, now) != SL_BEGUN) {
                abort();
            }
        }
        sl_pool_measure(pool, i, false, 1000 + i * 7919 % 1000, now);
        if (i % 7 == 3) {
            sl_pool_rest(pool, i, SL_REST_MAX_USEC, now);
        }
    }
}

static double run(enum sl_balance balance, uint32_t n, uint32_t n_tried)
{
    const struct sl_breaker_rule breaker = { 5, 50, 30 * SL_USEC_PER_SEC, 30 * SL_USEC_PER_SEC };
    uint64_t passed[SL_POOL_WORDS(N_MAX)] = { 0 }, now = 1000 * SL_USEC_PER_SEC;
    struct sl_rng rng = { { 7, 9 } };
    struct sl_arena arena;
    struct sl_pool pool;
    double best = 0;
    sl_arena_init(&arena, NULL);
    if (sl_pool_init(&pool, balance, &breaker, rules, n, &arena) < 0) {
        abort();
    }
    pool_fill(&pool, n, now);
    for (uint32_t i = 0; i < n_tried; i++) {
        sl_ask_pass(passed, i);
    }
    uint32_t calls = n > 100 ? 500 : 10000;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = sl_clock_usec();
        for (uint32_t i = 0; i < calls; i++) {
            const struct sl_ask ask = { passed, now++, sl_rng_next(&rng), false };
            uint32_t target = sl_pool_pick(&pool, &ask);
            enum sl_begun begun = target == SL_NO_TARGET ? SL_BEGUN_NOT : sl_pool_begin(&pool, target, now);
            if (begun == SL_BEGUN_NOT) {
                abort();
            }
            sl_pool_end(&pool, target, begun, SL_OUTCOME_GOOD, now);
        }
        double nsec = (double)(sl_clock_usec() - start) * 1000 / calls;
        best = round == 0 || nsec < best ? nsec : best;
    }
    sl_pool_done(&pool);
    sl_arena_done(&arena);
    return best;
}

int main(void)
{
    static const char *const names[] = { "weighted", "least_busy", "fastest", "ordered", "cheapest" };
    static const uint32_t sizes[] = { 2, 10, 1000 };
    for (uint32_t i = 0; i < N_MAX; i++) {
        rules[i] = (struct sl_target_rule){ .weight = 1 + i % 5, .place = i };
    }
    for (size_t k = 0; k < SL_ARRAY_LEN(sizes); k++) {
        double worst = 0;
        for (unsigned balance = 0; balance < SL_ARRAY_LEN(names); balance++) {
            double nsec = run((enum sl_balance)balance, sizes[k], 0);
            double again = run((enum sl_balance)balance, sizes[k], 1); /* after a target that failed */
            printf("%s\"%s_%u_ns\":%.1f", balance || k ? "," : "{", names[balance], sizes[k], nsec);
            worst = SL_MAX(worst, SL_MAX(nsec, again));
        }
        printf(",\"worst_%u_ns\":%.1f", sizes[k], worst);
    }
    puts("}");
    return 0;
}
