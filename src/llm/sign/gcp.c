/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/sign/gcp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/num.h"
#include "base/secret.h"
#include "json/write.h"
#include "llm/core/prepare.h"
#include "llm/sign/oauth.h"

#define SCOPE          "https://www.googleapis.com/auth/cloud-platform"
#define METADATA_PATH  "computeMetadata/v1/instance/service-accounts/default/token"
#define JWT_LIFE_SEC   3600
#define CREDENTIAL_MAX 65536 /* the most bytes of a credentials file */

/* --- the configuration --- */

struct file {
    struct sl_str type, email, key, key_id, token_uri, client_id, client_secret, refresh_token;
};

static EVP_PKEY *key_parse(struct sl_str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    BIO_free(bio);
    return key;
}

static bool key_is_rsa(struct sl_str pem)
{
    EVP_PKEY *key = key_parse(pem);
    bool is_rsa = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    EVP_PKEY_free(key);
    return is_rsa;
}

static int user_set(struct sl_bind *bind, const struct sl_val *val, const char *key, const struct file *file,
                    struct sl_arena *scratch, struct sl_secret *secret)
{
    struct sl_buf form = SL_BUF_INIT(CREDENTIAL_MAX * 4);
    if (!file->client_id.n || !file->client_secret.n || !file->refresh_token.n) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: client_id, client_secret and refresh_token are expected", key);
    }
    /* Reserved at once, because growing would leave copies in memory. */
    SL_IGNORE(sl_buf_reserve(&form, CREDENTIAL_MAX) < 0);
    sl_oauth_form_add(&form, "grant_type", SL_STR("refresh_token"), scratch);
    sl_oauth_form_add(&form, "client_id", file->client_id, scratch);
    sl_oauth_form_add(&form, "client_secret", file->client_secret, scratch);
    sl_oauth_form_add(&form, "refresh_token", file->refresh_token, scratch);
    int r = sl_buf_status(&form);
    r = r < 0 ? r : sl_secret_set(secret, sl_buf_str(&form));
    if (form.p) {
        sl_wipe(form.p, form.len);
    }
    sl_buf_done(&form);
    return r;
}

static int account_set(struct sl_bind *bind, const struct sl_val *val, const char *key, const struct file *file,
                       struct sl_gcp_conf *conf, struct sl_secret *secret)
{
    if (!file->email.n || !file->key.n) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: client_email and private_key are expected", key);
    }
    if (!key_is_rsa(file->key)) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: private_key is no RSA key in PEM", key);
    }
    conf->email = sl_arena_dup(bind->arena, file->email);
    conf->key_id = sl_arena_dup(bind->arena, file->key_id.p ? file->key_id : SL_STR(""));
    return conf->email.p && conf->key_id.p ? sl_secret_set(secret, file->key) : SL_E_NOMEM;
}

static int file_take(struct sl_bind *bind, const struct sl_val *val, const struct sl_gcp_keys *keys,
                     struct sl_json_val root, struct sl_arena *scratch, struct sl_str token_uri,
                     struct sl_gcp_conf *conf, struct sl_secret *secret)
{
    struct file file = {
        .type = sl_oauth_text(root, "type", scratch),
        .email = sl_oauth_text(root, "client_email", scratch),
        .key = sl_oauth_text(root, "private_key", scratch),
        .key_id = sl_oauth_text(root, "private_key_id", scratch),
        .token_uri = sl_oauth_text(root, "token_uri", scratch),
        .client_id = sl_oauth_text(root, "client_id", scratch),
        .client_secret = sl_oauth_text(root, "client_secret", scratch),
        .refresh_token = sl_oauth_text(root, "refresh_token", scratch),
    };
    struct sl_str uri = token_uri.n ? token_uri : file.token_uri.n ? file.token_uri : SL_STR(SL_GCP_TOKEN_URI);
    conf->audience = sl_arena_dup(bind->arena, uri);
    if (!conf->audience.p) {
        return SL_E_NOMEM;
    }
    int r = sl_prepare_base(bind, val, token_uri.n ? keys->token_uri : keys->credentials, conf->audience, &conf->base);
    if (r < 0) {
        return r;
    }
    conf->target = sl_arena_printf(bind->arena, "%.*s%s%.*s",
                                   SL_STR_ARG(conf->base.path.n ? conf->base.path : SL_STR("/")),
                                   conf->base.has_query ? "?" : "", SL_STR_ARG(conf->base.query));
    r = conf->target.p ? 0 : SL_E_NOMEM;
    if (r == 0 && sl_str_eq_c(file.type, "service_account")) {
        conf->kind = SL_GCP_SERVICE_ACCOUNT;
        r = account_set(bind, val, keys->credentials, &file, conf, secret);
    } else if (r == 0 && sl_str_eq_c(file.type, "authorized_user")) {
        conf->kind = SL_GCP_USER;
        r = user_set(bind, val, keys->credentials, &file, scratch, secret);
    } else if (r == 0) {
        r = SL_PREPARE_FAIL(bind, val, keys->credentials,
                            "%s: the type must be service_account or authorized_user, not '%.*s'", keys->credentials,
                            SL_STR_ARG(sl_str_sub(file.type, 0, 64)));
    }
    return r < 0 ? r
                 : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"),
                                  SL_STR("application/x-www-form-urlencoded"));
}

