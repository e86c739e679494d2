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
#include "gate/config/route_conf.h"
#include "gate/config/route_own.h"
#include "gate/config/settings.h"
#include "gate/policy/period.h"
#include "http/way.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/form/models.h"

#define FAIL(bind, pos_, key_, ...) (problem_add((bind), SL_PROBLEM_ERROR, (pos_), (key_), __VA_ARGS__), SL_E_INVAL)

/* The names of all providers, in a message. */
#define KNOWN_MAX 1024

/* A route and its few texts: a hundred thousand of them must not cost a page each. */
#define ROUTE_CHUNK 1104

static SL_PRINTF(5, 6) void problem_add(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos,
                                        const char *key, const char *fmt, ...)
{
    char text[512], path[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(path, sizeof(path), "%s%s%s", bind->path, *key ? "." : "", key);
    sl_bind_problem(bind, severity, pos, path, "%s", text);
}

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
    sl_route_unref(route->base);
    for (uint32_t i = 0; !route->base && i < route->n_targets; i++) {
        if (route->targets[i].conf) {
            sl_opt_done(route->targets[i].provider->opts, route->targets[i].conf);
        }
    }
    if (!route->base) {
        sl_route_own_done(&route->own);
        sl_way_unref(route->way);
    }
    struct sl_arena arena = route->arena; /* the route lies on it */
    sl_arena_done(&arena);
}

bool sl_route_is_name(struct sl_str s)
{
    size_t n = 0;
    for (uint32_t c; s.n; n++) {
        if (!sl_utf8_next(&s, &c) || !(sl_is_word(c) || c == '-' || c == '.')) {
            return false;
        }
    }
    return n >= 1 && n <= 255;
}

/* A member that is there by mistake: told, and where nothing may be passed over, refused. */
static int key_unknown(struct sl_bind *bind, const struct sl_val_item *item, const char *const *names,
                       const char *where)
{
    const char *near = sl_name_nearest(item->key, names);
    char path[320];
    snprintf(path, sizeof(path), "%s%s%s", bind->path, *where ? "." : "", where);
    sl_bind_problem(bind, bind->is_lax ? SL_PROBLEM_WARNING : SL_PROBLEM_ERROR, item->key_pos, path,
                    "unknown key \"%.*s\"%s%s%s%s", SL_STR_ARG(sl_opt_key_shown(item->key)),
                    bind->is_lax ? " is ignored" : "", near ? ": did you mean \"" : "", near ? near : "",
                    near ? "\"?" : "");
    return bind->is_lax ? 0 : SL_E_INVAL;
}

static int keys_check(struct sl_bind *bind, const struct sl_val *map, const char *const *names, const char *where)
{
    int result = 0;
    for (uint32_t i = 0; i < map->n; i++) {
        const char *const *name = names;
        while (*name && !sl_str_eq_c(map->items[i].key, *name)) {
            name++;
        }
        int r = *name ? 0 : key_unknown(bind, &map->items[i], names, where);
        result = r < 0 ? r : result;
    }
    return result;
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
                    "Field required: llm/v1/chat, llm/v1/completions or llm/v1/embeddings");
    }
    if (sl_llm_type_parse(val->text, &route->type) < 0) {
        return FAIL(
            bind, val->pos, key,
            "The route_type '%.*s' is not supported. It must be llm/v1/chat, llm/v1/completions or llm/v1/embeddings.",
            SL_STR_ARG(sl_str_sub(val->text, 0, 64)));
    }
    return 0;
}

static int provider_unknown(struct sl_bind *bind, const struct sl_val *val, struct sl_str name)
{
    char room[64];
    size_t n = SL_MIN(name.n, sizeof(room));
    for (size_t i = 0; i < n; i++) {
        room[i] = name.p[i] == '_' ? '-' : name.p[i]; /* as near to the names as the other spelling */
    }
    struct sl_str typed = sl_str_make(room, n);
    struct sl_buf known = SL_BUF_INIT(KNOWN_MAX);
    const char *near = NULL;
    size_t distance = SL_NAME_FAR;
    for (size_t i = 0; sl_provider_at(i); i++) {
        size_t d = sl_name_distance(typed, sl_provider_at(i)->name);
        near = d < distance ? sl_provider_at(i)->name : near;
        distance = SL_MIN(d, distance);
        sl_buf_printf(&known, "%s%s", i ? ", " : "", sl_provider_at(i)->name);
    }
    int r = FAIL(bind, val->pos, "model.provider", "The provider '%.*s' is not supported%s%s%s It must be one of %.*s.",
                 SL_STR_ARG(name), near ? ": did you mean '" : "", near ? near : "", near ? "'?" : ".",
                 SL_STR_ARG(sl_buf_str(&known)));
    sl_buf_done(&known);
    return r;
}

