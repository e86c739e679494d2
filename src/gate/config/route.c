/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/word.h"
#include "gate/config/limits_json.h"
#include "gate/config/limits_write.h"
#include "gate/config/entry.h"
#include "gate/config/route_conf.h"
#include "gate/config/route_model.h"
#include "gate/config/route_own.h"
#include "gate/config/route_price.h"
#include "gate/config/settings.h"
#include "gate/config/traffic.h"
#include "gate/config/traffic_conf.h"
#include "gate/policy/hedge.h"
#include "gate/policy/period.h"
#include "gate/policy/shadow.h"
#include "http/way.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/form/models.h"
#include "llm/price/price.h"

#define FAIL(bind, pos_, key_, ...) \
    (sl_entry_problem((bind), SL_PROBLEM_ERROR, (pos_), (key_), __VA_ARGS__), SL_E_INVAL)

/* Holds a route and its few texts: a hundred thousand routes must not cost a page each. */
#define ROUTE_CHUNK 992

/* Shared by all routes that set nothing of their own. Never written to. */
static struct sl_route_own nothing_own;

struct sl_route *sl_route_ref(struct sl_route *route)
{
    atomic_fetch_add_explicit(&route->refs, 1, memory_order_relaxed);
    return route;
}

void sl_route_unref(struct sl_route *route)
{
    if (!route || atomic_fetch_sub_explicit(&route->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (!route->base || route->targets != route->base->targets) {
        sl_targets_unprice(route->targets, route->n_targets);
    }
    sl_route_unref(route->base);
    for (uint32_t i = 0; !route->base && i < route->n_targets; i++) {
        sl_route_model_done(&route->targets[i]);
    }
    if (!route->base) {
        sl_traffic_done(route->traffic);
        if (route->own != &nothing_own) {
            sl_route_own_done(route->own);
        }
        sl_way_unref(route->way);
    }
    struct sl_arena arena = route->arena; /* the route is on this arena */
    sl_arena_done(&arena);
}

struct sl_str sl_route_target_name(const struct sl_route *route, size_t target)
{
    return route->traffic ? route->traffic->targets[target].name : SL_STR_NONE;
}

static int name_bind(struct sl_bind *bind, const struct sl_val *entry, struct sl_route *route)
{
    const struct sl_val *val = sl_val_find(entry, "name");
    if (!val || val->kind == SL_VAL_NULL) {
        return FAIL(bind, entry->pos, "name", "Field required: the name under which the route is called");
    }
    if (val->kind != SL_VAL_STRING) {
        return FAIL(bind, val->pos, "name", "must be a string, not %s%s", sl_val_kind_name(val->kind),
                    val->kind < SL_VAL_STRING ? ": put it in quotes" : "");
    }
    if (!sl_route_is_name(val->text) || sl_str_eq_c(val->text, ".") || sl_str_eq_c(val->text, "..")) {
        return FAIL(
            bind, val->pos, "name",
            "The route name provided contains disallowed characters for a url endpoint. '%.*s' is invalid. Names "
            "cannot contain spaces or any "
            "non alphanumeric characters other than hyphen, underscore and full stop, and have 1 to 255 of them.",
            (int)sl_utf8_fit(val->text, 64), val->text.p);
    }
    if (sl_str_eq_c(val->text, "proxy")) {
        sl_bind_problem(
            bind, SL_PROBLEM_WARNING, val->pos, NULL,
            "behind /gateway/proxy stands the name of a route whose provider is asked as it is: a path that looks "
            "like one of a route named proxy may lead there");
    }
    route->name = sl_arena_dup(&route->arena, val->text);
    return route->name.p ? 0 : FAIL(bind, val->pos, "name", "out of memory");
}

static int type_bind(struct sl_bind *bind, const struct sl_val *entry, struct sl_route *route)
{
    const struct sl_val *val = sl_val_find(entry, "endpoint_type");
    const char *key = "endpoint_type";
    if (!val) {
        val = sl_val_find(entry, "route_type");
        key = "route_type";
    }
    if (!val || val->kind != SL_VAL_STRING) {
        return FAIL(bind, val ? val->pos : entry->pos, val ? key : "endpoint_type",
                    "Field required: llm/v1/chat, llm/v1/completions or llm/v1/embeddings (docs/dialects.md has more)");
    }
    if (sl_llm_type_parse(val->text, &route->type) < 0) {
        return FAIL(bind, val->pos, key,
                    "The route_type '%.*s' is not supported. It must be llm/v1/chat, llm/v1/completions or "
                    "llm/v1/embeddings, or "
                    "one that passes to a provider that has it: llm/v1/images, llm/v1/speech, llm/v1/moderations, "
                    "llm/v1/rerank "
                    "or llm/v1/transcriptions.",
                    SL_STR_ARG(sl_str_sub(val->text, 0, 64)));
    }
    return 0;
}

/* Binds `model:`, which a route of the file may leave out when its targets have their own. */
static int model_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_own_models *models,
                      struct sl_route *route)
{
    const struct sl_val *model = sl_val_find(entry, "model");
    uint32_t n_more = sl_traffic_count(entry), room = n_more + 1;
    bool is_due = !n_more || model;
    route->targets = SL_ARENA_ARRAY(&route->arena, struct sl_target, room);
    route->metric_labels = SL_ARENA_ARRAY(&route->arena, _Atomic(const struct sl_metric_labels *), room);
    if (!route->targets || !route->metric_labels) {
        return FAIL(bind, entry->pos, "model", "out of memory");
    }
    for (uint32_t i = 0; i < room; i++) {
        route->targets[i] = (struct sl_target){ .provider = NULL };
        atomic_init(&route->metric_labels[i], NULL);
    }
    if (!is_due) {
        return 0;
    }
    if (!model || model->kind != SL_VAL_MAP) {
        return FAIL(bind, model ? model->pos : entry->pos, "model",
                    "Field required: a map with provider, name and config");
    }
    int r = sl_route_model_bind(bind, model, models, &route->targets[0]);
    route->n_targets = route->targets[0].provider != NULL;
    return r;
}

static int rules_keep(struct sl_route *route, const struct sl_limit_rule *rules, uint32_t n)
{
    route->limits = NULL;
    return n ? sl_limits_new(&route->arena, SL_LIMIT_OF_ROUTE, route->name, route->incarnation, rules, n,
                             &route->limits)
             : 0;
}

/* A limit of the file counts each principal separately, as in MLflow. */
static int rules_parse(struct sl_str text, struct sl_route *route)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    int n = sl_periods_parse(text, route->limit.calls, rules);
    return n < 0 ? n : rules_keep(route, rules, (uint32_t)n);
}

