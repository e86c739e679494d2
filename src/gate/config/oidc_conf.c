/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/oidc_conf.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/opt.h"
#include "base/word.h"
#include "gate/config/oidc.h"
#include "jose/token.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

#define WELL_KNOWN "/.well-known/openid-configuration"

static bool is_loopback(struct sl_str host)
{
    return sl_str_eq_c(host, "localhost") || sl_str_has_prefix(host, SL_STR("127.")) || sl_str_eq_c(host, "::1");
}

static int issuer_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_oidc_conf *conf = SL_CONTAINER_OF(field, struct sl_oidc_conf, issuer);
    struct sl_err err = { 0 };
    if (sl_uri_parse(conf->issuer, &conf->base, &err) < 0) {
        return FAIL(bind, val, "is not a URL: %s", err.text);
    }
    if (conf->base.userinfo.n || conf->base.has_query) {
        return FAIL(bind, val, "must be the provider's issuer as it names itself: without user, password and query");
    }
    if (sl_str_has_suffix(conf->issuer, SL_STR(WELL_KNOWN))) {
        struct sl_str right = sl_str_sub(conf->issuer, 0, conf->issuer.n - (sizeof(WELL_KNOWN) - 1));
        return FAIL(bind, val,
                    "is the address of the provider's description; the issuer is what stands before \"%s\": %.*s",
                    WELL_KNOWN, SL_STR_ARG(right));
    }
    if (!conf->base.is_https && !is_loopback(conf->base.host)) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, val->pos, NULL,
                        "is not encrypted: whoever is on the way to the provider can log in as anybody; use https");
    }
    struct sl_str path = conf->base.path;
    path.n -= path.n && path.p[path.n - 1] == '/';
    conf->discovery = sl_arena_printf(bind->arena, "%.*s" WELL_KNOWN, SL_STR_ARG(path));
    return conf->discovery.p ? 0 : FAIL(bind, val, "out of memory");
}

static int scopes_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const struct sl_strs *scopes = field;
    bool has_openid = false;
    for (uint32_t i = 0; i < scopes->n; i++) {
        struct sl_str scope = scopes->v[i];
        if (!scope.n || sl_str_find_char(scope, ' ', 0) >= 0) {
            return FAIL(bind, val, "must be a list of words, such as [openid, profile, email]");
        }
        has_openid = has_openid || sl_str_eq_c(scope, "openid");
    }
    return has_openid ? 0 : FAIL(bind, val, "must have the scope openid: without it there is no ID token");
}

/* The value of a role's claim, and the word of the role. */
static int role_bind(struct sl_bind *bind, const struct sl_val_item *item, struct sl_oidc_role *ret)
{
    if (item->val->kind != SL_VAL_STRING || sl_role_parse(item->val->text, &ret->role) < 0) {
        return FAIL(bind, item->val, "must be a role: query, viewer, operator or admin");
    }
    ret->value = sl_arena_dup(bind->arena, item->key);
    return ret->value.p ? 0 : FAIL(bind, item->val, "out of memory");
}

static int roles_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_oidc_conf *conf = SL_CONTAINER_OF(field, struct sl_oidc_conf, roles);
    if (val->kind != SL_VAL_MAP || !val->n) {
        return FAIL(bind, val, "must be a map from values of the role's claim to roles, such as { ai-admins: admin }");
    }
    conf->roles = SL_ARENA_ARRAY(bind->arena, struct sl_oidc_role, val->n);
    if (!conf->roles) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < val->n; i++) {
        int r = role_bind(bind, &val->items[i], &conf->roles[conf->n_roles]);
        if (r < 0) {
            return r;
        }
        conf->n_roles++;
    }
    return 0;
}

#define AT(field_) offsetof(struct sl_oidc_conf, field_)
#define CLAIM                                                                                           \
    "a dot leads into an object (realm_access.roles), unless a claim has the whole name; the claim is " \
    "a text or a list of texts"
const struct sl_opt sl_oidc_opts[] = {
    { "issuer", SL_OPT_URL, AT(issuer), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, issuer_check,
      "the provider's URL, exactly as it names itself; it may be in a private network" },
    { "client_id", SL_OPT_STR, AT(client_id), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, NULL,
      "the name under which this gateway is registered there, with the redirect URI …/console/callback" },
    { "client_secret", SL_OPT_SECRET, AT(client_secret), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "$NAME or { file: PATH }; none for a public client, which PKCE protects alone" },
    { "scopes", SL_OPT_STR_LIST, AT(scopes), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, scopes_check,
      "what is asked for; default: openid, profile, email" },
    { "role_claim", SL_OPT_STR, AT(role_claim), "roles", 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the claim of the ID token that says the role: " CLAIM },
    { "roles", SL_OPT_CUSTOM, AT(roles), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, roles_check,
      "the roles that values of this claim give (query, viewer, operator, admin); the highest one counts, and who has "
      "none cannot log in",
      .forms = "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"enum\":[\"query\",\"viewer\","
               "\"operator\",\"admin\"]}}" },
    { "group_claim", SL_OPT_STR, AT(group_claim), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the claim that says the group, in the same way: the first value that is the path of a group here; who has none "
      "cannot log in. Left out: nobody is in a group" },
    { NULL },
};

/* What may have been read before the library fails is kept: all problems are told at once. */
static int rest_check(struct sl_bind *bind, const struct sl_val *val, struct sl_oidc_conf *conf)
{
    static struct sl_str common[] = { SL_STR_INIT("openid"), SL_STR_INIT("profile"), SL_STR_INIT("email") };
    struct sl_err err = { 0 };
    if (!conf->scopes.v) {
        conf->scopes = (struct sl_strs){ common, SL_ARRAY_LEN(common) };
    }
    const struct sl_str texts[] = { conf->issuer, conf->client_id, conf->role_claim, conf->group_claim };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        conf->print = sl_hash_both(conf->print, sl_hash(texts[i]));
    }
    for (uint32_t i = 0; i < conf->n_roles; i++) {
        conf->print = sl_hash_both(conf->print, sl_hash(conf->roles[i].value));
        conf->print = sl_hash_both(conf->print, conf->roles[i].role);
        if (conf->roles[i].role == SL_ROLE_OPERATOR && conf->group_claim.n) {
            return FAIL(bind, sl_val_find(val, "roles"),
                        "the role operator goes without a group, and group_claim puts everybody into one");
        }
    }
    return sl_token_ready(&err) < 0 ? FAIL(bind, val, "%s", err.text) : 0;
}

int sl_oidc_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val,
                    "must be a map like { issuer: https://login.example, client_id: sluice, client_secret: "
                    "$SLUICE_OIDC_SECRET, roles: { ai-admins: admin } }");
    }
    struct sl_oidc_conf *conf = SL_ARENA_NEW(bind->arena, struct sl_oidc_conf);
    if (!conf) {
        return FAIL(bind, val, "out of memory");
    }
    *(struct sl_oidc_conf **)field = conf;
    int r = sl_opt_bind(bind, sl_oidc_opts, val, conf);
    return r < 0 ? r : rest_check(bind, val, conf);
}

void sl_oidc_conf_done(struct sl_oidc_conf *conf)
{
    if (conf) {
        sl_secret_done(&conf->client_secret);
    }
}
