/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_claims.h"

#include <limits.h>

#include "base/num.h"
#include "gate/policy/limit_crowd.h"

/* When the wall clock steps back, a window would stay open too long. Clocks of workers differ by less than this. */
#define CLOCK_SLACK_USEC SL_USEC_PER_SEC
/* Counters of callers are pushed out only by another tenant's, and only from one that has more than this part of them.
 */
#define CALLERS_PART 8
/* A tenant has so large a part of that number of counters that nobody pushes out. Whoever has no tenant has no bound:
 * only who runs the gateway makes keys without a group. */
#define KEPT_PART 4

/* The hashes of the texts that a call may be counted under; 0: not made yet. */
struct who_hashes {
    uint64_t principal, session, tenant;
};

static uint64_t hash_once(uint64_t *io_hash, struct sl_str text)
{
    if (!*io_hash) {
        *io_hash = sl_limit_who_hash(text);
    }
    return *io_hash;
}

/* Fills the key, whose calls it counts, and the hash. */
static void scope_make(struct sl_claim *claim, const struct sl_limit_call *call, struct who_hashes *hashes)
{
    enum sl_limit_key key = claim->is_shared ? SL_LIMIT_SHARED : claim->id.rule->key;
    uint64_t *hash = key == SL_LIMIT_USER      ? &hashes->principal
                     : key == SL_LIMIT_SESSION ? &hashes->session
                     : key == SL_LIMIT_SHARED  ? &hashes->tenant
                                               : NULL;
    claim->id.key = key;
    claim->id.who = key == SL_LIMIT_USER      ? call->principal
                    : key == SL_LIMIT_SESSION ? call->session
                    : key == SL_LIMIT_SHARED  ? call->tenant
                                              : SL_STR_NONE;
    claim->id.hash = sl_limit_scope_hash(claim->id.owner, key, hash ? hash_once(hash, claim->id.who) : 0);
}

/* Finds the scopes and their shards. Rules of one owner that count the same calls have one scope, which is hashed once.
 */
static void scopes_find(struct sl_claims *claims)
{
    struct who_hashes hashes = { 0 };
    claims->mask = 0;
    for (uint32_t i = 0; i < claims->n; i++) {
        struct sl_claim *claim = &claims->v[i], *before = i > claim->first ? &claims->v[i - 1] : NULL;
        if (before && before->id.rule->key == claim->id.rule->key && before->is_shared == claim->is_shared) {
            claim->id.key = before->id.key;
            claim->id.who = before->id.who;
            claim->id.hash = before->id.hash;
        } else {
            scope_make(claim, claims->call, &hashes);
        }
        uint32_t shard = sl_limit_shard_of(claim->id.hash);
        claim->shard = &claims->limiter->shards[shard];
        claims->mask |= (uint64_t)1 << shard;
    }
}

static bool is_amount(enum sl_limit_kind kind)
{
    return kind != SL_LIMIT_REQUESTS && kind != SL_LIMIT_CONCURRENT;
}

/* Sessions of callers without a tenant take the caller's own share: its address cannot be chosen as freely. */
static struct sl_str tenant_of(const struct sl_limit_call *call, enum sl_limit_key key)
{
    return key == SL_LIMIT_SESSION && !call->tenant.n ? call->principal : call->tenant;
}

void sl_claims_make(struct sl_claims *claims, struct sl_limiter *limiter, const struct sl_limit_call *call,
                    uint64_t now)
{
    SL_ASSERT(call->n_owners >= 1 && call->n_owners <= SL_LIMIT_OWNERS_MAX);
    claims->limiter = limiter;
    claims->call = call;
    claims->now = now;
    claims->n = 0;
    for (uint32_t i = 0; i < call->n_owners; i++) {
        const struct sl_limits *owner = call->owners[i];
        uint32_t first = claims->n;
        for (uint32_t k = 0; k < owner->n; k++) {
            if (call->is_free && is_amount(owner->rules[k].kind)) {
                continue;
            }
            struct sl_claim *claim = &claims->v[claims->n++];
            claim->id.owner = owner;
            claim->id.tenant = tenant_of(call, owner->rules[k].key);
            claim->id.rule = &owner->rules[k];
            claim->first = first;
            claim->is_shared = claim->has_no_room = false;
        }
    }
    scopes_find(claims);
}