static int credentials_take(struct sl_bind *bind, const struct sl_val *val, const struct sl_gcp_keys *keys,
                            struct sl_secret *secret, struct sl_str token_uri, struct sl_gcp_conf *conf)
{
    struct sl_json_limits limits = { .depth = 8, .tokens = 256 };
    struct sl_json doc;
    struct sl_arena scratch;
    struct sl_str text = sl_secret_reveal(secret);
    sl_json_init(&doc, &limits);
    sl_arena_init(&scratch, NULL);
    int r = text.n > CREDENTIAL_MAX ? SL_E_LIMIT : sl_json_parse(&doc, sl_str_trim(text));
    if (r == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT)) {
        r = file_take(bind, val, keys, sl_json_root(&doc), &scratch, token_uri, conf, secret);
    } else if (r != SL_E_NOMEM) {
        r = SL_PREPARE_FAIL(bind, val, keys->credentials,
                            "%s: the JSON of a credentials file is expected, or the path of one", keys->credentials);
    }
    sl_arena_wipe(&scratch);
    sl_arena_done(&scratch);
    sl_json_done(&doc);
    return r;
}

static int metadata_take(struct sl_bind *bind, const struct sl_val *val, const struct sl_gcp_keys *keys,
                         struct sl_str metadata_url, struct sl_gcp_conf *conf)
{
    int r = sl_cred_may_borrow(bind, val, keys->credentials);
    struct sl_str url = metadata_url.n ? metadata_url : SL_STR(SL_GCP_METADATA_URL);
    r = r < 0 ? r : sl_prepare_base(bind, val, keys->metadata_url, url, &conf->base);
    r = r < 0 ? r : sl_uri_join(&conf->base, SL_STR(METADATA_PATH), bind->arena, &conf->target);
    conf->audience = url;
    return r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("metadata-flavor"), SL_STR("Google"));
}

/* --- the JWT --- */

/* base64url without padding (RFC 7515 2). */
static void base64url_add(struct sl_buf *buf, struct sl_str s)
{
    size_t from = buf->len;
    sl_buf_add_base64(buf, s);
    while (buf->len > from && buf->p[buf->len - 1] == '=') {
        buf->len--;
    }
    for (size_t i = from; i < buf->len; i++) {
        buf->p[i] = buf->p[i] == '+' ? '-' : buf->p[i] == '/' ? '_' : buf->p[i];
    }
}

static void head_write(const struct sl_gcp_conf *conf, struct sl_buf *out)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "alg", SL_STR("RS256"));
    sl_jw_member_str(&w, "typ", SL_STR("JWT"));
    if (conf->key_id.n) {
        sl_jw_member_str(&w, "kid", conf->key_id);
    }
    sl_jw_end(&w);
}

static void claims_write(const struct sl_gcp_conf *conf, uint64_t now_sec, struct sl_buf *out)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "iss", conf->email);
    sl_jw_member_str(&w, "scope", SL_STR(SCOPE));
    sl_jw_member_str(&w, "aud", conf->audience);
    sl_jw_member_u64(&w, "iat", now_sec);
    sl_jw_member_u64(&w, "exp", now_sec + JWT_LIFE_SEC);
    sl_jw_end(&w);
}

