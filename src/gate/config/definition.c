/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/definition.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/opt.h"
#include "gate/config/body_val.h"
#include "gate/config/route.h"
#include "gate/config/route_model.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "store/seal.h"
#include "store/store.h"

#define CONFIG_MAX (1u << 20)

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

static bool is_nothing(const struct sl_val *val)
{
    return !val || val->kind == SL_VAL_NULL;
}

/* What the schema of create_route says: strings, and an object. */
static int schema_check(const struct sl_val *entry, bool needs_name, struct sl_body_fault *ret)
{
    const char *key;
    const struct sl_val *name = sl_val_find(entry, "name"), *type = type_of(entry, &key);
    const struct sl_val *model = sl_val_find(entry, "model");
    if (entry->kind != SL_VAL_MAP) {
        return fault(ret, "model_attributes_type", "",
                     "Input should be a valid dictionary or object to extract fields from");
    }
    if (is_nothing(name) ? needs_name : name->kind != SL_VAL_STRING) {
        return fault(ret, name ? "string_type" : "missing", "name",
                     name ? "Input should be a valid string" : "Field required");
    }
    if (is_nothing(type) || type->kind != SL_VAL_STRING) {
        return fault(ret, type ? "string_type" : "missing", key,
                     type ? "Input should be a valid string" : "Field required");
    }
    if (is_nothing(model) || model->kind != SL_VAL_MAP) {
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

/* Writes what was read: each name once, nothing that the reader passed over. */
static void val_write(struct sl_jw *w, const struct sl_val *val)
{
    switch (val->kind) {
    case SL_VAL_NULL:
        sl_jw_null(w);
        break;
    case SL_VAL_STRING:
        sl_jw_str(w, val->text);
        break;
    case SL_VAL_BOOL:
    case SL_VAL_NUMBER:
        sl_jw_raw(w, val->text);
        break;
    case SL_VAL_LIST:
    case SL_VAL_MAP:
        (val->kind == SL_VAL_MAP ? sl_jw_object : sl_jw_array)(w);
        for (uint32_t i = 0; i < val->n; i++) {
            if (val->kind == SL_VAL_MAP) {
                sl_jw_key_str(w, val->items[i].key);
            }
            val_write(w, val->items[i].val);
        }
        sl_jw_end(w);
        break;
    }
}

static void member_write(struct sl_jw *w, const char *key, const struct sl_val *val)
{
    if (!is_nothing(val)) {
        sl_jw_key(w, key);
        val_write(w, val);
    }
}

static void spec_write(struct sl_jw *w, const struct sl_val *entry, struct sl_str name)
{
    const char *key;
    const struct sl_val *model = sl_val_find(entry, "model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", name);
    member_write(w, "route_type", type_of(entry, &key));
    sl_jw_key(w, "model");
    sl_jw_object(w);
    member_write(w, "name", sl_val_find(model, "name"));
    member_write(w, "provider", sl_val_find(model, "provider"));
    sl_jw_end(w);
    member_write(w, "limit", sl_val_find(entry, "limit"));
    member_write(w, "sluice", sl_val_find(entry, "sluice"));
    sl_jw_end(w);
}

/* Members that a route has, and those of a route that was read and comes back. */
static const char *const route_keys[] = { "name",       "route_type", "endpoint_type", "model",
                                          "limit",      "sluice",     "limits",        "secrets",
                                          "owner",      "shadowed",   "version",       "route_url",
                                          "created_at", "updated_at", "defined_at",    NULL };
/* "task" is the route's type in the words of another API. */
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

/* What nobody would read is refused where it looks like a slip, and anywhere inside of `model`, where it may be a
 * credential. */
static int keys_check(const struct sl_val *entry, struct sl_err *err)
{
    for (uint32_t i = 0; i < entry->n; i++) {
        const char *near = sl_name_nearest(entry->items[i].key, route_keys);
        if (near && !is_one_of(entry->items[i].key, route_keys)) {
            return unknown(err, "", entry->items[i].key, near);
        }
    }
    if (!is_nothing(sl_val_find(sl_val_find(entry, "sluice"), "targets"))) {
        return sl_fail(err, SL_E_INVAL, "sluice.targets: several targets are for routes of the operator's file only");
    }
    const struct sl_val *model = sl_val_find(entry, "model");
    const struct sl_provider *provider = provider_of(model);
    for (uint32_t i = 0; i < model->n; i++) {
        struct sl_str key = model->items[i].key;
        bool is_config = provider && sl_route_provider_config(model, provider) == model->items[i].val;
        if (provider && sl_opt_find(provider->opts, key)) {
            return sl_fail(err, SL_E_INVAL, "model: \"%.*s\" belongs into model.config", SL_STR_ARG(key));
        }
        if (provider && !is_config && model->items[i].val->kind != SL_VAL_NULL && !is_one_of(key, model_keys)) {
            return unknown(err, "model: ", key, sl_name_nearest(key, model_keys));
        }
    }
    return 0;
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
    if (name.p && !is_nothing(given) && !sl_str_eq(given->text, name)) {
        return sl_fail(err, SL_E_INVAL, "name: is another one than the path's; leave it out, or let both be the same");
    }
    name = name.p ? name : given->text;
    r = keys_check(entry, err);
    if (r < 0) {
        return r;
    }
    const struct sl_val *model = sl_val_find(entry, "model");
    const struct sl_provider *provider = provider_of(model);
    const struct sl_val *config = provider ? sl_route_provider_config(model, provider) : NULL;
    if (config && config->kind != SL_VAL_MAP) {
        return sl_fail(err, SL_E_INVAL, "model.config: must be a map, not %s", sl_val_kind_name(config->kind));
    }
    *ret = (struct sl_definition){ .name = name };
    struct sl_buf buf = SL_BUF_INIT(CONFIG_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    spec_write(&w, entry, name);
    ret->spec = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_reset(&buf);
    sl_jw_init(&w, &buf);
    val_write(&w, config ? config : &(struct sl_val){ .kind = SL_VAL_MAP });
    ret->config = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_wipe(buf.p, buf.len);
    sl_buf_done(&buf);
    return ret->spec.p && ret->config.p ? 0 : sl_fail_nomem(err);
}

/* --- binding --- */

/* The tree of a definition: the spec's, with the configuration in its place. */
static int tree_make(const struct sl_definition *def, struct sl_json docs[2], struct sl_arena *arena,
                     struct sl_val **ret)
{
    struct sl_val *config;
    int r = sl_json_parse(&docs[0], def->spec);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[0]), arena, ret);
    r = r < 0 ? r : sl_json_parse(&docs[1], def->config);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[1]), arena, &config);
    if (r < 0) {
        return r;
    }
    struct sl_val *model = sl_val_find(*ret, "model");
    if (!model || model->kind != SL_VAL_MAP || config->kind != SL_VAL_MAP) {
        return SL_E_INVAL;
    }
    /* A body's map has room for one more. An empty one is none at all: MLflow's rule asks for a configuration. */
    if (config->n) {
        model->items[model->n++] = (struct sl_val_item){ .key = SL_STR("config"), .val = config };
    }
    return 0;
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
    struct sl_json docs[2];
    sl_json_init(&docs[0], NULL);
    sl_json_init(&docs[1], NULL);
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct sl_problems problems;
    sl_problems_init(&problems, &arena);
    struct sl_bind bind = { .arena = &arena, .problems = &problems, .is_lax = is_stored };
    struct sl_val *entry;
    int r = tree_make(def, docs, &arena, &entry);
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
    sl_json_done(&docs[0]);
    sl_json_done(&docs[1]);
    return r;
}

