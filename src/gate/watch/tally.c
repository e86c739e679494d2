/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/tally.h"

#include <sched.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/watch/pricing.h"
#include "llm/core/types.h"
#include "store/usage.h"

#define SUMS_MIN 64
/* A larger table is freed when it was taken. */
#define SUMS_KEPT 1024
/* How old the wall clock may be. A clock that was set is noticed after this time. */
#define WALL_USEC  (SL_USEC_PER_SEC / 4)
#define TEXT_CHUNK 4096

/* Whom and what a sum is for. */
struct subject {
    uint64_t hash;
    struct sl_route *route; /* held */
    struct sl_key *key;     /* held, or NULL */
    const struct sl_target *target;
    enum sl_tier tier;
    uint32_t minute; /* since 1970 */
    uint8_t pricing_class;
    bool is_away;
    struct sl_str principal;   /* of a call without a key; on the table's arena */
    struct sl_str target_name; /* of the route, or on the arena */
    struct sl_str model;       /* the same */
    const char *provider;
};

struct sum {
    struct subject of;
    int64_t v[SL_USAGE_SUM_COUNT];
};

struct sl_tally_table {
    struct sum *sums;
    uint32_t *slots; /* twice as many; index + 1, 0: free */
    uint32_t n, cap; /* cap: a power of two */
    uint32_t n_callers;
    struct sl_arena texts;
    struct sl_tally_faults faults;
};

static void table_free(struct sl_tally_table *t)
{
    if (t) {
        for (uint32_t i = 0; i < t->n; i++) {
            sl_route_unref(t->sums[i].of.route);
            sl_key_unref(t->sums[i].of.key);
        }
        sl_arena_done(&t->texts);
        free(t->sums);
        free(t->slots);
        free(t);
    }
}

static bool table_size(struct sl_tally_table *t, uint32_t cap)
{
    uint32_t *slots = calloc((size_t)cap * 2, sizeof(*slots));
    struct sum *sums = slots ? realloc(t->sums, cap * sizeof(*sums)) : NULL;
    if (!sums) {
        free(slots);
        return false;
    }
    free(t->slots);
    t->sums = sums;
    t->slots = slots;
    t->cap = cap;
    for (uint32_t i = 0; i < t->n; i++) {
        size_t at = sums[i].of.hash & (cap * 2 - 1);
        while (slots[at]) {
            at = (at + 1) & (cap * 2 - 1);
        }
        slots[at] = i + 1;
    }
    return true;
}

static struct sl_tally_table *table_new(void)
{
    struct sl_tally_table *t = calloc(1, sizeof(*t));
    if (t && !table_size(t, SUMS_MIN)) {
        free(t);
        return NULL;
    }
    if (t) {
        sl_arena_init_small(&t->texts, TEXT_CHUNK);
    }
    return t;
}

int sl_tally_init(struct sl_tally *tally)
{
    struct sl_tally_table *table = table_new(), *spare = table_new();
    *tally = (struct sl_tally){ .spare = spare };
    atomic_init(&tally->table, table);
    if (!table || !spare) {
        sl_tally_done(tally);
        return SL_E_NOMEM;
    }
    return 0;
}

void sl_tally_done(struct sl_tally *tally)
{
    table_free(atomic_exchange(&tally->table, NULL));
    table_free(SL_TAKE(tally->spare));
}

/* --- adding --- */

static uint32_t minute_of(struct sl_tally *tally, uint64_t now_usec)
{
    if (SL_UNLIKELY(now_usec - tally->wall_at_usec > WALL_USEC)) {
        tally->wall_usec = sl_clock_wall_usec();
        tally->wall_at_usec = now_usec;
    }
    return (uint32_t)((tally->wall_usec + now_usec - tally->wall_at_usec) / (SL_USAGE_MINUTE * SL_USEC_PER_SEC));
}

/* A call as it is looked for. */
struct asked {
    const struct sl_tally_call *call;
    struct sl_str principal; /* of a call without a key */
    uint64_t hash;
    enum sl_tier tier;
    uint32_t minute;
    uint8_t pricing_class;
};

static bool is_same(const struct subject *of, const struct asked *asked)
{
    const struct sl_tally_call *call = asked->call;
    if (of->hash != asked->hash || of->route != call->route || of->key != call->key || of->target != call->target ||
        of->minute != asked->minute || of->tier != asked->tier || of->pricing_class != asked->pricing_class ||
        of->is_away != call->is_away) {
        return false;
    }
    return (call->key || sl_str_eq(of->principal, asked->principal)) &&
           (!call->is_away || (sl_str_eq(of->target_name, call->target_name) && sl_str_eq(of->model, call->model)));
}

static uint64_t hash_of(const struct asked *asked)
{
    const struct sl_tally_call *call = asked->call;
    uint64_t h = (uint64_t)(uintptr_t)call->route * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29) ^ (uint64_t)(uintptr_t)call->target) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 32) ^ (uint64_t)(uintptr_t)call->key ^ asked->minute) * 0x94d049bb133111ebu;
    h ^= h >> 31;
    return call->key ? h : sl_hash_both(h, sl_hash(asked->principal));
}

