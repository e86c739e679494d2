/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/hedge.h"

#include "base/budget.h"
#include "gate/call/attempt.h"
#include "gate/call/attempt_events.h"
#include "gate/call/course.h"
#include "gate/call/measure.h"
#include "gate/call/spend.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/hedge.h"
#include "gate/policy/queue.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

/* The state that the exchange keeps of one attempt. It has room for one at a time. */
struct side {
    const struct sl_target *target;
    struct sl_trace_try *try;
    uint64_t start_usec, head_usec, end_usec, connect_start_usec, connected_usec, sent_usec;
    struct sl_str dropped, error_text;
    uint32_t lost;
    int status;
    const struct sl_form_aliases *aliases;
    bool is_wrapped;
    const char *provider;
    const struct sl_cred *credential;
    const struct sl_headers *upstream_headers;
    struct sl_course_at at;
};

struct sl_hedge {
    struct sl_xchg *x;
    struct sl_course *course;
    struct sl_hedge_owner owner;
    struct sl_timer timer;
    struct sl_attempt attempt;
    struct sl_upstream_timeouts timeouts;
    struct side side; /* the hedge's, while the exchange has that of the other attempt */
    bool is_running, is_taken;
    bool has_head;
    int status;
    struct sl_headers headers;
    int64_t length;
    uint64_t head_usec;
    char *said; /* the refusal's body, if it may be about stream_options, which the gateway had added; else NULL */
    size_t n_said;
};

/* A longer body is no such refusal. */
#define SAID_MAX 4096

/* Exchanges the states: the exchange now has that of the other attempt. */
static void side_swap(struct sl_hedge *hedge)
{
    struct sl_xchg *x = hedge->x;
    struct sl_record *record = &x->record;
    const struct side side = hedge->side;
    hedge->side = (struct side){
        .target = record->target,
        .try = record->try,
        .start_usec = record->upstream_start_usec,
        .head_usec = record->upstream_head_usec,
        .end_usec = record->upstream_end_usec,
        .connect_start_usec = record->connect_start_usec,
        .connected_usec = record->connected_usec,
        .sent_usec = record->sent_usec,
        .dropped = record->dropped,
        .error_text = record->error_text,
        .lost = record->lost,
        .status = record->upstream_status,
        .aliases = x->call->aliases,
        .is_wrapped = x->call->is_wrapped,
        .provider = x->env->provider,
        .credential = x->env->credential,
        .upstream_headers = x->env->upstream_headers,
        .at = hedge->course->at,
    };
    record->target = side.target;
    record->try = side.try;
    record->upstream_start_usec = side.start_usec;
    record->upstream_head_usec = side.head_usec;
    record->upstream_end_usec = side.end_usec;
    record->connect_start_usec = side.connect_start_usec;
    record->connected_usec = side.connected_usec;
    record->sent_usec = side.sent_usec;
    record->dropped = side.dropped;
    record->error_text = side.error_text;
    record->lost = side.lost;
    record->upstream_status = side.status;
    x->call->aliases = side.aliases;
    x->call->is_wrapped = side.is_wrapped;
    x->env->provider = side.provider;
    x->env->credential = side.credential;
    x->env->upstream_headers = side.upstream_headers;
    hedge->course->at = side.at;
    record->target_name = side.at.name;
}

/* --- end of the hedge --- */

/* `text` describes the failure; p == NULL: nothing does. */
static void on_end_of(struct sl_hedge *hedge, enum sl_error_type type, struct sl_str text, bool is_beaten)
{
    struct sl_xchg *x = hedge->x;
    hedge->is_running = false;
    side_swap(hedge);
    x->record.error_text = text;
    x->record.upstream_head_usec = hedge->head_usec;
    x->record.upstream_status = hedge->status;
    if (is_beaten) {
        sl_measure_beaten(x, sl_loop_now(x->desk->loop));
    } else {
        sl_measure_attempt(x, type, sl_loop_now(x->desk->loop));
    }
    sl_attempt_stop(&hedge->attempt);
    sl_spent_note(x, type, is_beaten, false);
    if (is_beaten) {
        sl_course_beaten(hedge->course);
    } else {
        sl_course_leave(hedge->course, type);
    }
    side_swap(hedge);
    sl_measure_hedge(x, is_beaten ? "lost" : "failed");
}

