/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan.h"

#include "base/num.h"
#include "gate/call/attempt.h"
#include "gate/call/attempt_events.h"
#include "gate/call/course.h"
#include "gate/call/cred_table.h"
#include "gate/call/credential.h"
#include "gate/call/deadline.h"
#include "gate/call/hedge.h"
#include "gate/call/measure.h"
#include "gate/call/relay.h"
#include "gate/call/relay_out.h"
#include "gate/call/reply.h"
#include "gate/call/spend.h"
#include "gate/call/state.h"
#include "gate/call/upload.h"
#include "gate/call/verdict.h"
#include "gate/call/wait.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/repeats.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/cred.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

struct sl_plan {
    struct sl_part part;
    struct sl_xchg *x;
    struct sl_attempt own;
    struct sl_attempt *attempt; /* `own`, or one that was made beside it and won */
    struct sl_relay relay;
    struct sl_timer backoff;
    struct sl_timer deadline; /* the caller's own, where there is one */
    struct sl_timer first;    /* a stream's first event, where another target may do better */
    uint32_t n_retries;       /* of the attempts: those that upstream.retries counts */
    bool usage_was_refused;   /* the next one does not ask for it */
    struct sl_course *course; /* where there are several targets; NULL: there is one */
    struct sl_wait *place;    /* it waits for one at a target */
    struct sl_hedge *hedge;   /* another attempt may be made beside the first, or is; NULL: no longer */

    /* where the target's credential is fetched */
    struct sl_cred cred;
    struct sl_cred_wait *wait; /* it is being fetched */
    uint32_t n_waits;
    bool cred_was_refused; /* one was; another is not asked for */

    /* of the attempt at one of several targets */
    bool is_unsent, is_measured;
};

/* Fetches that one call waits for: the first, one after a refusal, and one that failed meanwhile. */
#define WAITS_MAX 4

static void attempt_begin(struct sl_plan *plan);

/* The first attempt said something, or is over. */
static void hedge_stop(struct sl_plan *plan)
{
    struct sl_hedge *hedge = plan->hedge;
    plan->hedge = NULL;
    sl_hedge_stop(hedge);
}

static void backoff_on_timer(struct sl_timer *timer)
{
    attempt_begin(SL_CONTAINER_OF(timer, struct sl_plan, backoff));
}

static void plan_on_stop(struct sl_part *part)
{
    struct sl_plan *plan = SL_CONTAINER_OF(part, struct sl_plan, part);
    sl_timer_remove(plan->x->desk->loop, &plan->backoff);
    sl_timer_remove(plan->x->desk->loop, &plan->deadline);
    sl_timer_remove(plan->x->desk->loop, &plan->first);
    sl_credential_cancel(plan->wait);
    plan->wait = NULL;
    if (plan->course) {
        sl_wait_stop(plan->place);
        plan->place = NULL;
        hedge_stop(plan);
        sl_attempt_stop(plan->attempt);
        sl_course_leave(plan->course, plan->x->record.error_type);
    }
}

/* Another target may come now: what this one said is not about that. */
static void record_forget(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_record *record = &x->record;
    sl_xchg_set_state(x, SL_XS_UPSTREAM);
    record->error_type = SL_ERR_NONE;
    record->upstream_request_id = record->upstream_code = SL_STR_NONE;
    record->is_final = false;
    record->usage = SL_USAGE_NONE;
}

/* Nothing has left for the client yet. */
static void again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec)
{
    struct sl_xchg *x = plan->x;
    struct sl_loop *loop = x->desk->loop;
    SL_ASSERT(!plan->relay.is_head_sent);
    if (plan->hedge && !sl_hedge_runs(plan->hedge)) {
        hedge_stop(plan);
    }
    sl_measure_attempt(x, why, sl_loop_now(loop));
    x->record.error_text = x->record.error_inside = x->record.upstream_said = SL_STR_NONE; /* of this attempt only */
    sl_attempt_stop(plan->attempt);
    sl_relay_stop(&plan->relay);
    if (plan->course) {
        sl_timer_remove(loop, &plan->first);
        sl_course_leave(plan->course, why);
        record_forget(plan);
    }
    /* Always through the loop: a refused connection must not recurse. */
    sl_timer_set(loop, &plan->backoff, sl_loop_now(loop) + SL_MAX(wait_usec, (uint64_t)1));
}

/* The target refused what is not of the call, but of the gateway: asked once more. The policy does not count that. */
static void again_there(struct sl_plan *plan, enum sl_error_type why)
{
    if (plan->course) {
        sl_course_again(plan->course);
    }
    again(plan, why, 0);
}

