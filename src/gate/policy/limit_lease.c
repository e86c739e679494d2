/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_lease.h"

#include <stdlib.h>

#include "gate/policy/limit_remote.h"

/* So long before the end of a window its leases are not used any more: the end is only known as well as the clocks are.
 */
#define MARGIN_USEC (50 * 1000)

/* Its counter is pinned as long as the lease is there. */
struct sl_limit_lease {
    struct sl_link link; /* in the worker's list */
    struct sl_counter *counter;
    uint32_t shard;
    bool is_held, is_asked;
    uint64_t start_usec;       /* the window */
    uint64_t left, spent;      /* since it was granted last */
    uint64_t until_usec;       /* when it ends, on the loop's clock */
    uint64_t size;             /* how much to ask for */
    uint64_t settled_reserved; /* what the home has still to be told: the sum of changes */
    int64_t settled_used;
};

SL_LIST_FUNCTIONS(sl_limit_leases, struct sl_limit_lease, link);

/* --- begin and end --- */

static struct sl_limit_lease *lease_new(const struct sl_limit_home_at *at, const struct sl_limit_pin *pin)
{
    struct sl_limit_lease *lease = calloc(1, sizeof(*lease));
    if (lease) {
        lease->counter = pin->counter;
        lease->shard = pin->shard;
        lease->is_held = sl_remote_is_held(pin->kind);
        lease->size = SL_MIN(pin->amount * SL_LEASE_HOT, TOLD_MAX);
        pin->counter->n_open++;
        pin->counter->remote->own[at->worker].lease = lease;
        sl_limit_leases_add(at->leases, lease);
    }
    return lease;
}

static void lease_free(struct sl_limit_leases *leases, struct sl_limit_lease *lease, uint32_t worker)
{
    SL_ASSERT(!lease->left && lease->counter->n_open > 0);
    lease->counter->remote->own[worker].lease = NULL;
    lease->counter->remote->own[worker].heat = 0;
    lease->counter->n_open--;
    sl_limit_leases_remove(leases, lease);
    free(lease);
}

/* Takes out what is left. Returns how much. */
static uint64_t left_take(struct sl_limit_lease *lease, uint32_t worker)
{
    struct sl_remote *remote = lease->counter->remote;
    struct own *own = &remote->own[worker];
    uint64_t left = lease->left;
    lease->left = 0;
    remote->leased -= left;
    own->used -= left;
    own->reserved -= lease->is_held ? left : 0;
    own->is_touched |= left > 0;
    return left;
}

void sl_lease_void(struct own *own)
{
    struct sl_limit_lease *lease = own->lease;
    if (lease) {
        lease->left = lease->settled_reserved = 0;
        lease->settled_used = 0;
        lease->until_usec = 0;
    }
}

/* --- asking for leases --- */

/* True: the call takes nothing of the counter, so it needs no lease: a look is enough. */
static bool is_lookable(uint64_t amount, bool is_session)
{
    return !amount && !is_session; /* a session's window moves with each call */
}

/* Counts a call that asks for it. True: it is hot. So many have a short time ago, or it has a lease. */
static bool heat_add(const struct sl_limit_pin *pin, const struct sl_limit_home_at *at)
{
    struct own *own = &pin->counter->remote->own[at->worker];
    uint32_t now_msec = (uint32_t)(at->loop_usec / 1000);
    if (now_msec - own->heat_msec >= SL_LEASE_LOOK_USEC / 1000) {
        own->heat_msec = now_msec;
        own->heat = 0;
    }
    own->heat++;
    return !pin->is_session && (own->lease || own->heat >= SL_LEASE_HOT);
}

/* By what was used in its time, and a little more. */
static uint64_t size_next(const struct sl_limit_lease *lease)
{
    return SL_MIN(lease->spent + lease->spent / 4, TOLD_MAX);
}

static void want(const struct sl_limit_home_at *at, struct sl_limit_pin *pin)
{
    struct own *own = &pin->counter->remote->own[at->worker];
    struct sl_limit_lease *lease = own->lease ? own->lease : lease_new(at, pin);
    bool is_alive = lease && lease->until_usec > at->loop_usec;
    if (!lease || lease->is_asked || (is_alive && lease->left >= lease->size / 2)) {
        return;
    }
    /* One that is used up before half of its time was too small; one whose time is over was large enough. */
    if (lease->until_usec > at->loop_usec + SL_LEASE_USEC / 2) {
        lease->size = SL_MIN(lease->size * 2, TOLD_MAX);
    } else if (!is_alive && lease->until_usec) {
        lease->size = size_next(lease);
    }
    lease->size = SL_MAX(lease->size, SL_MIN(pin->amount * 2, TOLD_MAX));
    lease->is_asked = true;
    pin->want = lease->size;
}

