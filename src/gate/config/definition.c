/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/definition.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/opt.h"
#include "gate/config/body_val.h"
#include "gate/config/conf_part.h"
#include "gate/config/route.h"
#include "gate/config/route_model.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "store/store.h"

#define CONFIG_MAX (1u << 20)
/* The sealed JSON is the configuration of `model`. When the route has targets, it is an object with these two members:
 * the configuration of `model`, and the list of the targets' configurations in their order (null: the target has none).
 * No provider's row has these names. */
#define OWN     "sluice.model"
#define TARGETS "sluice.targets"

/* --- from a body --- */

static int fault(struct sl_body_fault *ret, const char *type, const char *loc, const char *msg)
{
    *ret = (struct sl_body_fault){ type, loc, msg };
    return SL_E_TYPE;
}

static const struct sl_val *type_of(const struct sl_val *entry, const char **ret_key)
{
    const struct sl_val *val = sl_val_find(entry, "route_type");
    *ret_key = val || !sl_val_find(entry, "endpoint_type") ? "route_type" : "endpoint_type";
    return sl_val_find(entry, *ret_key);
}

/* The list of `sluice.targets`; NULL: it is missing, or no list. */
static const struct sl_val *targets_of(const struct sl_val *entry)
{
    const struct sl_val *list = sl_val_find(sl_val_find(entry, "sluice"), "targets");
    return list && list->kind == SL_VAL_LIST ? list : NULL;
}

/* Checks what the schema of create_route demands: strings, and an object. */
static int schema_check(const struct sl_val *entry, bool needs_name, struct sl_body_fault *ret)
{
    const char *key;
    const struct sl_val *name = sl_val_find(entry, "name"), *type = type_of(entry, &key);
    const struct sl_val *model = sl_val_find(entry, "model");
    if (entry->kind != SL_VAL_MAP) {
        return fault(ret, "model_attributes_type", "",
                     "Input should be a valid dictionary or object to extract fields from");
    }
    if (sl_val_is_nothing(name) ? needs_name : name->kind != SL_VAL_STRING) {
        return fault(ret, name ? "string_type" : "missing", "name",
                     name ? "Input should be a valid string" : "Field required");
    }
    if (sl_val_is_nothing(type) || type->kind != SL_VAL_STRING) {
        return fault(ret, type ? "string_type" : "missing", key,
                     type ? "Input should be a valid string" : "Field required");
    }
    if (!model && targets_of(entry) && targets_of(entry)->n) {
        return 0; /* the targets have models of their own */
    }
    if (sl_val_is_nothing(model) || model->kind != SL_VAL_MAP) {
        return fault(ret, model ? "model_attributes_type" : "missing", "model",
                     model ? "Input should be a valid dictionary or object to extract fields from" : "Field required");
    }
    return 0;
}

static const struct sl_provider *provider_of(const struct sl_val *model)
{
    const struct sl_val *name = sl_val_find(model, "provider");
    return name && name->kind == SL_VAL_STRING ? sl_provider_find(name->text) : NULL;
}

static void member_write(struct sl_jw *w, const char *key, const struct sl_val *val)
{
    if (!sl_val_is_nothing(val)) {
        sl_jw_key(w, key);
        sl_body_val_write(w, val);
    }
}

/* Writes a provider's configuration at its place; NULL: it is left out. */
typedef void conf_fn(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config);

static const struct sl_opt no_rows[] = { { NULL } };

static const struct sl_opt *rows_of(const struct sl_val *model)
{
    const struct sl_provider *provider = provider_of(model);
    return provider ? provider->opts : no_rows;
}

static void model_write(struct sl_jw *w, const struct sl_val *model, const struct sl_val *config, conf_fn *conf_write)
{
    sl_jw_object(w);
    member_write(w, "name", sl_val_find(model, "name"));
    member_write(w, "provider", sl_val_find(model, "provider"));
    if (conf_write && config) {
        sl_jw_key(w, "config");
        conf_write(w, rows_of(model), config);
    }
    sl_jw_end(w);
}

static void target_write(struct sl_jw *w, const struct sl_val *target, const struct sl_val *config, conf_fn *conf_write)
{
    if (target->kind != SL_VAL_MAP) {
        sl_body_val_write(w, target); /* reported when the definition is bound */
        return;
    }
    sl_jw_object(w);
    for (uint32_t i = 0; i < target->n; i++) {
        const struct sl_val_item *item = &target->items[i];
        sl_jw_key_str(w, item->key);
        if (sl_str_eq_c(item->key, "model") && item->val->kind == SL_VAL_MAP) {
            model_write(w, item->val, config, conf_write);
        } else {
            sl_body_val_write(w, item->val);
        }
    }
    sl_jw_end(w);
}

