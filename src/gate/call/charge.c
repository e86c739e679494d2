/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/charge.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/word.h"
#include "gate/call/asked.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/policy/admit.h"
#include "gate/policy/factor.h"
#include "gate/policy/words.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/chat/reckon.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "wire/headers.h"

/* A longer name of a session counts by its beginning. */
#define SESSION_MAX 256
/* What an uploaded recording is expected to be: sound of 64 kbit/s, with so many tokens a second. */
#define SOUND_BYTES_MSEC 8
#define SOUND_INPUT_SEC  10
#define SOUND_OUTPUT_SEC 4

struct sl_charge {
    struct sl_admission admission;
    struct sl_xchg *x;
    const struct sl_route *away; /* the other route that it is for; NULL: the call's own */
    struct sl_part part;         /* while the shared counters are asked */
    sl_charge_fn *fn;
    void *arg;
    bool has_amounts; /* a limit counts tokens or money */
    bool has_money;
    bool is_unpriced;                  /* nobody knows what a target of the route costs */
    uint64_t text_bytes, image_tokens; /* of the call, for the factor of its model */
    uint64_t input, output;            /* the tokens that are reserved */
    int64_t msec;                      /* the length of an uploaded recording; -1: it is none */
};

/* --- who and what --- */

/* The session that the call names, or the one that all calls of its key without a name are. */
static struct sl_str session_of(const struct sl_xchg *x)
{
    struct sl_str name = sl_headers_get(&x->req->msg.headers, "x-sluice-session");
    struct sl_str key = x->caller.key ? x->caller.key->id : x->caller.principal;
    const struct sl_str parts[] = { key, SL_STR("\n"), sl_str_sub(name, 0, sl_utf8_fit(name, SESSION_MAX)) };
    return sl_arena_join(x->arena, parts, SL_ARRAY_LEN(parts));
}

/* True: it generates text, whose length the call may bound. */
static bool has_output(enum sl_llm_type type)
{
    return type == SL_LLM_CHAT || type == SL_LLM_COMPLETIONS;
}

/* What so many tokens cost at a target; SL_COST_UNKNOWN. */
static int64_t cost_of(struct sl_xchg *x, const struct sl_target *target, struct sl_usage usage, uint64_t input,
                       uint64_t output, int64_t msec)
{
    enum sl_llm_type type = x->call->type;
    bool is_by_piece = (type == SL_LLM_IMAGES || type == SL_LLM_SPEECH) && usage.input < 0 && usage.output < 0;
    int64_t pieces = is_by_piece ? sl_asked_cost(x, target, &usage, NULL) : SL_COST_UNKNOWN;
    if (pieces != SL_COST_UNKNOWN) {
        return pieces;
    }
    usage.input = usage.input >= 0 ? usage.input : (int64_t)input;
    usage.output = usage.output >= 0 ? usage.output : (int64_t)output;
    usage.msec = usage.msec >= 0 ? usage.msec : msec;
    return sl_asked_cost(x, target, &usage, NULL);
}

/* Which target will be asked is not known yet: the dearest one counts. */
static void money_fill(struct sl_xchg *x, const struct sl_route *route, struct sl_charge *charge)
{
    int64_t most = 0;
    charge->is_unpriced = !sl_xchg_has_price(x);
    for (uint32_t i = 0; i < route->n_targets; i++) {
        int64_t cost = cost_of(x, &route->targets[i], SL_USAGE_NONE, charge->input, charge->output, charge->msec);
        charge->is_unpriced |= cost == SL_COST_UNKNOWN;
        most = SL_MAX(most, cost);
    }
    charge->admission.call.amounts[SL_LIMIT_MONEY] = (uint64_t)most;
}

/* Nobody reads the files of a form: their length must do. Without one, what has come so far. */
static void upload_reckon(const struct sl_xchg *x, struct sl_charge *charge)
{
    const struct sl_msg *msg = &x->req->msg;
    if (x->call->type != SL_LLM_TRANSCRIPTIONS) {
        charge->input = SL_RECKON_IMAGE_TOKENS;
        return;
    }
    uint64_t msec = (msg->framing == SL_BODY_LENGTH ? msg->length : x->req->bytes_in) / SOUND_BYTES_MSEC;
    charge->msec = (int64_t)msec;
    charge->input = (msec * SOUND_INPUT_SEC + 999) / 1000;
    charge->output = (msec * SOUND_OUTPUT_SEC + 999) / 1000;
}

