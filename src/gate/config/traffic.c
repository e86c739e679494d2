/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/traffic.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/config/route_model.h"
#include "gate/config/traffic_conf.h"
#include "gate/policy/hedge.h"
#include "gate/policy/queue.h"
#include "gate/watch/line.h"
#include "llm/form/needs.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/form/models.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)
#define WARN(bind, pos, ...) sl_bind_problem((bind), SL_PROBLEM_WARNING, (pos), NULL, __VA_ARGS__)

/* The name of the target that is the route's own `model:`. */
#define OWN "model"

/* --- one target --- */

/* The traffic that is being made. */
struct making {
    struct sl_bind *bind;
    const struct sl_traffic_place *place;
    struct sl_traffic *traffic;
    struct sl_map names; /* of struct sl_route_target */
    bool has_own;        /* targets[0] is the route's `model:` */
};

static int target_model_bind(struct making *m, const struct sl_val *item, const struct sl_target_conf *conf)
{
    const struct sl_traffic_place *place = m->place;
    struct sl_target *target = &place->targets[*place->n_targets];
    int r = sl_route_model_bind(m->bind, conf->model, place->models, target);
    *place->n_targets += target->provider != NULL;
    r = r < 0 ? r : sl_route_model_fit(m->bind, item->pos, conf->model, place->type, target);
    if (r == 0 && !((target->provider->caps | target->provider->passes) & SL_BIT(place->type))) {
        WARN(m->bind, item->pos, "this target can never answer: the provider '%s' does not serve %s",
             target->provider->name, sl_llm_type_name(place->type));
    }
    return r;
}

static const struct sl_upstream_timeouts *timeouts_of(const struct making *m, uint32_t slot,
                                                      struct sl_upstream_timeouts *room)
{
    return sl_traffic_timeouts(m->traffic, slot, &m->place->conf->timeouts, room);
}

/* How long the target may take to the first byte of a reply that is no stream. */
static uint64_t first_byte_of(const struct making *m, uint32_t slot)
{
    struct sl_upstream_timeouts room;
    uint64_t usec = timeouts_of(m, slot, &room)->first_byte_usec;
    return usec ? usec : SL_SEVERAL_FIRST_BYTE_USEC;
}

static int timeouts_look(struct making *m, const struct sl_val *item, uint32_t slot)
{
    struct sl_upstream_timeouts room;
    const char *key;
    const struct sl_val *said = sl_timeouts_beyond(sl_val_find(item, "timeouts"), timeouts_of(m, slot, &room), &key);
    return said ? FAIL(m->bind, said, "timeouts.%s is longer than timeouts.total, which ends it first", key) : 0;
}

/* The index of the target in the route's list; binds the target's model. */
static int slot_find(struct making *m, const struct sl_val *item, const struct sl_target_conf *conf, uint32_t *ret)
{
    bool is_own = sl_str_eq_c(conf->name, OWN);
    if (is_own && conf->model) {
        return FAIL(m->bind, conf->model,
                    "the target named " OWN " is the route's own `model:`; another one needs "
                    "another name");
    }
    if (is_own && !m->has_own) {
        return FAIL(m->bind, item, "the route has no `model:` that a target named " OWN " could be");
    }
    if (!is_own && !conf->model) {
        return FAIL(m->bind, item, "needs `model:` with provider, name and config");
    }
    *ret = is_own ? 0 : *m->place->n_targets;
    return is_own ? 0 : target_model_bind(m, item, conf);
}