/* What was let go of cannot be sent again. */
static bool has_body(const struct sl_plan *plan)
{
    return !plan->x->upload || sl_upload_can_repeat(plan->x->upload);
}

/* False: the policy allows no more, the error is the client's. */
static bool try_again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec)
{
    const struct sl_xchg *x = plan->x;
    if (!has_body(plan)) {
        return false;
    }
    struct sl_chance chance = {
        .is_head_sent = plan->relay.is_head_sent,
        .n_retries = plan->n_retries,
        .n_allowed = x->route->conf.retries,
        .now_usec = sl_loop_now(x->desk->loop),
        .wait_usec = wait_usec,
        .end_usec = sl_course_end_usec(x),
    };
    if (!sl_may_retry(&chance) || !sl_spend(plan->x)) {
        return false;
    }
    plan->n_retries++;
    again(plan, why, wait_usec);
    return true;
}

/* An attempt failed, and nothing went to the client. True: another one follows, or is under way. */
static bool failed(struct sl_plan *plan, const struct sl_llm_error *error, const struct sl_failed *how)
{
    if (SL_UNLIKELY(plan->hedge)) {
        if (sl_hedge_runs(plan->hedge) && sl_course_yield(plan->course, error, how)) {
            return true;
        }
        hedge_stop(plan);
    }
    struct sl_failed whole = *how;
    whole.may_repeat = how->may_repeat && has_body(plan);
    return sl_course_failed(plan->course, error, &whole);
}

/* The relay asks, before it tells the client of an error: is there another way? Then it answers AGAIN. */
static bool on_failing(void *user, struct sl_llm_error *error)
{
    struct sl_plan *plan = user;
    const struct sl_failed how = {
        .may_repeat = plan->is_unsent,
        .rest_usec = sl_course_rest_usec(plan->course, plan->x->env->upstream_headers, error->retry_after_sec),
    };
    bool has_other = failed(plan, error, &how);
    if (!has_other) {
        sl_course_bound_tell(plan->course, error);
    }
    return has_other;
}

/* The target says that it is busy, and its body is not waited for: again there, or at another one? */
static bool busy_leave(struct sl_plan *plan, const struct sl_verdict *verdict, const struct sl_headers *headers)
{
    const struct sl_llm_error error = {
        .type = verdict->why,
        .upstream_status = plan->x->record.upstream_status,
        .message = SL_STR("the upstream is overloaded"),
    };
    const struct sl_failed how = { true, verdict->wait_usec, sl_course_rest_usec(plan->course, headers, 0) };
    if (!failed(plan, &error, &how)) {
        return false;
    }
    again(plan, verdict->why, plan->course->next.wait_usec);
    return true;
}

static void verdict_obey(struct sl_plan *plan, struct sl_verdict verdict)
{
    switch (verdict.kind) {
    case SL_VERDICT_ON:
    case SL_VERDICT_TOLD:
        break;
    case SL_VERDICT_DONE:
        if (plan->course) {
            sl_course_count(plan->course, plan->x->record.error_type);
        }
        sl_xchg_end(plan->x);
        break;
    case SL_VERDICT_AGAIN:
        if (verdict.is_without_usage) { /* remembered when that works */
            plan->usage_was_refused = true;
            again_there(plan, verdict.why);
        } else {
            again(plan, verdict.why, plan->course ? plan->course->next.wait_usec : verdict.wait_usec);
        }
        break;
    }
}

/* --- what the attempt tells --- */

/* A fetched credential that the provider does not take is fetched anew, once. */
static bool is_stale(const struct sl_plan *plan, int status, const struct sl_headers *headers)
{
    const struct sl_cred_source *source = plan->attempt->target->cred;
    if (!source || plan->cred_was_refused || plan->relay.is_head_sent || !has_body(plan)) {
        return false;
    }
    return source->ops->is_refused ? source->ops->is_refused(status, headers) : status == 401;
}

/* Where it is remembered that the target takes no stream_options. */
static atomic_bool *usage_refused(const struct sl_plan *plan)
{
    const struct sl_at *at = &plan->x->at;
    return plan->course ? &at->traffic->targets[plan->course->at.target].usage_refused : &at->route->usage_refused;
}

