/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_home.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/zone.h"
#include "gate/policy/limit_remote.h"
#include "gate/policy/period.h"

void sl_limiter_leave_home(struct sl_limiter *limiter, uint32_t n_workers)
{
    limiter->n_own = n_workers;
}

/* --- names --- */

/* Each text with its length, so that no two lists of texts have the same bytes. */
static void text_add(struct sl_buf *buf, struct sl_str text)
{
    sl_buf_add_u64(buf, text.n);
    sl_buf_add_char(buf, ' ');
    sl_buf_add_str(buf, text);
}

static void number_add(struct sl_buf *buf, uint64_t v)
{
    char text[20];
    text_add(buf, sl_str_make(text, sl_format_u64(v, text)));
}

/* All nodes must find the same name: no seeded hash, and words in place of the numbers of enums. SL_E_NOMEM. */
static int name_make(const struct sl_counter *c, char out[SL_LIMIT_HOME_NAME])
{
    static const char *const keys[] = { "whole", "user", "session", "shared" };
    unsigned char sum[SHA256_DIGEST_LENGTH];
    struct sl_buf buf = SL_BUF_INIT(1u << 20);
    text_add(&buf, sl_str_c(sl_limit_owner_names[c->owner]));
    text_add(&buf, sl_str_make(c->text, c->n_name));
    number_add(&buf, c->incarnation);
    text_add(&buf, sl_str_c(keys[c->key]));
    text_add(&buf, sl_str_make(c->text + c->n_name, c->n_who));
    text_add(&buf, sl_str_c(sl_limit_kind_names[c->kind]));
    number_add(&buf, c->period_usec);
    text_add(&buf, c->zone ? sl_zone_name(c->zone) : SL_STR(""));
    int r = sl_buf_status(&buf);
    if (r == 0) {
        SHA256((const unsigned char *)buf.p, buf.len, sum);
    }
    sl_buf_done(&buf);
    for (size_t i = 0; r == 0 && i < SL_LIMIT_HOME_NAME / 2; i++) {
        sl_format_hex(sum[i], 2, out + 2 * i);
    }
    return r;
}

static struct sl_remote *remote_get(const struct sl_limiter *limiter, struct sl_counter *c)
{
    if (!c->remote) {
        c->remote = calloc(1, sizeof(*c->remote) + limiter->n_own * sizeof(c->remote->own[0]));
        if (c->remote && name_make(c, c->remote->name) < 0) {
            free(c->remote);
            c->remote = NULL;
        }
    }
    return c->remote;
}

/* --- windows --- */

/* Shares belong to the newest window that is known. */
static void window_note(const struct sl_limiter *limiter, struct sl_remote *remote, uint64_t start_usec)
{
    if (start_usec > remote->start_usec) {
        remote->start_usec = start_usec;
        remote->other_usec = 0;
        remote->leased = remote->floor = 0;
        for (uint32_t i = 0; i < limiter->n_own; i++) { /* a doubt stays: it may be about this window */
            remote->own[i].used = remote->own[i].reserved = 0;
            sl_lease_void(&remote->own[i]);
        }
    }
}

/* Ends of the calendar's period that is now, and of the next one. */
static void ends_look(const struct sl_counter *c, const struct sl_limit_home_at *at)
{
    struct sl_remote *remote = c->remote;
    uint64_t now = at->now_usec + (uint64_t)at->offset_usec;
    if (c->zone && remote->end_usec[0] <= now) {
        remote->end_usec[0] = sl_period_next(c->zone, c->period_usec, now);
        remote->end_usec[1] = sl_period_next(c->zone, c->period_usec, remote->end_usec[0]);
    }
}

static bool is_open(const struct sl_counter *c, uint64_t now)
{
    return c->end_usec > now;
}

/* --- pins --- */

static uint64_t mask_of(const struct sl_limit_pin *pins, uint32_t n)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < n; i++) {
        mask |= (uint64_t)1 << pins[i].shard;
    }
    return mask;
}

/* True: what the home says was used for certain leaves no room, and in this window that cannot become less. */
static bool is_known_full(const struct sl_claim *claim, uint64_t now)
{
    const struct sl_counter *c = claim->counter;
    return is_open(c, now) && c->remote->start_usec && !c->remote->is_alone && !c->remote->is_unsure &&
           c->used >= c->reserved && c->used - c->reserved >= claim->id.rule->cap;
}