bool sl_claims_find(struct sl_claims *claims)
{
    bool is_complete = true;
    for (uint32_t i = 0; i < claims->n; i++) {
        claims->v[i].counter = sl_counter_find(claims->v[i].shard, &claims->v[i].id);
        is_complete &= claims->v[i].counter != NULL;
    }
    return is_complete;
}

/* --- what a counter says --- */

/* True: the window ends later than any window of this period that opens now: the clock stepped back. Months and years
 * of the calendar may be longer than the period's own length. */
static bool is_too_far(const struct sl_counter *c, uint64_t now)
{
    uint64_t more = c->zone ? c->period_usec / 8 : 0;
    return c->end_usec != UINT64_MAX && c->end_usec > now + c->period_usec + more + CLOCK_SLACK_USEC;
}

/* What was used in the window that is open now. */
static uint64_t counter_used(struct sl_counter *c, const struct sl_limit_rule *rule, uint64_t now)
{
    if (!c || c->end_usec <= now) {
        return 0;
    }
    if (SL_UNLIKELY(is_too_far(c, now))) {
        c->end_usec = sl_limit_window_end(rule, now);
    }
    return c->used;
}

static uint64_t reset_of(const struct sl_claim *claim, uint64_t used, uint64_t now)
{
    const struct sl_limit_rule *rule = claim->id.rule;
    return rule->kind == SL_LIMIT_CONCURRENT ? SL_USEC_PER_SEC : used && rule->cap ? claim->counter->end_usec - now : 0;
}

bool sl_claim_is_refusing(const struct sl_claim *claim, uint64_t need, uint64_t now)
{
    uint64_t used = counter_used(claim->counter, claim->id.rule, now), cap = claim->id.rule->cap;
    return used >= cap || need > cap - used || claim->has_no_room;
}

/* What was used of a limit, and is left. */
struct state {
    uint64_t used, left;
    bool is_full; /* what the call still needs is not left */
};

SL_INLINE struct state state_of(const struct sl_claim *claim, uint64_t need, uint64_t now)
{
    uint64_t used = counter_used(claim->counter, claim->id.rule, now), cap = claim->id.rule->cap;
    uint64_t left = used < cap ? cap - used : 0;
    return (struct state){ used, left, !left || need > left || claim->has_no_room };
}

static struct sl_limit_shown shown_of(const struct sl_claim *claim, const struct state *state, uint64_t need,
                                      uint64_t now)
{
    const struct sl_limit_rule *rule = claim->id.rule;
    bool is_final = !rule->cap || need > rule->cap || (state->is_full && rule->key == SL_LIMIT_SESSION) ||
                    claim->has_no_room;
    return (struct sl_limit_shown){
        .owner = claim->id.owner,
        .rule = rule,
        .used = state->used,
        .need = need,
        .remaining = state->left,
        .is_refusing = state->is_full,
        .is_final = is_final,
        .has_no_room = claim->has_no_room,
        .reset_usec = is_final ? 0 : reset_of(claim, state->used, now),
    };
}

/* False: the limit is not tighter than that one, as a look at few members shows. */
SL_INLINE bool may_be_tighter(const struct sl_claim *claim, const struct state *state,
                              const struct sl_limit_shown *than, uint64_t now)
{
    if (!than->rule || state->is_full) {
        return true;
    }
    return !than->is_refusing &&
           (state->left < than->remaining ||
            (state->left == than->remaining && reset_of(claim, state->used, now) > than->reset_usec));
}