/* A head alone is no answer: what first_byte says holds until the first event is there. */
static void first_on_timer(struct sl_timer *timer)
{
    struct sl_plan *plan = SL_CONTAINER_OF(timer, struct sl_plan, first);
    if (plan->x->state == SL_XS_RELAY && plan->relay.is_unsure) {
        sl_attempt_stop(plan->attempt);
        verdict_obey(plan, sl_relay_fault(&plan->relay, SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE,
                                          SL_STR("the upstream's stream did not begin in time "
                                                 "(upstream.timeouts.first_byte)")));
    }
}

static void first_wait(struct sl_plan *plan)
{
    const struct sl_xchg *x = plan->x;
    if (plan->course && x->call->is_stream && x->state == SL_XS_RELAY && plan->relay.is_unsure) {
        sl_timer_set(x->desk->loop, &plan->first,
                     plan->attempt->hcall.sent_usec + sl_attempt_first_byte_usec(plan->attempt));
    }
}

static void on_head(void *user, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_plan *plan = user;
    struct sl_xchg *x = plan->x;
    x->record.upstream_head_usec = sl_loop_now(x->desk->loop);
    x->record.upstream_status = status;
    if (is_stale(plan, status, headers)) {
        plan->cred_was_refused = true;
        sl_credential_refused(plan->attempt->target->cred, &plan->cred);
        again_there(plan, SL_ERR_PROVIDER_AUTH_FAILED);
        return;
    }
    struct sl_verdict verdict = sl_verdict_of_head(status, headers, x->env->wall_usec);
    if (verdict.kind == SL_VERDICT_AGAIN &&
        (plan->course ? busy_leave(plan, &verdict, headers) : try_again(plan, verdict.why, verdict.wait_usec))) {
        return;
    }
    if (plan->usage_was_refused && status < 300) {
        /* The refusal was about that member: this target is not asked for it again. */
        atomic_store_explicit(usage_refused(plan), true, memory_order_relaxed);
    }
    verdict_obey(plan, sl_relay_head(&plan->relay, status, headers, length));
    first_wait(plan);
    if (plan->hedge && plan->relay.is_head_sent) {
        hedge_stop(plan); /* the client has its head: nobody else can answer */
    }
}

/* The time to the first token is what one target is faster in than another. */
static void first_measure(struct sl_plan *plan, uint64_t now_usec)
{
    if (plan->x->record.upstream_status < 300 && !plan->is_measured) {
        plan->is_measured = true;
        sl_course_measure(plan->course, now_usec);
    }
}

static void on_data(void *user, struct sl_str bytes)
{
    struct sl_plan *plan = user;
    if (plan->x->state == SL_XS_RELAY) {
        if (SL_UNLIKELY(plan->hedge) && plan->x->record.upstream_status < 300) {
            hedge_stop(plan);
        }
        if (plan->course && plan->x->call->is_stream && !plan->x->record.first_byte_usec) {
            first_measure(plan, sl_loop_now(plan->x->desk->loop));
        }
        verdict_obey(plan, sl_relay_data(&plan->relay, bytes));
    }
}

static void on_turn(void *user)
{
    struct sl_plan *plan = user;
    if (plan->x->state == SL_XS_RELAY && sl_relay_turn(&plan->relay) && !plan->attempt->is_paused) {
        sl_attempt_pause(plan->attempt);
    }
}

static void on_end(void *user, bool is_until_close)
{
    struct sl_plan *plan = user;
    struct sl_xchg *x = plan->x;
    if (x->state == SL_XS_RELAY) {
        x->record.upstream_end_usec = sl_loop_now(x->desk->loop);
        if (plan->course) {
            first_measure(plan, x->record.upstream_end_usec);
        }
        verdict_obey(plan, sl_relay_end(&plan->relay, is_until_close));
    }
}

static void on_fault(void *user, enum sl_error_type type, struct sl_str text, bool is_unsent)
{
    struct sl_plan *plan = user;
    plan->is_unsent = is_unsent;
    if (is_unsent && !plan->course) {
        plan->x->record.error_text = text;
        if (try_again(plan, type, 0)) {
            return;
        }
    }
    verdict_obey(plan, sl_relay_fault(&plan->relay, type, text));
}

static const struct sl_attempt_events events = { on_head, on_data, on_turn, on_end, on_fault };

/* --- the next one --- */

/* The target cannot serve the call: the next one is asked, and this was no attempt. False: *io_error is told. */
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