static int target_bind(struct making *m, const struct sl_val *item, uint32_t place)
{
    struct sl_target_conf conf = { .rule = { .weight = 1 } };
    struct sl_traffic *traffic = m->traffic;
    uint32_t slot;
    if (sl_opt_bind(m->bind, sl_target_rows, item, &conf) < 0) {
        return SL_E_INVAL;
    }
    const struct sl_route_target *twin = sl_map_find(&m->names, conf.name);
    if (twin) {
        char first[48] = "";
        if (twin->pos.line) { /* a body has no lines */
            snprintf(first, sizeof(first), " (the first one is at line %u)", twin->pos.line);
        }
        return FAIL(m->bind, item, "the target \"%.*s\" is there twice%s", SL_STR_ARG(conf.name), first);
    }
    int r = slot_find(m, item, &conf, &slot);
    if (r < 0) {
        return r;
    }
    struct sl_route_target *target = &traffic->targets[slot];
    target->name = conf.name;
    target->pos = item->pos;
    target->timeouts = conf.timeouts;
    target->timeouts_said = sl_opt_said(sl_timeout_rows, sl_val_find(item, "timeouts"));
    traffic->rules[slot] = conf.rule;
    traffic->rules[slot].place = place;
    if (sl_map_put(&m->names, target->name, target) < 0) {
        return FAIL(m->bind, item, "out of memory");
    }
    return timeouts_look(m, item, slot);
}

/* --- all targets --- */

static int targets_bind(struct making *m, const struct sl_val *list)
{
    struct sl_bind *bind = m->bind;
    int result = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        size_t before = strlen(bind->path);
        snprintf(bind->path + before, sizeof(bind->path) - before, ".targets[%u]", i);
        int r = list->items[i].val->kind == SL_VAL_MAP ? target_bind(m, list->items[i].val, i + 1)
                                                       : FAIL(bind, list->items[i].val, "must be a map");
        result = r < 0 ? r : result;
        bind->path[before] = '\0';
    }
    return result;
}

static int rules_look(struct making *m, const struct sl_val *list)
{
    const struct sl_traffic *traffic = m->traffic;
    uint32_t n = *m->place->n_targets, top = 0;
    uint64_t weights = 0;
    bool has_tier[1000] = { false };
    for (uint32_t i = 0; i < n; i++) {
        weights += traffic->rules[i].weight;
        has_tier[traffic->rules[i].tier] = true;
        top = SL_MAX(top, traffic->rules[i].tier);
    }
    if (!weights) {
        return FAIL(m->bind, list, "targets: every weight is 0: nobody would be asked first");
    }
    for (uint32_t tier = 0; tier < top; tier++) {
        if (!has_tier[tier]) {
            return FAIL(m->bind, list, "targets: tier %u has none, but tier %u has: tiers count from 0 without a gap",
                        tier, top);
        }
    }
    return 0;
}

static void within_look(struct making *m, const struct sl_val *map)
{
    const struct sl_traffic *traffic = m->traffic;
    const struct sl_val *fallback = sl_val_find(map, "fallback");
    bool has_other = *m->place->n_targets > 1 || traffic->n_routes;
    for (uint32_t i = 0; has_other && i < *m->place->n_targets; i++) {
        uint64_t first = first_byte_of(m, i);
        char limit[32];
        if (first >= traffic->fallback.within_usec && traffic->fallback.on >> SL_CAUSE_TIMEOUT & 1) {
            sl_format_duration(first, limit);
            WARN(m->bind, fallback ? fallback->pos : map->pos,
                 "fallback.within is over before the first_byte of the target \"%.*s\" is (%s): when it never answers, "
                 "no other one is tried",
                 SL_STR_ARG(traffic->targets[i].name), limit);
            return;
        }
    }
}

struct sl_str sl_traffic_told(struct sl_str name, const struct sl_target *target, struct sl_arena *arena)
{
    char bytes[1024];
    struct sl_line line = { bytes, bytes + sizeof(bytes) };
    sl_line_text(&line, SL_STR("{\"target\":"), name);
    sl_line_text(&line, SL_STR(",\"provider\":"), sl_str_c(target->provider->name));
    sl_line_text(&line, SL_STR(",\"model\":"), target->model);
    return sl_arena_dup(arena, sl_str_make(bytes, (size_t)(line.at - bytes)));
}

