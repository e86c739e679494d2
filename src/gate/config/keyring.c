/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/keyring.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "base/opt.h"
#include "base/secret.h"
#include "gate/config/group_path.h"
#include "gate/config/instant.h"
#include "gate/config/key.h"
#include "gate/config/limits_json.h"
#include "gate/policy/limit_rule.h"

static struct sl_str hash_str(const unsigned char *hash)
{
    return sl_str_make((const char *)hash, SL_KEY_HASH_BYTES);
}

void sl_keyring_done(struct sl_keyring *ring)
{
    size_t i = 0;
    for (struct sl_key *key; (key = sl_map_each(&ring->by_hash, &i)) != NULL;) {
        sl_key_unref(key);
    }
    sl_map_done(&ring->by_hash);
}

int sl_keyring_add(struct sl_keyring *ring, struct sl_key *key)
{
    int r = sl_map_put(&ring->by_hash, hash_str(key->hash), key);
    if (r == 0) {
        sl_key_ref(key);
    }
    return r;
}

struct sl_key *sl_keyring_find(const struct sl_keyring *ring, const unsigned char hash[SL_KEY_HASH_BYTES])
{
    struct sl_key *key = sl_map_find(&ring->by_hash, hash_str(hash));
    return key && CRYPTO_memcmp(key->hash, hash, SL_KEY_HASH_BYTES) == 0 ? key : NULL;
}

/* --- the file's keys --- */

struct file_key {
    struct sl_str name, principal, group, expires_at;
    int role;
    struct sl_strs routes;
    unsigned char hash[SL_KEY_HASH_BYTES];
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    uint32_t n_rules;
};

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

int sl_key_text_bind(struct sl_bind *bind, const struct sl_val *val, unsigned char ret_hash[SL_KEY_HASH_BYTES])
{
    const struct sl_val *hex = sl_val_find(val, "sha256");
    if (hex) {
        return val->n == 1 && hex->kind <= SL_VAL_STRING && sl_key_hash_parse(hex->text, ret_hash) == 0
                   ? 0
                   : FAIL(bind, val, "sha256 must be the 64 hexadecimal digits of the key's SHA-256");
    }
    struct sl_secret secret = { 0 };
    struct sl_err err = { 0 };
    int r = bind->resolve ? bind->resolve(bind->resolve_arg, val, &secret, &err)
                          : sl_fail(&err, SL_E_UNSUPPORTED, "only the operator's file can have keys");
    if (r < 0) {
        return FAIL(bind, val, "%s", err.text);
    }
    struct sl_str text = sl_secret_reveal(&secret);
    sl_opt_secret_look(bind, val, text);
    if (text.n < SL_KEY_OWN_MIN) {
        r = FAIL(bind, val, "the key is too short to be safe: at least %d characters are needed", SL_KEY_OWN_MIN);
    } else {
        sl_key_hash(text, ret_hash);
    }
    sl_secret_done(&secret);
    return r;
}

static int key_text_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    return sl_key_text_bind(bind, val, field);
}

static int group_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const char *fault = sl_group_path_fault(*(struct sl_str *)field);
    return fault ? FAIL(bind, val, "%s", fault) : 0;
}

static int limits_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct file_key *conf = SL_CONTAINER_OF(field, struct file_key, rules);
    int n = sl_limits_bind_file(bind, val, false, conf->rules);
    conf->n_rules = n < 0 ? 0 : (uint32_t)n;
    return n < 0 ? n : 0;
}

/* Two keys of one name are allowed, but neither the log nor the list of keys can tell them apart. */
static int name_look(struct sl_bind *bind, const struct sl_val *val, struct sl_map *by_name, struct sl_key *key)
{
    int r = sl_map_put(by_name, key->name, key);
    if (r != SL_E_EXISTS) {
        return r;
    }
    const struct sl_key *other = sl_map_find(by_name, key->name);
    if (key->limits || other->limits) {
        return FAIL(bind, val,
                    "another key is called \"%.*s\" too (line %u), and limits count by name: give each its own",
                    SL_STR_ARG(key->name), other->line);
    }
    sl_bind_problem(bind, SL_PROBLEM_WARNING, val->pos, NULL,
                    "another key is called \"%.*s\" too (line %u): give each its own name, and both one principal",
                    SL_STR_ARG(key->name), other->line);
    return 0;
}