static bool is_tighter(const struct sl_limit_shown *a, const struct sl_limit_shown *than)
{
    return !than->rule                           ? true
           : a->is_refusing != than->is_refusing ? a->is_refusing
           : a->is_final != than->is_final       ? a->is_final
           : a->is_refusing                      ? a->reset_usec > than->reset_usec
           : a->remaining != than->remaining     ? a->remaining < than->remaining
                                                 : a->reset_usec > than->reset_usec;
}

static uint32_t percent_of(const struct sl_limit_shown *shown)
{
    double percent = shown->rule->cap ? (double)shown->used / (double)shown->rule->cap * 100 : 100;
    return percent < SL_LIMIT_PERCENT_MAX ? (uint32_t)percent : SL_LIMIT_PERCENT_MAX;
}

/* The one that refuses takes the last place when there is none left. */
static SL_NOINLINE void near_note(struct sl_limit_view *view, const struct sl_limit_shown *shown, bool is_refusing)
{
    if (view->n_near == SL_LIMIT_NEAR_MAX && !is_refusing) {
        return;
    }
    view->n_near += view->n_near < SL_LIMIT_NEAR_MAX;
    view->near[view->n_near - 1] = (struct sl_limit_near){ shown->owner, shown->rule, percent_of(shown), is_refusing };
}

/* Notes a limit that refuses the call, or is nearly reached. */
static SL_NOINLINE void strict_note(struct sl_limit_view *view, const struct sl_limit_shown *shown, bool is_refusing)
{
    near_note(view, shown, is_refusing);
    if (is_refusing) {
        view->first = view->is_refused ? view->first : *shown;
        view->refusing = is_tighter(shown, &view->refusing) ? *shown : view->refusing;
        view->is_refused = true;
    }
}

/* Most limits are neither near nor tighter than another one: of these nothing is copied. */
void sl_claims_view(const struct sl_claims *claims, bool is_taken, struct sl_limit_view *ret)
{
    ret->is_refused = false;
    ret->n_near = 0;
    ret->first.rule = ret->refusing.rule = ret->requests.rule = ret->tokens.rule = ret->money.rule = NULL;
    struct sl_limit_shown *const sorts[SL_LIMIT_KINDS] = {
        [SL_LIMIT_REQUESTS] = &ret->requests,   [SL_LIMIT_TOKENS] = &ret->tokens,
        [SL_LIMIT_INPUT_TOKENS] = &ret->tokens, [SL_LIMIT_OUTPUT_TOKENS] = &ret->tokens,
        [SL_LIMIT_MONEY] = &ret->money,
    };
    for (uint32_t i = 0; i < claims->n; i++) {
        const struct sl_claim *claim = &claims->v[i];
        const struct sl_limit_rule *rule = claim->id.rule;
        uint64_t need = is_taken ? 0 : claims->call->amounts[rule->kind];
        const struct state state = state_of(claim, need, claims->now);
        bool is_refusing = state.is_full && !is_taken; /* the last call that passes leaves nothing */
        bool is_strict = is_refusing || state.left <= rule->cap / SL_LIMIT_NEAR_PART;
        struct sl_limit_shown *sort = sorts[rule->kind];
        if (SL_LIKELY(!is_strict) && !(sort && may_be_tighter(claim, &state, sort, claims->now))) {
            continue;
        }
        struct sl_limit_shown shown = shown_of(claim, &state, need, claims->now);
        if (sort && is_tighter(&shown, sort)) {
            *sort = shown;
        }
        if (SL_UNLIKELY(is_strict)) {
            strict_note(ret, &shown, is_refusing);
        }
    }
}

/* A tenant's part of the counters that nobody pushes out. Before one is refused, all that are over go. */
static bool kept_room_make(struct sl_claim *claim, size_t max, uint64_t now)
{
    const struct sl_limit_crowd *crowd = &claim->shard->crowds[SL_LIMIT_KEPT];
    struct sl_str tenant = claim->id.tenant;
    size_t part = SL_MAX(max / KEPT_PART, (size_t)1);
    if (tenant.n && sl_limit_crowd_count(crowd, tenant) >= part) {
        sl_limit_shard_sweep(claim->shard, UINT_MAX, now);
    }
    return !tenant.n || sl_limit_crowd_count(crowd, tenant) < part;
}