/* Its credential is there, where it needs a fetched one. */
static void attempt_go(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_llm_error error = { 0 };
    int r = sl_attempt_start(plan->attempt, x, &events, plan, &error);
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

static void credential_on_answer(void *arg);

static void credential_get(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    const struct sl_target *target = plan->attempt->target;
    struct sl_cred_want want = {
        .worker = x->worker,
        .source = target->cred,
        .route = x->at.route,
        .settings = x->settings,
        .arena = x->arena,
        .on_answer = credential_on_answer,
        .arg = plan,
    };
    struct sl_cred_failure failure = { SL_ERR_PROVIDER_TIMEOUT_CONNECT, "no credential came in time" };
    int r = sl_credential_get(&want, &plan->cred, &plan->wait, &failure);
    if (r == SL_E_AGAIN && ++plan->n_waits <= WAITS_MAX) {
        return;
    }
    if (r == SL_E_AGAIN) {
        sl_credential_cancel(plan->wait);
        plan->wait = NULL;
    }
    if (r < 0) {
        struct sl_llm_error error = {
            .type = failure.type,
            .message = SL_STR("the gateway could not fetch its credential for the upstream: the endpoint that gives it "
                              "cannot be reached, or fails"),
        };
        x->record.error_text = sl_arena_dup(x->arena, sl_str_c(failure.text));
        if (plan->course && on_failing(plan, &error)) {
            again(plan, error.type, plan->course->next.wait_usec);
        } else {
            sl_xchg_fail(x, &error);
        }
        return;
    }
    x->env->credential = &plan->cred;
    attempt_go(plan);
}

static void credential_on_answer(void *arg)
{
    struct sl_plan *plan = arg;
    plan->wait = NULL;
    credential_get(plan);
}

static void attempt_at(struct sl_plan *plan);

/* What was learnt of the target before is not about another one. */
static void target_entered(struct sl_plan *plan, const struct sl_target *before)
{
    plan->is_unsent = plan->is_measured = false;
    if (&plan->x->at.route->targets[plan->course->at.target] != before) {
        plan->usage_was_refused = plan->cred_was_refused = false;
        plan->n_waits = 0;
        plan->x->env->credential = NULL;
    }
}

/* It has waited for a place. */
static void place_on_over(void *arg)
{
    struct sl_plan *plan = arg;
    struct sl_xchg *x = plan->x;
    uint32_t target = SL_NO_TARGET;
    enum sl_begun begun = SL_BEGUN_NOT;
    enum sl_waiting state = sl_wait_take(plan->place, &target, &begun);
    sl_wait_stop(plan->place);
    plan->place = NULL;
    if (state == SL_WAITING_GRANTED) {
        sl_course_take(plan->course, target, begun);
        target_entered(plan, x->record.target);
        attempt_at(plan);
    } else {
        struct sl_llm_error error;
        sl_wait_error(x, state, &error);
        sl_measure_no_target(x, &error, sl_loop_now(x->desk->loop));
        sl_xchg_fail(x, &error);
    }
}

/* Which of several it is. False: it waits for a place, or the client was told that there is none. */
static bool target_enter(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_llm_error error = { 0 };
    int r = 0;
    switch (sl_course_enter(plan->course, &error)) {
    case SL_ENTERED:
        target_entered(plan, x->record.target);
        return true;
    case SL_ENTERED_NOT:
        sl_xchg_fail(x, &error);
        return false;
    case SL_ENTERED_WAITS:
        r = sl_wait_start(x, plan->course->passed, place_on_over, plan, &plan->place);
        break;
    }
    if (r == SL_E_LIMIT) {
        sl_wait_full_error(x, &error);
        sl_measure_no_target(x, &error, sl_loop_now(x->desk->loop));
        sl_xchg_fail(x, &error);
    } else if (r < 0) {
        sl_xchg_fail_nomem(x);
    }
    return false;
}

static void relay_begin(struct sl_plan *plan)
{
    const struct sl_attempt *attempt = plan->attempt;
    sl_relay_start(&plan->relay, plan->x, attempt->target, &attempt->request, attempt->asks_usage);
    plan->relay.moves = plan->course ? on_failing : NULL;
    plan->relay.moves_user = plan;
    plan->relay.bond = plan->course && plan->course->bond.sees ? &plan->course->bond : NULL;
}

/* The attempt beside the first one is the only one from now on. */
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
    if (!plan->course->at.is_noted) { /* else it has failed already */
        sl_measure_beaten(x, sl_loop_now(x->desk->loop));
        sl_credential_cancel(plan->wait);
        plan->wait = NULL;
        sl_timer_remove(x->desk->loop, &plan->first);
        sl_attempt_stop(plan->attempt);
        sl_relay_stop(&plan->relay);
        sl_course_beaten(plan->course);
        record_forget(plan);
    }
    hedge_take(plan);
}