SL_INLINE struct sum *find(const struct sl_tally_table *t, const struct asked *asked)
{
    size_t mask = (size_t)t->cap * 2 - 1;
    for (size_t at = asked->hash & mask; t->slots[at]; at = (at + 1) & mask) {
        struct sum *found = &t->sums[t->slots[at] - 1];
        if (is_same(&found->of, asked)) {
            return found;
        }
    }
    return NULL;
}

static bool text_keep(struct sl_tally_table *t, struct sl_str *io_text)
{
    if (io_text->n) {
        *io_text = sl_arena_dup(&t->texts, *io_text);
    }
    return io_text->p || !io_text->n;
}

/* NULL: no memory. */
static struct sum *make(struct sl_tally_table *t, const struct asked *asked)
{
    const struct sl_tally_call *call = asked->call;
    if (t->n == t->cap && !table_size(t, t->cap * 2)) {
        return NULL;
    }
    struct sum *made = &t->sums[t->n];
    *made = (struct sum){ .of = { .hash = asked->hash,
                                  .route = call->route,
                                  .key = call->key,
                                  .target = call->target,
                                  .tier = asked->tier,
                                  .minute = asked->minute,
                                  .pricing_class = asked->pricing_class,
                                  .is_away = call->is_away,
                                  .principal = call->key ? SL_STR("") : asked->principal,
                                  .target_name = call->target_name,
                                  .model = call->model,
                                  .provider = call->provider } };
    bool is_kept = text_keep(t, &made->of.principal) &&
                   (!call->is_away || (text_keep(t, &made->of.target_name) && text_keep(t, &made->of.model)));
    if (!is_kept) {
        return NULL;
    }
    SL_IGNORE(!sl_route_ref(call->route));
    SL_IGNORE(call->key && !sl_key_ref(call->key));
    t->n_callers += !call->key;
    size_t at = asked->hash & (t->cap * 2 - 1);
    while (t->slots[at]) {
        at = (at + 1) & (t->cap * 2 - 1);
    }
    t->slots[at] = ++t->n;
    return made;
}

/* A new sum; or the same one for all callers that are too many. */
static SL_NOINLINE struct sum *make_bounded(struct sl_tally_table *t, struct asked *asked)
{
    if (asked->call->key || t->n_callers < SL_TALLY_CALLERS_MAX) {
        return make(t, asked);
    }
    asked->principal = SL_STR(SL_USAGE_OTHER);
    asked->hash = hash_of(asked);
    t->faults.n_other++;
    struct sum *found = find(t, asked);
    return found ? found : make(t, asked);
}

/* -1 is unknown, and adds nothing. */
static void count(int64_t *v, int64_t n)
{
    *v = sl_usage_plus(*v, n < 0 ? 0 : n);
}

/* What few calls have. */
static SL_NOINLINE void add_more(int64_t *v, const struct sl_usage *usage)
{
    count(&v[SL_USAGE_CACHE_HOUR], usage->cache_hour);
    count(&v[SL_USAGE_AUDIO_INPUT], usage->audio_input);
    count(&v[SL_USAGE_IMAGE_INPUT], usage->image_input);
    count(&v[SL_USAGE_VIDEO_INPUT], usage->video_input);
    count(&v[SL_USAGE_AUDIO_OUTPUT], usage->audio_output);
    count(&v[SL_USAGE_IMAGE_OUTPUT], usage->image_output);
    count(&v[SL_USAGE_VIDEO_OUTPUT], usage->video_output);
    count(&v[SL_USAGE_CACHED_AUDIO], usage->cached_audio);
    count(&v[SL_USAGE_CACHED_IMAGE], usage->cached_image);
    count(&v[SL_USAGE_BILLED_INPUT], usage->billed_input);
    count(&v[SL_USAGE_BILLED_OUTPUT], usage->billed_output);
    count(&v[SL_USAGE_SEARCHES], usage->searches);
    count(&v[SL_USAGE_CITATIONS], usage->citations);
    count(&v[SL_USAGE_QUERIES], usage->queries);
    count(&v[SL_USAGE_MSEC], usage->msec);
}

/* True: a count of add_more is known. All that are unknown are -1. */
static bool has_more(const struct sl_usage *u)
{
    return (u->cache_hour & u->audio_input & u->image_input & u->video_input & u->audio_output & u->image_output &
            u->video_output & u->cached_audio & u->cached_image & u->billed_input & u->billed_output & u->searches &
            u->citations & u->queries & u->msec) != -1;
}

static void add_cost(int64_t *v, const struct sl_tally_call *call)
{
    if (call->cost_nano < 0) {
        v[SL_USAGE_UNPRICED] += !call->is_error;
        return;
    }
    v[SL_USAGE_PRICED]++;
    count(&v[SL_USAGE_COST], call->cost_nano);
    if (call->usage->cost_nano > 0) {
        v[SL_USAGE_TOLD]++;
        count(&v[SL_USAGE_TOLD_COST], call->cost_nano);
    }
}

