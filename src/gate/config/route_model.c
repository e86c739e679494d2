/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/word.h"
#include "gate/config/entry.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/form/models.h"

#define FAIL(bind, pos_, key_, ...) \
    (sl_entry_problem((bind), SL_PROBLEM_ERROR, (pos_), (key_), __VA_ARGS__), SL_E_INVAL)

/* Room for the names of all providers in a message. */
#define KNOWN_MAX 1024

static int provider_unknown(struct sl_bind *bind, const struct sl_val *val, struct sl_str name)
{
    struct sl_buf known = SL_BUF_INIT(KNOWN_MAX);
    const char *near = sl_provider_nearest(name);
    for (size_t i = 0; sl_provider_at(i); i++) {
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
    struct sl_str name = sl_str_sub(val->text, 0, sl_utf8_fit(val->text, 64)); /* the part that messages show */
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

/* Makes "{provider}_config", as Databricks spells it. */
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

/* Warns about a model that the tables do not have: it is treated like another model. */
static void model_warn(struct sl_bind *bind, const struct sl_val *model, const struct sl_target *target)
{
    if ((target->row->can & SL_MODEL_GUESS) && target->row->like && target->model.n) {
        const struct sl_val *name = sl_val_find(model, "name");
        sl_bind_problem(bind, SL_PROBLEM_WARNING, name ? name->pos : model->pos, NULL,
                        "the model '%.*s' is not known: it is taken as one like %s; `models:` can say what it is",
                        SL_STR_ARG(sl_str_sub(target->model, 0, 64)), target->row->like);
    }
}

/* The part of a URL after "//host". */
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

/* Warns about a base URL without the path that its default has ("/v1"). It would answer 404 to every call, but it may
 * be a proxy's. */
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

/* The row for the model. A built-in row lives for ever; one of the configuration is copied, because a route lives
 * longer than the settings that it was made with. NULL: no memory. */
static const struct sl_model *row_find(const struct sl_target *target, const struct sl_own_models *models,
                                       struct sl_arena *arena)
{
    const struct sl_model *found = sl_model_find(target->provider, target->model, models);
    if (found == sl_model_find(target->provider, target->model, NULL)) {
        return found;
    }
    struct sl_model *row = SL_ARENA_NEW(arena, struct sl_model);
    if (row) {
        *row = *found;
        row->prefix = SL_STR_NONE;
    }
    return row;
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
        target->row = row_find(target, models, arena);
        if (!target->row) {
            return FAIL(bind, model->pos, "model", "out of memory");
        }
        r = sl_target_prepare(bind, config ? config : model, target);
        model_warn(bind, model, target);
    }
    bind->path[before] = '\0';
    return r;
}

int sl_route_model_bind(struct sl_bind *bind, const struct sl_val *model, const struct sl_own_models *models,
                        struct sl_target *target)
{
    struct sl_arena *arena = bind->arena;
    int r = provider_bind(bind, model, target);
    if (r < 0) {
        return r;
    }
    const struct sl_val *name = sl_val_find(model, "name");
    if (name && name->kind != SL_VAL_NULL) {
        if (!sl_bind_is_text(bind, name)) {
            return FAIL(bind, name->pos, "model.name", "must be a string");
        }
        target->model = sl_arena_dup(arena, name->text);
        if (name->text.n == 0) {
            sl_entry_problem(bind, SL_PROBLEM_WARNING, name->pos, "model.name",
                             "is empty: the provider is asked for no model; leave it out where that is meant");
        }
    }
    char own[80];
    config_key_make(target->provider, own);
    const char *const names[] = { "provider", "name", "config", own, NULL };
    r = sl_entry_keys(bind, model, names, "model");
    int r2 = conf_bind(bind, model, models, target, arena);
    return r < 0 ? r : r2;
}

int sl_route_model_fit(struct sl_bind *bind, struct sl_pos pos, const struct sl_val *model, enum sl_llm_type type,
                       const struct sl_target *target)
{
    const struct sl_provider *provider = target->provider;
    const struct sl_val *name = sl_val_find(model, "name");
    const char *begin = type == SL_LLM_CHAT ? provider->chat_models : NULL;
    if (begin && !sl_str_case_eq(sl_str_sub(target->model, 0, strlen(begin)), sl_str_c(begin))) {
        return FAIL(bind, name ? name->pos : model->pos, "model.name",
                    "An invalid model has been specified for the chat route. '%.*s': it must begin with %s.",
                    SL_STR_ARG(sl_str_sub(target->model, 0, 64)), begin);
    }
    if (target->chat_setting && type == SL_LLM_EMBEDDINGS) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, model->pos, NULL,
                        "%s says how chats and completions go up: a route of %s does not use it", target->chat_setting,
                        sl_llm_type_name(type));
    }
    if (provider->successor) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, pos, NULL,
                        "%s is retired: every call of this route is refused; use %s", provider->label,
                        provider->successor);
    }
    return 0;
}

void sl_route_model_done(struct sl_target *target)
{
    if (target->conf) {
        sl_opt_done(target->provider->opts, target->conf);
    }
}
