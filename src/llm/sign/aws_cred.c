/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the forms of aws_config, of which the first that is there counts (MLflow's order), and fetches the machine's
 * own identity in the order of Amazon's tools: environment, web identity, container, instance. */
#include "llm/sign/aws_cred.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/num.h"
#include "llm/core/prepare.h"
#include "wire/headers.h"

#define SESSION_NAME   "ai-gateway-bedrock" /* MLflow's */
#define CONTAINER_URL  "http://169.254.170.2"
#define INSTANCE_URL   "http://169.254.169.254"
#define INSTANCE_PATH  "/latest/meta-data/iam/security-credentials/"
#define INSTANCE_TOKEN "/latest/api/token"
#define TEXT_MAX       65536

/* --- the configuration --- */

const struct sl_opt sl_aws_opts[] = {
    { "aws_bearer_token", SL_OPT_SECRET, offsetof(struct sl_aws_conf, bearer), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      NULL, "an API key of Bedrock: a literal, $NAME, or the path of a file that holds it" },
    { "aws_role_arn", SL_OPT_STR, offsetof(struct sl_aws_conf, role_arn), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the role to assume, with the keys of this configuration, else with the machine's" },
    { "session_length_seconds", SL_OPT_U32, offsetof(struct sl_aws_conf, session_sec), "900", 900, 43200, SL_OPT_RELOAD,
      NULL, NULL, NULL, "how long an assumed role's keys are valid" },
    { "aws_access_key_id", SL_OPT_SECRET, offsetof(struct sl_aws_conf, id), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the key's id; without keys, the machine's identity is used, for routes of the file only" },
    { "aws_secret_access_key", SL_OPT_SECRET, offsetof(struct sl_aws_conf, secret), NULL, 0, 0, SL_OPT_RELOAD, NULL,
      NULL, NULL, "the key itself" },
    { "aws_session_token", SL_OPT_SECRET, offsetof(struct sl_aws_conf, token), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      NULL, "the token of a temporary key" },
    { "aws_region", SL_OPT_STR, offsetof(struct sl_aws_conf, region), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "for example us-east-1; default: AWS_REGION or AWS_DEFAULT_REGION of the environment" },
    { "aws_endpoint_url", SL_OPT_URL, offsetof(struct sl_aws_conf, endpoint), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      NULL, "base URL; default: the region's" },
    { "sts_endpoint_url", SL_OPT_URL, offsetof(struct sl_aws_conf, sts_endpoint), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      NULL, "where roles are assumed; default: the region's" },
    { NULL },
};

const char *sl_aws_domain(struct sl_str region)
{
    return sl_str_has_prefix(region, SL_STR("cn-")) ? "amazonaws.com.cn" : "amazonaws.com";
}

/* A variable's value on the arena; "" if it is not set. */
static struct sl_str env_get(struct sl_bind *bind, const char *name)
{
    const char *text = getenv(name);
    struct sl_str copy = text && *text ? sl_arena_dup(bind->arena, sl_str_c(text)) : SL_STR("");
    return copy.p ? copy : SL_STR("");
}

static int env_take(const char *name, struct sl_secret *secret)
{
    const char *text = sl_env_secret(name);
    return text && *text ? sl_secret_set(secret, sl_str_c(text)) : 0;
}

static int region_take(struct sl_bind *bind, const struct sl_val *val, struct sl_aws_conf *conf)
{
    conf->region = conf->region.n ? conf->region : env_get(bind, "AWS_REGION");
    conf->region = conf->region.n ? conf->region : env_get(bind, "AWS_DEFAULT_REGION");
    bool is_needed = !sl_secret_is_set(&conf->bearer) || !conf->endpoint.n;
    if (!conf->region.n && is_needed) {
        return SL_PREPARE_FAIL(bind, val, "aws_config", "aws_config: aws_region is needed, as in us-east-1");
    }
    for (size_t i = 0; i < conf->region.n; i++) { /* it becomes part of a host's name */
        char c = conf->region.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return SL_PREPARE_FAIL(bind, val, "aws_config",
                                   "aws_config: aws_region must be a region's name, as in us-east-1");
        }
    }
    return 0;
}

static int sts_take(struct sl_bind *bind, const struct sl_val *val, struct sl_aws_conf *conf)
{
    struct sl_str url = conf->sts_endpoint;
    if (!url.n) {
        url = sl_arena_printf(bind->arena, "https://sts.%.*s.%s", SL_STR_ARG(conf->region),
                              sl_aws_domain(conf->region));
    }
    return url.p ? sl_prepare_base(bind, val, "aws_config", url, &conf->sts) : SL_E_NOMEM;
}

static int container_take(struct sl_bind *bind, const struct sl_val *val, struct sl_str relative, struct sl_str full,
                          struct sl_aws_conf *conf)
{
    conf->kind = SL_AWS_CONTAINER;
    conf->container_file = env_get(bind, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    sl_secret_done(&conf->token); /* there are no keys that it could belong to */
    int r = env_take("AWS_CONTAINER_AUTHORIZATION_TOKEN", &conf->token);
    struct sl_str url = relative.n ? sl_arena_printf(bind->arena, CONTAINER_URL "%.*s", SL_STR_ARG(relative)) : full;
    r = r < 0 || url.p ? r : SL_E_NOMEM;
    r = r < 0 ? r : sl_prepare_base(bind, val, "aws_config", url, &conf->place);
    conf->place_target = r < 0 ? SL_STR_NONE
                               : sl_arena_printf(bind->arena, "%.*s%s%.*s",
                                                 SL_STR_ARG(conf->place.path.n ? conf->place.path : SL_STR("/")),
                                                 conf->place.has_query ? "?" : "", SL_STR_ARG(conf->place.query));
    return r < 0 || conf->place_target.p ? r : SL_E_NOMEM;
}

static int machine_take(struct sl_bind *bind, const struct sl_val *val, bool is_bedrock, struct sl_aws_conf *conf)
{
    int r = sl_cred_may_borrow(bind, val, "aws_config");
    if (r == 0 && is_bedrock && !conf->role_arn.n) {
        r = env_take("AWS_BEARER_TOKEN_BEDROCK", &conf->bearer);
    }
    if (r < 0 || sl_secret_is_set(&conf->bearer)) {
        conf->kind = SL_AWS_BEARER;
        return r;
    }
    r = env_take("AWS_ACCESS_KEY_ID", &conf->id);
    r = r < 0 ? r : env_take("AWS_SECRET_ACCESS_KEY", &conf->secret);
    r = r < 0 ? r : env_take("AWS_SESSION_TOKEN", &conf->token);
    if (r < 0 || (sl_secret_is_set(&conf->id) && sl_secret_is_set(&conf->secret))) {
        conf->kind = SL_AWS_STATIC;
        return r;
    }
    conf->web_file = env_get(bind, "AWS_WEB_IDENTITY_TOKEN_FILE");
    conf->web_role = env_get(bind, "AWS_ROLE_ARN");
    conf->web_session = env_get(bind, "AWS_ROLE_SESSION_NAME");
    if (conf->web_file.n && conf->web_role.n) {
        conf->kind = SL_AWS_WEB;
        return 0;
    }
    struct sl_str relative = env_get(bind, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct sl_str full = env_get(bind, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative.n || full.n) {
        return container_take(bind, val, relative, full, conf);
    }
    struct sl_str url = env_get(bind, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    conf->kind = SL_AWS_INSTANCE;
    return sl_prepare_base(bind, val, "aws_config", url.n ? url : SL_STR(INSTANCE_URL), &conf->place);
}

/* Keys go into headers. */
static int keys_check(struct sl_bind *bind, const struct sl_val *val, struct sl_aws_conf *conf)
{
    const struct sl_secret *secrets[] = { &conf->id, &conf->token };
    for (size_t i = 0; i < SL_ARRAY_LEN(secrets); i++) {
        if (sl_secret_is_set(secrets[i]) && !sl_header_is_visible(sl_secret_reveal(secrets[i]), TEXT_MAX)) {
            return SL_PREPARE_FAIL(bind, val, "aws_config",
                                   "aws_config: a key is empty or holds characters that cannot stand in a header");
        }
    }
    return 0;
}

static int kind_take(struct sl_bind *bind, const struct sl_val *val, bool is_bedrock, struct sl_aws_conf *conf)
{
    bool has_id = sl_secret_is_set(&conf->id), has_secret = sl_secret_is_set(&conf->secret);
    if (sl_secret_is_set(&conf->bearer) && is_bedrock) {
        conf->kind = SL_AWS_BEARER;
        if (has_id || has_secret || conf->role_arn.n) {
            sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "aws_config"), NULL,
                            "aws_config: aws_bearer_token is what is sent: the %s beside it %s not used",
                            has_id || has_secret ? "access keys" : "role", has_id || has_secret ? "are" : "is");
        }
        return 0;
    }
    if (has_id && has_secret) {
        conf->kind = SL_AWS_STATIC;
        return keys_check(bind, val, conf);
    }
    if (has_id || has_secret) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "aws_config"), NULL,
                        "aws_config: aws_access_key_id and aws_secret_access_key belong together: without both the "
                        "machine's identity is used");
        sl_secret_done(&conf->id);
        sl_secret_done(&conf->secret);
    }
    return machine_take(bind, val, is_bedrock, conf);
}