/* The parts of a definition. */
struct parts {
    struct sl_val *entry;
    const struct sl_val *own;     /* the configuration of `model`; a map */
    const struct sl_val *targets; /* the configurations of the targets; NULL: none are sealed */
};

/* The configuration of a target; NULL: it has none. */
static const struct sl_val *target_config(const struct parts *parts, uint32_t i)
{
    const struct sl_val *list = parts->targets;
    return list && i < list->n && list->items[i].val->kind == SL_VAL_MAP ? list->items[i].val : NULL;
}

static void sluice_write(struct sl_jw *w, const struct parts *parts, conf_fn *conf_write)
{
    const struct sl_val *sluice = sl_val_find(parts->entry, "sluice"), *targets = targets_of(parts->entry);
    if (!targets) {
        member_write(w, "sluice", sluice);
        return;
    }
    sl_jw_key(w, "sluice");
    sl_jw_object(w);
    for (uint32_t i = 0; i < sluice->n; i++) {
        sl_jw_key_str(w, sluice->items[i].key);
        if (sluice->items[i].val != targets) {
            sl_body_val_write(w, sluice->items[i].val);
            continue;
        }
        sl_jw_array(w);
        for (uint32_t k = 0; k < targets->n; k++) {
            target_write(w, targets->items[k].val, target_config(parts, k), conf_write);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

static void spec_write(struct sl_jw *w, struct sl_val *entry, struct sl_str name)
{
    const char *key;
    const struct sl_val *model = sl_val_find(entry, "model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", name);
    member_write(w, "route_type", type_of(entry, &key));
    if (model) {
        sl_jw_key(w, "model");
        model_write(w, model, NULL, NULL);
    }
    member_write(w, "limit", sl_val_find(entry, "limit"));
    member_write(w, "limits", sl_val_find(entry, "limits"));
    sluice_write(w, &(struct parts){ .entry = entry }, NULL);
    sl_jw_end(w);
}

/* The configuration in a body's `model`; NULL: none. */
static const struct sl_val *config_of(const struct sl_val *model)
{
    const struct sl_provider *provider = provider_of(model);
    return provider ? sl_route_provider_config(model, provider) : NULL;
}

static void own_write(struct sl_jw *w, const struct sl_val *config)
{
    sl_body_val_write(w, config ? config : &(struct sl_val){ .kind = SL_VAL_MAP });
}

static void config_write(struct sl_jw *w, const struct sl_val *entry)
{
    const struct sl_val *own = config_of(sl_val_find(entry, "model")), *targets = targets_of(entry);
    if (!targets) {
        own_write(w, own);
        return;
    }
    sl_jw_object(w);
    sl_jw_key(w, OWN);
    own_write(w, own);
    sl_jw_key(w, TARGETS);
    sl_jw_array(w);
    for (uint32_t i = 0; i < targets->n; i++) {
        const struct sl_val *config = config_of(sl_val_find(targets->items[i].val, "model"));
        sl_body_val_write(w, config ? config : &(struct sl_val){ .kind = SL_VAL_NULL });
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

/* Members that a route may have in a body, and members that a GET shows, because a client may send them back. */
static const char *const route_keys[] = { "name",           "route_type", "endpoint_type", "model",
                                          "limit",          "sluice",     "limits",        "secrets",
                                          "owner",          "shadowed",   "version",       "route_url",
                                          "created_at",     "updated_at", "defined_at",    "targets",
                                          "target_secrets", NULL };
/* "task" is the name of the route's type in another API. */
static const char *const model_keys[] = { "provider", "name", "config", "task", NULL };

static bool is_one_of(struct sl_str key, const char *const *names)
{
    while (*names && !sl_str_eq_c(key, *names)) {
        names++;
    }
    return *names != NULL;
}

static int unknown(struct sl_err *err, const char *where, struct sl_str key, const char *near)
{
    return sl_fail(err, SL_E_INVAL, "%sunknown key \"%.*s\"%s%s%s", where, SL_STR_ARG(sl_opt_key_shown(key)),
                   near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Refuses unknown members of `model`, where they may be a credential. `where`: the path of `model`, with a dot at its
 * end. */
static int model_keys_check(const struct sl_val *model, const char *where, struct sl_err *err)
{
    const struct sl_provider *provider = provider_of(model);
    const struct sl_val *config = config_of(model);
    char at[80];
    snprintf(at, sizeof(at), "%smodel: ", where);
    for (uint32_t i = 0; model && i < model->n; i++) {
        struct sl_str key = model->items[i].key;
        if (provider && sl_opt_find(provider->opts, key)) {
            return sl_fail(err, SL_E_INVAL, "%s\"%.*s\" belongs into model.config", at, SL_STR_ARG(key));
        }
        if (provider && config != model->items[i].val && model->items[i].val->kind != SL_VAL_NULL &&
            !is_one_of(key, model_keys)) {
            return unknown(err, at, key, sl_name_nearest(key, model_keys));
        }
    }
    if (config && config->kind != SL_VAL_MAP) {
        return sl_fail(err, SL_E_INVAL, "%smodel.config: must be a map, not %s", where, sl_val_kind_name(config->kind));
    }
    snprintf(at, sizeof(at), "%smodel.config: ", where);
    return sl_val_find(config, TARGETS) ? unknown(err, at, SL_STR(TARGETS), NULL) : 0;
}

/* Refuses an unknown member that looks like a misspelt one. */
static int keys_check(const struct sl_val *entry, struct sl_err *err)
{
    for (uint32_t i = 0; i < entry->n; i++) {
        const char *near = sl_name_nearest(entry->items[i].key, route_keys);
        if (near && !is_one_of(entry->items[i].key, route_keys)) {
            return unknown(err, "", entry->items[i].key, near);
        }
    }
    const struct sl_val *targets = targets_of(entry);
    int r = model_keys_check(sl_val_find(entry, "model"), "", err);
    for (uint32_t i = 0; r == 0 && targets && i < targets->n; i++) {
        const struct sl_val *model = sl_val_find(targets->items[i].val, "model");
        char where[40];
        snprintf(where, sizeof(where), "sluice.targets[%u].", i);
        r = model && model->kind == SL_VAL_MAP ? model_keys_check(model, where, err) : 0;
    }
    return r;
}

int sl_definition_read(struct sl_json_val body, struct sl_str name, struct sl_arena *arena, struct sl_definition *ret,
                       struct sl_body_fault *ret_fault, struct sl_err *err)
{
    struct sl_val *entry;
    int r = sl_body_val(body, arena, &entry);
    if (r < 0) {
        return sl_fail(err, r == SL_E_LIMIT ? SL_E_INVAL : r,
                       r == SL_E_LIMIT ? "the body is nested too deeply, or one "
                                         "of its objects has too many members"
                                       : "out of memory");
    }
    r = schema_check(entry, !name.p, ret_fault);
    if (r < 0) {
        return r;
    }
    const struct sl_val *given = sl_val_find(entry, "name");
    if (name.p && !sl_val_is_nothing(given) && !sl_str_eq(given->text, name)) {
        return sl_fail(err, SL_E_INVAL, "name: differs from the name in the path: leave it out, or make both the same");
    }
    name = name.p ? name : given->text;
    r = keys_check(entry, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct sl_definition){ .name = name };
    struct sl_buf buf = SL_BUF_INIT(CONFIG_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    spec_write(&w, entry, name);
    ret->spec = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_reset(&buf);
    sl_jw_init(&w, &buf);
    config_write(&w, entry);
    ret->config = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_wipe(buf.p, buf.len);
    sl_buf_done(&buf);
    return ret->spec.p && ret->config.p ? 0 : sl_fail_nomem(err);
}

/* --- binding --- */

/* Puts a configuration into `model`: a map of a body has room for one more member. An empty map is left out: MLflow
 * asks for a configuration. */
static int config_put(struct sl_val *model, const struct sl_val *config)
{
    if (!config || config->n == 0) {
        return 0;
    }
    if (!model || model->kind != SL_VAL_MAP) {
        return SL_E_INVAL;
    }
    model->items[model->n++] = (struct sl_val_item){ .key = SL_STR("config"), .val = (struct sl_val *)config };
    return 0;
}

static int parts_read(struct sl_str spec, struct sl_str sealed, struct sl_arena *arena, struct parts *ret)
{
    static const struct sl_val empty = { .kind = SL_VAL_MAP };
    struct sl_str texts[] = { spec, sealed };
    struct sl_val *vals[2] = { NULL, NULL };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        int r = sl_json_parse(&doc, texts[i]);
        r = r < 0 ? r : sl_body_val(sl_json_root(&doc), arena, &vals[i]);
        sl_json_done(&doc);
        if (r < 0) {
            return r;
        }
    }
    const struct sl_val *targets = sl_val_find(vals[1], TARGETS), *own = targets ? sl_val_find(vals[1], OWN) : vals[1];
    *ret = (struct parts){ vals[0], own ? own : &empty, targets && targets->kind == SL_VAL_LIST ? targets : NULL };
    return ret->own->kind == SL_VAL_MAP ? 0 : SL_E_INVAL;
}

/* Makes the tree of a definition: that of the spec, with each configuration at its place. */
static int tree_make(const struct sl_definition *def, struct sl_arena *arena, struct sl_val **ret)
{
    struct parts parts;
    int r = parts_read(def->spec, def->config, arena, &parts);
    const struct sl_val *targets = r < 0 ? NULL : targets_of(parts.entry);
    for (uint32_t i = 0; r == 0 && targets && i < targets->n; i++) {
        r = config_put(sl_val_find(targets->items[i].val, "model"), target_config(&parts, i));
    }
    r = r < 0 ? r : config_put(sl_val_find(parts.entry, "model"), parts.own);
    *ret = parts.entry;
    return r;
}

static void problems_join(const struct sl_problems *problems, struct sl_err *err)
{
    err->code = SL_E_INVAL;
    size_t n = 0;
    err->text[0] = '\0';
    for (uint32_t i = 0; i < problems->n && n < sizeof(err->text) - 1; i++) {
        const struct sl_problem *p = &problems->v[i];
        struct sl_str path = p->path;
        while (path.n && path.p[0] == '.') {
            path = sl_str_sub(path, 1, path.n);
        }
        if (p->severity != SL_PROBLEM_ERROR) {
            continue;
        }
        int len = snprintf(err->text + n, sizeof(err->text) - n, "%s%.*s%s%.*s", n ? "; " : "", SL_STR_ARG(path),
                           path.n ? ": " : "", SL_STR_ARG(p->text));
        n += len > 0 ? (size_t)len : 0;
    }
}

int sl_definition_bind(const struct sl_definition *def, const struct sl_settings *settings, bool is_stored,
                       struct sl_route **ret_route, struct sl_err *err)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct sl_problems problems;
    sl_problems_init(&problems, &arena);
    struct sl_bind bind = { .arena = &arena, .problems = &problems, .is_lax = is_stored };
    struct sl_val *entry;
    int r = tree_make(def, &arena, &entry);
    if (r < 0) {
        sl_fail(err, r, "the route's definition is not readable: %s", sl_err_name(r));
    } else {
        r = sl_route_bind(&bind, entry, settings, ret_route);
        if (r < 0 && err) {
            problems_join(&problems, err);
        }
    }
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    return r;
}

/* --- credentials --- */

/* Writes one model's configuration with the secrets that it leaves out. When the old one is missing or of another
 * provider, it is written as it is. */
static int conf_keep(struct sl_jw *w, const char *where, const struct sl_val *model, const struct sl_val *now,
                     const struct sl_val *old_model, const struct sl_val *old, struct sl_err *err)
{
    static const struct sl_val empty = { .kind = SL_VAL_MAP };
    const struct sl_provider *provider = provider_of(model);
    bool is_same = provider && provider == provider_of(old_model);
    now = now ? now : &empty;
    if (!is_same || !old) {
        sl_body_val_write(w, now);
        return 0;
    }
    int r = sl_conf_keep_check(provider->opts, where, now, old, err);
    if (r == 0) {
        sl_conf_keep(w, provider->opts, now, old);
    }
    return r;
}

/* The index of the target of that name; UINT32_MAX: there is none. */
static uint32_t target_find(const struct sl_val *targets, const struct sl_val *name)
{
    for (uint32_t i = 0; name && name->kind == SL_VAL_STRING && targets && i < targets->n; i++) {
        const struct sl_val *its = sl_val_find(targets->items[i].val, "name");
        if (its && its->kind == SL_VAL_STRING && sl_str_eq(its->text, name->text)) {
            return i;
        }
    }
    return UINT32_MAX;
}

static int target_keep(struct sl_jw *w, const struct parts *now, const struct parts *old, uint32_t i,
                       struct sl_err *err)
{
    const struct sl_val *target = targets_of(now->entry)->items[i].val, *model = sl_val_find(target, "model");
    const struct sl_val *before = targets_of(old->entry);
    uint32_t at = target_find(before, sl_val_find(target, "name"));
    char where[64];
    snprintf(where, sizeof(where), "sluice.targets[%u].model.config", i);
    if (!model) {
        sl_jw_null(w);
        return 0;
    }
    return conf_keep(w, where, model, target_config(now, i),
                     at != UINT32_MAX ? sl_val_find(before->items[at].val, "model") : NULL, target_config(old, at),
                     err);
}

static int parts_keep(struct sl_jw *w, const struct parts *now, const struct parts *old, struct sl_err *err)
{
    const struct sl_val *model = sl_val_find(now->entry, "model"), *old_model = sl_val_find(old->entry, "model");
    const struct sl_val *targets = targets_of(now->entry);
    if (!targets) {
        return conf_keep(w, "model.config", model, now->own, old_model, old->own, err);
    }
    sl_jw_object(w);
    sl_jw_key(w, OWN);
    int r = conf_keep(w, "model.config", model, now->own, old_model, old->own, err);
    if (r < 0) {
        return r;
    }
    sl_jw_key(w, TARGETS);
    sl_jw_array(w);
    for (uint32_t i = 0; r == 0 && i < targets->n; i++) {
        r = target_keep(w, now, old, i, err);
    }
    sl_jw_end(w);
    sl_jw_end(w);
    return r;
}

int sl_definition_keep(const struct sl_definition *def, const struct sl_store_route *old, struct sl_buf *out,
                       struct sl_err *err)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct parts now, before;
    struct sl_jw w;
    int r = parts_read(def->spec, def->config, &arena, &now);
    bool has_before = r == 0 && parts_read(old->spec, old->config, &arena, &before) == 0;
    /* Reserved at once, because growing would leave copies in memory. */
    SL_IGNORE(sl_buf_reserve(out, def->config.n + old->config.n + 64) < 0);
    sl_jw_init(&w, out);
    if (has_before) {
        r = parts_keep(&w, &now, &before, err);
    } else {
        sl_buf_add_str(out, def->config); /* the stored one cannot be read: nothing of it is kept */
    }
    r = r < 0 ? r : sl_buf_status(out);
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    return r;
}

/* --- showing --- */

/* Writes the fingerprints of all secrets. */
static int secrets_write(struct sl_jw *w, const struct parts *parts, const struct sl_seal *seal)
{
    const struct sl_val *targets = targets_of(parts->entry);
    sl_jw_key(w, "secrets");
    sl_jw_object(w);
    int r = sl_conf_prints(w, rows_of(sl_val_find(parts->entry, "model")), parts->own, seal, "");
    sl_jw_end(w);
    if (!targets) {
        return r;
    }
    sl_jw_key(w, "target_secrets");
    sl_jw_object(w);
    for (uint32_t i = 0; r == 0 && i < targets->n; i++) {
        const struct sl_val *target = targets->items[i].val, *name = sl_val_find(target, "name");
        const struct sl_val *config = target_config(parts, i);
        if (name && config) {
            sl_jw_key_str(w, name->text);
            sl_jw_object(w);
            r = sl_conf_prints(w, rows_of(sl_val_find(target, "model")), config, seal, "");
            sl_jw_end(w);
        }
    }
    sl_jw_end(w);
    return r;
}

int sl_definition_write(struct sl_jw *w, const struct sl_definition *def, const struct sl_seal *seal)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct parts parts;
    int r = parts_read(def->spec, def->config, &arena, &parts);
    if (r == 0) {
        const struct sl_val *model = sl_val_find(parts.entry, "model");
        sl_jw_member_str(w, "name", def->name);
        member_write(w, "route_type", sl_val_find(parts.entry, "route_type"));
        if (model) {
            sl_jw_key(w, "model");
            model_write(w, model, parts.own, sl_conf_show);
        }
        member_write(w, "limit", sl_val_find(parts.entry, "limit"));
        sluice_write(w, &parts, sl_conf_show);
        r = secrets_write(w, &parts, seal);
    }
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    return r;
}

void sl_definition_describe(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out)
{
    const struct sl_definition def = { route->name, route->spec, route->config };
    struct sl_buf text = SL_BUF_INIT(2 * CONFIG_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &text);
    sl_jw_object(&w);
    int r = sl_definition_write(&w, &def, seal);
    sl_jw_end(&w);
    if (r == 0 && sl_buf_status(&text) == 0) {
        sl_buf_add_str(out, sl_buf_str(&text));
    } else {
        sl_buf_add_str(out, route->spec); /* this version cannot read the definition */
    }
    sl_buf_done(&text);
}