static int provider_bind(struct sl_bind *bind, const struct sl_val *model, struct sl_target *target)
{
    const struct sl_val *val = sl_val_find(model, "provider");
    if (!val || val->kind != SL_VAL_STRING || val->text.n == 0) {
        return FAIL(bind, val ? val->pos : model->pos, "model.provider",
                    "A provider must be provided for each gateway route.");
    }
    struct sl_str name = sl_str_sub(val->text, 0, sl_utf8_fit(val->text, 64)); /* as it is shown */
    target->provider = sl_provider_find(val->text);
    const char *allowed = getenv(SL_PROVIDER_POLICY), *why = sl_provider_why_not(val->text);
    if (target->provider && !sl_provider_is_allowed(target->provider, sl_str_c(allowed ? allowed : ""))) {
        return FAIL(bind, val->pos, "model.provider",
                    "Provider '%s' is not allowed by the current gateway provider policy.", target->provider->name);
    }
    if (target->provider) {
        return 0;
    }
    if (why) {
        return FAIL(bind, val->pos, "model.provider", "The provider '%.*s' is known, but cannot be used: %s.",
                    SL_STR_ARG(name), why);
    }
    return provider_unknown(bind, val, name);
}

/* What the provider and the route's type are for each other. */
static int provider_fit(struct sl_bind *bind, const struct sl_val *entry, const struct sl_route *route)
{
    const struct sl_target *target = &route->targets[0];
    const struct sl_provider *provider = target->provider;
    const struct sl_val *model = sl_val_find(entry, "model"), *name = sl_val_find(model, "name");
    const char *begin = route->type == SL_LLM_CHAT ? provider->chat_models : NULL;
    if (begin && !sl_str_case_eq(sl_str_sub(target->model, 0, strlen(begin)), sl_str_c(begin))) {
        return FAIL(bind, name ? name->pos : model->pos, "model.name",
                    "An invalid model has been specified for the chat route. '%.*s': it must begin with %s.",
                    SL_STR_ARG(sl_str_sub(target->model, 0, 64)), begin);
    }
    if (target->chat_setting && route->type == SL_LLM_EMBEDDINGS) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, model->pos, NULL,
                        "%s says how chats and completions go up: a route of %s does not use it", target->chat_setting,
                        sl_llm_type_name(route->type));
    }
    if (provider->successor) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, entry->pos, NULL,
                        "%s is retired: every call of this route is refused; use %s", provider->label,
                        provider->successor);
    }
    return 0;
}

/* "{provider}_config", as Databricks spells it. */
static void config_key_make(const struct sl_provider *provider, char key[80])
{
    snprintf(key, 80, "%s_config", provider->name);
    for (char *c = key; *c; c++) {
        *c = *c == '-' ? '_' : *c;
    }
}

const struct sl_val *sl_route_provider_config(const struct sl_val *model, const struct sl_provider *provider)
{
    const struct sl_val *val = sl_val_find(model, "config");
    if (!val) {
        char key[80];
        config_key_make(provider, key);
        val = sl_val_find(model, key);
    }
    return val && val->kind != SL_VAL_NULL ? val : NULL;
}

/* A name that the tables do not know, taken as another. */
static void model_warn(struct sl_bind *bind, const struct sl_val *model, const struct sl_target *target)
{
    if ((target->row->can & SL_MODEL_GUESS) && target->row->like && target->model.n) {
        const struct sl_val *name = sl_val_find(model, "name");
        sl_bind_problem(bind, SL_PROBLEM_WARNING, name ? name->pos : model->pos, NULL,
                        "the model '%.*s' is not known: it is taken as one like %s; `models:` can say what it is",
                        SL_STR_ARG(sl_str_sub(target->model, 0, 64)), target->row->like);
    }
}