/* --- answers --- */

struct fetch {
    enum { FETCH_FIRST, FETCH_FILE, FETCH_WEB, FETCH_PLACE, FETCH_TOKEN, FETCH_NAME, FETCH_KEYS, FETCH_ROLE } at;
    struct sl_aws_keys keys;
    struct sl_str token; /* of the file, or of the instance's service */
};

/* The text between <tag> and </tag>. */
static struct sl_str xml_find(struct sl_str body, const char *tag)
{
    char open[64], close[64];
    int n_open = snprintf(open, sizeof(open), "<%s>", tag), n_close = snprintf(close, sizeof(close), "</%s>", tag);
    ptrdiff_t from = sl_str_find(body, sl_str_make(open, (size_t)n_open), 0);
    ptrdiff_t to = from < 0 ? -1 : sl_str_find(body, sl_str_make(close, (size_t)n_close), (size_t)from);
    return to < 0 ? SL_STR("") : sl_str_trim(sl_str_sub(body, (size_t)from + (size_t)n_open, (size_t)to));
}

static int refused(const struct sl_cred_answer *last, const char *what, struct sl_err *err)
{
    if (last->status < 0) {
        return sl_fail(err, SL_E_IO, "no keys: %s: %.*s", what, SL_STR_ARG(sl_str_sub(last->body, 0, 200)));
    }
    struct sl_str code = sl_cred_word(xml_find(last->body, "Code"));
    /* The message is left out: it may quote the secret key, and masking does not know that key because it was not
     * sent. */
    return sl_fail(err, SL_E_INVAL, "no keys: %s answered %d%s%.*s", what, last->status, code.n ? ": " : "",
                   SL_STR_ARG(code));
}

