/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/course.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/call/cause.h"
#include "gate/call/detour.h"
#include "gate/call/fit.h"
#include "gate/call/measure.h"
#include "gate/call/news.h"
#include "gate/call/spend.h"
#include "gate/call/state.h"
#include "gate/call/verdict.h"
#include "gate/call/wait.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/hedge.h"
#include "gate/policy/pick.h"
#include "gate/policy/queue.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/target.h"
#include "net/loop.h"

static struct sl_pool *pool_of(const struct sl_course *course)
{
    return &course->x->at.traffic->pool;
}

static struct sl_ask ask_of(const struct sl_course *course)
{
    struct sl_loop *loop = course->x->desk->loop;
    const struct sl_xchg *x = course->x;
    return (struct sl_ask){ course->passed, sl_loop_recent(loop), sl_rng_next(&loop->rng), x->call->is_stream,
                            x->record.n_attempts > 0 };
}

static uint64_t total_end(const struct sl_xchg *x)
{
    return x->record.upstream_first_usec + x->route->conf.timeouts.total_usec;
}

uint64_t sl_course_left_usec(const struct sl_xchg *x, uint64_t now_usec)
{
    uint64_t end = total_end(x);
    return end > now_usec ? end - now_usec : 0;
}

uint64_t sl_course_end_usec(const struct sl_xchg *x)
{
    uint64_t end = total_end(x);
    return x->deadline_usec ? SL_MIN(end, x->deadline_usec) : end;
}

/* Is there a target that could serve the call, if it took calls now? */
static bool has_fit(const struct sl_course *course)
{
    const struct sl_route *route = course->x->route;
    uint32_t only = course->bond.only, i = 0;
    while (i < route->n_targets && (sl_unfit_is_here(&course->unfit, i) || (only != SL_NO_TARGET && i != only))) {
        i++;
    }
    return i < route->n_targets && !course->bond.is_away;
}

/* True: the call may only ask another target, so this one does not matter. */
static bool is_ruled_out(const struct sl_course *course, uint32_t target)
{
    const struct sl_bond *bond = &course->bond;
    bool is_away = course->x->at.route != course->x->route;
    return bond->only != SL_NO_TARGET && (target != bond->only || is_away != bond->is_away);
}

/* Notes a target that cannot serve the call, for the log, and for the client if no target is left. */
static void unfit_note(void *arg, uint32_t target, const struct sl_llm_error *error)
{
    struct sl_course *course = arg;
    struct sl_xchg *x = course->x;
    if (is_ruled_out(course, target)) {
        return;
    }
    sl_ask_pass(course->passed, target);
    sl_unfit_add(&course->unfit, x->arena, x->record.tries, sl_detour_name(x, target), error);
    if (!sl_detour_is_on(x)) {
        sl_unfit_add_here(&course->unfit, x->arena, target, x->route->n_targets);
    }
}

struct sl_course *sl_course_new(struct sl_xchg *x)
{
    struct sl_course *course = SL_ARENA_NEW(x->arena, struct sl_course);
    if (!course) {
        return NULL;
    }
    uint32_t n = SL_POOL_WORDS(x->route->n_targets);
    uint64_t *passed = n == 1 ? &course->few : SL_ARENA_ARRAY(x->arena, uint64_t, n);
    if (!passed) {
        return NULL;
    }
    sl_tries_init(&course->tries, false);
    x->record.tries = &course->tries;
    if (x->route->traffic->queue && !x->shadow_of) {
        course->passed_before = SL_ARENA_ARRAY(x->arena, uint64_t, n);
        if (!course->passed_before) {
            return NULL;
        }
    }
    course->x = x;
    course->passed = passed;
    course->at.target = SL_NO_TARGET;
    course->next.target = SL_NO_TARGET;
    course->at.is_noted = true;
    if (sl_detours_make(x) < 0) {
        return NULL;
    }
    sl_bond_make(&course->bond, x);
    if (course->bond.only != SL_NO_TARGET) {
        sl_ask_only(passed, x->route->n_targets, course->bond.is_away ? SL_NO_TARGET : course->bond.only);
        sl_detours_pin(x, course->bond.is_away ? course->bond.detour : SL_NO_TARGET);
    }
    return sl_fit_look(x, unfit_note, course) == 0 ? course : NULL;
}