/* --- credentials --- */

static bool has_word(struct sl_str s, const char *word)
{
    return sl_str_find(s, sl_str_c(word), 0) >= 0;
}

enum part {
    PART_UNKNOWN, /* no row knows it: neither kept nor shown */
    PART_SHOWN,
    PART_SECRET,
};

/* What a member of a configuration is by its row. `rows` NULL: inside of a value that a provider reads by itself;
 * there, and of such a value, the name is judged, on the safe side. */
static enum part part_of(const struct sl_opt *rows, struct sl_str key)
{
    const struct sl_opt *row = rows ? sl_opt_find(rows, key) : NULL;
    if (rows && !row) {
        return PART_UNKNOWN;
    }
    if (row && row->type != SL_OPT_CUSTOM) {
        return row->type == SL_OPT_SECRET ? PART_SECRET : PART_SHOWN;
    }
    bool is_secret = has_word(key, "key") || has_word(key, "secret") || has_word(key, "token") ||
                     has_word(key, "password") || has_word(key, "credential") || has_word(key, "auth");
    return is_secret ? PART_SECRET : PART_SHOWN;
}

/* Does the map of that key have members of its own that are judged one by one? ret_rows: by which rows. */
static bool has_inside(const struct sl_opt *rows, struct sl_str key, const struct sl_val *val,
                       const struct sl_opt **ret_rows)
{
    const struct sl_opt *row = rows && val && val->kind == SL_VAL_MAP ? sl_opt_find(rows, key) : NULL;
    *ret_rows = row ? row->sub : NULL;
    return row && (row->type == SL_OPT_MAP || row->type == SL_OPT_CUSTOM);
}

