/* SPDX-License-Identifier: Apache-2.0 */
/* What one call takes from the counters of all its owners, and what becomes of it at the call's end. */
#include "gate/policy/limit.h"

#include "base/num.h"
#include "gate/policy/limit_claims.h"

/* What one counter counts at most, so that no sum wraps. */
#define USED_MAX ((uint64_t)1 << 62)

/* --- taking --- */

static void claim_charge(struct sl_claim *claim, const struct sl_claims *claims, struct sl_limit_held *held,
                         uint32_t *io_n)
{
    struct sl_counter *c = claim->counter;
    const struct sl_limit_rule *rule = claim->id.rule;
    uint64_t amount = claims->call->amounts[rule->kind];
    if (c->end_usec <= claims->now) {
        c->used = c->reserved = 0;
        c->end_usec = sl_limit_window_end(rule, claims->now);
        c->window++;
        sl_counter_renew_marks(claim->shard, c);
    } else if (rule->key == SL_LIMIT_SESSION) {
        c->end_usec = SL_MAX(c->end_usec, claims->now + rule->period_usec);
    }
    if (SL_UNLIKELY(c->cap != rule->cap)) {
        sl_counter_set_cap(claim->shard, c, rule->cap);
    }
    c->used += amount;
    if (rule->kind != SL_LIMIT_REQUESTS) {
        c->reserved += amount;
        c->n_open++;
        held[(*io_n)++] = (struct sl_limit_held){ c, amount, c->window, sl_limit_shard_of(c->hash), 0 };
    }
    sl_counter_watch(claim->shard, c);
    sl_counter_changed(claim->shard, c);
}

static int charge(struct sl_claims *claims, struct sl_limit_held *held, uint32_t *ret_n_held)
{
    int r = sl_claims_add(claims);
    uint32_t n = 0;
    for (uint32_t i = 0; r == 0 && i < claims->n; i++) {
        if (!sl_claims_has_before(claims, i)) {
            claim_charge(&claims->v[i], claims, held, &n);
        }
    }
    *ret_n_held = n;
    return r;
}

static bool is_any_refusing(const struct sl_claims *claims)
{
    for (uint32_t i = 0; i < claims->n; i++) {
        if (sl_claim_is_refusing(&claims->v[i], claims->call->amounts[claims->v[i].id.rule->kind], claims->now)) {
            return true;
        }
    }
    return false;
}

int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                    struct sl_limit_held *held, uint32_t *ret_n_held, struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    sl_claims_make(&claims, limiter, call, now_wall_usec);
    sl_claims_lock(&claims);
    int r = 0;
    *ret_n_held = 0;
    bool is_taken = !is_any_refusing(&claims);
    if (is_taken) {
        r = charge(&claims, held, ret_n_held);
    }
    if (r == 0) {
        sl_claims_view(&claims, is_taken, ret_view);
    }
    sl_limit_shards_unlock(limiter, claims.mask);
    return r;
}

void sl_limiter_peek(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                     struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    sl_claims_make(&claims, limiter, call, now_wall_usec);
    sl_limit_shards_lock(limiter, claims.mask);
    sl_claims_find(&claims); /* a missing counter has used nothing */
    sl_claims_view(&claims, false, ret_view);
    sl_limit_shards_unlock(limiter, claims.mask);
}

/* --- settling --- */

void sl_limiter_settle(struct sl_limiter *limiter, const struct sl_limit_held *held, uint32_t n_held,
                       const uint64_t used[SL_LIMIT_KINDS])
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < n_held; i++) {
        mask |= (uint64_t)1 << held[i].shard;
    }
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n_held; i++) {
        struct sl_counter *c = held[i].counter;
        SL_ASSERT(c->n_open > 0);
        c->n_open--;
        if (held[i].window != c->window) {
            continue; /* its window is over */
        }
        SL_ASSERT(c->reserved >= held[i].reserved && c->used >= held[i].reserved);
        c->reserved -= held[i].reserved;
        c->used -= held[i].reserved;
        if (c->kind != SL_LIMIT_CONCURRENT) { /* an upstream may say any number */
            c->used = SL_MIN(c->used + SL_MIN(used[c->kind], USED_MAX), USED_MAX + c->reserved);
        }
        sl_counter_watch(&limiter->shards[held[i].shard], c);
        sl_counter_changed(&limiter->shards[held[i].shard], c);
    }
    sl_limit_shards_unlock(limiter, mask);
}