#define LIMIT_BAD "Failed to parse the rate limit configuration. "

static struct sl_str word_of(const struct sl_val *val)
{
    return val->kind <= SL_VAL_STRING ? sl_str_sub(val->text, 0, sl_utf8_fit(val->text, 64))
                                      : sl_str_c(sl_val_kind_name(val->kind));
}

static int limit_members_bind(struct sl_bind *bind, const struct sl_val *limit, struct sl_route *route)
{
    const struct sl_val *calls = sl_val_find(limit, "calls");
    const struct sl_val *period = sl_val_find(limit, "renewal_period");
    const struct sl_val *key = sl_val_find(limit, "key");
    if (!calls || !period) {
        return FAIL(bind, limit->pos, "limit", "Field required: %s", calls ? "renewal_period" : "calls");
    }
    int r = 0;
    if (calls->kind > SL_VAL_STRING || sl_parse_whole(calls->text, 0, INT64_MAX, &route->limit.calls) < 0) {
        r = FAIL(bind, calls->pos, "limit.calls", LIMIT_BAD "`calls` must be a number from 0, not \"%.*s\"",
                 SL_STR_ARG(word_of(calls)));
    }
    if (period->kind != SL_VAL_STRING || rules_parse(period->text, route) < 0) {
        const char *near = period->kind == SL_VAL_STRING ? sl_period_nearest(period->text) : NULL;
        r = FAIL(bind, period->pos, "limit.renewal_period",
                 LIMIT_BAD "`renewal_period` must be like minute, 5 minutes, hour, day, or several limits like "
                           "minute;100/hour, not \"%.*s\"%s%s%s",
                 SL_STR_ARG(word_of(period)), near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (r < 0) {
        return r;
    }
    route->limit.renewal_period = sl_arena_dup(&route->arena, period->text);
    if (key && key->kind <= SL_VAL_STRING && key->kind != SL_VAL_NULL) {
        route->limit.key = sl_arena_dup(&route->arena, key->text);
    }
    route->has_limit = true;
    return 0;
}

static int limit_bind(struct sl_bind *bind, const struct sl_val *entry, struct sl_route *route)
{
    static const char *const names[] = { "calls", "key", "renewal_period", NULL };
    const struct sl_val *limit = sl_val_find(entry, "limit");
    if (!limit || limit->kind == SL_VAL_NULL) {
        return 0;
    }
    if (limit->kind != SL_VAL_MAP) {
        return FAIL(bind, limit->pos, "limit", LIMIT_BAD "It must be a map with calls and renewal_period, not %s",
                    sl_val_kind_name(limit->kind));
    }
    int r = sl_entry_keys(bind, limit, names, "limit");
    int r2 = limit_members_bind(bind, limit, route);
    return r < 0 ? r : r2;
}

/* Binds a list of limits, of the entry or of its `sluice:`; it replaces `limit`. */
static int limits_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_route *route)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_limits_fault fault;
    struct sl_err err = { 0 };
    if (sl_val_is_nothing(list)) {
        return 0;
    }
    int n = sl_limits_bind(list, &sl_limits_mixed, rules, &fault, &err);
    if (n < 0) {
        return FAIL(bind, fault.at->pos, fault.path, "%s", err.text);
    }
    route->has_limit = false;
    return rules_keep(route, rules, (uint32_t)n) < 0 ? FAIL(bind, list->pos, "limits", "out of memory") : 0;
}

