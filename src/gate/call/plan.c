/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan.h"

#include "gate/call/attempt.h"
#include "gate/call/course.h"
#include "gate/call/deadline.h"
#include "gate/call/detour.h"
#include "gate/call/hedge.h"
#include "gate/call/measure.h"
#include "gate/call/plan_heard.h"
#include "gate/call/plan_state.h"
#include "gate/call/relay.h"
#include "gate/call/relay_out.h"
#include "gate/call/reply.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/retry_budget.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

/* --- one attempt --- */

/* The target cannot serve the call, so the next one is asked; this was no attempt. False: *io_error is the error for
 * the client. */
static bool target_pass(struct sl_plan *plan, struct sl_llm_error *io_error)
{
    struct sl_xchg *x = plan->x;
    sl_attempt_stop(plan->attempt);
    x->record.n_attempts--;
    if (!sl_course_pass(plan->course, io_error)) {
        return false;
    }
    sl_relay_stop(&plan->relay);
    sl_timer_set(x->desk->loop, &plan->backoff, sl_loop_now(x->desk->loop) + 1);
    return true;
}

/* Starts the attempt; the credential is there, if the target needs a fetched one. */
static void attempt_go(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_llm_error error = { 0 };
    int r = sl_attempt_start(plan->attempt, x, &sl_plan_events, plan, &error);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r < 0) {
        if (!error.type) {
            error.type = SL_ERR_CALLER_INVALID_REQUEST;
            error.message = SL_STR("The request cannot be expressed for this provider.");
        }
        if (!plan->course || !target_pass(plan, &error)) {
            sl_xchg_fail(x, &error);
        }
    }
}

static void credential_get(void *arg)
{
    struct sl_plan *plan = arg;
    struct sl_llm_error error = { 0 };
    int r = sl_plan_cred_get(&plan->cred, plan->x, plan->attempt->target->cred, &error);
    if (r == 0) {
        attempt_go(plan);
    } else if (r != SL_E_AGAIN) {
        if (plan->course && sl_plan_on_failing(plan, &error)) {
            sl_plan_again(plan, error.type, plan->course->next.wait_usec);
        } else {
            sl_xchg_fail(plan->x, &error);
        }
    }
}

/* Resets what was learnt of the target before. */
static void target_entered(struct sl_plan *plan, const struct sl_target *before)
{
    plan->is_unsent = plan->is_measured = false;
    if (&plan->x->at.route->targets[plan->course->at.target] != before) {
        plan->usage_was_refused = false;
        sl_plan_cred_forget(&plan->cred, plan->x);
    }
}

static void relay_begin(struct sl_plan *plan)
{
    const struct sl_attempt *attempt = plan->attempt;
    sl_relay_start(&plan->relay, plan->x, attempt->target, &attempt->request, attempt->asks_usage);
    plan->relay.moves = plan->course ? sl_plan_on_failing : NULL;
    plan->relay.moves_user = plan;
    plan->relay.bond = plan->course && plan->course->bond.sees ? &plan->course->bond : NULL;
}

/* The hedge becomes the only attempt. */
static void hedge_take(struct sl_plan *plan)
{
    struct sl_hedge *hedge = plan->hedge;
    plan->hedge = NULL;
    sl_timer_clear(&plan->backoff);
    plan->attempt = sl_hedge_take(hedge);
    sl_course_hedged(plan->course);
    target_entered(plan, NULL);
    relay_begin(plan);
    sl_hedge_tell(hedge);
}

static void on_hedge_won(void *user)
{
    struct sl_plan *plan = user;
    struct sl_xchg *x = plan->x;
    if (!plan->course->at.is_noted) { /* otherwise it has failed already */
        sl_measure_beaten(x, sl_loop_now(x->desk->loop));
        sl_plan_cred_cancel(&plan->cred);
        sl_timer_remove(x->desk->loop, &plan->first);
        sl_attempt_stop(plan->attempt);
        sl_relay_stop(&plan->relay);
        sl_spent_note(x, SL_ERR_NONE, true, true);
        sl_course_beaten(plan->course);
        sl_plan_forget(plan);
    }
    hedge_take(plan);
}

static void attempt_at(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_record *record = &x->record;
    struct sl_attempt *attempt = plan->attempt;
    uint64_t now = sl_loop_now(x->desk->loop);
    attempt->timeouts = plan->course ? plan->course->at.timeouts : &x->route->conf.timeouts;
    attempt->target = record->target = &x->at.route->targets[plan->course ? plan->course->at.target : 0];
    record->target_name = plan->course   ? plan->course->at.name
                          : x->shadow_of ? sl_detour_name(x, 0)
                                         : sl_route_target_name(x->at.route, 0);
    record->is_away = x->at.route != x->route;
    record->upstream_start_usec = now;
    record->upstream_first_usec = record->n_attempts ? record->upstream_first_usec : now;
    record->n_attempts++;
    x->env->provider = attempt->target->provider->name;
    record->upstream_status = 0;
    record->upstream_head_usec = 0;
    record->connect_start_usec = record->connected_usec = record->sent_usec = 0;
    x->env->upstream_headers = NULL;
    attempt->total_usec = SL_MIN(sl_course_left_usec(x, now), attempt->timeouts->total_usec);
    attempt->asks_usage = !plan->usage_was_refused && sl_attempt_asks_usage(x, attempt->target);
    relay_begin(plan);
    if (SL_UNLIKELY(x->at.traffic && x->at.traffic->hedges) && plan->course && record->n_attempts == 1 && !x->upload &&
        !x->shadow_of) { /* an upload that comes in pieces can be sent only once */
        const struct sl_hedge_owner owner = { plan, &sl_plan_events, on_hedge_won };
        plan->hedge = sl_hedge_arm(plan->course, &owner);
    }
    if (attempt->target->cred) {
        credential_get(plan);
    } else {
        attempt_go(plan);
    }
}