/* Writes the beginning of the log entry once, because it is the same for all calls. */
static int told_make(struct making *m, uint32_t i)
{
    struct sl_route_target *target = &m->traffic->targets[i];
    target->told = sl_traffic_told(target->name, &m->place->targets[i], m->place->arena);
    return target->told.p ? 0 : SL_E_NOMEM;
}

static int queue_make(struct making *m, const struct sl_val *map, const struct sl_queue_rule *rule)
{
    struct sl_traffic *traffic = m->traffic;
    if (!rule->size) {
        return 0;
    }
    bool is_bounded = false;
    for (uint32_t i = 0; i < *m->place->n_targets; i++) {
        is_bounded |= traffic->rules[i].max_concurrent != 0;
    }
    if (!is_bounded) {
        const struct sl_val *said = sl_val_find(map, "queue");
        WARN(m->bind, said ? said->pos : map->pos, "queue does nothing: no target has max_concurrent");
    }
    return sl_queue_new(rule, &traffic->pool, &traffic->queue) < 0 ? FAIL(m->bind, map, "out of memory") : 0;
}

uint64_t sl_traffic_print(struct sl_str name, const struct sl_target *up)
{
    const struct sl_str texts[] = { name, up->base.authority, up->base.path };
    uint64_t prints[SL_ARRAY_LEN(texts) + 1] = { sl_hash(sl_str_c(up->provider->name)) };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        prints[i + 1] = sl_hash(texts[i]);
    }
    uint64_t print = sl_hash(sl_str_make((const char *)prints, sizeof(prints)));
    return print ? print : 1; /* 0 means none */
}

/* Warns once, about the first target whose calls fail before a hedge would come. */
static void hedge_look(struct making *m, const struct sl_val *map, const struct sl_hedge_rule *rule)
{
    uint32_t i = 0;
    while (i < *m->place->n_targets && rule->after_usec < first_byte_of(m, i)) {
        i++;
    }
    if (i < *m->place->n_targets) {
        char after[32], limit[32];
        const struct sl_val *said = sl_val_find(sl_val_find(map, "hedge"), "after");
        sl_format_duration(rule->after_usec, after);
        sl_format_duration(first_byte_of(m, i), limit);
        WARN(m->bind, said ? said->pos : map->pos,
             "hedge.after (%s) is not shorter than the first_byte of the target \"%.*s\" (%s): a call there has failed "
             "before it is hedged",
             after, SL_STR_ARG(m->traffic->targets[i].name), limit);
    }
}

static int hedges_make(struct making *m, const struct sl_val *map, const struct sl_hedge_rule *rule)
{
    struct sl_traffic *traffic = m->traffic;
    struct sl_arena *arena = m->place->arena;
    if (!rule->at_most) {
        return 0;
    }
    if (*m->place->n_targets < 2) {
        const struct sl_val *said = sl_val_find(map, "hedge");
        WARN(m->bind, said ? said->pos : map->pos, "hedge does nothing: the route has one target");
        return 0;
    }
    hedge_look(m, map, rule);
    struct sl_hedges *hedges = SL_ARENA_NEW(arena, struct sl_hedges);
    if (!hedges || sl_hedges_init(hedges, rule, *m->place->n_targets, arena) < 0) {
        return FAIL(m->bind, map, "out of memory");
    }
    traffic->hedges = hedges;
    return 0;
}

/* With `by: models` each target needs a list of models. */
static int health_make(struct making *m, const struct sl_val *map, const struct sl_health_rule *rule)
{
    const struct sl_val *said = sl_val_find(map, "health");
    bool has_any = false;
    for (uint32_t i = 0; rule->every_usec && i < *m->place->n_targets; i++) {
        const struct sl_target *target = &m->place->targets[i];
        has_any = has_any || !target->is_local;
        if (rule->by != SL_HEALTH_MODELS || target->is_local || (target->provider->models_target && !target->cred)) {
            continue;
        }
        return FAIL(m->bind, said ? said : map, "health: by models: %s '%s' of the target \"%.*s\" %s: set by: connect",
                    target->cred ? "the credential for the provider" : "the provider", target->provider->name,
                    SL_STR_ARG(m->traffic->targets[i].name),
                    target->cred ? "has to be fetched, which is not done for that"
                                 : "has no list of models to ask for");
    }
    if (rule->every_usec && !has_any) {
        WARN(m->bind, said ? said->pos : map->pos, "health does nothing: the targets answer by themselves");
        return 0;
    }
    m->traffic->pool.health = *rule;
    return 0;
}