static struct sl_str xml_get(struct sl_str body, const char *tag, struct sl_arena *arena)
{
    return sl_arena_dup(arena, xml_find(body, tag));
}

static struct sl_str json_get(struct sl_json_val root, const char *key, struct sl_arena *arena)
{
    struct sl_str text = SL_STR("");
    SL_IGNORE(sl_json_text(sl_json_get(root, key), arena, &text) < 0); /* no text counts as missing */
    return sl_arena_dup(arena, text.p ? text : SL_STR(""));
}

static int keys_finish(struct fetch *fetch, const struct sl_aws_keys *keys, struct sl_str expires,
                       struct sl_cred_step *ret, const char *what, struct sl_err *err)
{
    int64_t when = 0;
    bool is_good = sl_header_is_visible(keys->id, TEXT_MAX) && keys->secret.n &&
                   (!keys->token.n || sl_header_is_visible(keys->token, TEXT_MAX));
    if (!is_good || (expires.n && sl_parse_instant(expires, &when) < 0) || when < 0) {
        return sl_fail(err, SL_E_INVAL, "no keys: %s gave none that can be used", what);
    }
    fetch->keys = *keys;
    *ret = (struct sl_cred_step){
        .kind = SL_CRED_DONE,
        .cred = { .parts = { keys->id, keys->secret, keys->token },
                  .expires_usec = expires.n ? (uint64_t)when * SL_USEC_PER_SEC : UINT64_MAX },
    };
    return 0;
}