static const struct sl_val *val_of(const struct sl_val *map, struct sl_str key)
{
    for (uint32_t i = 0; map && map->kind == SL_VAL_MAP && i < map->n; i++) {
        if (sl_str_eq(map->items[i].key, key)) {
            return map->items[i].val;
        }
    }
    return NULL;
}

static const struct sl_provider *spec_provider(struct sl_str spec, struct sl_json *doc, struct sl_arena *arena)
{
    struct sl_val *entry;
    if (sl_json_parse(doc, spec) < 0 || sl_body_val(sl_json_root(doc), arena, &entry) < 0) {
        return NULL;
    }
    return provider_of(sl_val_find(entry, "model"));
}

/* The members of `config`, then those secrets of `old` that it lacks; maps are merged inside. */
static void keep_write(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config,
                       const struct sl_val *old)
{
    sl_jw_object(w);
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_val *before = val_of(old, item->key);
        const struct sl_opt *inside;
        if (item->val->kind == SL_VAL_NULL) {
            continue;
        }
        sl_jw_key_str(w, item->key);
        if (has_inside(rows, item->key, item->val, &inside) && before && before->kind == SL_VAL_MAP) {
            keep_write(w, inside, item->val, before);
        } else {
            val_write(w, item->val);
        }
    }
    for (uint32_t i = 0; i < old->n; i++) {
        const struct sl_val_item *item = &old->items[i];
        if (is_nothing(val_of(config, item->key)) && part_of(rows, item->key) == PART_SECRET) {
            sl_jw_key_str(w, item->key);
            val_write(w, item->val);
        }
    }
    sl_jw_end(w);
}

/* A member of `old` that `config` leaves out and that would be kept. */
static bool keeps_any(const struct sl_opt *rows, const struct sl_val *config, const struct sl_val *old)
{
    for (uint32_t i = 0; i < old->n; i++) {
        const struct sl_val_item *item = &old->items[i];
        const struct sl_val *now = val_of(config, item->key);
        const struct sl_opt *inside;
        bool are_maps = has_inside(rows, item->key, item->val, &inside) && now && now->kind == SL_VAL_MAP;
        if (are_maps ? keeps_any(inside, now, item->val) : is_nothing(now) && part_of(rows, item->key) == PART_SECRET) {
            return true;
        }
    }
    return false;
}

/* The URL that has become another one, here or in a map inside; NULL: none. */
static const char *moved_url(const struct sl_opt *rows, const struct sl_val *config, const struct sl_val *old)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        const struct sl_val *now = val_of(config, sl_str_c(row->key)), *before = val_of(old, sl_str_c(row->key));
        if (row->type == SL_OPT_MAP) {
            const char *inside = moved_url(row->sub, now, before);
            if (inside) {
                return inside;
            }
        }
        struct sl_str to = is_nothing(now) ? SL_STR("") : now->text,
                      from = is_nothing(before) ? SL_STR("") : before->text;
        bool is_place = row->type == SL_OPT_URL || (row->flags & SL_OPT_PLACE);
        if (is_place && !sl_str_eq(to, from)) {
            return row->key;
        }
    }
    return NULL;
}

/* Who may change a route shall not thereby learn its credential: it is not sent to another place than the one it was
 * given for. */
static int keep_check(const struct sl_provider *provider, const struct sl_val *config, const struct sl_val *old,
                      struct sl_err *err)
{
    const char *url = moved_url(provider->opts, config, old);
    if (url && keeps_any(provider->opts, config, old)) {
        return sl_fail(err, SL_E_INVAL,
                       "model.config.%s: is another one than the stored, and the stored credential is not sent there: "
                       "give the credential again",
                       url);
    }
    return 0;
}