static void pin_make(const struct sl_claims *claims, uint32_t i, const struct sl_limit_home_at *at,
                     struct sl_limit_pin *pins)
{
    const struct sl_claim *claim = &claims->v[i];
    const struct sl_limit_rule *rule = claim->id.rule;
    struct sl_counter *c = claim->counter;
    ends_look(c, at);
    pins[i] = (struct sl_limit_pin){
        .counter = c,
        .name = c->remote->name,
        .cap = rule->cap,
        .amount = SL_MIN(claims->call->amounts[rule->kind], TOLD_MAX),
        .period_usec = rule->period_usec,
        .end_usec = { c->remote->end_usec[0], c->remote->end_usec[1] },
        .shard = sl_limit_shard_of(c->hash),
        .kind = rule->kind,
        .is_session = rule->key == SL_LIMIT_SESSION,
        .is_twin = sl_claims_has_before(claims, i),
    };
    for (uint32_t k = claim->first; pins[i].is_twin && k < i; k++) {
        if (pins[k].counter == c) {
            pins[k].cap = SL_MIN(pins[k].cap, rule->cap);
        }
    }
    c->n_open += !pins[i].is_twin;
}

int sl_limiter_pin(struct sl_limiter *limiter, const struct sl_limit_call *call, const struct sl_limit_home_at *at,
                   struct sl_limit_pin *pins, uint32_t *ret_n, struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    sl_claims_make(&claims, limiter, call, at->now_usec);
    *ret_n = 0;
    for (uint32_t i = 0; i < claims.n; i++) {
        if (!claims.v[i].id.rule->cap) { /* nothing passes, whatever was counted */
            sl_limiter_peek(limiter, call, at->now_usec, ret_view);
            return SL_E_LIMIT;
        }
    }
    sl_claims_lock(&claims);
    int r = sl_claims_lack_room(&claims) ? SL_E_LIMIT : sl_claims_add(&claims);
    for (uint32_t i = 0; r == 0 && i < claims.n; i++) {
        r = !remote_get(limiter, claims.v[i].counter) ? SL_E_NOMEM : 0;
    }
    for (uint32_t i = 0; r == 0 && i < claims.n; i++) {
        r = is_known_full(&claims.v[i], at->now_usec) ? SL_E_LIMIT : 0;
    }
    if (r == SL_E_LIMIT) {
        sl_claims_view(&claims, false, ret_view);
    }
    for (uint32_t i = 0; r == 0 && i < claims.n; i++) {
        pin_make(&claims, i, at, pins);
    }
    if (r == 0 && at->leases) {
        sl_leases_want(at, pins, claims.n);
    }
    *ret_n = r == 0 ? claims.n : 0;
    sl_limit_shards_unlock(limiter, claims.mask);
    return r;
}

static void unpin(const struct sl_limit_pin *pin)
{
    if (!pin->is_twin) {
        SL_ASSERT(pin->counter->n_open > 0);
        pin->counter->n_open--;
    }
}

void sl_limiter_pin_again(struct sl_limiter *limiter, const struct sl_limit_pin *pins, uint32_t n)
{
    uint64_t mask = mask_of(pins, n);
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n; i++) {
        pins[i].counter->n_open += !pins[i].is_twin;
    }
    sl_limit_shards_unlock(limiter, mask);
}

void sl_limiter_unpin(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_pin *pins, uint32_t n)
{
    uint64_t mask = mask_of(pins, n);
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n; i++) {
        sl_lease_unask(&pins[i], worker);
        unpin(&pins[i]);
    }
    sl_limit_shards_unlock(limiter, mask);
}

void sl_limiter_doubt(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_pin *pins, uint32_t n)
{
    uint64_t mask = mask_of(pins, n);
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n; i++) {
        pins[i].counter->remote->own[worker].is_touched = true;
    }
    sl_limit_shards_unlock(limiter, mask);
}

/* --- verdicts --- */

/* The same claims as when they were pinned. */
static void claims_again(struct sl_claims *claims, struct sl_limiter *limiter, const struct sl_limit_call *call,
                         uint64_t now, const struct sl_limit_pin *pins, uint32_t n)
{
    sl_claims_make(claims, limiter, call, now);
    SL_ASSERT(claims->n == n);
    for (uint32_t i = 0; i < n; i++) {
        claims->v[i].counter = pins[i].counter;
    }
}

/* The call has taken what it needs: the share grows, and a reservation stays pinned. */
static void pin_take(const struct sl_limit_pin *pin, uint32_t worker, uint64_t start_usec, struct sl_limit_held *held,
                     uint32_t *io_n)
{
    struct sl_remote *remote = pin->counter->remote;
    struct own *own = &remote->own[worker];
    if (start_usec == remote->start_usec) { /* else the window is over already */
        own->used += pin->amount;
        own->reserved += sl_remote_is_held(pin->kind) ? pin->amount : 0;
        own->is_touched = true;
    }
    if (sl_remote_is_held(pin->kind)) {
        held[(*io_n)++] = (struct sl_limit_held){ pin->counter, pin->amount, 0, pin->shard, start_usec };
    } else {
        unpin(pin);
    }
}

