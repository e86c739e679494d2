/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan_place.h"

#include "gate/call/course.h"
#include "gate/call/measure.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/call/wait.h"
#include "net/loop.h"

/* No place, also at no other route: the client is refused. */
static void refuse(struct sl_plan_place *place)
{
    struct sl_xchg *x = place->course->x;
    if (place->error.type) {
        sl_measure_no_target(x, &place->error, sl_loop_now(x->desk->loop));
    } else {
        sl_course_none(place->course, &place->error);
    }
    sl_xchg_fail(x, &place->error);
}

/* Goes on to another route. True: the course is at a target. */
static bool beyond(struct sl_plan_place *place)
{
    enum sl_entered entered = sl_course_beyond(place->course);
    place->is_counting = entered == SL_ENTERED_ASKS;
    if (entered == SL_ENTERED_NOT) {
        refuse(place);
    }
    return entered == SL_ENTERED;
}

/* The limits of the other route have decided. */
static void on_counted(void *arg, int r)
{
    struct sl_plan_place *place = arg;
    place->is_counting = false;
    if (r < 0) {
        sl_course_unask(place->course);
    }
    if (r == 0 || beyond(place)) {
        place->on_got(place->user);
    }
}

static void on_over(void *arg)
{
    struct sl_plan_place *place = arg;
    uint32_t target = SL_NO_TARGET;
    enum sl_begun begun = SL_BEGUN_NOT;
    enum sl_waiting state = sl_wait_take(place->wait, &target, &begun);
    sl_plan_place_stop(place);
    if (state == SL_WAITING_GRANTED) {
        sl_course_take(place->course, target, begun);
        place->on_got(place->user);
        return;
    }
    sl_wait_error(place->course->x, state, &place->error);
    if (beyond(place)) {
        place->on_got(place->user);
    }
}

bool sl_plan_place_take(struct sl_plan_place *place)
{
    struct sl_xchg *x = place->course->x;
    int r = 0;
    place->error = (struct sl_llm_error){ 0 };
    place->course->on_counted = on_counted;
    place->course->arg = place;
    switch (sl_course_enter(place->course, &place->error)) {
    case SL_ENTERED:
        return true;
    case SL_ENTERED_NOT:
        sl_xchg_fail(x, &place->error);
        return false;
    case SL_ENTERED_ASKS:
        place->is_counting = true;
        return false;
    case SL_ENTERED_WAITS:
        r = sl_wait_start(x, place->course->passed, on_over, place, &place->wait);
        break;
    }
    if (r == SL_E_LIMIT) {
        sl_wait_full_error(x, &place->error);
        return beyond(place);
    }
    if (r < 0) {
        sl_xchg_fail_nomem(x);
    }
    return false;
}

void sl_plan_place_stop(struct sl_plan_place *place)
{
    sl_wait_stop(place->wait);
    place->wait = NULL;
}