/* --- choosing a target --- */

/* Counts the targets that take no calls, by reason. *ret_is_ours: the only reason is max_concurrent, which the operator
 * set; no target is at fault. *ret_until_usec: when the first takes calls again; 0: not known. */
static const char *none_why(const struct sl_course *course, uint64_t now, bool *ret_is_ours, uint64_t *ret_until_usec)
{
    enum { DOWN, FAILED, RESTS, FULL };
    static const char *const words[] = { "down by its health check", "failed again and again", "asked to wait",
                                         "at max_concurrent" };
    const struct sl_pool *pool = &course->x->route->traffic->pool;
    unsigned counts[SL_ARRAY_LEN(words)] = { 0 };
    uint64_t waits = UINT64_MAX;
    for (uint32_t i = 0; i < pool->n; i++) {
        struct sl_target_look look;
        if (sl_unfit_is_here(&course->unfit, i)) {
            continue;
        }
        sl_pool_look(pool, i, now, &look);
        counts[look.is_down ? DOWN : look.state != SL_BREAKER_CLOSED ? FAILED : look.waits_usec ? RESTS : FULL]++;
        waits = look.waits_usec ? SL_MIN(look.waits_usec, waits) : waits;
    }
    *ret_until_usec = waits == UINT64_MAX ? 0 : now + waits;
    *ret_is_ours = !counts[DOWN] && !counts[FAILED] && !counts[RESTS];
    char text[160] = "";
    for (size_t i = 0, n = 0; i < SL_ARRAY_LEN(words); i++) {
        if (counts[i]) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u %s", n ? ", " : "", counts[i], words[i]);
        }
    }
    struct sl_str kept = sl_arena_printf(course->x->arena, "%s", text);
    return kept.p ? kept.p : "";
}

/* The error when no target can be asked: they failed, asked to wait, or have max_concurrent calls. */
static void error_of_none(const struct sl_course *course, struct sl_llm_error *ret)
{
    const struct sl_xchg *x = course->x;
    struct sl_pool *pool = &x->route->traffic->pool;
    uint64_t now = sl_loop_now(x->desk->loop), until;
    bool is_ours;
    const char *why = none_why(course, now, &is_ours, &until);
    if (course->bond.is_away) {
        until = 0;
    } else if (course->bond.only != SL_NO_TARGET) {
        struct sl_target_look look;
        sl_pool_look(pool, course->bond.only, now, &look);
        until = look.waits_usec ? now + look.waits_usec : 0;
        is_ours = !look.waits_usec && look.state == SL_BREAKER_CLOSED;
    }
    uint64_t sec = until ? (until - now + SL_USEC_PER_SEC - 1) / SL_USEC_PER_SEC : 1;
    *ret = (struct sl_llm_error){
        .type = is_ours ? SL_ERR_SLUICE_OVERLOADED : SL_ERR_PROVIDER_OVERLOADED,
        .status = 503,
        .message = sl_arena_printf(x->arena, "No target of the route '%.*s' takes calls now (%s): try again in %llu s.",
                                   SL_STR_ARG(x->route->name), why, (unsigned long long)sec),
        .retry_after_sec = sec,
    };
    if (course->bond.only != SL_NO_TARGET) {
        sl_bond_tell(&course->bond, ret);
    }
    sl_measure_no_target(course->x, ret, now);
}

/* The target of the conversation, if it takes calls; else one by balance. */
static uint32_t pick(const struct sl_course *course, const struct sl_ask *ask)
{
    uint32_t known = course->bond.prefer;
    return known != SL_NO_TARGET && !sl_detour_is_on(course->x) && sl_pool_can(pool_of(course), ask, known)
               ? known
               : sl_pool_pick(pool_of(course), ask);
}