static void add(int64_t *v, const struct sl_tally_call *call)
{
    const struct sl_usage *usage = call->usage;
    v[SL_USAGE_REQUESTS] += !call->is_lost;
    v[SL_USAGE_ERRORS] += call->is_error;
    v[SL_USAGE_LOST] += call->is_lost;
    v[SL_USAGE_ESTIMATED] += call->is_estimated;
    if (!usage) {
        return;
    }
    if (SL_UNLIKELY(call->is_lost)) {
        count(&v[SL_USAGE_LOST_COST], call->cost_nano);
    }
    v[SL_USAGE_UNMETERED] += !call->is_error && !call->is_lost && usage->input < 0 && usage->output < 0;
    count(&v[SL_USAGE_INPUT], usage->input);
    count(&v[SL_USAGE_OUTPUT], usage->output);
    count(&v[SL_USAGE_CACHED], usage->cached_input);
    count(&v[SL_USAGE_CACHE_WRITE], usage->cache_creation);
    count(&v[SL_USAGE_REASONING], usage->reasoning);
    add_cost(v, call);
    if (SL_UNLIKELY(has_more(usage))) {
        add_more(v, usage);
    }
}

void sl_tally_add(struct sl_tally *tally, const struct sl_tally_call *call, uint64_t now_usec)
{
    const struct sl_usage *usage = call->usage;
    struct asked asked = {
        .call = call,
        .principal = call->principal,
        .tier = usage ? usage->tier : SL_TIER_NONE,
        .minute = minute_of(tally, now_usec),
        .pricing_class = sl_pricing_class(usage, call->is_priced, call->is_lost),
    };
    asked.hash = hash_of(&asked);
    /* Only this thread puts NULL there; the other one waits while it finds it. */
    struct sl_tally_table *t = atomic_exchange_explicit(&tally->table, NULL, memory_order_acquire);
    struct sum *s = find(t, &asked);
    s = s ? s : make_bounded(t, &asked);
    if (s) {
        add(s->v, call);
    } else {
        t->faults.n_lost++;
    }
    atomic_store_explicit(&tally->table, t, memory_order_release);
}

/* --- taking --- */

/* Leaves the empty one there. */
static struct sl_tally_table *table_swap(struct sl_tally *tally)
{
    for (;;) {
        struct sl_tally_table *t = atomic_load_explicit(&tally->table, memory_order_relaxed);
        if (t && atomic_compare_exchange_weak_explicit(&tally->table, &t, tally->spare, memory_order_acq_rel,
                                                       memory_order_relaxed)) {
            return t;
        }
        if (!t) {
            sched_yield(); /* the worker has it for less than a microsecond */
        }
    }
}

static void row_fill(const struct sum *sum, struct sl_usage_row *ret)
{
    const struct subject *of = &sum->of;
    *ret = (struct sl_usage_row){
        .at_sec = (uint64_t)of->minute * SL_USAGE_MINUTE,
        .span_sec = SL_USAGE_MINUTE,
        .of = { [SL_USAGE_ROUTE] = of->route->name,
                [SL_USAGE_TARGET] = !of->target         ? SL_STR("")
                                    : of->target_name.p ? of->target_name
                                                        : SL_STR("model"),
                [SL_USAGE_PROVIDER] = of->target ? sl_str_c(of->provider) : SL_STR(""),
                [SL_USAGE_MODEL] = of->target ? of->model : SL_STR(""),
                [SL_USAGE_GROUP] = of->key ? of->key->group : SL_STR(""),
                [SL_USAGE_KEY] = of->key ? of->key->id : SL_STR(""),
                [SL_USAGE_PRINCIPAL] = of->key ? of->key->principal : of->principal,
                [SL_USAGE_TIER] = sl_pricing_tier_word(of->tier),
                [SL_USAGE_ABOVE] = sl_pricing_class_word(of->pricing_class) },
    };
    memcpy(ret->sums, sum->v, sizeof(ret->sums));
}

static void table_reset(struct sl_tally_table *t)
{
    memset(t->slots, 0, (size_t)t->cap * 2 * sizeof(*t->slots));
    sl_arena_done(&t->texts);
    sl_arena_init_small(&t->texts, TEXT_CHUNK);
    t->n = t->n_callers = 0;
    t->faults = (struct sl_tally_faults){ 0 };
    if (t->cap > SUMS_KEPT) {
        SL_IGNORE(!table_size(t, SUMS_MIN)); /* without memory it stays large */
    }
}

void sl_tally_take(struct sl_tally *tally, void (*on_row)(void *arg, const struct sl_usage_row *row), void *arg,
                   struct sl_tally_faults *ret)
{
    struct sl_tally_table *t = table_swap(tally);
    for (uint32_t i = 0; i < t->n; i++) {
        struct sl_usage_row row;
        row_fill(&t->sums[i], &row);
        on_row(arg, &row);
        sl_route_unref(t->sums[i].of.route);
        sl_key_unref(t->sums[i].of.key);
    }
    *ret = t->faults;
    table_reset(t);
    tally->spare = t;
}
