/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan_heard.h"

#include "base/num.h"
#include "gate/call/attempt_events.h"
#include "gate/call/course.h"
#include "gate/call/hedge.h"
#include "gate/call/measure.h"
#include "gate/call/plan_state.h"
#include "gate/call/relay.h"
#include "gate/call/reply.h"
#include "gate/call/spend.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/call/tries.h"
#include "gate/call/upload.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/target.h"

/* --- another attempt --- */

void sl_plan_hedge_stop(struct sl_plan *plan)
{
    struct sl_hedge *hedge = plan->hedge;
    plan->hedge = NULL;
    sl_hedge_stop(hedge);
}

void sl_plan_forget(struct sl_plan *plan)
{
    struct sl_xchg *x = plan->x;
    struct sl_record *record = &x->record;
    sl_xchg_set_state(x, SL_XS_UPSTREAM);
    record->error_type = SL_ERR_NONE;
    record->upstream_request_id = record->upstream_code = SL_STR_NONE;
    record->is_final = false;
    record->usage = SL_USAGE_NONE;
    record->cost_nano = SL_COST_UNKNOWN;
    record->n_events = 0;
    x->is_noted = x->shadow_of != NULL; /* a reply that broke had the id of another response */
}

void sl_plan_note(const struct sl_plan *plan, enum sl_error_type type)
{
    struct sl_xchg *x = plan->x;
    struct sl_record *record = &x->record;
    if (!record->tries) {
        record->tries = sl_arena_alloc(x->arena, sizeof(*record->tries));
        if (!record->tries) {
            return; /* the call is worth more than its list */
        }
        sl_tries_init(record->tries, true);
    }
    struct sl_try *t = sl_tries_add(record->tries, record, x->arena);
    if (t) {
        struct sl_str own = sl_record_error(record);
        t->told = sl_traffic_told(record->target_name, plan->attempt->target, x->arena);
        t->why = record->tries->n == 1 ? SL_TRY_WHY("first") : SL_TRY_WHY("retry");
        t->error_type = type;
        t->error = type == SL_ERR_NONE ? SL_STR_NONE : record->upstream_said.n ? record->upstream_said : own;
        t->end_usec = sl_loop_recent(x->desk->loop);
    }
    record->billed.is_known = false;
}

void sl_plan_again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec)
{
    struct sl_xchg *x = plan->x;
    struct sl_loop *loop = x->desk->loop;
    SL_ASSERT(!plan->relay.is_head_sent);
    if (plan->hedge && !sl_hedge_runs(plan->hedge)) {
        sl_plan_hedge_stop(plan);
    }
    sl_measure_attempt(x, why, sl_loop_now(loop));
    sl_attempt_stop(plan->attempt);
    sl_relay_stop(&plan->relay);
    sl_spent_note(x, why, false, true);
    if (plan->course) {
        sl_timer_remove(loop, &plan->first);
        sl_course_leave(plan->course, why);
        sl_plan_forget(plan);
    } else {
        sl_plan_note(plan, why);
    }
    /* These belong to the failed attempt only. */
    x->record.error_text = x->record.error_inside = x->record.upstream_said = SL_STR_NONE;
    /* Always through the loop: a refused connection must not recurse. */
    sl_timer_set(loop, &plan->backoff, sl_loop_now(loop) + SL_MAX(wait_usec, (uint64_t)1));
}

/* The target refused something that the gateway had added: asks it once more. The policy does not count that. */
static void again_there(struct sl_plan *plan, enum sl_error_type why)
{
    if (plan->course) {
        sl_course_again(plan->course);
    }
    sl_plan_again(plan, why, 0);
}

/* The target refused stream_options, which the gateway had added: asks it once more, without them. A shadow call makes
 * one attempt: it ends here, and the next one goes without them. */
static void again_without_usage(struct sl_plan *plan, enum sl_error_type why)
{
    struct sl_xchg *x = plan->x;
    if (x->shadow_of) {
        struct sl_llm_error error = {
            .type = why,
            .upstream_status = x->record.upstream_status,
            .message = SL_STR("the upstream refused stream_options, which the gateway had added: it is not sent them "
                              "again"),
        };
        sl_attempt_usage_refused(x, plan->attempt->target);
        x->record.error_text = error.message;
        sl_xchg_fail(x, &error);
        return;
    }
    plan->usage_was_refused = true; /* remembered when the next attempt works */
    again_there(plan, why);
}

/* False: a part of the body was freed, so it cannot be sent again. */
static bool has_body(const struct sl_plan *plan)
{
    return !plan->x->upload || sl_upload_can_repeat(plan->x->upload);
}

/* False: the policy allows no other attempt, and the client gets the error. */
static bool try_again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec)
{
    const struct sl_xchg *x = plan->x;
    if (!has_body(plan)) {
        return false;
    }
    struct sl_chance chance = {
        .is_head_sent = plan->relay.is_head_sent,
        .n_retries = plan->n_retries,
        .n_allowed = x->shadow_of ? 0 : x->route->conf.retries,
        .now_usec = sl_loop_now(x->desk->loop),
        .wait_usec = wait_usec,
        .end_usec = sl_course_end_usec(x),
    };
    if (!sl_may_retry(&chance) || !sl_spend(plan->x)) {
        return false;
    }
    plan->n_retries++;
    sl_plan_again(plan, why, wait_usec);
    return true;
}