/* --- the next attempt --- */

static void place_on_got(void *arg)
{
    struct sl_plan *plan = arg;
    target_entered(plan, plan->x->record.target);
    attempt_at(plan);
}

static void attempt_begin(struct sl_plan *plan)
{
    sl_xchg_set_state(plan->x, SL_XS_UPSTREAM);
    if (SL_UNLIKELY(plan->hedge)) { /* the first attempt failed meanwhile */
        if (sl_hedge_runs(plan->hedge)) {
            hedge_take(plan);
            return;
        }
        sl_plan_hedge_stop(plan); /* the hedge failed, too: the first one's error is sent */
    }
    if (!plan->course) {
        attempt_at(plan);
    } else if (sl_plan_place_take(&plan->place)) {
        place_on_got(plan);
    }
}

static void backoff_on_timer(struct sl_timer *timer)
{
    attempt_begin(SL_CONTAINER_OF(timer, struct sl_plan, backoff));
}

/* Ends the call, whatever it waits for: an upstream, a credential, a repeat. */
static void deadline_on_timer(struct sl_timer *timer)
{
    struct sl_plan *plan = SL_CONTAINER_OF(timer, struct sl_plan, deadline);
    struct sl_llm_error error;
    sl_deadline_error(plan->x, &error);
    if (plan->relay.is_head_sent) {
        sl_plan_obey(plan, sl_relay_fault(&plan->relay, error.type, error.message));
    } else {
        plan->x->record.error_text = error.message;
        sl_xchg_fail(plan->x, &error);
    }
}

/* --- start and end --- */

static void plan_on_stop(struct sl_part *part)
{
    struct sl_plan *plan = SL_CONTAINER_OF(part, struct sl_plan, part);
    sl_timer_remove(plan->x->desk->loop, &plan->backoff);
    sl_timer_remove(plan->x->desk->loop, &plan->deadline);
    sl_timer_remove(plan->x->desk->loop, &plan->first);
    sl_plan_cred_cancel(&plan->cred);
    if (plan->course) {
        sl_plan_place_stop(&plan->place);
        sl_plan_hedge_stop(plan);
        sl_attempt_stop(plan->attempt);
        sl_course_leave(plan->course, plan->x->record.error_type);
    } else if (SL_UNLIKELY(plan->x->record.tries || plan->x->record.is_estimated)) {
        sl_plan_note(plan, plan->x->record.error_type);
    }
}

static void on_over(struct sl_xchg *x)
{
    struct sl_plan *plan = x->plan;
    sl_plan_hedge_stop(plan);
    sl_attempt_time(plan->attempt);
}

void sl_plan_start(struct sl_xchg *x)
{
    struct sl_plan *plan = sl_arena_alloc(x->arena, sizeof(*plan));
    if (!plan) {
        sl_xchg_fail_nomem(x);
        return;
    }
    memset(plan, 0, offsetof(struct sl_plan, relay));
    sl_relay_init(&plan->relay);
    plan->x = x;
    plan->attempt = &plan->own;
    x->plan = plan;
    x->on_over = on_over;
    plan->cred.on_answer = credential_get;
    plan->cred.user = plan;
    sl_timer_init(&plan->backoff, backoff_on_timer);
    sl_timer_init(&plan->deadline, deadline_on_timer);
    sl_timer_init(&plan->first, sl_plan_on_first);
    sl_part_begin(&x->parts, &plan->part, plan_on_stop);
    /* A call of the raw passage goes to the first target only. */
    if (x->route->traffic && (!x->call->passage || x->call->passage->tail)) {
        plan->course = sl_course_new(x);
        if (!plan->course) {
            sl_xchg_fail_nomem(x);
            return;
        }
        plan->place = (struct sl_plan_place){ .course = plan->course, .on_got = place_on_got, .user = plan };
    }
    if (SL_UNLIKELY(x->deadline_usec)) {
        if (x->deadline_usec <= sl_loop_now(x->desk->loop)) {
            deadline_on_timer(&plan->deadline);
            return;
        }
        sl_timer_set(x->desk->loop, &plan->deadline, x->deadline_usec);
    }
    if (!x->shadow_of) { /* calls of clients let the retry budget grow */
        sl_call_count_add(x->desk->n_calls);
    }
    attempt_begin(plan);
}

/* --- from the client's side --- */

void sl_plan_resume(struct sl_xchg *x)
{
    if (x->plan && x->plan->attempt->is_paused) {
        sl_attempt_resume(x->plan->attempt);
    }
}

bool sl_plan_is_said(struct sl_xchg *x)
{
    return x->state == SL_XS_RELAY && sl_relay_is_said(&x->plan->relay);
}

void sl_plan_break(struct sl_xchg *x, enum sl_error_type type, struct sl_str text)
{
    if (x->plan->place.wait || x->plan->place.is_counting) {
        struct sl_llm_error error = { .type = type, .message = text };
        sl_xchg_fail(x, &error);
    } else {
        sl_plan_obey(x->plan, sl_relay_fault(&x->plan->relay, type, text));
    }
}

void sl_plan_refuse(struct sl_xchg *x, struct sl_llm_error *error)
{
    if (x->plan->relay.is_head_sent) {
        sl_plan_break(x, error->type, error->message);
    } else {
        sl_xchg_fail(x, error);
    }
}
