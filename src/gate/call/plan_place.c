/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan_place.h"

#include "gate/call/course.h"
#include "gate/call/measure.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/call/wait.h"
#include "net/loop.h"

/* The route's own words for a place that there is not. */
static void refuse(struct sl_xchg *x, struct sl_llm_error *error)
{
    sl_measure_no_target(x, error, sl_loop_now(x->desk->loop));
    sl_xchg_fail(x, error);
}

static void on_over(void *arg)
{
    struct sl_plan_place *place = arg;
    struct sl_xchg *x = place->course->x;
    uint32_t target = SL_NO_TARGET;
    enum sl_begun begun = SL_BEGUN_NOT;
    enum sl_waiting state = sl_wait_take(place->wait, &target, &begun);
    sl_plan_place_stop(place);
    if (state == SL_WAITING_GRANTED) {
        sl_course_take(place->course, target, begun);
        place->on_got(place->user);
    } else {
        struct sl_llm_error error;
        sl_wait_error(x, state, &error);
        refuse(x, &error);
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
        refuse(x, &error);
    } else if (r < 0) {
        sl_xchg_fail_nomem(x);
    }
    return false;
}

void sl_plan_place_stop(struct sl_plan_place *place)
{
    sl_wait_stop(place->wait);
    place->wait = NULL;
}