static const struct sl_opt file_key_opts[] = {
    { "name", SL_OPT_STR, offsetof(struct file_key, name), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
      NULL, "the key's name" },
    { "principal", SL_OPT_STR, offsetof(struct file_key, principal), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "whom limits and the log count; default: the key's name, or GROUP/NAME" },
    { "group", SL_OPT_STR, offsetof(struct file_key, group), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, group_check,
      "the group that it is in: one of `groups`; default: none" },
    { "role", SL_OPT_ENUM, offsetof(struct file_key, role), "query", 0, 0, SL_OPT_RELOAD, sl_role_names, NULL, NULL,
      "query: invoke and read; viewer: read routes and /metrics; operator: change routes, too; admin: everything; in a "
      "group only what is the group's" },
    { "routes", SL_OPT_STR_LIST, offsetof(struct file_key, routes), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the routes that it may use (role query only); default: all" },
    { "expires_at", SL_OPT_STR, offsetof(struct file_key, expires_at), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "when it expires, as 2026-12-31T23:59:59Z; default: never" },
    { "limits", SL_OPT_CUSTOM, offsetof(struct file_key, rules), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, limits_check,
      "the limits of all calls with it; default: none", .forms = "{\"$ref\":\"#/components/schemas/AllLimitList\"}" },
    { "key", SL_OPT_CUSTOM, offsetof(struct file_key, hash), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
      key_text_check, "the key: $NAME, { file: PATH }, or { sha256: HEX }",
      .forms = "{\"$ref\":\"#/components/schemas/FileKeyText\"}" },
    { NULL },
};

const struct sl_opt *sl_file_key_rows(void)
{
    return file_key_opts;
}

static int key_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_keyring *ring, struct sl_map *by_name)
{
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map with name and key");
    }
    struct file_key conf = { .routes = { NULL, 0 } };
    int r = sl_opt_bind(bind, file_key_opts, val, &conf);
    uint64_t expires_sec = 0;
    if (r == 0 && conf.expires_at.n && sl_instant_parse(conf.expires_at, &expires_sec) < 0) {
        r = FAIL(bind, val, "expires_at must be a time like 2026-12-31T23:59:59Z");
    }
    struct sl_str texts[] = { conf.name, conf.principal.n ? conf.principal : conf.name };
    static const char *const members[] = { "name", "principal" };
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(texts); i++) {
        if (!sl_key_is_name(texts[i])) {
            r = FAIL(
                bind, val,
                "%s must be 1 to %d bytes without control characters, marks of the direction of writing and spaces "
                "around it",
                members[i], SL_KEY_NAME_MAX);
        }
    }
    const char *fault = sl_role_routes_fault((enum sl_role)conf.role, conf.routes.v != NULL);
    if (r == 0 && fault) {
        const struct sl_val *at = sl_val_find(val, "routes");
        r = FAIL(bind, at ? at : val, "%s", fault);
    }
    if (r < 0) {
        return r;
    }
    struct sl_key_spec spec = {
        .name = conf.name,
        .principal = conf.principal,
        .group = conf.group,
        .role = (enum sl_role)conf.role,
        .has_routes = conf.routes.v != NULL,
        .routes = conf.routes,
        .expires_sec = expires_sec,
        .rules = conf.rules,
        .n_rules = conf.n_rules,
        .is_of_file = true,
        .line = val->pos.line,
    };
    fault = sl_key_group_fault(&spec);
    if (fault) {
        return FAIL(bind, val, "%s", fault);
    }
    memcpy(spec.hash, conf.hash, sizeof(spec.hash));
    struct sl_key *key = sl_key_new(&spec);
    r = key ? sl_keyring_add(ring, key) : SL_E_NOMEM;
    r = r < 0 ? r : name_look(bind, val, by_name, key);
    sl_key_unref(key);     /* the ring holds its own reference */
    if (r == SL_E_INVAL) { /* reported already */
        return r;
    }
    if (r == SL_E_EXISTS) {
        return FAIL(bind, val, "the key of \"%.*s\" is in another entry already", SL_STR_ARG(conf.name));
    }
    return r < 0 ? FAIL(bind, val, "out of memory") : 0;
}

int sl_keys_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_keyring *ring)
{
    if (list->kind != SL_VAL_LIST) {
        return FAIL(bind, list, "must be a list (it may be [])");
    }
    struct sl_map by_name = { 0 };
    int result = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        size_t before = strlen(bind->path);
        snprintf(bind->path + before, sizeof(bind->path) - before, "[%u]", i);
        int r = key_bind(bind, list->items[i].val, ring, &by_name);
        bind->path[before] = '\0';
        result = r < 0 ? r : result;
    }
    sl_map_done(&by_name);
    return result;
}