/* The copy is new, maybe because the old one was pushed out of the table: what this worker had added before is what the
 * home says. */
static void own_adopt(struct own *own, const struct sl_limit_answer *answer, uint64_t amount)
{
    if (!own->is_touched && answer->own != UINT64_MAX) {
        own->used = answer->own - SL_MIN(amount, answer->own);
    }
}

/* What was used for certain. While leases are out, that is what it was before. */
static uint64_t floor_of(const struct sl_counter *c)
{
    return c->remote->is_unsure ? c->remote->floor : c->used - SL_MIN(c->reserved, c->used);
}

static void answer_note(struct sl_limiter *limiter, struct sl_counter *c, const struct sl_limit_answer *answer)
{
    struct sl_limit_shard *shard = &limiter->shards[sl_limit_shard_of(c->hash)];
    struct sl_remote *remote = c->remote;
    if (answer->start_usec == remote->start_usec) {
        remote->floor = floor_of(c);
    } else if (answer->start_usec > remote->start_usec) {
        sl_counter_renew_marks(shard, c);
    }
    window_note(limiter, remote, answer->start_usec);
    if (answer->said_usec < remote->said_usec) {
        return; /* another worker has heard more */
    }
    remote->said_usec = answer->said_usec;
    /* The home counts leases as used; here they are not, as long as nobody has used them. */
    uint64_t leased = SL_MIN(remote->leased, answer->used);
    c->used = answer->used - leased;
    c->reserved = answer->reserved - (sl_remote_is_held(c->kind) ? SL_MIN(leased, answer->reserved) : 0);
    c->reserved = SL_MIN(c->reserved, c->used);
    c->end_usec = answer->end_usec;
    remote->is_alone = false;
    remote->is_unsure = answer->is_unsure;
}

void sl_limiter_answered(struct sl_limiter *limiter, const struct sl_limit_call *call,
                         const struct sl_limit_home_at *at, const struct sl_limit_pin *pins, uint32_t n,
                         struct sl_limit_answer *answers, bool is_taken, struct sl_limit_held *held,
                         uint32_t *ret_n_held, struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    uint64_t mask = mask_of(pins, n);
    claims_again(&claims, limiter, call, at->now_usec, pins, n);
    *ret_n_held = 0;
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n; i++) {
        if (pins[i].is_twin) {
            continue;
        }
        answer_note(limiter, pins[i].counter, answers);
        sl_remote_watch(limiter, pins[i].counter, pins[i].cap);
        if (answers->start_usec == pins[i].counter->remote->start_usec) {
            own_adopt(&pins[i].counter->remote->own[at->worker], answers,
                      is_taken ? pins[i].amount + answers->lease : 0);
        }
        sl_lease_unask(&pins[i], at->worker);
        if (answers->lease && sl_lease_grant(at, &pins[i], answers)) {
            answers->lease = 0;
        }
        if (is_taken) {
            pin_take(&pins[i], at->worker, answers->start_usec, held, ret_n_held);
        }
        answers++;
    }
    sl_claims_view(&claims, is_taken, ret_view);
    for (uint32_t i = 0; !is_taken && i < n; i++) {
        unpin(&pins[i]);
    }
    sl_limit_shards_unlock(limiter, mask);
}

/* --- without the home --- */

/* What was used in the window, as far as this node knows. */
static uint64_t used_now(const struct sl_counter *c, uint64_t now)
{
    return is_open(c, now) ? c->used : 0;
}

static uint64_t own_used(const struct sl_limiter *limiter, const struct sl_counter *c, uint64_t now)
{
    uint64_t used = 0;
    for (uint32_t i = 0; is_open(c, now) && i < limiter->n_own; i++) {
        used += c->remote->own[i].used;
    }
    return used;
}

/* How much of the limit the node has left, by itself. */
static uint64_t left_alone(const struct sl_limiter *limiter, const struct sl_limit_rule *rule,
                           const struct sl_counter *c, const struct sl_limit_home_at *at)
{
    uint64_t now = at->now_usec;
    bool is_local = sl_limit_loss_of(rule) == SL_LIMIT_LOSS_LOCAL;
    uint64_t used = is_local ? own_used(limiter, c, now) : used_now(c, now);
    uint64_t left = used < rule->cap ? rule->cap - used : 0;
    return is_local                                 ? left
           : c->remote->is_alone && is_open(c, now) ? SL_MIN(c->remote->alone_left, left)
                                                    : left / at->n_nodes;
}