/* Estimates what the call needs at a route. */
static void amounts_fill(struct sl_xchg *x, const struct sl_route *route, struct sl_charge *charge)
{
    struct sl_limit_call *call = &charge->admission.call;
    struct sl_reckoning seen;
    /* A call about an earlier response has no body; shortening a conversation has one, and makes a new answer. */
    call->is_free = x->call->is_count || (x->call->follow && !x->call->follow->has_body);
    if (!charge->has_amounts || call->is_free) {
        return;
    }
    sl_reckon(x->call->body, x->call->doc, &seen);
    charge->text_bytes = seen.text_bytes;
    charge->image_tokens = (uint64_t)seen.n_images * SL_RECKON_IMAGE_TOKENS;
    charge->input = charge->image_tokens +
                    sl_factor_tokens(x->worker->gate->factors, route->targets[0].model, seen.text_bytes);
    if (has_output(x->call->type)) {
        uint64_t most = x->settings->limits_reserve_output;
        most = seen.max_output >= 0 ? SL_MIN((uint64_t)seen.max_output, most) : most;
        charge->output = most * SL_MAX(x->call->n_choices, 1u);
    }
    if (x->upload) {
        upload_reckon(x, charge);
    }
    call->amounts[SL_LIMIT_INPUT_TOKENS] = charge->input;
    call->amounts[SL_LIMIT_OUTPUT_TOKENS] = charge->output;
    call->amounts[SL_LIMIT_TOKENS] = charge->input + charge->output;
    if (charge->has_money) {
        money_fill(x, route, charge);
    }
}

static struct sl_charge *charge_new(const struct sl_xchg *x)
{
    struct sl_charge *charge = SL_ARENA_NEW(x->arena, struct sl_charge);
    if (charge) {
        charge->msec = -1;
        sl_admission_init(&charge->admission, x->worker->gate->limiter, x->caller.principal);
        charge->admission.call.tenant = x->caller.key ? sl_key_tenant(x->caller.key) : SL_STR("");
        charge->admission.home = x->worker->counters;
    }
    return charge;
}

static void on_stop(struct sl_part *part)
{
    sl_admission_stop(&SL_CONTAINER_OF(part, struct sl_charge, part)->admission);
}

static void on_answer(struct sl_admission *admission, int r)
{
    struct sl_charge *charge = admission->user;
    sl_part_end(&charge->x->parts, &charge->part);
    charge->fn(charge->arg, r);
}

static int admit(struct sl_xchg *x, struct sl_charge *charge, sl_charge_fn *fn, void *arg)
{
    int r = sl_admit(&charge->admission, x->env->wall_usec);
    if (SL_UNLIKELY(r == SL_E_AGAIN)) {
        charge->x = x;
        charge->fn = fn;
        charge->arg = arg;
        charge->admission.on_answer = on_answer;
        charge->admission.user = charge;
        sl_part_begin(&x->parts, &charge->part, on_stop);
    }
    return r;
}

/* Adds what an owner's limits need to know. SL_E_NOMEM. */
static int owner_add(const struct sl_xchg *x, struct sl_charge *charge, const struct sl_limits *limits)
{
    if (!limits->n) { /* all of a group's are for other routes */
        return 0;
    }
    sl_admission_add(&charge->admission, limits);
    charge->has_amounts |= limits->has_tokens || limits->has_money;
    charge->has_money |= limits->has_money;
    if (limits->has_sessions && !charge->admission.call.session.p) {
        charge->admission.call.session = session_of(x);
        return charge->admission.call.session.p ? 0 : SL_E_NOMEM;
    }
    return 0;
}

/* Room for what the call will hold. SL_E_NOMEM. */
static int held_make(const struct sl_xchg *x, struct sl_admission *admission)
{
    if (admission->n_held_max) {
        admission->held = SL_ARENA_ARRAY(x->arena, struct sl_limit_held, admission->n_held_max);
    }
    return admission->n_held_max && !admission->held ? SL_E_NOMEM : 0;
}