/* What stands behind "//host" of a URL. */
static struct sl_str path_of(struct sl_str url)
{
    ptrdiff_t host = sl_str_find(url, SL_STR("://"), 0);
    ptrdiff_t slash = host < 0 ? -1 : sl_str_find_char(url, '/', (size_t)host + 3);
    struct sl_str path = slash < 0 ? SL_STR("") : sl_str_sub(url, (size_t)slash, url.n);
    while (path.n && path.p[path.n - 1] == '/') {
        path.n--;
    }
    return path;
}

/* A base URL that lacks the path which its default has ("/v1") answers 404 to every call: told, since a proxy may be
 * meant. */
static void bases_look(struct sl_bind *bind, const struct sl_opt *rows, const struct sl_val *config)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        const struct sl_val *val = row->type == SL_OPT_URL && row->def ? sl_val_find(config, row->key) : NULL;
        struct sl_str path = path_of(sl_str_c(val ? row->def : ""));
        if (val && val->kind == SL_VAL_STRING && path.n && path_of(val->text).n == 0) {
            sl_bind_problem(bind, SL_PROBLEM_WARNING, val->pos, NULL,
                            "%s has no path: the provider's own ends in \"%.*s\"", row->key, SL_STR_ARG(path));
        }
    }
}

static int conf_bind(struct sl_bind *bind, const struct sl_val *model, const struct sl_own_models *models,
                     struct sl_target *target, struct sl_arena *arena)
{
    const struct sl_provider *provider = target->provider;
    const struct sl_val *config = sl_route_provider_config(model, provider);
    if (!config && sl_opt_required(provider->opts)) {
        return FAIL(bind, model->pos, "model.config",
                    "A config must be supplied when setting a provider. The provider entry for '%s' is incorrect. "
                    "It needs %s.",
                    provider->name, sl_opt_required(provider->opts));
    }
    void *conf = sl_arena_zalloc(arena, SL_MAX(provider->conf_size, (size_t)1));
    if (!conf) {
        return FAIL(bind, model->pos, "model", "out of memory");
    }
    target->conf = conf;
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, ".model.config");
    int r = sl_opt_bind(bind, provider->opts, config, conf);
    bases_look(bind, provider->opts, config);
    if (r == 0) {
        struct sl_model *row = SL_ARENA_NEW(arena, struct sl_model);
        if (!row) {
            return FAIL(bind, model->pos, "model", "out of memory");
        }
        /* A copy: a route outlives the settings that it was made with. */
        *row = *sl_model_find(provider->name, target->model, models);
        row->prefix = SL_STR_NONE;
        target->row = row;
        r = sl_target_prepare(bind, config ? config : model, target);
        model_warn(bind, model, target);
    }
    bind->path[before] = '\0';
    return r;
}

static int model_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_own_models *models,
                      struct sl_route *route)
{
    const struct sl_val *model = sl_val_find(entry, "model");
    if (!model || model->kind != SL_VAL_MAP) {
        return FAIL(bind, model ? model->pos : entry->pos, "model",
                    "Field required: a map with provider, name and config");
    }
    route->targets = SL_ARENA_NEW(&route->arena, struct sl_target);
    route->metric_labels = SL_ARENA_NEW(&route->arena, _Atomic(const struct sl_metric_labels *));
    if (!route->targets || !route->metric_labels) {
        return FAIL(bind, model->pos, "model", "out of memory");
    }
    struct sl_target *target = &route->targets[0];
    int r = provider_bind(bind, model, target);
    if (r < 0) {
        return r;
    }
    route->n_targets = 1;
    const struct sl_val *name = sl_val_find(model, "name");
    if (name && name->kind != SL_VAL_NULL) {
        if (!sl_bind_is_text(bind, name)) {
            return FAIL(bind, name->pos, "model.name", "must be a string");
        }
        target->model = sl_arena_dup(&route->arena, name->text);
        if (name->text.n == 0) {
            problem_add(bind, SL_PROBLEM_WARNING, name->pos, "model.name",
                        "is empty: the provider is asked for no model; leave it out where that is meant");
        }
    }
    char own[80];
    config_key_make(target->provider, own);
    const char *const names[] = { "provider", "name", "config", own, NULL };
    r = keys_check(bind, model, names, "model");
    int r2 = conf_bind(bind, model, models, target, &route->arena);
    return r < 0 ? r : r2;
}