void sl_hedge_stop(struct sl_hedge *hedge)
{
    if (hedge && !hedge->is_taken) {
        sl_timer_remove(hedge->x->desk->loop, &hedge->timer);
        if (hedge->is_running) {
            on_end_of(hedge, SL_ERR_NONE, SL_STR_NONE, true);
        }
    }
}

/* --- events of its attempt --- */

/* The other attempt may still answer, so this one ends without waiting for its body. */
static void refused(struct sl_hedge *hedge)
{
    sl_course_rest(hedge->course, hedge->side.at.target, &hedge->headers);
    on_end_of(hedge, sl_error_type_of(hedge->status, SL_STR_NONE, SL_STR_NONE), SL_STR_NONE, false);
}

/* The body is complete. If the target refused stream_options, it is not asked for them again, as after a first
 * attempt. */
static void refused_whole(struct sl_hedge *hedge)
{
    const struct sl_target *target = hedge->attempt.target;
    if (target->provider->refused_usage(hedge->status, sl_str_make(hedge->said, hedge->n_said))) {
        sl_attempt_usage_refused(hedge->x, target);
    }
    refused(hedge);
}

static bool is_attempt_over(const struct sl_hedge *hedge)
{
    return !hedge->attempt.part.link.list;
}

static void on_head(void *user, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_hedge *hedge = user;
    struct sl_xchg *x = hedge->x;
    if (hedge->is_taken) {
        hedge->owner.events->on_head(hedge->owner.user, status, headers, length);
        return;
    }
    hedge->has_head = true;
    hedge->status = status;
    hedge->headers = *headers; /* its texts live as long as the exchange */
    hedge->length = length;
    hedge->head_usec = sl_loop_now(x->desk->loop);
    if (status >= 300) {
        bool may_be_usage = hedge->attempt.asks_usage && hedge->attempt.target->provider->refused_usage;
        hedge->said = may_be_usage ? sl_arena_bytes(x->arena, SAID_MAX) : NULL;
        if (!hedge->said) {
            refused(hedge);
        }
    }
}

static void on_data(void *user, struct sl_str bytes)
{
    struct sl_hedge *hedge = user;
    if (hedge->said && !hedge->is_taken) {
        if (bytes.n > SAID_MAX - hedge->n_said) {
            refused(hedge);
            return;
        }
        memcpy(hedge->said + hedge->n_said, bytes.p, bytes.n);
        hedge->n_said += bytes.n;
        return;
    }
    if (!hedge->is_taken) {
        hedge->owner.on_won(hedge->owner.user);
    }
    if (!is_attempt_over(hedge)) {
        hedge->owner.events->on_data(hedge->owner.user, bytes);
    }
}

static void on_turn(void *user)
{
    struct sl_hedge *hedge = user;
    if (hedge->is_taken) {
        hedge->owner.events->on_turn(hedge->owner.user);
    }
}

static void on_end(void *user, bool is_until_close)
{
    struct sl_hedge *hedge = user;
    if (hedge->is_taken) {
        hedge->owner.events->on_end(hedge->owner.user, is_until_close);
    } else if (hedge->said) {
        refused_whole(hedge);
    } else {
        on_end_of(hedge, SL_ERR_PROVIDER_BAD_RESPONSE, SL_STR("the upstream ended its reply without a word"), false);
    }
}

static void on_fault(void *user, enum sl_error_type type, struct sl_str text, bool is_unsent)
{
    struct sl_hedge *hedge = user;
    if (hedge->is_taken) {
        hedge->owner.events->on_fault(hedge->owner.user, type, text, is_unsent);
        return;
    }
    hedge->x->record.error_inside = SL_STR_NONE; /* the attempt's note does not belong to the call */
    hedge->x->record.is_final = false;
    on_end_of(hedge, type, text, false);
}

static const struct sl_attempt_events events = { on_head, on_data, on_turn, on_end, on_fault };

/* --- start of the hedge --- */