static void take(struct sl_course *course, uint32_t target, enum sl_begun begun)
{
    const struct sl_xchg *x = course->x;
    sl_ask_pass(course->passed, target);
    course->at.running = begun;
    course->at.target = target;
    course->at.name = sl_detour_name(x, target);
    course->at.told = sl_detour_told(x, target, course->at.name);
    course->at.is_noted = false;
    bool is_repeat = course->next.kind == SL_STEP_REPEAT && target == course->next.target;
    course->at.why = is_repeat            ? SL_TRY_WHY("retry")
                     : course->error.type ? SL_TRY_WHY("fallback")
                                          : SL_TRY_WHY("first");
    course->at.timeouts = sl_traffic_timeouts(x->at.traffic, target, &x->at.route->conf.timeouts,
                                              &course->at.own_timeouts);
}

void sl_course_take(struct sl_course *course, uint32_t target, enum sl_begun begun)
{
    take(course, target, begun);
    sl_bond_ask(&course->bond, target);
}

/* Finds a target and takes a place there. */
static bool place_find(struct sl_course *course)
{
    struct sl_pool *pool = pool_of(course);
    struct sl_ask ask = ask_of(course);
    uint32_t target = course->next.target;
    for (uint32_t n = 0; n <= pool->n; n++) {
        if (target == SL_NO_TARGET) {
            target = pick(course, &ask);
        }
        if (target == SL_NO_TARGET) {
            break;
        }
        sl_ask_pass(course->passed, target);
        enum sl_begun begun = sl_pool_begin(pool, target, ask.now_usec);
        if (begun != SL_BEGUN_NOT) {
            sl_course_take(course, target, begun);
            return true;
        }
        sl_wait_serve(course->x); /* a place that got free meanwhile may have looked taken */
        target = SL_NO_TARGET;
    }
    return false;
}

/* Goes on to another route when this one has no target left. There no call waits for a place. */
enum sl_entered sl_course_beyond(struct sl_course *course)
{
    struct sl_xchg *x = course->x;
    bool may_go = !course->error.type || course->next.kind == SL_STEP_MOVE;
    while (may_go && x->detours && sl_detours_enter(x)) {
        uint32_t n = x->at.route->n_targets;
        uint64_t *passed = SL_ARENA_ARRAY(x->arena, uint64_t, SL_POOL_WORDS(n));
        if (!passed) {
            return SL_ENTERED_NOT;
        }
        if (course->bond.only != SL_NO_TARGET) {
            sl_ask_only(passed, n, course->bond.only);
        }
        course->passed = passed;
        course->passed_before = NULL;
        course->next = (struct sl_step){ SL_STEP_MOVE, SL_NO_TARGET, 0 };
        if (sl_fit_look(x, unfit_note, course) == 0 && place_find(course)) {
            int r = sl_detours_count(x, course->on_counted, course->arg);
            if (r == 0 || r == SL_E_AGAIN) {
                return r == 0 ? SL_ENTERED : SL_ENTERED_ASKS;
            }
            sl_course_unask(course);
        }
    }
    return SL_ENTERED_NOT;
}

/* True: a target is left that the call may ask, even if it takes no calls now. */
static bool has_any(const struct sl_course *course)
{
    uint32_t i = 0, n = pool_of(course)->n;
    while (i < n && course->passed[i / 64] >> i % 64 & 1) {
        i++;
    }
    return i < n;
}

/* True: other calls wait already, so this one waits behind them. Only for the first attempt, at the call's own route,
 * and only if one of its targets can serve the call. */
static bool waits_first(const struct sl_course *course)
{
    return course->passed_before && !course->x->record.n_attempts &&
           sl_queue_depth(course->x->route->traffic->queue) > 0 && has_any(course);
}

