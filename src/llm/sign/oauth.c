/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/sign/oauth.h"

#include "base/num.h"
#include "base/secret.h"
#include "llm/core/llm.h"
#include "llm/core/prepare.h"

#define TOKEN_MAX 16384

struct sl_str sl_oauth_text(struct sl_json_val root, const char *key, struct sl_arena *arena)
{
    struct sl_str text = SL_STR_NONE;
    SL_IGNORE(sl_json_text(sl_json_get(root, key), arena, &text) < 0); /* no text counts as missing */
    return text;
}

void sl_oauth_form_add(struct sl_buf *form, const char *key, struct sl_str value, struct sl_arena *scratch)
{
    struct sl_str text = sl_percent_encode(value, scratch);
    sl_buf_printf(form, "%s%s=", form->len ? "&" : "", key);
    sl_buf_add_str(form, text);
    if (!text.p) {
        form->status = SL_E_NOMEM;
    }
}

struct sl_str sl_oauth_basic(struct sl_str id, struct sl_str secret, struct sl_arena *arena)
{
    struct sl_buf basic = SL_BUF_INIT(65536);
    id = sl_percent_encode(id, arena);
    secret = sl_percent_encode(secret, arena);
    struct sl_str pair = sl_arena_printf(arena, "%.*s:%.*s", SL_STR_ARG(id), SL_STR_ARG(secret)), value = SL_STR_NONE;
    sl_buf_add_lit(&basic, "Basic ");
    sl_buf_add_base64(&basic, pair);
    if (id.p && secret.p && pair.p && sl_buf_status(&basic) == 0) {
        value = sl_arena_dup(arena, sl_buf_str(&basic));
    }
    if (basic.p) {
        sl_wipe(basic.p, basic.len);
    }
    sl_buf_done(&basic);
    return value;
}

int sl_oauth_ask(const struct sl_oauth_ask *ask, int r, struct sl_buf *form, struct sl_arena *arena,
                 struct sl_cred_step *ret)
{
    struct sl_cred_step step = { .kind = SL_CRED_HTTP, .base = *ask->base };
    step.req = (struct sl_http_req){ .method = form->len ? "POST" : "GET", .target = ask->target };
    r = r < 0 ? r : sl_buf_status(form);
    r = r < 0 ? r : sl_headers_start(ask->headers, arena, &step.req.headers);
    struct sl_str *body = r == 0 && form->len ? SL_ARENA_NEW(arena, struct sl_str) : NULL;
    if (body) {
        *body = sl_arena_dup(arena, sl_buf_str(form));
        step.req.slices = body;
        step.req.n_slices = 1;
        step.req.body_len = form->len;
    }
    r = r == 0 && form->len && (!body || !body->p) ? SL_E_NOMEM : r;
    if (form->p) {
        sl_wipe(form->p, form->len);
    }
    sl_buf_done(form);
    if (r == 0) {
        *ret = step;
    }
    return r;
}

/* {"error": "invalid_grant", "error_description": …}; from the metadata server a text. */
static int refused(const struct sl_cred_answer *last, const struct sl_env *env, struct sl_arena *arena,
                   struct sl_err *err)
{
    struct sl_str word = SL_STR_NONE, said = SL_STR_NONE;
    if (last->status < 0) {
        return sl_fail(err, SL_E_IO, "no token: %.*s", SL_STR_ARG(sl_str_sub(last->body, 0, 200)));
    }
    if (sl_json_parse(env->scratch, last->body) == 0) {
        struct sl_json_val root = sl_json_root(env->scratch);
        word = sl_cred_word(sl_oauth_text(root, "error", arena));
        said = sl_cred_said(sl_oauth_text(root, "error_description", arena));
    }
    return sl_fail(err, SL_E_INVAL, "no token: the endpoint answered %d%s%.*s%s%.*s", last->status, word.n ? ": " : "",
                   SL_STR_ARG(word), said.n ? ": " : "", SL_STR_ARG(said));
}

/* A number, or a number in a text: Azure's metadata service sends both as texts. */
static bool number_read(struct sl_json_val root, const char *key, struct sl_arena *arena, int64_t *ret)
{
    uint64_t n = 0;
    struct sl_json_val val = sl_json_get(root, key);
    if (sl_json_int(val, true, ret) == 0) {
        return true;
    }
    if (sl_parse_u64(sl_oauth_text(root, key, arena), 0, INT64_MAX, &n) < 0) {
        return false;
    }
    *ret = (int64_t)n;
    return true;
}