/* True: the caller's key has limits, or its group, or one above. */
static bool has_caller_limits(const struct sl_caller *caller)
{
    return caller->key && (caller->key->limits || (caller->group && caller->group->has_limits));
}

/* Adds the limits of a group that are for this route only. */
static int pairs_add(const struct sl_xchg *x, struct sl_charge *charge, const struct sl_limits *limits,
                     struct sl_str route)
{
    int r = 0;
    for (uint32_t i = 1; r == 0 && i < limits->n_parts; i++) {
        if (sl_str_eq(limits->parts[i].rules[0].route, route)) {
            r = owner_add(x, charge, &limits->parts[i]);
        }
    }
    return r;
}

/* Adds the limits of the caller's key, its group, and the groups above. */
static int caller_add(const struct sl_xchg *x, struct sl_charge *charge)
{
    const struct sl_caller *caller = &x->caller;
    int r = caller->key->limits ? owner_add(x, charge, caller->key->limits) : 0;
    for (const struct sl_group *group = caller->group; r == 0 && group; group = group->above) {
        const struct sl_limits *limits = group->def->limits;
        r = limits ? owner_add(x, charge, limits->parts ? limits->parts : limits) : 0;
        r = r == 0 && limits ? pairs_add(x, charge, limits, x->route->name) : r;
    }
    return r;
}

/* Adds what holds for the call at another route: the route's limits, and those of the caller's groups there. */
static int away_add(const struct sl_xchg *x, struct sl_charge *charge, const struct sl_route *route)
{
    int r = route->limits ? owner_add(x, charge, route->limits) : 0;
    for (const struct sl_group *group = x->caller.group; r == 0 && group; group = group->above) {
        r = group->def->limits ? pairs_add(x, charge, group->def->limits, route->name) : 0;
    }
    return r;
}

int sl_charge_begin(struct sl_xchg *x)
{
    bool is_limited = has_caller_limits(&x->caller);
    if (!x->route->limits && !is_limited) {
        return 0;
    }
    struct sl_charge *charge = charge_new(x);
    int r = !charge ? SL_E_NOMEM : x->route->limits ? owner_add(x, charge, x->route->limits) : 0;
    r = r < 0 || !is_limited ? r : caller_add(x, charge);
    r = r < 0 ? r : held_make(x, &charge->admission);
    x->charge = r < 0 || !charge->admission.call.n_owners ? NULL : charge;
    return r;
}

/* True: money is limited, and the operator wants no calls whose price is not known. */
static bool is_refused_unpriced(const struct sl_xchg *x, const struct sl_charge *charge)
{
    return charge->is_unpriced && x->settings->prices_refuse_unknown;
}

int sl_charge_take(struct sl_xchg *x, sl_charge_fn *fn, void *arg)
{
    amounts_fill(x, x->route, x->charge);
    x->record.reserved_input = x->charge->input;
    if (is_refused_unpriced(x, x->charge)) {
        return SL_E_LIMIT;
    }
    return admit(x, x->charge, fn, arg);
}

const char *sl_charge_source(const struct sl_xchg *x)
{
    static const char *const words[] = {
        [SL_LIMIT_SOURCE_LOCAL] = "local",
        [SL_LIMIT_SOURCE_SHARED] = "shared",
        [SL_LIMIT_SOURCE_LEASE] = "lease",
        [SL_LIMIT_SOURCE_ALONE] = "share",
    };
    return words[x->charge->admission.source];
}

/* The counters cannot be reached. */
static void away_error(struct sl_llm_error *ret_error)
{
    *ret_error = (struct sl_llm_error){
        .type = SL_ERR_SLUICE_LIMIT_STORE_DOWN,
        .message = SL_STR("A limit of this call is counted on a server that cannot be reached now: try again in 1 s."),
        .retry_after_sec = 1,
    };
}

/* True: it is of a group above the caller's own, whose other members' use is none of its business. */
static bool is_above(const struct sl_xchg *x, const struct sl_limits *limits)
{
    struct sl_limit_owner_shown owner = sl_limit_owner_show(limits->owner, limits->name);
    return owner.owner == SL_LIMIT_OF_GROUP && x->caller.key && !sl_str_eq(owner.name, x->caller.key->group);
}