static void take_alone(struct sl_limiter *limiter, const struct sl_claim *claim, const struct sl_limit_pin *pin,
                       const struct sl_limit_home_at *at)
{
    struct sl_counter *c = pin->counter;
    struct sl_remote *remote = c->remote;
    uint64_t left = left_alone(limiter, claim->id.rule, c, at);
    if (!is_open(c, at->now_usec)) {
        window_note(limiter, remote, at->now_usec + (uint64_t)at->offset_usec);
        c->used = c->reserved = 0;
        c->end_usec = sl_limit_window_end(claim->id.rule, at->now_usec);
    } else if (pin->is_session) {
        c->end_usec = SL_MAX(c->end_usec, at->now_usec + pin->period_usec);
    }
    if (!remote->start_usec) { /* without a window of its own, as concurrency */
        remote->start_usec = at->now_usec + (uint64_t)at->offset_usec;
    }
    remote->is_alone = true;
    remote->alone_left = left - SL_MIN(pin->amount, left);
    c->used += pin->amount;
    c->reserved += sl_remote_is_held(pin->kind) ? pin->amount : 0;
}

/* 0, SL_E_LIMIT or SL_E_IO. */
static int judge_alone(const struct sl_limiter *limiter, const struct sl_claims *claims,
                       const struct sl_limit_pin *pins, const struct sl_limit_home_at *at)
{
    int r = 0;
    for (uint32_t i = 0; i < claims->n; i++) {
        const struct sl_limit_rule *rule = claims->v[i].id.rule;
        switch (sl_limit_loss_of(rule)) {
        case SL_LIMIT_LOSS_CLOSED:
            return SL_E_IO;
        case SL_LIMIT_LOSS_OPEN:
            break;
        case SL_LIMIT_LOSS_DEFAULT:
        case SL_LIMIT_LOSS_SHARE:
        case SL_LIMIT_LOSS_LOCAL:
        case SL_LIMIT_LOSSES:
            r = left_alone(limiter, rule, pins[i].counter, at) < SL_MAX(pins[i].amount, 1u) ? SL_E_LIMIT : r;
            break;
        }
    }
    return r;
}

/* Whatever the copies say, the node's own part is used up: the view shows that. */
static void view_alone(const struct sl_limiter *limiter, struct sl_claims *claims, const struct sl_limit_pin *pins,
                       const struct sl_limit_home_at *at, struct sl_limit_view *ret_view)
{
    uint64_t before[SL_LIMIT_PINS_MAX][2];
    for (uint32_t i = 0; i < claims->n; i++) {
        struct sl_counter *c = pins[i].counter;
        const struct sl_limit_rule *rule = claims->v[i].id.rule;
        uint64_t left = left_alone(limiter, rule, c, at);
        before[i][0] = c->used;
        before[i][1] = c->end_usec;
        c->end_usec = is_open(c, at->now_usec) ? c->end_usec : sl_limit_window_end(rule, at->now_usec);
        c->used = rule->cap - SL_MIN(left, rule->cap);
    }
    sl_claims_view(claims, false, ret_view);
    for (uint32_t i = claims->n; i-- > 0;) {
        pins[i].counter->used = before[i][0];
        pins[i].counter->end_usec = before[i][1];
    }
}

int sl_limiter_take_alone(struct sl_limiter *limiter, const struct sl_limit_call *call,
                          const struct sl_limit_home_at *at, const struct sl_limit_pin *pins, uint32_t n,
                          struct sl_limit_held *held, uint32_t *ret_n_held, struct sl_limit_view *ret_view)
{
    struct sl_claims claims;
    uint64_t mask = mask_of(pins, n);
    claims_again(&claims, limiter, call, at->now_usec, pins, n);
    *ret_n_held = 0;
    sl_limit_shards_lock(limiter, mask);
    int r = judge_alone(limiter, &claims, pins, at);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        if (!pins[i].is_twin) {
            take_alone(limiter, &claims.v[i], &pins[i], at);
            pin_take(&pins[i], at->worker, pins[i].counter->remote->start_usec, held, ret_n_held);
        }
    }
    if (r == SL_E_LIMIT) {
        view_alone(limiter, &claims, pins, at, ret_view);
    } else {
        sl_claims_view(&claims, true, ret_view);
    }
    for (uint32_t i = 0; r < 0 && i < n; i++) {
        unpin(&pins[i]);
    }
    sl_limit_shards_unlock(limiter, mask);
    return r;
}