/* True: there is no place now, but there may be one later. Resets `passed`: targets without a place were not asked. */
static bool waits_then(struct sl_course *course)
{
    if (!course->passed_before || course->error.type) {
        return false;
    }
    memcpy(course->passed, course->passed_before, SL_POOL_WORDS(pool_of(course)->n) * sizeof(uint64_t));
    struct sl_ask ask = ask_of(course);
    return sl_pool_is_full(pool_of(course), course->passed, ask.now_usec) || sl_pool_left(pool_of(course), &ask);
}

void sl_course_none(struct sl_course *course, struct sl_llm_error *ret_error)
{
    if (course->error.type) {
        *ret_error = course->error;
        course->x->record.error_text = course->error_text;
    } else if (course->unfit.n && !has_fit(course)) {
        *ret_error = course->unfit.error;
    } else {
        error_of_none(course, ret_error);
    }
}

enum sl_entered sl_course_enter(struct sl_course *course, struct sl_llm_error *ret_error)
{
    if (course->bond.is_lost) {
        sl_bond_lost(&course->bond, ret_error);
        return SL_ENTERED_NOT;
    }
    if (course->error.type && course->next.kind == SL_STEP_GIVE_UP) { /* a hedge failed, too */
        *ret_error = course->error;
        course->x->record.error_text = course->error_text;
        return SL_ENTERED_NOT;
    }
    if (course->passed_before) {
        memcpy(course->passed_before, course->passed, SL_POOL_WORDS(pool_of(course)->n) * sizeof(uint64_t));
    }
    if (waits_first(course)) {
        return SL_ENTERED_WAITS;
    }
    if (place_find(course)) {
        return SL_ENTERED;
    }
    if (waits_then(course)) {
        return SL_ENTERED_WAITS;
    }
    enum sl_entered entered = sl_course_beyond(course);
    if (entered == SL_ENTERED_NOT) {
        sl_course_none(course, ret_error);
    }
    return entered;
}

/* --- failures --- */

static void running_end(struct sl_course *course, enum sl_outcome outcome)
{
    if (course->at.running != SL_BEGUN_NOT) {
        course->at.end_usec = sl_loop_recent(course->x->desk->loop);
        if (sl_pool_end(pool_of(course), course->at.target, course->at.running, outcome, course->at.end_usec)) {
            sl_measure_breaker(course->x, course->at.target, outcome == SL_OUTCOME_BAD, course->at.end_usec);
            sl_news_breaker(course->x, course->at.target, outcome == SL_OUTCOME_BAD);
        }
        course->at.running = SL_BEGUN_NOT;
        sl_wait_serve(course->x);
    }
}

void sl_course_count(struct sl_course *course, enum sl_error_type type)
{
    if (course->at.running != SL_BEGUN_NOT) {
        running_end(course, sl_outcome_of(type));
    }
}

/* Copies the error: its texts are in buffers that the next attempt uses. */
static void error_keep(struct sl_course *course, const struct sl_llm_error *error)
{
    struct sl_arena *arena = course->x->arena;
    course->error = (struct sl_llm_error){
        .type = error->type,
        .status = error->status,
        .upstream_status = error->upstream_status,
        .message = error->message.n ? sl_arena_dup(arena, error->message) : SL_STR_NONE,
        .code = error->code.n ? sl_arena_dup(arena, error->code) : SL_STR_NONE,
        .param = error->param.n ? sl_arena_dup(arena, error->param) : SL_STR_NONE,
        .retry_after_sec = error->retry_after_sec,
        .is_final = error->is_final,
    };
    course->error_text = course->x->record.error_text;
}

static bool is_slow(enum sl_error_type type)
{
    return type == SL_ERR_PROVIDER_TIMEOUT_CONNECT || type == SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE;
}