/* False: the target cannot be asked this. */
static bool attempt_start(struct sl_hedge *hedge)
{
    struct sl_xchg *x = hedge->x;
    struct sl_record *record = &x->record;
    struct sl_attempt *attempt = &hedge->attempt;
    struct sl_llm_error error = { 0 };
    uint64_t now = sl_loop_now(x->desk->loop);
    hedge->timeouts = *hedge->course->at.timeouts;
    attempt->timeouts = &hedge->timeouts;
    attempt->target = record->target = &x->at.route->targets[hedge->course->at.target];
    record->target_name = hedge->course->at.name;
    attempt->total_usec = SL_MIN(sl_course_left_usec(x, now), hedge->timeouts.total_usec);
    attempt->asks_usage = sl_attempt_asks_usage(x, attempt->target);
    x->env->provider = attempt->target->provider->name;
    record->upstream_start_usec = now;
    record->n_attempts++;
    if (sl_attempt_start(attempt, x, &events, hedge, &error) == 0) {
        return true;
    }
    record->n_attempts--;
    sl_attempt_stop(attempt);
    return false;
}

/* False when calls wait or memory is short, because a hedge would make that worse, or when the call has made all its
 * attempts. */
static bool may_begin(const struct sl_hedge *hedge)
{
    const struct sl_xchg *x = hedge->x;
    const struct sl_traffic *traffic = x->at.traffic;
    return x->record.n_attempts < x->route->traffic->fallback.attempts &&
           !(traffic->queue && sl_queue_depth(traffic->queue)) && !sl_budget_is_over(x->desk->memory);
}

static void begin(struct sl_hedge *hedge)
{
    side_swap(hedge);
    hedge->is_running = sl_course_hedge(hedge->course) && attempt_start(hedge);
    if (!hedge->is_running) {
        sl_course_unask(hedge->course);
    }
    side_swap(hedge);
}

static void on_timer(struct sl_timer *timer)
{
    struct sl_hedge *hedge = SL_CONTAINER_OF(timer, struct sl_hedge, timer);
    struct sl_xchg *x = hedge->x;
    struct sl_hedges *hedges = x->at.traffic->hedges;
    if (may_begin(hedge) && sl_course_can_hedge(hedge->course) && sl_hedges_take(hedges)) {
        bool is_spent = sl_spend(x);
        if (is_spent) {
            begin(hedge);
        }
        if (!hedge->is_running) { /* gives both back for other calls */
            sl_hedges_give(hedges);
        }
        if (!hedge->is_running && is_spent) {
            sl_unspend(x);
        }
    }
    if (!hedge->is_running) {
        sl_measure_hedge(x, "refused");
    }
}

struct sl_hedge *sl_hedge_arm(struct sl_course *course, const struct sl_hedge_owner *owner)
{
    struct sl_xchg *x = course->x;
    struct sl_hedges *hedges = x->at.traffic->hedges;
    sl_hedges_earn(hedges);
    uint64_t after = sl_hedges_after(hedges, course->at.target, x->call->is_stream);
    struct sl_hedge *hedge = after ? SL_ARENA_NEW(x->arena, struct sl_hedge) : NULL;
    if (!hedge) {
        return NULL;
    }
    hedge->x = x;
    hedge->course = course;
    hedge->owner = *owner;
    hedge->side.at = (struct sl_course_at){ .target = SL_NO_TARGET, .is_noted = true };
    sl_timer_init(&hedge->timer, on_timer);
    sl_timer_set(x->desk->loop, &hedge->timer, sl_loop_now(x->desk->loop) + after);
    return hedge;
}

bool sl_hedge_runs(const struct sl_hedge *hedge)
{
    return hedge && hedge->is_running;
}

struct sl_attempt *sl_hedge_take(struct sl_hedge *hedge)
{
    hedge->is_running = false;
    hedge->is_taken = true;
    side_swap(hedge);
    sl_measure_hedge(hedge->x, "won");
    return &hedge->attempt;
}

void sl_hedge_tell(struct sl_hedge *hedge)
{
    if (hedge->has_head) {
        hedge->owner.events->on_head(hedge->owner.user, hedge->status, &hedge->headers, hedge->length);
        hedge->x->record.upstream_head_usec = hedge->head_usec;
    }
    if (hedge->n_said && !is_attempt_over(hedge)) {
        hedge->owner.events->on_data(hedge->owner.user, sl_str_make(hedge->said, hedge->n_said));
    }
}