/* An attempt failed, and nothing was sent to the client. True: another one follows, or is running. */
static bool failed(struct sl_plan *plan, const struct sl_llm_error *error, const struct sl_failed *how)
{
    if (SL_UNLIKELY(plan->hedge)) {
        if (sl_hedge_runs(plan->hedge) && sl_course_yield(plan->course, error, how)) {
            return true;
        }
        sl_plan_hedge_stop(plan);
    }
    struct sl_failed whole = *how;
    whole.may_repeat = how->may_repeat && has_body(plan);
    return sl_course_failed(plan->course, error, &whole);
}

bool sl_plan_on_failing(void *user, struct sl_llm_error *error)
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

/* The target is busy. True: the call does not wait for the reply's body, but asks again, this target or another one. */
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
    sl_plan_again(plan, verdict->why, plan->course->next.wait_usec);
    return true;
}

void sl_plan_obey(struct sl_plan *plan, struct sl_verdict verdict)
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
        if (verdict.is_without_usage) {
            again_without_usage(plan, verdict.why);
        } else {
            sl_plan_again(plan, verdict.why, plan->course ? plan->course->next.wait_usec : verdict.wait_usec);
        }
        break;
    }
}

/* --- events of the attempt --- */

/* True: the provider refuses a fetched credential, which is then fetched anew, once. */
static bool is_stale(const struct sl_plan *plan, int status, const struct sl_headers *headers)
{
    return sl_plan_cred_is_stale(&plan->cred, plan->attempt->target->cred, status, headers) &&
           !plan->relay.is_head_sent && has_body(plan);
}

void sl_plan_on_first(struct sl_timer *timer)
{
    struct sl_plan *plan = SL_CONTAINER_OF(timer, struct sl_plan, first);
    if (plan->x->state == SL_XS_RELAY && plan->relay.is_unsure) {
        const enum sl_error_type type = SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE;
        sl_attempt_stop(plan->attempt);
        sl_plan_obey(plan, sl_relay_fault(&plan->relay, type,
                                          sl_attempt_slow_text(plan->attempt, type,
                                                               SL_STR("the upstream's stream did not begin in time"))));
    }
}

static void first_wait(struct sl_plan *plan)
{
    const struct sl_xchg *x = plan->x;
    const struct sl_attempt *attempt = plan->attempt;
    if (plan->course && x->call->is_stream && x->state == SL_XS_RELAY && plan->relay.is_unsure) {
        /* A local target is sent nothing, and an upstream may answer before it has the whole request. */
        bool is_sent = !attempt->play && attempt->hcall.is_sent;
        uint64_t from = is_sent ? attempt->hcall.sent_usec : x->record.upstream_head_usec;
        sl_timer_set(x->desk->loop, &plan->first, from + sl_attempt_first_byte_usec(attempt));
    }
}

static void on_head(void *user, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_plan *plan = user;
    struct sl_xchg *x = plan->x;
    x->record.upstream_head_usec = sl_loop_now(x->desk->loop);
    x->record.upstream_status = status;
    if (is_stale(plan, status, headers)) {
        sl_plan_cred_refuse(&plan->cred, plan->attempt->target->cred);
        if (!x->shadow_of) { /* which makes one attempt */
            again_there(plan, SL_ERR_PROVIDER_AUTH_FAILED);
            return;
        }
    }
    struct sl_verdict verdict = sl_verdict_of_head(status, headers, x->env->wall_usec);
    if (verdict.kind == SL_VERDICT_AGAIN &&
        (plan->course ? busy_leave(plan, &verdict, headers) : try_again(plan, verdict.why, verdict.wait_usec))) {
        return;
    }
    if (plan->usage_was_refused && status < 300) {
        /* The refusal was about that member: this target is not asked for it again. */
        sl_attempt_usage_refused(x, plan->attempt->target);
    }
    sl_plan_obey(plan, sl_relay_head(&plan->relay, status, headers, length));
    first_wait(plan);
    if (plan->hedge && plan->relay.is_head_sent) {
        sl_plan_hedge_stop(plan); /* the client has its head, so no other attempt can answer */
    }
}

/* Measures the time to the first token, by which targets differ. */
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
            sl_plan_hedge_stop(plan);
        }
        if (plan->course && plan->x->call->is_stream && !plan->x->record.first_byte_usec) {
            first_measure(plan, sl_loop_now(plan->x->desk->loop));
        }
        sl_plan_obey(plan, sl_relay_data(&plan->relay, bytes));
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
        sl_plan_obey(plan, sl_relay_end(&plan->relay, is_until_close));
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
    sl_plan_obey(plan, sl_relay_fault(&plan->relay, type, text));
}

const struct sl_attempt_events sl_plan_events = { on_head, on_data, on_turn, on_end, on_fault };