static int sts_read(struct fetch *fetch, const struct sl_cred_answer *last, struct sl_arena *arena,
                    struct sl_cred_step *ret, struct sl_err *err)
{
    if (last->status != 200) {
        return refused(last, "the token service", err);
    }
    struct sl_aws_keys keys = { xml_get(last->body, "AccessKeyId", arena),
                                xml_get(last->body, "SecretAccessKey", arena),
                                xml_get(last->body, "SessionToken", arena) };
    return keys_finish(fetch, &keys, xml_get(last->body, "Expiration", arena), ret, "the token service", err);
}

static int place_read(struct fetch *fetch, const struct sl_cred_answer *last, const struct sl_env *env,
                      struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    static const char *const what = "the metadata service";
    if (last->status != 200) {
        return refused(last, what, err);
    }
    if (sl_json_parse_at(env->scratch, last->body, 0) < 0) {
        return sl_fail(err, SL_E_INVAL, "no keys: %s's answer is not JSON", what);
    }
    struct sl_json_val root = sl_json_root(env->scratch);
    struct sl_aws_keys keys = { json_get(root, "AccessKeyId", arena), json_get(root, "SecretAccessKey", arena),
                                json_get(root, "Token", arena) };
    return keys_finish(fetch, &keys, json_get(root, "Expiration", arena), ret, what, err);
}

/* --- questions --- */

static int ask(const char *method, const struct sl_uri *base, struct sl_str target, const char *name,
               struct sl_str value, struct sl_arena *arena, struct sl_cred_step *ret)
{
    *ret = (struct sl_cred_step){ .kind = SL_CRED_HTTP, .base = *base };
    ret->req = (struct sl_http_req){ .method = method, .target = target };
    return value.n ? sl_headers_add(&ret->req.headers, arena, sl_str_c(name), value) : 0;
}

/* Makes a form for the token service, on the arena. */
static int sts_ask(const struct sl_aws_conf *conf, struct sl_str form, struct sl_arena *arena, struct sl_cred_step *ret)
{
    struct sl_str *slice = SL_ARENA_NEW(arena, struct sl_str);
    if (!slice || !form.p) {
        return SL_E_NOMEM;
    }
    int r = ask("POST", &conf->sts, conf->sts.path.n ? conf->sts.path : SL_STR("/"), "content-type",
                SL_STR("application/x-www-form-urlencoded"), arena, ret);
    *slice = form;
    ret->req.slices = slice;
    ret->req.n_slices = 1;
    ret->req.body_len = form.n;
    return r;
}

static int role_ask(const struct sl_aws_conf *conf, struct fetch *fetch, const struct sl_env *env,
                    struct sl_arena *arena, struct sl_cred_step *ret)
{
    struct sl_str arn = sl_percent_encode(conf->role_arn, arena);
    struct sl_str form = sl_arena_printf(
        arena, "Action=AssumeRole&Version=2011-06-15&RoleArn=%.*s&RoleSessionName=" SESSION_NAME "&DurationSeconds=%u",
        SL_STR_ARG(arn), conf->session_sec);
    struct sl_aws_sign sign = { .keys = fetch->keys,
                                .region = conf->region,
                                .service = SL_STR("sts"),
                                .host = conf->sts.authority,
                                .wall_usec = env->wall_usec };
    int r = arn.p ? sts_ask(conf, form, arena, ret) : SL_E_NOMEM;
    fetch->at = FETCH_ROLE;
    return r < 0 ? r : sl_aws_sign(&sign, arena, &ret->req);
}

static int web_ask(const struct sl_aws_conf *conf, struct fetch *fetch, struct sl_str token, struct sl_arena *arena,
                   struct sl_cred_step *ret)
{
    struct sl_str arn = sl_percent_encode(conf->web_role, arena), jwt = sl_percent_encode(token, arena);
    struct sl_str name = sl_percent_encode(conf->web_session.n ? conf->web_session : SL_STR(SESSION_NAME), arena);
    if (!arn.p || !jwt.p || !name.p) {
        return SL_E_NOMEM;
    }
    fetch->at = FETCH_WEB;
    return sts_ask(conf,
                   sl_arena_printf(arena,
                                   "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%.*s&RoleSessionName="
                                   "%.*s&WebIdentityToken=%.*s",
                                   SL_STR_ARG(arn), SL_STR_ARG(name), SL_STR_ARG(jwt)),
                   arena, ret);
}