/* Binds the route's `sluice:` map. */
static int own_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_settings *settings,
                    struct sl_route *route)
{
    const struct sl_val *map = sl_val_find(entry, "sluice");
    route->conf = settings->upstream.route;
    struct sl_traffic_conf traffic;
    struct sl_route_own nothing = { 0 }, *own = map ? SL_ARENA_NEW(&route->arena, struct sl_route_own) : &nothing;
    if (!own) {
        return FAIL(bind, map->pos, "sluice", "out of memory");
    }
    route->own = map ? own : route->own;
    int r = sl_route_conf_bind(bind, map, &route->conf, own, &traffic, &route->conf_said);
    route->shadow = traffic.shadow;
    if (r < 0 || !map) {
        return r;
    }
    if (traffic.limits && !sl_val_is_nothing(sl_val_find(entry, "limits"))) {
        return FAIL(bind, traffic.limits->pos, "sluice.limits", "stands in the entry's own `limits` already");
    }
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, ".sluice");
    int r3 = limits_bind(bind, traffic.limits, route);
    struct sl_traffic_place place = {
        &route->arena, route->type, &route->conf, settings->models, route->targets, &route->n_targets,
    };
    r = sl_traffic_bind(bind, map, &traffic, &place, &route->traffic);
    route->is_watched = route->traffic && route->traffic->pool.health.every_usec;
    int r2 = sl_route_own_check(bind, map, route->targets, route->n_targets, settings->upstream.ca, own, &route->way);
    bind->path[before] = '\0';
    return r < 0 ? r : r2 < 0 ? r2 : r3;
}