void sl_charge_error(const struct sl_xchg *x, int r, struct sl_llm_error *ret_error)
{
    if (r == SL_E_IO) {
        away_error(ret_error);
        return;
    }
    const struct sl_limit_view *view = &x->charge->admission.view;
    const struct sl_limit_shown *by = &view->refusing;
    if (is_refused_unpriced(x, x->charge)) {
        *ret_error = (struct sl_llm_error){
            .type = SL_ERR_POLICY_BUDGET_EXCEEDED,
            .message = sl_arena_printf(x->arena,
                                       "Budget exceeded: nobody knows what a call of the route '%.*s' costs, and such "
                                       "calls are refused where money is limited (prices.unknown).",
                                       SL_STR_ARG(x->route->name)),
            .is_final = true,
        };
        return;
    }
    bool is_money = by->rule->kind == SL_LIMIT_MONEY;
    *ret_error = (struct sl_llm_error){
        .type = is_money ? SL_ERR_POLICY_BUDGET_EXCEEDED : SL_ERR_POLICY_RATE_LIMITED,
        .message = sl_limit_words(view, x->dialect->manners->limit_names_wait, x->arena),
        .limit = sl_limit_json(by, !is_above(x, by->owner), x->arena),
        .retry_after_sec = sl_wait_sec(by->reset_usec),
        .is_final = by->is_final || is_money,
    };
}

bool sl_charge_view(const struct sl_xchg *x, struct sl_limit_view *ret_view)
{
    if (x->charge) {
        sl_admission_view(&x->charge->admission, sl_clock_wall_usec(), ret_view);
    }
    return x->charge;
}

const struct sl_limit_view *sl_charge_seen(const struct sl_charge *charge)
{
    return charge && charge->admission.has_view ? &charge->admission.view : NULL;
}

/* --- settling --- */

/* Adds what attempts cost that another one followed: all of them for the caller, and for another route its own. */
static void spent_add(const struct sl_xchg *x, const struct sl_charge *charge, uint64_t used[SL_LIMIT_KINDS])
{
    for (const struct sl_spent *spent = x->record.spent; spent; spent = spent->next) {
        if (charge->away && charge->away != spent->route) {
            continue;
        }
        uint64_t input = (uint64_t)SL_MAX(spent->usage.input, (int64_t)0);
        uint64_t output = (uint64_t)SL_MAX(spent->usage.output, (int64_t)0);
        used[SL_LIMIT_INPUT_TOKENS] += input;
        used[SL_LIMIT_OUTPUT_TOKENS] += output;
        used[SL_LIMIT_TOKENS] += input + output;
        used[SL_LIMIT_MONEY] += spent->cost_nano > 0 ? (uint64_t)spent->cost_nano : 0;
    }
}

/* What the call used: as the upstream says it, else as it was estimated. */
static void used_fill(struct sl_xchg *x, struct sl_charge *charge, uint64_t used[SL_LIMIT_KINDS])
{
    const struct sl_record *record = &x->record;
    bool is_billed = sl_spent_is_last_billed(record);
    if (x->upload) {
        upload_reckon(x, charge); /* its length is known now */
    }
    /* An event of a stream is about a token. A stream that ended early said of its output what it knew at its begin. */
    uint64_t events = record->n_events;
    bool is_whole = record->error_type == SL_ERR_NONE;
    uint64_t output = is_whole ? SL_MAX(charge->output, events) : events;
    uint64_t said = record->usage.output >= 0 ? (uint64_t)record->usage.output : 0;
    used[SL_LIMIT_INPUT_TOKENS] = record->usage.input >= 0 ? (uint64_t)record->usage.input
                                  : is_billed              ? charge->input
                                                           : 0;
    used[SL_LIMIT_OUTPUT_TOKENS] = record->usage.output >= 0 && (is_whole || !is_billed) ? said
                                   : is_billed                                           ? SL_MAX(said, output)
                                                                                         : 0;
    used[SL_LIMIT_TOKENS] = used[SL_LIMIT_INPUT_TOKENS] + used[SL_LIMIT_OUTPUT_TOKENS];
    int64_t cost = record->cost_nano;
    bool is_partial = record->usage.input < 0 || record->usage.output < 0 || !is_whole || cost < 0;
    if (charge->has_money && is_billed && record->target && is_partial) {
        /* What nobody reported is estimated. */
        struct sl_usage usage = record->usage;
        usage.output = (int64_t)used[SL_LIMIT_OUTPUT_TOKENS];
        cost = SL_MAX(cost, cost_of(x, record->target, usage, used[SL_LIMIT_INPUT_TOKENS], 0, charge->msec));
    }
    used[SL_LIMIT_MONEY] = cost > 0 ? (uint64_t)cost : 0;
}

