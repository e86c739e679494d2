/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/login_who.h"

#include <openssl/sha.h>

#include "base/word.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/config/oidc.h"
#include "jose/claims.h"
#include "json/json.h"
#include "llm/sign/oauth.h"

/* Before everything that comes from a provider, so that no key of the gateway is called so by chance. */
#define PREFIX "oidc:"

/* What a claim has, for the person. */
static struct sl_str shown(struct sl_json_val claim)
{
    struct sl_str raw = sl_json_raw(claim);
    return raw.p ? sl_str_sub(raw, 0, sl_utf8_fit(raw, 128)) : SL_STR("nothing");
}

/* Calls fn for the claim, if it is a text, or for each text of a list. */
static void values_each(struct sl_json_val claim, void (*fn)(void *arg, struct sl_json_val val), void *arg)
{
    if (sl_json_is(claim, SL_JSON_STRING)) {
        fn(arg, claim);
    } else if (sl_json_is(claim, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(claim); sl_json_next(&it);) {
            if (sl_json_is(it.val, SL_JSON_STRING)) {
                fn(arg, it.val);
            }
        }
    }
}

struct look {
    const struct sl_oidc_conf *conf;
    const struct sl_groups *groups;
    struct sl_arena *arena;
    bool has_role;
    enum sl_role role;
    struct sl_str group; /* p == NULL: none */
};

static void role_look(void *arg, struct sl_json_val val)
{
    struct look *look = arg;
    for (uint32_t i = 0; i < look->conf->n_roles; i++) {
        const struct sl_oidc_role *row = &look->conf->roles[i];
        if (sl_json_str_eq(val, row->value)) {
            look->role = look->has_role ? SL_MAX(look->role, row->role) : row->role;
            look->has_role = true;
        }
    }
}

/* Some providers write a group's path with a slash at its front. */
static void group_look(void *arg, struct sl_json_val val)
{
    struct look *look = arg;
    struct sl_str path = SL_STR_NONE;
    SL_IGNORE(sl_json_text(val, look->arena, &path) < 0); /* no memory: then it is none */
    path = path.n && path.p[0] == '/' ? sl_str_sub(path, 1, path.n) : path;
    if (!look->group.p && path.n && sl_groups_find(look->groups, path)) {
        look->group = path;
    }
}

/* The name that people know: the first claim that is one; else the subject. */
static struct sl_str name_of(struct sl_json_val claims, struct sl_str subject, struct sl_arena *arena)
{
    static const char *const names[] = { "preferred_username", "email", "name" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        struct sl_str name = sl_oauth_text(claims, names[i], arena);
        if (name.n + sizeof(PREFIX) - 1 <= SL_KEY_NAME_MAX && sl_key_is_name(name)) {
            return name;
        }
    }
    return subject;
}

static struct sl_str prefixed(struct sl_str text, struct sl_arena *arena)
{
    const struct sl_str parts[] = { SL_STR(PREFIX), text };
    return sl_arena_join(arena, parts, SL_ARRAY_LEN(parts));
}

static int key_make(const struct look *look, struct sl_str subject, struct sl_str name, struct sl_key **ret,
                    struct sl_err *err)
{
    const struct sl_str parts[] = { SL_STR("oidc\n"), look->conf->issuer, SL_STR("\n"), subject };
    struct sl_str whole = sl_arena_join(look->arena, parts, SL_ARRAY_LEN(parts));
    struct sl_key_spec spec = { .role = look->role, .group = look->group.p ? look->group : SL_STR("") };
    /* Names change, and people choose them: what counts is the subject, which is one person's for ever. */
    spec.id = spec.principal = prefixed(subject, look->arena);
    spec.name = prefixed(name, look->arena);
    if (!whole.p || !spec.id.p || !spec.name.p) {
        return sl_fail_nomem(err);
    }
    SHA256((const unsigned char *)whole.p, whole.n, spec.hash);
    *ret = sl_key_new(&spec);
    return *ret ? 0 : sl_fail_nomem(err);
}

int sl_login_who(const struct sl_oidc_conf *conf, const struct sl_groups *groups, struct sl_json_val claims,
                 struct sl_arena *arena, struct sl_key **ret, struct sl_err *err)
{
    struct look look = { .conf = conf, .groups = groups, .arena = arena };
    struct sl_str subject = sl_oauth_text(claims, "sub", arena);
    if (!sl_key_is_name(subject) || subject.n + sizeof(PREFIX) - 1 > SL_KEY_NAME_MAX) {
        return sl_fail(err, SL_E_INVAL, "its sub, which says who you are, is missing or no name");
    }
    struct sl_str name = name_of(claims, subject, arena);
    struct sl_json_val claim = sl_claims_get(claims, conf->role_claim);
    values_each(claim, role_look, &look);
    if (!look.has_role) {
        return sl_fail(err, SL_E_KEY,
                       "You are known as %.*s, but your account has no role here: its claim \"%.*s\" has %.*s. Ask "
                       "whoever runs this gateway.",
                       SL_STR_ARG(name), SL_STR_ARG(conf->role_claim), SL_STR_ARG(shown(claim)));
    }
    if (conf->group_claim.n) {
        claim = sl_claims_get(claims, conf->group_claim);
        values_each(claim, group_look, &look);
        if (!look.group.p) {
            return sl_fail(err, SL_E_KEY,
                           "You are known as %.*s, but your account is in no group that is here: its claim \"%.*s\" "
                           "has %.*s. Ask whoever runs this gateway.",
                           SL_STR_ARG(name), SL_STR_ARG(conf->group_claim), SL_STR_ARG(shown(claim)));
        }
    }
    return key_make(&look, subject, name, ret, err);
}