/* A type that is passed on untranslated needs a provider that has it. */
static int passes_check(struct sl_bind *bind, const struct sl_val *entry, const struct sl_route *route)
{
    const struct sl_provider *own = route->targets[0].provider, *other;
    if (own->passes & SL_BIT(route->type)) {
        return 0;
    }
    char names[256] = "";
    for (size_t i = 0, n = 0; (other = sl_provider_at(i)) != NULL; i++) {
        if ((other->passes & SL_BIT(route->type)) && n < sizeof(names)) {
            n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", other->name);
        }
    }
    return FAIL(bind, entry->pos, "", "the provider '%s' has no %s; these have: %s", own->name,
                sl_llm_type_name(route->type), names);
}

/* Routes that share the pool have the same prices, or will have them in a moment. */
static void pool_price(const struct sl_route *route)
{
    bool has_output = route->type != SL_LLM_EMBEDDINGS;
    for (uint32_t i = 0; route->traffic && i < route->n_targets; i++) {
        int64_t nano = sl_price_usual(route->targets[i].price, has_output);
        sl_pool_price(&route->traffic->pool, i, nano < 0 ? UINT64_MAX : (uint64_t)nano);
    }
}

/* Warns about targets that are asked last, because nobody knows what they cost. */
static void cheapest_look(struct sl_bind *bind, const struct sl_val *entry, const struct sl_route *route)
{
    const struct sl_traffic *traffic = route->traffic;
    const struct sl_val *said = sl_val_find(sl_val_find(entry, "sluice"), "balance");
    for (uint32_t i = 0; traffic && traffic->pool.balance == SL_BALANCE_CHEAPEST && i < route->n_targets; i++) {
        if (!route->targets[i].price) {
            sl_entry_problem(bind, SL_PROBLEM_WARNING, said ? said->pos : entry->pos, "sluice.balance",
                             "no price is known for the target \"%.*s\", so it is asked last: `prices:` can say what "
                             "its model costs",
                             SL_STR_ARG(traffic->targets[i].name));
        }
    }
}

static const char *const entry_keys[] = { "name",  "endpoint_type", "route_type", "model",
                                          "limit", "limits",        "sluice",     NULL };

int sl_route_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_settings *settings,
                  struct sl_route **ret_route)
{
    if (entry->kind != SL_VAL_MAP) {
        return FAIL(bind, entry->pos, "", "must be a map with name, endpoint_type and model");
    }
    struct sl_arena arena;
    sl_arena_init_small(&arena, ROUTE_CHUNK);
    struct sl_route *route = SL_ARENA_NEW(&arena, struct sl_route);
    if (!route) {
        return FAIL(bind, entry->pos, "", "out of memory");
    }
    route->arena = arena;
    atomic_init(&route->refs, 1);
    atomic_init(&route->usage_refused, false);
    route->pos = entry->pos;
    route->own = &nothing_own;
    struct sl_arena *bind_arena = bind->arena;
    bind->arena = &route->arena;
    /* A body is checked where it is read: a definition from a GET has more members. */
    SL_IGNORE(bind->is_lax ? sl_entry_keys(bind, entry, entry_keys, "") : 0); /* a lax binder only warns */
    /* Bind all members, so that every problem of an entry is reported at once. */
    int r = name_bind(bind, entry, route);
    int r2 = type_bind(bind, entry, route);
    int r3 = model_bind(bind, entry, settings->models, route);
    bool has_model = r3 == 0 && route->n_targets;
    if (r2 == 0 && has_model) {
        r3 = sl_route_model_fit(bind, entry->pos, sl_val_find(entry, "model"), route->type, &route->targets[0]);
    }
    int r4 = limit_bind(bind, entry, route);
    r4 = r4 < 0 ? r4 : limits_bind(bind, sl_val_find(entry, "limits"), route);
    int r5 = own_bind(bind, entry, settings, route);
    if (r2 == 0 && r3 == 0 && route->n_targets && route->type >= SL_LLM_TRANSLATED_COUNT) {
        r3 = passes_check(bind, entry, route);
    } else if (r2 == 0 && r3 == 0 && has_model && !(route->targets[0].provider->caps & SL_BIT(route->type))) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, entry->pos, NULL,
                        "this route can never answer: the provider '%s' does not serve %s",
                        route->targets[0].provider->name, sl_llm_type_name(route->type));
    }
    bind->arena = bind_arena;
    if (r < 0 || r2 < 0 || r3 < 0 || r4 < 0 || r5 < 0) {
        sl_route_unref(route);
        return SL_E_INVAL;
    }
    sl_targets_price(route->targets, route->n_targets, settings->prices);
    pool_price(route);
    cheapest_look(bind, entry, route);
    *ret_route = route;
    return 0;
}