/* Appends the RSASSA-PKCS1-v1_5 signature with SHA-256 of the bytes in `out` from `from` on. */
static int signature_add(struct sl_str pem, struct sl_buf *out, size_t from)
{
    unsigned char signature[1024]; /* large enough for a key of 8192 bits */
    size_t n = sizeof(signature);
    EVP_PKEY *key = key_parse(pem);
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &n, (const unsigned char *)out->p + from, out->len - from) == 1;
    if (ok) {
        sl_buf_add_char(out, '.');
        base64url_add(out, sl_str_make((const char *)signature, n));
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? 0 : SL_E_INVAL;
}

/* Writes the form that exchanges a signed assertion for a token. */
static int assertion_write(const struct sl_gcp_conf *conf, uint64_t now_sec, struct sl_buf *out, struct sl_err *err)
{
    struct sl_buf json = SL_BUF_INIT(CREDENTIAL_MAX);
    sl_buf_add_lit(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    size_t from = out->len;
    head_write(conf, &json);
    base64url_add(out, sl_buf_str(&json));
    sl_buf_reset(&json);
    sl_buf_add_char(out, '.');
    claims_write(conf, now_sec, &json);
    base64url_add(out, sl_buf_str(&json));
    bool has_memory = sl_buf_status(&json) == 0 && sl_buf_status(out) == 0;
    sl_buf_done(&json);
    if (!has_memory) {
        return SL_E_NOMEM;
    }
    if (signature_add(sl_secret_reveal(conf->secret), out, from) < 0) {
        return sl_fail(err, SL_E_INVAL, "the service account's key cannot sign");
    }
    return sl_buf_status(out);
}

/* --- steps --- */

static int ask(const struct sl_gcp_conf *conf, const struct sl_env *env, struct sl_arena *arena,
               struct sl_cred_step *ret, struct sl_err *err)
{
    const struct sl_oauth_ask question = { .base = &conf->base, .target = conf->target, .headers = &conf->headers };
    struct sl_buf form = SL_BUF_INIT(CREDENTIAL_MAX * 4);
    int r = 0;
    if (conf->kind == SL_GCP_SERVICE_ACCOUNT) {
        r = assertion_write(conf, env->wall_usec / SL_USEC_PER_SEC, &form, err);
    } else if (conf->kind == SL_GCP_USER) {
        sl_buf_add_str(&form, sl_secret_reveal(conf->secret));
    }
    return sl_oauth_ask(&question, r, &form, arena, ret);
}

static int step(const void *conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    (void)state; /* there is only one question */
    return last ? sl_oauth_token_read(last, env, arena, ret, err) : ask(conf, env, arena, ret, err);
}

static const struct sl_cred_ops ops = {
    .name = "google",
    .step = step,
};

/* --- the source --- */

int sl_gcp_prepare(struct sl_bind *bind, const struct sl_val *val, const struct sl_gcp_keys *keys,
                   struct sl_secret *secret, struct sl_str token_uri, struct sl_str metadata_url,
                   struct sl_gcp_conf *conf, struct sl_cred_source *ret_source)
{
    *conf = (struct sl_gcp_conf){ .kind = SL_GCP_METADATA, .secret = secret };
    int r = sl_secret_is_set(secret) ? credentials_take(bind, val, keys, secret, token_uri, conf)
                                     : metadata_take(bind, val, keys, metadata_url, conf);
    if (r < 0) {
        return r;
    }
    struct sl_str kind = sl_str_make((const char *)&conf->kind, sizeof(conf->kind));
    const struct sl_str texts[] = { SL_STR("gcp"), kind, conf->audience, conf->email, sl_secret_reveal(secret) };
    struct sl_str identity = sl_cred_identity(bind->arena, texts, SL_ARRAY_LEN(texts));
    *ret_source = (struct sl_cred_source){ .ops = &ops,
                                           .conf = conf,
                                           .identity = identity,
                                           .place = &conf->base,
                                           .place_key = conf->kind == SL_GCP_METADATA ? keys->metadata_url
                                                                                      : keys->token_uri };
    return identity.p ? 0 : SL_E_NOMEM;
}