bool sl_course_failed(struct sl_course *course, const struct sl_llm_error *error, const struct sl_failed *failed)
{
    struct sl_xchg *x = course->x;
    static const struct sl_fallback once = { .attempts = 1 };
    const struct sl_fallback *fallback = x->shadow_of ? &once : &x->route->traffic->fallback;
    struct sl_failure failure = {
        .target = course->at.target,
        .cause = sl_cause_of(error),
        .may_repeat = failed->may_repeat,
        .is_slow = is_slow(error->type),
        .wait_usec = failed->wait_usec,
        .n_attempts = x->record.n_attempts,
        .n_repeats = course->n_repeats,
        .n_repeats_allowed = x->route->conf.retries,
        .has_beyond = sl_detours_left(x),
        .start_usec = x->req->body_usec,
        .end_usec = sl_course_end_usec(x),
    };
    struct sl_ask ask = ask_of(course);
    bool may_rest = failure.cause == SL_CAUSE_RATE_LIMITED || failure.cause == SL_CAUSE_OVERLOADED;
    if (may_rest && failed->rest_usec && (x->at.route->n_targets > 1 || x->detours)) {
        sl_pool_rest(pool_of(course), course->at.target, failed->rest_usec, ask.now_usec);
    }
    course->next = sl_next(pool_of(course), fallback, &failure, &ask);
    if (course->next.kind == SL_STEP_REPEAT && !sl_spend(x)) {
        failure.may_repeat = false;
        course->next = sl_next(pool_of(course), fallback, &failure, &ask);
    }
    if (course->next.kind == SL_STEP_GIVE_UP) {
        sl_course_count(course, error->type);
        return false;
    }
    course->n_repeats += course->next.kind == SL_STEP_REPEAT;
    error_keep(course, error);
    return true;
}

void sl_course_again(struct sl_course *course)
{
    uint32_t target = course->at.target;
    course->passed[target / 64] &= ~(1ULL << target % 64); /* it may have to wait for a place there */
    course->next = (struct sl_step){ SL_STEP_REPEAT, target, 0 };
}

void sl_course_bound_tell(const struct sl_course *course, struct sl_llm_error *io_error)
{
    const struct sl_xchg *x = course->x;
    enum sl_cause cause = sl_cause_of(io_error);
    bool could_move = cause < SL_CAUSE_COUNT && (x->route->traffic->fallback.on >> cause & 1);
    if (course->bond.only != SL_NO_TARGET && could_move && (x->route->n_targets > 1 || x->detours)) {
        sl_bond_tell(&course->bond, io_error);
    }
}

bool sl_course_pass(struct sl_course *course, struct sl_llm_error *io_error)
{
    unfit_note(course, course->at.target, io_error);
    running_end(course, SL_OUTCOME_NEUTRAL);
    course->at.is_noted = true; /* it was not an attempt */
    struct sl_ask ask = ask_of(course);
    uint32_t target = sl_pool_pick(pool_of(course), &ask);
    course->next = (struct sl_step){ SL_STEP_MOVE, target, 0 };
    bool has_other = target != SL_NO_TARGET || has_fit(course) || sl_detours_left(course->x);
    if (!has_other) {
        *io_error = course->error.type ? course->error : course->unfit.error;
    }
    return has_other;
}

/* --- end of an attempt --- */

/* The reason why the attempt failed, for the log: the upstream's text if there is one. */
static struct sl_str try_error(const struct sl_course *course, enum sl_error_type type)
{
    const struct sl_record *record = &course->x->record;
    struct sl_str own = sl_record_error(record);
    bool is_kept = course->next.kind != SL_STEP_GIVE_UP && course->error.type == type;
    return type == SL_ERR_NONE       ? SL_STR_NONE
           : record->upstream_said.n ? record->upstream_said
           : own.n                   ? own
           : is_kept                 ? course->error.message
                                     : SL_STR_NONE;
}

static void try_note(struct sl_course *course, enum sl_error_type type, bool is_beaten)
{
    if (course->at.is_noted) {
        return;
    }
    course->at.is_noted = true;
    struct sl_try *t = sl_tries_add(&course->tries, &course->x->record, course->x->arena);
    if (t) {
        t->told = course->at.told;
        t->why = course->at.why;
        t->is_beaten = is_beaten;
        t->error_type = type;
        t->error = try_error(course, type);
        t->end_usec = course->at.end_usec;
    }
    course->x->record.billed.is_known = false;
}

