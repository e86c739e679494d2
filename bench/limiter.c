/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what the limits of one call cost, without contention, in nanoseconds: one line of JSON. A call is taken and
 * settled; each time is for both. */
#include "gate/policy/limit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/policy/limit_table.h"

#define CALLS      2000000
#define PRINCIPALS 10000
#define OWNERS_MAX 3
#define CROWD      10000000
#define HOUR       (3600 * SL_USEC_PER_SEC)

static char names[PRINCIPALS][24];

struct owner {
    enum sl_limit_owner kind;
    const char *name;
    const struct sl_limit_rule *rules;
    uint32_t n_rules;
};

static double run(const struct owner *owners, uint32_t n_owners, unsigned n_principals)
{
    struct sl_limiter *limiter = NULL;
    struct sl_limits limits[OWNERS_MAX];
    const struct sl_limits *asked[OWNERS_MAX];
    static const uint64_t used[SL_LIMIT_KINDS] = { 1, 300, 200, 100, 2000000, 1 };
    if (sl_limiter_new(131072, &limiter) < 0) {
        abort();
    }
    for (uint32_t i = 0; i < n_owners; i++) {
        sl_limits_init(&limits[i], owners[i].kind, sl_str_c(owners[i].name), 0, owners[i].rules, owners[i].n_rules);
        asked[i] = &limits[i];
    }
    uint64_t wall = sl_clock_wall_usec();
    double best = 0;
    for (int round = 0; round < 5; round++) {
        uint64_t start = sl_clock_usec();
        for (unsigned i = 0; i < CALLS / 5; i++) {
            const struct sl_limit_call call = {
                .principal = sl_str_c(names[i % n_principals]),
                .owners = asked,
                .n_owners = n_owners,
                .amounts = { 1, 4500, 404, 4096, 30000000, 1 },
            };
            struct sl_limit_held held[OWNERS_MAX * SL_LIMIT_RULES_MAX];
            struct sl_limit_view view;
            uint32_t n_held;
            if (sl_limiter_take(limiter, &call, wall, held, &n_held, &view) < 0) {
                abort();
            }
            if (n_held) {
                sl_limiter_settle(limiter, held, n_held, used);
            }
        }
        double nsec = (double)(sl_clock_usec() - start) * 1000 / (CALLS / 5);
        best = round == 0 || nsec < best ? nsec : best;
    }
    sl_limiter_free(limiter);
    return best;
}

#define RULE(cap_, kind_, period_, key_)                                                                       \
    {                                                                                                          \
        .cap = (cap_), .kind = (kind_), .period_usec = (period_), .key = (key_), .multiple = 1, .unit = "hour" \
    }

/* --- ten million callers of one group, each with tokens and money of its own --- */

struct crowd {
    double nsec;
    uint64_t n_counted; /* callers that have counters; all others were refused */
    double mib;
};

/* No counter is shared and none is dropped: whoever was counted has used exactly its own at the end. */
static void crowd_run(const struct sl_limit_rule *rules, uint32_t n_rules, struct crowd *ret)
{
    static unsigned char is_in[CROWD / 8 + 1];
    static const uint64_t used[SL_LIMIT_KINDS] = { 1, 300, 200, 100, 2000000, 1 };
    struct sl_limiter *limiter = NULL;
    struct sl_limits limits;
    const struct sl_limits *owners[] = { &limits };
    uint64_t wall = sl_clock_wall_usec(), start = sl_clock_usec();
    size_t before = mallinfo2().uordblks;
    char name[32];
    if (sl_limiter_new(131072, &limiter) < 0) {
        abort();
    }
    sl_limits_init(&limits, SL_LIMIT_OF_GROUP, SL_STR("acme"), 0, rules, n_rules);
    for (unsigned i = 0; i < CROWD; i++) {
        struct sl_limit_held held[SL_LIMIT_RULES_MAX];
        struct sl_limit_view view;
        uint32_t n_held;
        const struct sl_limit_call call = {
            .principal = sl_str_make(name, (size_t)snprintf(name, sizeof(name), "acme/user-%u", i)),
            .tenant = SL_STR("acme"),
            .owners = owners,
            .n_owners = 1,
            .amounts = { 1, 4500, 404, 4096, 30000000, 1 },
        };
        if (sl_limiter_take(limiter, &call, wall, held, &n_held, &view) < 0) {
            abort();
        }
        if (!view.is_refused) {
            is_in[i / 8] |= (unsigned char)(1u << i % 8);
            ret->n_counted++;
            sl_limiter_settle(limiter, held, n_held, used);
        }
    }
    ret->nsec = (double)(sl_clock_usec() - start) * 1000 / CROWD;
    ret->mib = (double)(mallinfo2().uordblks - before) / (1 << 20);
    for (unsigned i = 0; i < CROWD; i++) {
        struct sl_str who = sl_str_make(name, (size_t)snprintf(name, sizeof(name), "acme/user-%u", i));
        struct sl_limit_look look;
        sl_limiter_look(limiter, &limits, &rules[0], who, wall, &look);
        if (look.used != (is_in[i / 8] >> i % 8 & 1 ? used[rules[0].kind] : 0)) {
            fprintf(stderr, "%s: used %llu\n", name, (unsigned long long)look.used);
            exit(1);
        }
    }
    sl_limiter_free(limiter);
}