/* Makes room for one more counter. False: there is none. */
static bool room_make(struct sl_claim *claim, size_t max, uint64_t now)
{
    enum sl_limit_sort sort = sl_counter_sort(&claim->id);
    if (sort == SL_LIMIT_UNBOUNDED) {
        return true;
    }
    if (sort == SL_LIMIT_KEPT) {
        return kept_room_make(claim, max, now);
    }
    struct sl_limit_crowd *crowd = &claim->shard->crowds[sort];
    /* More than one may go, because several rules of a call may have asked for one place. */
    for (int i = 0; i < SL_LIMIT_SWEEP && crowd->n >= max; i++) {
        size_t most = sl_limit_crowd_most(crowd);
        bool is_own = sl_limit_crowd_count(crowd, claim->id.tenant) == most;
        /* A forgotten session is a new one, which its key could have named as well. A forgotten caller may call more
         * than it should, so a tenant's own callers share then, and only one that has much gives way to another. */
        bool may_push = sort == SL_LIMIT_SESSIONS || (!is_own && most > max / CALLERS_PART);
        struct sl_counter *oldest = may_push ? sl_limit_crowd_oldest(crowd) : NULL;
        if (oldest) {
            sl_counter_remove(claim->shard, oldest);
        }
    }
    return crowd->n < max;
}

/* True: a rule's counter does not exist and its shard is full. The call then uses the owner's shared counter, and its
 * scopes have to be found anew. What is kept is never shared: there the call is refused. */
static bool are_crowded(struct sl_claims *claims)
{
    bool found = false;
    for (uint32_t i = 0; i < claims->n; i++) {
        struct sl_claim *claim = &claims->v[i];
        claim->has_no_room = false;
        if (claim->id.rule->cap == 0 || sl_counter_find(claim->shard, &claim->id)) {
            continue;
        }
        sl_limit_shard_sweep(claim->shard, SL_LIMIT_SWEEP, claims->now);
        bool has_room = room_make(claim, claims->limiter->max_crowd, claims->now);
        claim->has_no_room = !has_room && sl_counter_sort(&claim->id) == SL_LIMIT_KEPT;
        if (!has_room && !claim->has_no_room) {
            claim->is_shared = found = true;
        }
    }
    return found;
}

bool sl_claims_lack_room(const struct sl_claims *claims)
{
    bool lacks = false;
    for (uint32_t i = 0; i < claims->n; i++) {
        lacks |= claims->v[i].has_no_room;
    }
    return lacks;
}

int sl_claims_add(struct sl_claims *claims)
{
    for (uint32_t i = 0; i < claims->n; i++) {
        struct sl_claim *claim = &claims->v[i];
        /* Looks again, because two rules may have the same counter. */
        if (!claim->counter) {
            claim->counter = sl_counter_find(claim->shard, &claim->id);
        }
        if (!claim->counter) {
            claim->counter = sl_counter_add(claim->shard, &claim->id, sl_limit_window_end(claim->id.rule, claims->now));
        }
        if (!claim->counter) {
            return SL_E_NOMEM; /* counters made so far have no window, so a later sweep removes them */
        }
    }
    return 0;
}

bool sl_claims_has_before(const struct sl_claims *claims, uint32_t i)
{
    const struct sl_claim *claim = &claims->v[i];
    for (uint32_t k = claim->first; k < i; k++) {
        if (claims->v[k].counter == claim->counter) {
            return true;
        }
    }
    return false;
}

void sl_claims_lock(struct sl_claims *claims)
{
    for (;; scopes_find(claims)) {
        sl_limit_shards_lock(claims->limiter, claims->mask);
        if (sl_claims_find(claims)) {
            return;
        }
        if (!are_crowded(claims)) {
            sl_claims_find(claims); /* the sweep may have freed counters that were found above */
            return;
        }
        sl_limit_shards_unlock(claims->limiter, claims->mask); /* once for each rule: a shared counter has room */
    }
}
