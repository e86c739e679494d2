/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the cost of one check of the limiter, without contention, in nanoseconds: one line of JSON. */
#include "gate/policy/limit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"

#define CALLS      2000000
#define PRINCIPALS 10000
#define HOUR       (3600 * SL_USEC_PER_SEC)

static char names[PRINCIPALS][24];

static double run(const struct sl_limit_rule *rules, uint32_t n_rules, unsigned n_principals)
{
    struct sl_limiter *limiter = NULL;
    if (sl_limiter_new(SL_LIMIT_USERS_MAX, &limiter) < 0) {
        abort();
    }
    uint64_t wall = sl_clock_wall_usec();
    double best = 0;
    for (int round = 0; round < 5; round++) {
        uint64_t start = sl_clock_usec();
        for (unsigned i = 0; i < CALLS / 5; i++) {
            struct sl_limit_subject subject = { SL_STR("chat-production"), 0, sl_str_c(names[i % n_principals]) };
            struct sl_limit_view view;
            if (sl_limiter_take(limiter, &subject, rules, n_rules, wall, &view) < 0) {
                abort();
            }
        }
        double nsec = (double)(sl_clock_usec() - start) * 1000 / (CALLS / 5);
        best = round == 0 || nsec < best ? nsec : best;
    }
    sl_limiter_free(limiter);
    return best;
}

int main(void)
{
    for (unsigned i = 0; i < PRINCIPALS; i++) {
        snprintf(names[i], sizeof(names[i]), "203.0.%u.%u", i / 256, i % 256);
    }
    const struct sl_limit_rule rules[] = {
        { UINT64_MAX, HOUR, SL_LIMIT_USER, 1, "hour" },
        { UINT64_MAX, 24 * HOUR, SL_LIMIT_ROUTE, 1, "day" },
        { UINT64_MAX, 60 * SL_USEC_PER_SEC, SL_LIMIT_USER, 1, "minute" },
    };
    const struct sl_limit_rule none = { 1, HOUR, SL_LIMIT_USER, 1, "hour" };
    double one = run(rules, 1, 1);
    double many = run(rules, 1, PRINCIPALS);
    double three = run(rules, 3, PRINCIPALS);
    double refused = run(&none, 1, 1);
    printf("{\"one_ns\":%.1f,\"one_of_10000_ns\":%.1f,\"three_rules_ns\":%.1f,\"refused_ns\":%.1f}\n", one, many, three,
           refused);
    return 0;
}