static int derive_into(struct sl_route *copy, const struct sl_route *base, const struct sl_settings *settings,
                       struct sl_str stored_limits)
{
    sl_route_conf_fill(&copy->conf, base->conf_said, &settings->upstream.route);
    copy->stored_limits = SL_STR_NONE;
    int r = sl_targets_reprice(base->targets, base->n_targets, settings->prices, &copy->arena, &copy->targets);
    if (r == 0) {
        pool_price(copy);
    }
    if (r < 0 || !stored_limits.p) {
        return r;
    }
    copy->stored_limits = sl_arena_dup(&copy->arena, stored_limits);
    struct sl_limit_rule rules[SL_LIMITS_MAX];
    int n = copy->stored_limits.p ? sl_limits_read(stored_limits, base->limits, rules) : SL_E_NOMEM;
    return n < 0 ? n : rules_keep(copy, rules, (uint32_t)n);
}

int sl_route_derive(struct sl_route *route, const struct sl_settings *settings, struct sl_str stored_limits,
                    struct sl_route **ret_route)
{
    struct sl_route *base = route->base ? route->base : route;
    struct sl_arena arena;
    sl_arena_init_small(&arena, ROUTE_CHUNK);
    struct sl_route *copy = SL_ARENA_NEW(&arena, struct sl_route);
    if (!copy) {
        return SL_E_NOMEM;
    }
    memcpy(copy, base, sizeof(*copy));
    copy->arena = arena;
    atomic_init(&copy->refs, 1);
    atomic_init(&copy->usage_refused, atomic_load(&route->usage_refused));
    copy->base = sl_route_ref(base);
    int r = derive_into(copy, base, settings, stored_limits);
    if (r < 0) {
        sl_route_unref(copy);
        return r;
    }
    *ret_route = copy;
    return 0;
}

void sl_route_own_row(struct sl_route *route, uint64_t incarnation, uint64_t version)
{
    route->incarnation = incarnation;
    if (route->limits) {
        route->limits->incarnation = incarnation;
    }
    route->version = version;
}

void sl_route_adopt(struct sl_route *route, const struct sl_route *before)
{
    if (route->shadow && before && before->shadow) {
        sl_shadow_adopt(route->shadow, before->shadow);
    }
    if (!route->traffic || !before || !before->traffic || route->traffic == before->traffic) {
        return;
    }
    struct sl_hedges *hedges = route->traffic->hedges, *hedges_before = before->traffic->hedges;
    for (uint32_t i = 0; i < route->n_targets; i++) {
        uint32_t at = sl_traffic_find(before->traffic, before->n_targets, route->traffic->targets[i].print);
        if (at == SL_NO_TARGET || !sl_str_eq(route->targets[i].model, before->targets[at].model)) {
            continue;
        }
        sl_pool_adopt(&route->traffic->pool, i, &before->traffic->pool, at);
        if (hedges && hedges_before) {
            sl_hedges_adopt(hedges, i, hedges_before, at);
        }
    }
}