/* --- settling --- */

static void share_settle(struct sl_limiter *limiter, struct sl_counter *c, uint32_t worker,
                         struct sl_limit_change *change)
{
    struct sl_remote *remote = c->remote;
    struct own *own = &remote->own[worker];
    if (change->start_usec == remote->other_usec) {
        change->start_usec = remote->start_usec;
    }
    if (change->start_usec != remote->start_usec) {
        return; /* its window is over */
    }
    uint64_t given = SL_MIN(change->reserved, own->reserved), used = (uint64_t)change->used;
    own->reserved -= given;
    own->used += used - SL_MIN(given, own->used);
    own->is_touched = true;
    if (remote->is_alone) { /* what a reservation did not need may be used again, while the home is away */
        remote->alone_left += given - SL_MIN(given, used);
        remote->alone_left -= SL_MIN(used - SL_MIN(given, used), remote->alone_left);
    }
    /* The copy follows, until the home says more. */
    given = SL_MIN(SL_MIN(given, c->reserved), c->used);
    c->reserved -= given;
    c->used += used - given;
    sl_counter_watch(&limiter->shards[sl_limit_shard_of(c->hash)], c);
}

uint32_t sl_limiter_settle_away(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_held *held,
                                uint32_t n_held, const uint64_t used[SL_LIMIT_KINDS], uint64_t now_usec,
                                struct sl_limit_change *out)
{
    uint64_t mask = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_held; i++) {
        mask |= (uint64_t)1 << held[i].shard;
    }
    sl_limit_shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n_held; i++) {
        struct sl_counter *c = held[i].counter;
        uint64_t more = c->kind == SL_LIMIT_CONCURRENT ? 0 : SL_MIN(used[c->kind], TOLD_MAX);
        SL_ASSERT(c->n_open > 0);
        c->n_open--;
        out[n] = (struct sl_limit_change){ .start_usec = held[i].start_usec,
                                           .reserved = held[i].reserved,
                                           .used = (int64_t)more };
        memcpy(out[n].name, c->remote->name, sizeof(out[n].name));
        share_settle(limiter, c, worker, &out[n]);
        n += (out[n].reserved || out[n].used) && !sl_lease_settle(c, worker, now_usec, &out[n]);
    }
    sl_limit_shards_unlock(limiter, mask);
    return n;
}

/* --- shares --- */

void sl_limiter_each_share(struct sl_limiter *limiter, uint32_t worker, bool has_floors, uint64_t now_usec,
                           sl_limit_share_fn *fn, void *arg)
{
    for (uint32_t s = 0; s < SL_LIMIT_SHARDS; s++) {
        struct sl_limit_shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < shard->n; i++) {
            struct sl_counter *c = shard->heap[i];
            const struct sl_remote *remote = c->remote;
            bool has_window = remote && remote->start_usec && is_open(c, now_usec);
            if (!remote || !(remote->own[worker].is_touched || (has_floors && has_window))) {
                continue;
            }
            const struct own none = { 0 }, *own = has_window ? &remote->own[worker] : &none;
            const struct sl_limit_share share = {
                .counter = c,
                .name = remote->name,
                .shard = s,
                .start_usec = has_window ? remote->start_usec : 0,
                .end_usec = has_window ? c->end_usec : 0,
                .used = own->used,
                .reserved = own->reserved,
                .floor = has_floors && has_window ? floor_of(c) : 0,
                .period_usec = c->period_usec,
                .is_session = c->key == SL_LIMIT_SESSION,
            };
            c->n_open++;
            fn(arg, &share);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

/* The home's window goes on, under its own name: shares stay what they are. */
static void window_merge(struct sl_remote *remote, uint64_t from_usec, uint64_t to_usec)
{
    if (to_usec != from_usec && remote->start_usec == from_usec) {
        remote->other_usec = from_usec;
        remote->start_usec = to_usec;
    }
}

void sl_limiter_share_back(struct sl_limiter *limiter, const struct sl_limit_share *share,
                           const struct sl_limit_answer *answer)
{
    struct sl_limit_shard *shard = &limiter->shards[share->shard];
    pthread_mutex_lock(&shard->lock);
    struct sl_counter *c = share->counter;
    SL_ASSERT(c->n_open > 0);
    c->n_open--;
    if (answer && answer->start_usec) {
        if (share->start_usec) {
            window_merge(c->remote, share->start_usec, answer->start_usec);
        }
        answer_note(limiter, c, answer);
    }
    pthread_mutex_unlock(&shard->lock);
}
