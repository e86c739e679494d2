/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a call's plan, for plan.c and plan_heard.c only. On the exchange's arena. */
#ifndef SL_GATE_PLAN_STATE_H
#define SL_GATE_PLAN_STATE_H

#include "gate/call/attempt.h"
#include "gate/call/part.h"
#include "gate/call/plan_cred.h"
#include "gate/call/plan_place.h"
#include "gate/call/relay_out.h"
#include "net/loop.h"

struct sl_course;
struct sl_hedge;

struct sl_plan {
    struct sl_part part;
    struct sl_xchg *x;
    struct sl_attempt own;
    struct sl_attempt *attempt; /* `own`, or the hedge's after it won */
    struct sl_timer backoff;
    struct sl_timer deadline;   /* the caller's own, if there is one */
    struct sl_timer first;      /* for a stream's first event, if another target may answer sooner */
    uint32_t n_retries;         /* attempts that upstream.retries counts */
    bool usage_was_refused;     /* the next attempt does not ask for usage */
    struct sl_plan_cred cred;   /* for a target that needs a fetched one */
    struct sl_course *course;   /* NULL: the route has one target */
    struct sl_plan_place place; /* at one of several targets */
    struct sl_hedge *hedge;     /* a hedge may be made, or runs; NULL: no more */

    /* Of the attempt at one of several targets. */
    bool is_unsent, is_measured;

    /* Last, because it is large and begins anew with each attempt. */
    struct sl_relay relay;
};

#endif