int sl_definition_keep(const struct sl_definition *def, const struct sl_store_route *old, struct sl_buf *out,
                       struct sl_err *err)
{
    struct sl_json docs[4];
    for (size_t i = 0; i < SL_ARRAY_LEN(docs); i++) {
        sl_json_init(&docs[i], NULL);
    }
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct sl_val *now = NULL, *before = NULL;
    const struct sl_provider *provider = spec_provider(def->spec, &docs[0], &arena);
    bool is_same = provider && provider == spec_provider(old->spec, &docs[1], &arena);
    int r = sl_json_parse(&docs[2], def->config);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[2]), &arena, &now);
    r = r < 0 ? r : sl_json_parse(&docs[3], old->config);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[3]), &arena, &before);
    SL_IGNORE(sl_buf_reserve(out, def->config.n + old->config.n + 64) < 0); /* in one piece, so that nothing is left
                                                                               behind when it grows */
    is_same = is_same && r == 0 && now->kind == SL_VAL_MAP && before->kind == SL_VAL_MAP;
    r = is_same ? keep_check(provider, now, before, err) : r;
    if (r == 0 && is_same) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        keep_write(&w, provider->opts, now, before);
    } else {
        sl_buf_add_str(out, def->config);
    }
    r = r < 0 ? r : sl_buf_status(out);
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    for (size_t i = 0; i < SL_ARRAY_LEN(docs); i++) {
        sl_json_done(&docs[i]);
    }
    return r;
}

/* --- showing --- */

static void shown_write(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config)
{
    sl_jw_object(w);
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_opt *inside;
        if (part_of(rows, item->key) != PART_SHOWN) {
            continue;
        }
        sl_jw_key_str(w, item->key);
        if (has_inside(rows, item->key, item->val, &inside)) {
            shown_write(w, inside, item->val);
        } else if (!rows && item->val->kind >= SL_VAL_LIST) {
            sl_jw_null(w); /* deeper than any configuration goes: not shown rather than shown too much */
        } else {
            val_write(w, item->val);
        }
    }
    sl_jw_end(w);
}

static int prints_write(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config,
                        const struct sl_seal *seal, const char *prefix)
{
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_opt *inside;
        char name[272], print[SL_FINGERPRINT_LEN + 1];
        snprintf(name, sizeof(name), "%s%.*s", prefix, SL_STR_ARG(sl_str_sub(item->key, 0, 128)));
        if (has_inside(rows, item->key, item->val, &inside)) {
            size_t n = strlen(name);
            snprintf(name + n, sizeof(name) - n, ".");
            int r = prints_write(w, inside, item->val, seal, name);
            if (r < 0) {
                return r;
            }
        } else if (part_of(rows, item->key) == PART_SECRET && item->val->kind != SL_VAL_NULL) {
            if (sl_seal_fingerprint(seal, item->val->text, print) < 0) {
                return SL_E_NOMEM;
            }
            sl_jw_key(w, name);
            sl_jw_object(w);
            sl_jw_member_str(w, "fingerprint", sl_str_c(print));
            sl_jw_end(w);
        }
    }
    return 0;
}

int sl_definition_write(struct sl_jw *w, const struct sl_definition *def, const struct sl_seal *seal)
{
    struct sl_json docs[2];
    sl_json_init(&docs[0], NULL);
    sl_json_init(&docs[1], NULL);
    struct sl_arena arena;
    sl_arena_init_small(&arena, 2048);
    struct sl_val *entry, *config;
    static const struct sl_opt none[] = { { NULL } };
    int r = sl_json_parse(&docs[0], def->spec);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[0]), &arena, &entry);
    r = r < 0 ? r : sl_json_parse(&docs[1], def->config);
    r = r < 0 ? r : sl_body_val(sl_json_root(&docs[1]), &arena, &config);
    if (r == 0) {
        const struct sl_val *model = sl_val_find(entry, "model");
        const struct sl_provider *provider = provider_of(model);
        const struct sl_opt *rows = provider ? provider->opts : none;
        sl_jw_member_str(w, "name", def->name);
        member_write(w, "route_type", sl_val_find(entry, "route_type"));
        sl_jw_key(w, "model");
        sl_jw_object(w);
        member_write(w, "name", sl_val_find(model, "name"));
        member_write(w, "provider", sl_val_find(model, "provider"));
        sl_jw_key(w, "config");
        shown_write(w, rows, config);
        sl_jw_end(w);
        member_write(w, "limit", sl_val_find(entry, "limit"));
        member_write(w, "sluice", sl_val_find(entry, "sluice"));
        sl_jw_key(w, "secrets");
        sl_jw_object(w);
        r = prints_write(w, rows, config, seal, "");
        sl_jw_end(w);
    }
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    sl_json_done(&docs[0]);
    sl_json_done(&docs[1]);
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
        sl_buf_add_str(out, route->spec); /* a definition that this version cannot read */
    }
    sl_buf_done(&text);
}