void sl_leases_want(const struct sl_limit_home_at *at, struct sl_limit_pin *pins, uint32_t n)
{
    bool are_hot = true;
    for (uint32_t i = 0; i < n; i++) {
        are_hot &= pins[i].is_twin || is_lookable(pins[i].amount, pins[i].is_session) ||
                   heat_add(&pins[i], at); /* each of them counts */
    }
    for (uint32_t i = 0; are_hot && i < n; i++) {
        if (!pins[i].is_twin && pins[i].amount) {
            want(at, &pins[i]);
        }
    }
}

void sl_lease_unask(const struct sl_limit_pin *pin, uint32_t worker)
{
    struct sl_limit_lease *lease = pin->want ? pin->counter->remote->own[worker].lease : NULL;
    if (lease) {
        lease->is_asked = false;
    }
}

bool sl_lease_grant(const struct sl_limit_home_at *at, const struct sl_limit_pin *pin,
                    const struct sl_limit_answer *answer)
{
    struct sl_counter *c = pin->counter;
    struct own *own = &c->remote->own[at->worker];
    struct sl_limit_lease *lease = own->lease;
    if (!lease || answer->start_usec != c->remote->start_usec) {
        return false;
    }
    uint64_t open = answer->end_usec > at->now_usec ? answer->end_usec - at->now_usec : 0;
    uint64_t life = SL_MIN(open - SL_MIN(MARGIN_USEC, open), (uint64_t)SL_LEASE_USEC);
    lease->start_usec = answer->start_usec;
    lease->left += answer->lease;
    lease->spent = 0;
    lease->until_usec = at->loop_usec + life;
    own->used += answer->lease;
    own->reserved += lease->is_held ? answer->lease : 0;
    own->is_touched = true;
    c->remote->leased += answer->lease;
    c->used -= SL_MIN(answer->lease, c->used);
    c->reserved -= lease->is_held ? SL_MIN(answer->lease, c->reserved) : 0;
    return true;
}

/* --- using them --- */

/* The home has spoken about it as lately as a lease lasts; by another worker's clock that may be a little ahead. */
static bool is_fresh(const struct sl_remote *remote, const struct sl_limit_home_at *at)
{
    uint64_t now = at->now_usec + (uint64_t)at->offset_usec;
    return now + SL_LEASE_USEC - remote->said_usec < (uint64_t)2 * SL_LEASE_USEC;
}

/* True: the call may take what it needs of this counter without asking. */
static bool is_leased(const struct sl_claim *claim, const struct sl_limit_call *call, const struct sl_limit_home_at *at)
{
    const struct sl_limit_rule *rule = claim->id.rule;
    const struct sl_counter *c = claim->counter;
    uint64_t amount = call->amounts[rule->kind];
    if (!c || !c->remote || c->end_usec <= at->now_usec || c->used >= rule->cap) {
        return false;
    }
    if (is_lookable(amount, rule->key == SL_LIMIT_SESSION)) {
        return is_fresh(c->remote, at);
    }
    const struct sl_limit_lease *lease = c->remote->own[at->worker].lease;
    return lease && lease->left >= amount && lease->until_usec > at->loop_usec && amount <= rule->cap - c->used;
}

/* `lease` NULL: the amount is 0. */
static void lease_take(struct sl_limiter *limiter, const struct sl_claim *claim, uint64_t amount,
                       struct sl_limit_lease *lease, struct sl_limit_held *held, uint32_t *io_n)
{
    struct sl_counter *c = claim->counter;
    if (lease) {
        lease->left -= amount;
        lease->spent += amount;
        c->remote->leased -= amount;
        c->used += amount;
    }
    if (sl_remote_is_held(c->kind)) {
        c->reserved += amount;
        c->n_open++;
        held[(*io_n)++] = (struct sl_limit_held){ c, amount, 0, sl_limit_shard_of(c->hash),
                                                  lease ? lease->start_usec : c->remote->start_usec };
    }
    sl_remote_watch(limiter, c, claim->id.rule->cap);
}