/* `row` NULL: the route's own `model:` could not be bound; that is reported already. */
static void needs_add(struct sl_traffic *traffic, const struct sl_model *row)
{
    if (!row) {
        return;
    }
    traffic->refused |= sl_needs_refused(row);
    traffic->context = row->context && (!traffic->context || row->context < traffic->context) ? row->context
                                                                                              : traffic->context;
}

/* Takes over the names. They are checked later, when all routes are known. */
static int routes_make(struct making *m, const struct sl_traffic_conf *conf)
{
    struct sl_traffic *traffic = m->traffic;
    const struct sl_val *said = conf->routes_said;
    traffic->routes = SL_ARENA_ARRAY(m->place->arena, struct sl_fallback_route, conf->routes.n + 1);
    if (!traffic->routes) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < conf->routes.n; i++) {
        const struct sl_val *item = said->kind == SL_VAL_LIST ? said->items[i].val : said;
        traffic->routes[i] = (struct sl_fallback_route){ conf->routes.v[i], item->pos };
    }
    traffic->n_routes = conf->routes.n;
    return 0;
}

static int traffic_make(struct making *m, const struct sl_val *map, const struct sl_traffic_conf *conf)
{
    struct sl_arena *arena = m->place->arena;
    struct sl_traffic *traffic = m->traffic;
    uint32_t room = (conf->targets ? conf->targets->n : 0) + 1;
    traffic->targets = SL_ARENA_ARRAY(arena, struct sl_route_target, room);
    traffic->rules = SL_ARENA_ARRAY(arena, struct sl_target_rule, room);
    if (!traffic->targets || !traffic->rules || routes_make(m, conf) < 0) {
        return FAIL(m->bind, map, "out of memory");
    }
    for (uint32_t i = 0; i < room; i++) {
        traffic->targets[i] = (struct sl_route_target){ .name = SL_STR(OWN) };
        traffic->rules[i] = (struct sl_target_rule){ .weight = 1 };
        atomic_init(&traffic->targets[i].usage_refused, false);
    }
    traffic->fallback = (struct sl_fallback){ conf->on, conf->attempts, conf->within_usec };
    int r = conf->targets ? targets_bind(m, conf->targets) : 0;
    r = r < 0 || !conf->targets ? r : rules_look(m, conf->targets);
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < *m->place->n_targets; i++) {
        if (told_make(m, i) < 0) {
            return FAIL(m->bind, map, "out of memory");
        }
    }
    within_look(m, map);
    traffic->affinity = conf->affinity;
    for (uint32_t i = 0; i < *m->place->n_targets; i++) {
        traffic->targets[i].is_local = m->place->targets[i].is_local;
        traffic->targets[i].print = sl_traffic_print(traffic->targets[i].name, &m->place->targets[i]);
        needs_add(traffic, m->place->targets[i].row);
    }
    struct sl_breaker_rule breaker = conf->breaker;
    bool has_other = *m->place->n_targets > 1 || traffic->n_routes;
    breaker.errors = has_other || conf->has_breaker ? breaker.errors : 0;
    if (sl_pool_init(&traffic->pool, (enum sl_balance)conf->balance, &breaker, traffic->rules, *m->place->n_targets,
                     arena) < 0) {
        return FAIL(m->bind, map, "out of memory");
    }
    int r2 = queue_make(m, map, &conf->queue);
    r2 = r2 < 0 ? r2 : hedges_make(m, map, &conf->hedge);
    return r2 < 0 ? r2 : health_make(m, map, &conf->health);
}