/* How many seconds the token lives: expires_in, or the time until expires_on. */
static bool life_read(struct sl_json_val root, const struct sl_env *env, struct sl_arena *arena, int64_t *ret)
{
    int64_t now = (int64_t)(env->wall_usec / SL_USEC_PER_SEC);
    bool ok = number_read(root, "expires_in", arena, ret);
    if (!ok && number_read(root, "expires_on", arena, ret)) {
        ok = *ret > now;
        *ret -= ok ? now : 0;
    }
    return ok && *ret >= 1 && *ret <= INT32_MAX;
}

int sl_oauth_token_read(const struct sl_cred_answer *last, const struct sl_env *env, struct sl_arena *arena,
                        struct sl_cred_step *ret, struct sl_err *err)
{
    int64_t life = 0;
    struct sl_str token = SL_STR_NONE;
    env->scratch->limits.record_depth = 0;
    if (last->status != 200) {
        return refused(last, env, arena, err);
    }
    if (sl_json_parse(env->scratch, last->body) < 0) {
        return sl_fail(err, SL_E_INVAL, "no token: the endpoint's answer is not JSON");
    }
    struct sl_json_val root = sl_json_root(env->scratch);
    token = sl_oauth_text(root, "access_token", arena);
    if (!token.n || !sl_header_is_visible(token, TOKEN_MAX) || !life_read(root, env, arena, &life)) {
        return sl_fail(err, SL_E_INVAL, "no token: the endpoint's answer has no access_token with its expires_in");
    }
    static const struct sl_str bearer = SL_STR_INIT("Bearer ");
    char *p = sl_arena_bytes(arena, bearer.n + token.n);
    if (!p) {
        return SL_E_NOMEM;
    }
    memcpy(p, bearer.p, bearer.n);
    memcpy(p + bearer.n, token.p, token.n);
    *ret = (struct sl_cred_step){
        .kind = SL_CRED_DONE,
        .cred = { .parts = { sl_str_make(p, bearer.n + token.n) },
                  .expires_usec = env->wall_usec + (uint64_t)life * SL_USEC_PER_SEC },
    };
    return 0;
}

/* --- a client's credentials --- */

struct conf {
    struct sl_cred_source source;
    struct sl_uri base;
    struct sl_str target, id;
    const char *scope;
    const struct sl_secret *secret;
    struct sl_headers headers;
};

static int client_ask(const struct conf *conf, struct sl_arena *arena, struct sl_cred_step *ret)
{
    const struct sl_oauth_ask question = { .base = &conf->base, .target = conf->target, .headers = &conf->headers };
    struct sl_buf form = SL_BUF_INIT(65536);
    sl_oauth_form_add(&form, "grant_type", SL_STR("client_credentials"), arena);
    sl_oauth_form_add(&form, "scope", sl_str_c(conf->scope), arena);
    int r = sl_oauth_ask(&question, 0, &form, arena, ret);
    struct sl_str value = sl_oauth_basic(conf->id, sl_secret_reveal(conf->secret), arena);
    if (r == 0) {
        r = value.p ? sl_headers_add(&ret->req.headers, arena, SL_STR("authorization"), value) : SL_E_NOMEM;
    }
    return r;
}

static int client_step(const void *conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                       struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    (void)state; /* there is only one question */
    return last ? sl_oauth_token_read(last, env, arena, ret, err) : client_ask(conf, arena, ret);
}

static const struct sl_cred_ops client_ops = { .name = "oauth", .step = client_step };

int sl_oauth_client_prepare(struct sl_bind *bind, const struct sl_val *val, const struct sl_oauth_client *client,
                            const struct sl_cred_source **ret_source)
{
    struct conf *conf = SL_ARENA_NEW(bind->arena, struct conf);
    int r = conf ? sl_prepare_base(bind, val, client->key, client->url, &conf->base) : SL_E_NOMEM;
    r = r < 0 ? r
              : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"),
                               SL_STR("application/x-www-form-urlencoded"));
    if (r < 0) {
        return r;
    }
    conf->target = conf->base.path;
    conf->id = client->id;
    conf->scope = client->scope;
    conf->secret = client->secret;
    const struct sl_str texts[] = { SL_STR("oauth"), client->url, client->id, sl_str_c(client->scope),
                                    sl_secret_reveal(client->secret) };
    struct sl_str identity = sl_cred_identity(bind->arena, texts, SL_ARRAY_LEN(texts));
    conf->source = (struct sl_cred_source){ .ops = &client_ops, .conf = conf, .identity = identity };
    *ret_source = &conf->source;
    return identity.p ? 0 : SL_E_NOMEM;
}