bool sl_limiter_take_leased(struct sl_limiter *limiter, const struct sl_limit_call *call,
                            const struct sl_limit_home_at *at, struct sl_limit_held *held, uint32_t *ret_n_held,
                            struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    if (!at->leases || !at->leases->n) {
        return false;
    }
    sl_claims_make(&claims, limiter, call, at->now_usec);
    *ret_n_held = 0;
    sl_limit_shards_lock(limiter, claims.mask);
    bool is_good = claims.n && sl_claims_find(&claims);
    for (uint32_t i = 0; is_good && i < claims.n; i++) {
        is_good = is_leased(&claims.v[i], call, at);
    }
    for (uint32_t i = 0; is_good && i < claims.n; i++) {
        if (!sl_claims_has_before(&claims, i)) {
            const struct sl_claim *claim = &claims.v[i];
            uint64_t amount = call->amounts[claim->id.rule->kind];
            lease_take(limiter, claim, amount, amount ? claim->counter->remote->own[at->worker].lease : NULL, held,
                       ret_n_held);
        }
    }
    if (is_good) {
        sl_claims_view(&claims, true, ret_view);
    }
    sl_limit_shards_unlock(limiter, claims.mask);
    return is_good;
}

/* What the call did not use goes back to the lease: the home need not know. Only the rest is told, later. */
bool sl_lease_settle(struct sl_counter *c, uint32_t worker, uint64_t now_usec, const struct sl_limit_change *change)
{
    struct own *own = &c->remote->own[worker];
    struct sl_limit_lease *lease = own->lease;
    bool is_alive = lease && lease->until_usec > now_usec;
    if (!lease || lease->start_usec != change->start_usec || lease->start_usec != c->remote->start_usec ||
        (c->kind == SL_LIMIT_CONCURRENT && !is_alive)) {
        return false; /* others may wait for a place */
    }
    uint64_t used = (uint64_t)change->used;
    uint64_t back = is_alive ? change->reserved - SL_MIN(used, change->reserved) : 0;
    lease->left += back;
    c->remote->leased += back;
    own->used += back; /* where it is settled, this was taken off */
    own->reserved += back;
    lease->settled_reserved += change->reserved - back;
    lease->settled_used += (int64_t)change->used;
    return true;
}

/* --- looking after them --- */

static void look(struct sl_limit_lease *lease, uint32_t worker, uint64_t now_usec, bool is_end,
                 struct sl_limit_change *ret)
{
    bool is_over = is_end || (lease->until_usec <= now_usec && !lease->is_asked);
    uint64_t left = is_over ? left_take(lease, worker) : 0;
    *ret = (struct sl_limit_change){ .start_usec = lease->start_usec,
                                     .reserved = lease->settled_reserved + (lease->is_held ? left : 0),
                                     .used = lease->settled_used - (lease->is_held ? 0 : (int64_t)left) };
    memcpy(ret->name, lease->counter->remote->name, sizeof(ret->name));
    lease->settled_reserved = 0;
    lease->settled_used = 0;
    if (is_over) {
        lease->size = size_next(lease);
        lease->spent = lease->until_usec = 0;
    }
}

uint32_t sl_limiter_leases_look(struct sl_limiter *limiter, struct sl_limit_leases *leases, uint32_t worker,
                                uint64_t now_usec, bool is_end, struct sl_limit_change *out, uint32_t max)
{
    uint32_t n = 0;
    struct sl_limit_lease *next;
    for (struct sl_limit_lease *lease = sl_limit_leases_first(leases); lease && n < max; lease = next) {
        struct sl_limit_shard *shard = &limiter->shards[lease->shard];
        next = sl_limit_leases_next(lease);
        pthread_mutex_lock(&shard->lock);
        look(lease, worker, now_usec, is_end, &out[n]);
        n += out[n].reserved || out[n].used;
        if (is_end || (!lease->size && !lease->is_asked)) { /* nobody has used it in its last time */
            lease_free(leases, lease, worker);
        }
        pthread_mutex_unlock(&shard->lock);
    }
    return n;
}

void sl_limiter_leases_drop(struct sl_limiter *limiter, struct sl_limit_leases *leases, uint32_t worker)
{
    for (struct sl_limit_lease *lease; (lease = sl_limit_leases_first(leases));) {
        struct sl_limit_shard *shard = &limiter->shards[lease->shard];
        pthread_mutex_lock(&shard->lock);
        SL_IGNORE(left_take(lease, worker) == 0);
        lease_free(leases, lease, worker);
        pthread_mutex_unlock(&shard->lock);
    }
}