static int first_ask(const struct sl_aws_conf *conf, struct fetch *fetch, const struct sl_env *env,
                     struct sl_arena *arena, struct sl_cred_step *ret)
{
    struct sl_str file = conf->kind == SL_AWS_WEB ? conf->web_file : conf->container_file;
    switch (conf->kind) {
    case SL_AWS_WEB:
    case SL_AWS_CONTAINER:
        fetch->at = file.n ? FETCH_FILE : FETCH_PLACE;
        if (file.n) {
            *ret = (struct sl_cred_step){ .kind = SL_CRED_FILE, .path = file.p };
            return 0;
        }
        return ask("GET", &conf->place, conf->place_target, "authorization", sl_secret_reveal(&conf->token), arena,
                   ret);
    case SL_AWS_INSTANCE:
        fetch->at = FETCH_TOKEN;
        return ask("PUT", &conf->place, SL_STR(INSTANCE_TOKEN), "x-aws-ec2-metadata-token-ttl-seconds", SL_STR("21600"),
                   arena, ret);
    case SL_AWS_BEARER:
    case SL_AWS_STATIC:
        break;
    }
    fetch->keys = (struct sl_aws_keys){ sl_secret_reveal(&conf->id), sl_secret_reveal(&conf->secret),
                                        sl_secret_reveal(&conf->token) };
    return role_ask(conf, fetch, env, arena, ret);
}

/* The instance's service: asks for a token, then the role's name, then its keys. */
static int instance_step(const struct sl_aws_conf *conf, struct fetch *fetch, const struct sl_cred_answer *last,
                         struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    static const char *const header = "x-aws-ec2-metadata-token";
    struct sl_str text = sl_arena_dup(arena, sl_str_trim(last->body)), line = text;
    ptrdiff_t end = sl_str_find_char(text, '\n', 0);
    line = end < 0 ? text : sl_str_trim(sl_str_sub(text, 0, (size_t)end));
    if (last->status != 200) {
        return refused(last, "the metadata service", err);
    }
    if (!text.p || !sl_header_is_visible(line, TEXT_MAX)) {
        return sl_fail(err, SL_E_INVAL, "no keys: the metadata service gave no %s",
                       fetch->at == FETCH_TOKEN ? "token" : "role");
    }
    if (fetch->at == FETCH_TOKEN) {
        fetch->token = line;
        fetch->at = FETCH_NAME;
        return ask("GET", &conf->place, SL_STR(INSTANCE_PATH), header, fetch->token, arena, ret);
    }
    struct sl_str name = sl_percent_encode(line, arena);
    struct sl_str target = name.p ? sl_arena_printf(arena, INSTANCE_PATH "%.*s", SL_STR_ARG(name)) : SL_STR_NONE;
    fetch->at = FETCH_KEYS;
    return target.p ? ask("GET", &conf->place, target, header, fetch->token, arena, ret) : SL_E_NOMEM;
}

static int file_step(const struct sl_aws_conf *conf, struct fetch *fetch, const struct sl_cred_answer *last,
                     struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    struct sl_str text = sl_arena_dup(arena, sl_cred_line(last->body));
    if (last->status < 0) {
        return refused(last, "the token's file", err);
    }
    if (!text.p || !sl_header_is_visible(text, TEXT_MAX)) {
        return sl_fail(err, SL_E_INVAL, "no keys: the token's file holds none");
    }
    if (conf->kind == SL_AWS_WEB) {
        return web_ask(conf, fetch, text, arena, ret);
    }
    fetch->at = FETCH_PLACE;
    return ask("GET", &conf->place, conf->place_target, "authorization", text, arena, ret);
}

