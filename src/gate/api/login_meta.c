/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/login_meta.h"

#include "gate/config/oidc.h"
#include "json/json.h"
#include "llm/sign/oauth.h"
#include "wire/headers.h"

#define URL_MAX 2048

/* An address that the provider names. The issuer's answers are believed as its own connection is: where that is
 * encrypted, all are. */
static int url_read(const struct sl_oidc_conf *conf, struct sl_json_val root, const char *key, struct sl_arena *arena,
                    struct sl_str *ret, struct sl_err *err)
{
    struct sl_uri uri;
    *ret = sl_oauth_text(root, key, arena);
    bool is_good = sl_header_is_visible(*ret, URL_MAX) && sl_str_find_char(*ret, '#', 0) < 0 &&
                   sl_uri_parse(*ret, &uri, NULL) == 0 && !uri.userinfo.n;
    if (!is_good) {
        return sl_fail(err, SL_E_INVAL, "its %s is missing, or no URL", key);
    }
    return conf->base.is_https && !uri.is_https ? sl_fail(err, SL_E_INVAL, "its %s is not https", key) : 0;
}

static bool list_has(struct sl_json_val list, struct sl_str text)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        if (sl_json_str_eq(it.val, text)) {
            return true;
        }
    }
    return false;
}

static int root_read(const struct sl_oidc_conf *conf, struct sl_json_val root, struct sl_arena *arena,
                     struct sl_login_meta *ret, struct sl_err *err)
{
    bool is_set = false;
    struct sl_str issuer = sl_oauth_text(root, "issuer", arena);
    struct sl_json_val methods = sl_json_get(root, "token_endpoint_auth_methods_supported");
    if (!sl_str_eq(issuer, conf->issuer)) {
        return sl_fail(err, SL_E_INVAL,
                       "it calls itself \"%.*s\", and auth.oidc.issuer must be written in the same way",
                       SL_STR_ARG(sl_str_sub(issuer, 0, 128)));
    }
    ret->has_basic = !sl_json_is(methods, SL_JSON_ARRAY) || list_has(methods, SL_STR("client_secret_basic"));
    SL_IGNORE(sl_json_bool(sl_json_get(root, "authorization_response_iss_parameter_supported"), &is_set) < 0);
    ret->says_issuer = is_set;
    int r = url_read(conf, root, "authorization_endpoint", arena, &ret->authorization, err);
    r = r < 0 ? r : url_read(conf, root, "token_endpoint", arena, &ret->token, err);
    return r < 0 ? r : url_read(conf, root, "jwks_uri", arena, &ret->keys, err);
}

int sl_login_meta_read(const struct sl_oidc_conf *conf, struct sl_str text, struct sl_arena *arena,
                       struct sl_login_meta *ret, struct sl_err *err)
{
    struct sl_json_limits limits = { .depth = 16, .tokens = 16384 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    int r = sl_json_parse(&doc, text);
    r = r < 0 ? sl_fail(err, SL_E_INVAL, "its answer is not JSON")
              : root_read(conf, sl_json_root(&doc), arena, ret, err);
    sl_json_done(&doc);
    return r;
}