static int rules_keep(struct sl_route *route, const struct sl_limit_rule *rules, uint32_t n)
{
    struct sl_limit_rule *copy = SL_ARENA_ARRAY(&route->arena, struct sl_limit_rule, n + 1);
    if (!copy) {
        return SL_E_NOMEM;
    }
    memcpy(copy, rules, n * sizeof(rules[0]));
    route->rules = copy;
    route->n_rules = n;
    return 0;
}

/* In the file a limit counts each principal apart, as MLflow does. */
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
    int r = keys_check(bind, limit, names, "limit");
    int r2 = limit_members_bind(bind, limit, route);
    return r < 0 ? r : r2;
}

/* The list that set_limits takes: it holds in place of `limit`. */
static int limits_bind(struct sl_bind *bind, const struct sl_val *entry, struct sl_route *route)
{
    const struct sl_val *list = sl_val_find(entry, "limits");
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_limits_fault fault;
    struct sl_err err = { 0 };
    if (!list || list->kind == SL_VAL_NULL) {
        return 0;
    }
    int n = sl_limits_bind(list, &sl_limits_stored, rules, &fault, &err);
    if (n < 0) {
        return FAIL(bind, fault.at->pos, fault.path, "%s", err.text);
    }
    route->has_limit = false;
    return rules_keep(route, rules, (uint32_t)n) < 0 ? FAIL(bind, list->pos, "limits", "out of memory") : 0;
}

/* What stands in its `sluice:`. */
static int own_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_settings *settings,
                    struct sl_route *route)
{
    const struct sl_val *map = sl_val_find(entry, "sluice");
    route->conf = settings->upstream.route;
    int r = sl_route_conf_bind(bind, map, &route->conf, &route->own, &route->conf_said);
    if (r < 0 || !map) {
        return r;
    }
    const struct sl_provider *provider = route->n_targets ? route->targets[0].provider : NULL;
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, ".sluice");
    r = sl_route_own_check(bind, map, provider, settings->upstream.ca, &route->own, &route->way);
    bind->path[before] = '\0';
    return r;
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
    struct sl_arena *bind_arena = bind->arena;
    bind->arena = &route->arena;
    /* Those of a body are checked where it is read: what comes back from a GET has more. */
    SL_IGNORE(bind->is_lax ? keys_check(bind, entry, entry_keys, "") : 0); /* lax: told, nothing more */
    /* All of them, so that every problem of an entry is told at once. */
    int r = name_bind(bind, entry, route);
    int r2 = type_bind(bind, entry, route);
    int r3 = model_bind(bind, entry, settings->models, route);
    r3 = r2 == 0 && r3 == 0 ? provider_fit(bind, entry, route) : r3;
    int r4 = limit_bind(bind, entry, route);
    r4 = r4 < 0 ? r4 : limits_bind(bind, entry, route);
    int r5 = own_bind(bind, entry, settings, route);
    if (r2 == 0 && r3 == 0 && !(route->targets[0].provider->caps & SL_BIT(route->type))) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, entry->pos, NULL,
                        "this route can never answer: the provider '%s' does not serve %s",
                        route->targets[0].provider->name, sl_llm_type_name(route->type));
    }
    bind->arena = bind_arena;
    if (r < 0 || r2 < 0 || r3 < 0 || r4 < 0 || r5 < 0) {
        sl_route_unref(route);
        return SL_E_INVAL;
    }
    *ret_route = route;
    return 0;
}

static int derive_into(struct sl_route *copy, const struct sl_route *base, const struct sl_settings *settings,
                       struct sl_str stored_limits)
{
    sl_route_conf_fill(&copy->conf, base->conf_said, &settings->upstream.route);
    copy->stored_limits = SL_STR_NONE;
    if (!stored_limits.p) {
        return 0;
    }
    copy->stored_limits = sl_arena_dup(&copy->arena, stored_limits);
    return copy->stored_limits.p ? sl_limits_read(stored_limits, &copy->arena, &copy->rules, &copy->n_rules)
                                 : SL_E_NOMEM;
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