static void attempt_begin(struct sl_plan *plan)
{
    sl_xchg_set_state(plan->x, SL_XS_UPSTREAM);
    if (SL_UNLIKELY(plan->hedge)) { /* the first one failed meanwhile */
        if (sl_hedge_runs(plan->hedge)) {
            hedge_take(plan);
            return;
        }
        hedge_stop(plan); /* and this one, too: there is the first one's error */
    }
    if (!plan->course || target_enter(plan)) {
        attempt_at(plan);
    }
}

static void attempt_at(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_record *record = &x->record;
    struct sl_attempt *attempt = plan->attempt;
    uint64_t now = sl_loop_now(x->desk->loop), total = x->route->conf.timeouts.total_usec;
    attempt->timeouts = plan->course ? plan->course->at.timeouts : &x->route->conf.timeouts;
    attempt->target = record->target = &x->at.route->targets[plan->course ? plan->course->at.target : 0];
    record->target_name = plan->course    ? plan->course->at.name
                          : x->at.traffic ? x->at.traffic->targets[0].name
                                          : SL_STR_NONE;
    record->is_away = x->at.route != x->route;
    record->upstream_start_usec = now;
    record->upstream_first_usec = record->n_attempts ? record->upstream_first_usec : now;
    record->n_attempts++;
    x->env->provider = attempt->target->provider->name;
    record->upstream_status = 0;
    record->upstream_head_usec = 0;
    x->env->upstream_headers = NULL;
    uint64_t passed = record->n_attempts > 1 ? now - x->req->body_usec : 0;
    attempt->total_usec = total > passed ? total - passed : 0;
    attempt->total_usec = SL_MIN(attempt->total_usec, attempt->timeouts->total_usec);
    attempt->asks_usage = !plan->usage_was_refused && sl_attempt_asks_usage(x, attempt->target);
    relay_begin(plan);
    if (SL_UNLIKELY(x->at.traffic && x->at.traffic->hedges) && plan->course && record->n_attempts == 1 &&
        !x->upload) { /* what comes in pieces goes up once */
        const struct sl_hedge_owner owner = { plan, &events, on_hedge_won };
        plan->hedge = sl_hedge_arm(plan->course, &owner);
    }
    if (attempt->target->cred) {
        credential_get(plan);
    } else {
        attempt_go(plan);
    }
}

/* Whatever it waits for: an upstream, a credential, a repeat. */
static void deadline_on_timer(struct sl_timer *timer)
{
    struct sl_plan *plan = SL_CONTAINER_OF(timer, struct sl_plan, deadline);
    struct sl_llm_error error;
    sl_deadline_error(plan->x, &error);
    if (plan->relay.is_head_sent) {
        verdict_obey(plan, sl_relay_fault(&plan->relay, error.type, error.message));
    } else {
        plan->x->record.error_text = error.message;
        sl_xchg_fail(plan->x, &error);
    }
}

void sl_plan_start(struct sl_xchg *x)
{
    struct sl_plan *plan = SL_ARENA_NEW(x->arena, struct sl_plan);
    if (!plan) {
        sl_xchg_fail_nomem(x);
        return;
    }
    plan->x = x;
    plan->attempt = &plan->own;
    x->plan = plan;
    sl_timer_init(&plan->backoff, backoff_on_timer);
    sl_timer_init(&plan->deadline, deadline_on_timer);
    sl_timer_init(&plan->first, first_on_timer);
    sl_part_begin(&x->parts, &plan->part, plan_on_stop);
    /* What is passed on raw is for the first target. */
    if (x->route->traffic && (!x->call->passage || x->call->passage->tail)) {
        plan->course = sl_course_new(x);
        if (!plan->course) {
            sl_xchg_fail_nomem(x);
            return;
        }
    }
    if (SL_UNLIKELY(x->deadline_usec)) {
        if (x->deadline_usec <= sl_loop_now(x->desk->loop)) {
            deadline_on_timer(&plan->deadline);
            return;
        }
        sl_timer_set(x->desk->loop, &plan->deadline, x->deadline_usec);
    }
    sl_call_count_add(x->desk->n_calls);
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
    if (x->plan->place) {
        struct sl_llm_error error = { .type = type, .message = text };
        sl_xchg_fail(x, &error);
    } else {
        verdict_obey(x->plan, sl_relay_fault(&x->plan->relay, type, text));
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