int main(void)
{
    for (unsigned i = 0; i < PRINCIPALS; i++) {
        snprintf(names[i], sizeof(names[i]), "203.0.%u.%u", i / 256, i % 256);
    }
    static const struct sl_limit_rule requests[] = {
        RULE(UINT64_MAX, SL_LIMIT_REQUESTS, HOUR, SL_LIMIT_USER),
        RULE(UINT64_MAX, SL_LIMIT_REQUESTS, 24 * HOUR, SL_LIMIT_WHOLE),
        RULE(UINT64_MAX, SL_LIMIT_REQUESTS, 60 * SL_USEC_PER_SEC, SL_LIMIT_USER),
    };
    static const struct sl_limit_rule none[] = { RULE(1, SL_LIMIT_REQUESTS, HOUR, SL_LIMIT_USER) };
    static const struct sl_limit_rule all[] = {
        RULE(UINT64_MAX, SL_LIMIT_REQUESTS, 60 * SL_USEC_PER_SEC, SL_LIMIT_WHOLE),
        RULE(UINT64_MAX, SL_LIMIT_TOKENS, 24 * HOUR, SL_LIMIT_WHOLE),
        RULE(UINT64_MAX, SL_LIMIT_MONEY, 720 * HOUR, SL_LIMIT_WHOLE),
    };
    static const struct sl_limit_rule each[] = {
        RULE(UINT64_MAX, SL_LIMIT_REQUESTS, 60 * SL_USEC_PER_SEC, SL_LIMIT_USER),
        RULE(UINT64_MAX, SL_LIMIT_TOKENS, 24 * HOUR, SL_LIMIT_USER),
        RULE(UINT64_MAX, SL_LIMIT_MONEY, 720 * HOUR, SL_LIMIT_USER),
    };
    const struct owner one_owner = { SL_LIMIT_OF_ROUTE, "chat-production", requests, 1 };
    const struct owner three_owner = { SL_LIMIT_OF_ROUTE, "chat-production", requests, 3 };
    const struct owner none_owner = { SL_LIMIT_OF_ROUTE, "chat-production", none, 1 };
    const struct owner nine[] = { { SL_LIMIT_OF_ROUTE, "chat-production", all, 3 },
                                  { SL_LIMIT_OF_KEY, "key-104", all, 3 },
                                  { SL_LIMIT_OF_GROUP, "acme/search", all, 3 } };
    const struct owner nine_each[] = { { SL_LIMIT_OF_ROUTE, "chat-production", each, 3 },
                                       { SL_LIMIT_OF_KEY, "key-104", all, 3 },
                                       { SL_LIMIT_OF_GROUP, "acme/search", all, 3 } };
    struct crowd crowd = { 0 };
    crowd_run(&each[1], 2, &crowd);
    printf("{\"crowd_ns\":%.1f,\"crowd_counted\":%llu,\"crowd_mib\":%.1f,", crowd.nsec,
           (unsigned long long)crowd.n_counted, crowd.mib);
    printf("\"one_ns\":%.1f,\"one_of_10000_ns\":%.1f,\"three_rules_ns\":%.1f,\"refused_ns\":%.1f,\"all_nine_ns\":%.1f,"
           "\"all_nine_of_10000_ns\":%.1f}\n",
           run(&one_owner, 1, 1), run(&one_owner, 1, PRINCIPALS), run(&three_owner, 1, PRINCIPALS),
           run(&none_owner, 1, 1), run(nine, 3, 1), run(nine_each, 3, PRINCIPALS));
    return 0;
}
