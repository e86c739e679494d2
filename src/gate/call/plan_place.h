/* SPDX-License-Identifier: Apache-2.0 */
/* The place of a call's next attempt at one of several targets: taken at once, or after a wait in the route's queue
 * (gate/call/wait.h). A call that gets none is refused. */
#ifndef SL_GATE_PLAN_PLACE_H
#define SL_GATE_PLAN_PLACE_H

#include <stdbool.h>

#include "llm/core/error.h"

struct sl_course;
struct sl_wait;

struct sl_plan_place {
    struct sl_course *course;
    struct sl_wait *wait;      /* the wait for a place */
    bool is_counting;          /* it has one at another route, whose limits are asked */
    struct sl_llm_error error; /* why there is none; no type: not known yet */
    /* The owner's callback: the course is at a target, after a wait. From the loop. */
    void (*on_got)(void *user);
    void *user;
};

/* True: the course is at a target. False: on_got will be called, or the client was refused. */
SL_MUST bool sl_plan_place_take(struct sl_plan_place *place);
/* Ends the wait. */
void sl_plan_place_stop(struct sl_plan_place *place);

#endif
