/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with limits of requests, for tests of the limiter. */
#ifndef SL_TEST_LIMIT_HELP_H
#define SL_TEST_LIMIT_HELP_H

#include "gate/policy/limit.h"
#include "gate/policy/limit_table.h"

/* A rule of requests. */
#define REQUESTS(cap_, period_, key_, multiple_, unit_)                                                  \
    {                                                                                                    \
        .cap = (cap_), .period_usec = (period_), .key = (key_), .multiple = (multiple_), .unit = (unit_) \
    }

/* A call of one owner; `call` points into itself. */
struct one_call {
    struct sl_limits limits;
    const struct sl_limits *owners[1];
    struct sl_limit_call call;
};

static inline void one_call_make(struct one_call *one, const char *route, uint64_t incarnation, const char *principal,
                                 const struct sl_limit_rule *rules, uint32_t n)
{
    sl_limits_init(&one->limits, SL_LIMIT_OF_ROUTE, sl_str_c(route), incarnation, rules, n);
    one->owners[0] = &one->limits;
    one->call = (struct sl_limit_call){
        .principal = sl_str_c(principal),
        .owners = one->owners,
        .n_owners = 1,
        .amounts = { [SL_LIMIT_REQUESTS] = 1, [SL_LIMIT_CONCURRENT] = 1 },
    };
}

/* The limit that a client would be told of. */
static inline struct sl_limit_shown told(const struct sl_limit_view *view)
{
    return view->is_refused ? view->refusing : view->requests;
}

#endif
