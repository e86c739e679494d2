/* SPDX-License-Identifier: Apache-2.0 */
/* A call's plan, as plan.c and plan_heard.c know it. Private to them. It lies on the exchange's arena. */
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
    struct sl_attempt *attempt; /* `own`, or one that was made beside it and won */
    struct sl_relay relay;
    struct sl_timer backoff;
    struct sl_timer deadline;   /* the caller's own, where there is one */
    struct sl_timer first;      /* a stream's first event, where another target may do better */
    uint32_t n_retries;         /* of the attempts: those that upstream.retries counts */
    bool usage_was_refused;     /* the next one does not ask for it */
    struct sl_plan_cred cred;   /* where the target's is fetched */
    struct sl_course *course;   /* where there are several targets; NULL: there is one */
    struct sl_plan_place place; /* at one of those */
    struct sl_hedge *hedge;     /* another attempt may be made beside the first, or is; NULL: no longer */

    /* of the attempt at one of several targets */
    bool is_unsent, is_measured;
};

#endif