static void learn(const struct sl_xchg *x, const struct sl_charge *charge)
{
    const struct sl_record *record = &x->record;
    if (charge->text_bytes && record->target && record->error_type == SL_ERR_NONE && record->usage.input >= 0) {
        uint64_t input = (uint64_t)record->usage.input;
        sl_factor_learn(x->worker->gate->factors, record->target->model, charge->text_bytes,
                        input - SL_MIN(input, charge->image_tokens));
    }
}

/* `is_used`: this charge is for the route whose target was asked last. */
static void settle(struct sl_xchg *x, struct sl_charge *charge, bool is_used)
{
    uint64_t used[SL_LIMIT_KINDS] = { 0 };
    if (charge->admission.state != SL_TICKET_OPEN) {
        return;
    }
    if (charge->has_amounts && is_used && !charge->admission.call.is_free) {
        used_fill(x, charge, used);
        learn(x, charge);
    }
    if (SL_UNLIKELY(x->record.spent) && charge->has_amounts && !charge->admission.call.is_free) {
        spent_add(x, charge, used);
    }
    sl_admission_settle(&charge->admission, used);
}

void sl_charge_settle(struct sl_xchg *x)
{
    if (x->charge) {
        settle(x, x->charge, true);
    }
    if (SL_UNLIKELY(x->charge_away)) {
        settle(x, x->charge_away, x->record.is_away || x->shadow_of);
    }
}

/* --- other routes --- */

/* True: the caller's money is limited, and nobody knows what this route costs. */
static bool is_unpriced_away(struct sl_xchg *x, const struct sl_route *route)
{
    bool is_asked = x->charge && x->charge->has_money && x->settings->prices_refuse_unknown;
    for (uint32_t i = 0; is_asked && i < route->n_targets; i++) {
        if (cost_of(x, &route->targets[i], SL_USAGE_NONE, x->charge->input, x->charge->output, x->charge->msec) ==
            SL_COST_UNKNOWN) {
            return true;
        }
    }
    return false;
}

bool sl_charge_may_go(struct sl_xchg *x, const struct sl_route *route)
{
    struct sl_charge charge = { .msec = -1 };
    struct sl_limit_view view;
    if (is_unpriced_away(x, route)) {
        return false;
    }
    sl_admission_init(&charge.admission, x->worker->gate->limiter, x->caller.principal);
    if (away_add(x, &charge, route) < 0) {
        return false;
    }
    if (!charge.admission.call.n_owners) {
        return true;
    }
    amounts_fill(x, route, &charge);
    sl_limiter_peek(charge.admission.limiter, &charge.admission.call, x->env->wall_usec, &view);
    return !view.is_refused && !is_refused_unpriced(x, &charge);
}

int sl_charge_go(struct sl_xchg *x, const struct sl_route *route, sl_charge_fn *fn, void *arg)
{
    if (x->charge_away) {
        settle(x, x->charge_away, false);
        x->charge_away = NULL;
    }
    if (!route->limits && !(x->caller.group && x->caller.group->has_limits)) {
        return 0;
    }
    struct sl_charge *charge = charge_new(x);
    if (!charge || away_add(x, charge, route) < 0 || held_make(x, &charge->admission) < 0) {
        return SL_E_NOMEM;
    }
    if (!charge->admission.call.n_owners) {
        return 0;
    }
    charge->away = route;
    amounts_fill(x, route, charge);
    x->charge_away = charge;
    return is_refused_unpriced(x, charge) ? SL_E_LIMIT : admit(x, charge, fn, arg);
}