int sl_traffic_bind(struct sl_bind *bind, const struct sl_val *map, const struct sl_traffic_conf *conf,
                    const struct sl_traffic_place *place, struct sl_traffic **ret)
{
    bool is_asked_for = conf->has_breaker || conf->routes.n || conf->health.every_usec;
    if (!conf->targets && (!is_asked_for || !*place->n_targets)) {
        for (const struct sl_opt *row = sl_traffic_rows; row->key; row++) {
            const struct sl_val *val = sl_val_find(map, row->key);
            if (val && val->kind != SL_VAL_NULL) {
                WARN(bind, val->pos, "%s does nothing: the route has no `targets`", row->key);
            }
        }
        return 0;
    }
    struct making m = { bind, place, SL_ARENA_NEW(place->arena, struct sl_traffic), { 0 }, *place->n_targets > 0 };
    if (!m.traffic) {
        return FAIL(bind, map, "out of memory");
    }
    bool was_lax = bind->is_lax;
    bind->is_lax = false;
    *ret = m.traffic;
    int r = traffic_make(&m, map, conf);
    bind->is_lax = was_lax;
    sl_map_done(&m.names);
    return r;
}

int sl_traffic_alone(const struct sl_target *target, struct sl_arena *arena, struct sl_traffic **ret)
{
    struct sl_traffic *traffic = SL_ARENA_NEW(arena, struct sl_traffic);
    struct sl_route_target *own = SL_ARENA_NEW(arena, struct sl_route_target);
    struct sl_target_rule *rule = SL_ARENA_NEW(arena, struct sl_target_rule);
    if (!traffic || !own || !rule) {
        return SL_E_NOMEM;
    }
    *own = (struct sl_route_target){ .name = SL_STR(OWN), .print = sl_traffic_print(SL_STR(OWN), target) };
    atomic_init(&own->usage_refused, false);
    rule->weight = 1;
    traffic->targets = own;
    traffic->rules = rule;
    needs_add(traffic, target->row);
    const struct sl_breaker_rule none = { 0 };
    if (sl_pool_init(&traffic->pool, SL_BALANCE_ORDERED, &none, rule, 1, arena) < 0) {
        return SL_E_NOMEM;
    }
    *ret = traffic;
    return 0;
}

void sl_traffic_done(struct sl_traffic *traffic)
{
    if (traffic) {
        sl_queue_free(traffic->queue);
        if (traffic->hedges) {
            sl_hedges_done(traffic->hedges);
        }
        sl_pool_done(&traffic->pool);
    }
}

const struct sl_upstream_timeouts *sl_traffic_timeouts(const struct sl_traffic *traffic, uint32_t target,
                                                       const struct sl_upstream_timeouts *route,
                                                       struct sl_upstream_timeouts *room)
{
    if (!traffic->targets[target].timeouts_said) {
        return route;
    }
    *room = traffic->targets[target].timeouts;
    sl_opt_fill(sl_timeout_rows, traffic->targets[target].timeouts_said, route, room);
    return room;
}

bool sl_traffic_is_watched(const struct sl_traffic *traffic, uint32_t target)
{
    return traffic->pool.health.every_usec && !traffic->targets[target].is_local;
}

uint32_t sl_traffic_find(const struct sl_traffic *traffic, uint32_t n, uint64_t print)
{
    uint32_t i = 0;
    while (i < n && traffic->targets[i].print != print) {
        i++;
    }
    return i < n ? i : SL_NO_TARGET;
}

uint32_t sl_traffic_named(const struct sl_traffic *traffic, uint32_t n, struct sl_str name)
{
    uint32_t i = 0;
    while (i < n && !sl_str_eq(traffic->targets[i].name, name)) {
        i++;
    }
    return i < n ? i : SL_NO_TARGET;
}