void sl_course_leave(struct sl_course *course, enum sl_error_type type)
{
    sl_course_count(course, type);
    try_note(course, type, false);
}

static void measure(struct sl_course *course, uint64_t now_usec)
{
    const struct sl_xchg *x = course->x;
    uint64_t took = now_usec - x->record.upstream_start_usec;
    sl_pool_measure(pool_of(course), course->at.target, x->call->is_stream, took, now_usec);
    if (x->at.traffic->hedges) {
        sl_hedges_measure(x->at.traffic->hedges, course->at.target, x->call->is_stream, took);
    }
}

void sl_course_measure(struct sl_course *course, uint64_t now_usec)
{
    sl_bond_tie(&course->bond);
    measure(course, now_usec);
}

/* --- hedges --- */

void sl_course_beaten(struct sl_course *course)
{
    measure(course, sl_loop_now(course->x->desk->loop)); /* it would have taken at least this long */
    running_end(course, SL_OUTCOME_NEUTRAL);
    try_note(course, SL_ERR_NONE, true);
}

/* Excludes targets that were asked, and those that may have to fetch a credential first. */
static struct sl_ask hedge_ask(struct sl_course *course, uint64_t *passed)
{
    const struct sl_route *route = course->x->at.route;
    memcpy(passed, course->passed, SL_POOL_WORDS(route->n_targets) * sizeof(passed[0]));
    for (uint32_t i = 0; i < route->n_targets; i++) {
        if (route->targets[i].cred) {
            sl_ask_pass(passed, i);
        }
    }
    struct sl_ask ask = ask_of(course);
    ask.passed = passed;
    return ask;
}

bool sl_course_can_hedge(struct sl_course *course)
{
    uint64_t passed[SL_POOL_WORDS(SL_POOL_MAX)];
    struct sl_ask ask = hedge_ask(course, passed);
    return sl_pool_left(pool_of(course), &ask) > 0;
}

bool sl_course_hedge(struct sl_course *course)
{
    uint64_t passed[SL_POOL_WORDS(SL_POOL_MAX)];
    struct sl_ask ask = hedge_ask(course, passed);
    uint32_t target = sl_pool_pick(pool_of(course), &ask);
    enum sl_begun begun = target != SL_NO_TARGET ? sl_pool_begin(pool_of(course), target, ask.now_usec) : SL_BEGUN_NOT;
    if (begun == SL_BEGUN_NOT) {
        return false;
    }
    take(course, target, begun);
    course->at.why = SL_TRY_WHY("hedge");
    return true;
}

void sl_course_hedged(struct sl_course *course)
{
    sl_bond_ask(&course->bond, course->at.target);
}

void sl_course_unask(struct sl_course *course)
{
    running_end(course, SL_OUTCOME_NEUTRAL);
    course->at.is_noted = true;
}

bool sl_course_yield(struct sl_course *course, const struct sl_llm_error *error, const struct sl_failed *failed)
{
    enum sl_cause cause = sl_cause_of(error);
    struct sl_failed once = *failed;
    if (cause == SL_CAUSE_COUNT || !(course->x->route->traffic->fallback.on >> cause & 1)) {
        return false;
    }
    once.may_repeat = false; /* the other attempt is its repeat */
    if (!sl_course_failed(course, error, &once)) {
        error_keep(course, error);
    }
    return true;
}

uint64_t sl_course_rest_usec(const struct sl_course *course, const struct sl_headers *headers, uint64_t told_sec)
{
    uint64_t usec = 0;
    bool is_said = headers && sl_wait_asked(headers, course->x->env->wall_usec, &usec);
    return is_said ? usec : SL_MIN(told_sec, (uint64_t)UINT32_MAX) * SL_USEC_PER_SEC;
}

void sl_course_rest(struct sl_course *course, uint32_t target, const struct sl_headers *headers)
{
    uint64_t rest = sl_course_rest_usec(course, headers, 0);
    if (rest) {
        sl_pool_rest(pool_of(course), target, rest, sl_loop_now(course->x->desk->loop));
    }
}