static int step(const void *conf_arg, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    const struct sl_aws_conf *conf = conf_arg;
    struct fetch *fetch = state;
    int r = SL_E_INVAL;
    switch (fetch->at) {
    case FETCH_FIRST:
        return first_ask(conf, fetch, env, arena, ret);
    case FETCH_FILE:
        return file_step(conf, fetch, last, arena, ret, err);
    case FETCH_TOKEN:
    case FETCH_NAME:
        return instance_step(conf, fetch, last, arena, ret, err);
    case FETCH_WEB:
        r = sts_read(fetch, last, arena, ret, err);
        break;
    case FETCH_PLACE:
    case FETCH_KEYS:
        r = place_read(fetch, last, env, arena, ret, err);
        break;
    case FETCH_ROLE:
        return sts_read(fetch, last, arena, ret, err);
    }
    return r < 0 || !conf->has_role ? r : role_ask(conf, fetch, env, arena, ret);
}

/* Amazon answers 403 to many faults; the exception's name shows whether new keys can help. */
static bool is_refused(int status, const struct sl_headers *headers)
{
    static const char *const names[] = { "ExpiredToken", "UnrecognizedClient", "InvalidClientTokenId",
                                         "InvalidSignature" };
    struct sl_str name = sl_headers_get(headers, "x-amzn-errortype");
    bool is_named = status == 401;
    for (size_t i = 0; i < SL_ARRAY_LEN(names) && !is_named; i++) {
        is_named = (status == 400 || status == 403) && sl_str_find(name, sl_str_c(names[i]), 0) >= 0;
    }
    return is_named;
}

static const struct sl_cred_ops ops = {
    .name = "amazon",
    .state_size = sizeof(struct fetch),
    .step = step,
    .is_refused = is_refused,
};

/* --- the source, and its use --- */

static int source_make(struct sl_bind *bind, const struct sl_aws_conf *conf, struct sl_cred_source *ret_source)
{
    struct sl_str kind = sl_str_make((const char *)&conf->kind, sizeof(conf->kind));
    struct sl_str length = sl_str_make((const char *)&conf->session_sec, sizeof(conf->session_sec));
    const struct sl_str texts[] = {
        SL_STR("aws"),
        kind,
        length,
        conf->region,
        conf->role_arn,
        conf->web_file,
        conf->web_role,
        conf->sts.authority,
        conf->place_target,
        conf->place.authority,
        sl_secret_reveal(&conf->id),
        sl_secret_reveal(&conf->secret),
        sl_secret_reveal(&conf->token),
    };
    struct sl_str identity = sl_cred_identity(bind->arena, texts, SL_ARRAY_LEN(texts));
    *ret_source = (struct sl_cred_source){ .ops = &ops,
                                           .conf = conf,
                                           .identity = identity,
                                           .place = conf->sts.host.n ? &conf->sts : NULL,
                                           .place_key = "aws_config.sts_endpoint_url" };
    return identity.p ? 0 : SL_E_NOMEM;
}

int sl_aws_prepare(struct sl_bind *bind, const struct sl_val *val, bool is_bedrock, struct sl_aws_conf *conf,
                   struct sl_cred_source *ret_source)
{
    int r = kind_take(bind, val, is_bedrock, conf);
    r = r < 0 ? r : region_take(bind, val, conf);
    if (r < 0) {
        return r;
    }
    if (conf->kind == SL_AWS_BEARER) {
        return sl_prepare_key(bind, val, "aws_config", SL_STR("Bearer "), &conf->bearer);
    }
    conf->has_role = conf->role_arn.n > 0;
    if (conf->kind == SL_AWS_STATIC && !conf->has_role) {
        return 0;
    }
    r = sts_take(bind, val, conf);
    return r < 0 ? r : source_make(bind, conf, ret_source);
}

int sl_aws_authorize(const struct sl_aws_conf *conf, const char *service, const struct sl_target *target,
                     const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req)
{
    if (conf->kind == SL_AWS_BEARER) {
        return sl_headers_add(&io_req->headers, arena, SL_STR("authorization"), sl_secret_reveal(&conf->bearer));
    }
    struct sl_aws_sign sign = {
        .keys = { sl_secret_reveal(&conf->id), sl_secret_reveal(&conf->secret), sl_secret_reveal(&conf->token) },
        .region = conf->region,
        .service = sl_str_c(service),
        .host = target->base.authority,
        .wall_usec = env->wall_usec,
    };
    if (target->cred) {
        sign.keys = (struct sl_aws_keys){ env->credential->parts[0], env->credential->parts[1],
                                          env->credential->parts[2] };
    }
    return sl_aws_sign(&sign, arena, io_req);
}
