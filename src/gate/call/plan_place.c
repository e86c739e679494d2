/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan_place.h"

#include "gate/call/course.h"
#include "gate/call/measure.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/call/wait.h"
#include "net/loop.h"

/* The route's queue gave no place. False: no other route has one, and the client was refused. */
static bool beyond_or_refuse(struct sl_plan_place *place, struct sl_llm_error *error)
{
    struct sl_xchg *x = place->course->x;
    if (sl_course_beyond(place->course)) {
        return true;
    }
    sl_measure_no_target(x, error, sl_loop_now(x->desk->loop));
    sl_xchg_fail(x, error);
    return false;
}

static void on_over(void *arg)
{
    struct sl_plan_place *place = arg;
    struct sl_llm_error error;
    uint32_t target = SL_NO_TARGET;
    enum sl_begun begun = SL_BEGUN_NOT;
    enum sl_waiting state = sl_wait_take(place->wait, &target, &begun);
    sl_plan_place_stop(place);
    if (state == SL_WAITING_GRANTED) {
        sl_course_take(place->course, target, begun);
        place->on_got(place->user);
        return;
    }
    sl_wait_error(place->course->x, state, &error);
    if (beyond_or_refuse(place, &error)) {
        place->on_got(place->user);
    }
}

bool sl_plan_place_take(struct sl_plan_place *place)
{
    struct sl_xchg *x = place->course->x;
    struct sl_llm_error error = { 0 };
    int r = 0;
    switch (sl_course_enter(place->course, &error)) {
    case SL_ENTERED:
        return true;
    case SL_ENTERED_NOT:
        sl_xchg_fail(x, &error);
        return false;
    case SL_ENTERED_WAITS:
        r = sl_wait_start(x, place->course->passed, on_over, place, &place->wait);
        break;
    }
    if (r == SL_E_LIMIT) {
        sl_wait_full_error(x, &error);
        return beyond_or_refuse(place, &error);
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
