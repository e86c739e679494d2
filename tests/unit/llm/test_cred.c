/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that are fetched: which ones the configuration and the environment choose, which requests follow one
 * another, and what the answers give. */
#include "table.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/secret.h"
#include "llm/core/request.h"

#define NOW 1767225600ULL /* 2026-01-01T00:00:00Z */

/* A secret of the file's: it stands for itself. */
static int resolve(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err)
{
    (void)arg, (void)err;
    return sl_secret_set(ret, val->text);
}

/* Like help_target, for a route of the file. */
static int file_target(struct help *h, const char *provider, const char *model, struct sl_str config, bool is_file,
                       struct sl_target *target)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, config), 0);
    struct sl_val *val = help_val(h, sl_json_root(&doc));
    sl_json_done(&doc);
    *target = (struct sl_target){ .provider = sl_provider_find(sl_str_c(provider)), .model = sl_str_c(model) };
    target->row = sl_model_find(target->provider, target->model, NULL);
    target->conf = sl_arena_zalloc(&h->arena, target->provider->conf_size);
    struct sl_bind bind = { .arena = &h->arena, .problems = &h->problems, .resolve = is_file ? resolve : NULL };
    int r = sl_opt_bind(&bind, target->provider->opts, val, target->conf);
    return r < 0 ? r : sl_target_prepare(&bind, val, target);
}

/* What a step asks for, as a text. */
static struct sl_str asked_text(struct help *h, const struct sl_cred_step *step)
{
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    if (step->kind == SL_CRED_FILE) {
        sl_buf_printf(&out, "FILE %s", step->path);
    } else {
        sl_buf_printf(&out, "%s http%s://%.*s%.*s\n", step->req.method, step->base.is_https ? "s" : "",
                      SL_STR_ARG(step->base.authority), SL_STR_ARG(step->req.target));
        for (uint32_t i = 0; i < step->req.headers.n; i++) {
            sl_buf_printf(&out, "%.*s: %.*s\n", SL_STR_ARG(step->req.headers.v[i].name),
                          SL_STR_ARG(step->req.headers.v[i].value));
        }
        sl_buf_add_str(&out, help_body(h, &step->req));
    }
    struct sl_str text = sl_arena_dup(&h->arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

#define TURNS_MAX 5

struct fetch {
    const char *env[8]; /* NAME=value, NULL at the end */
    const char *provider, *config;
    struct {
        const char *asked[3]; /* pieces of what is asked; the first NULL: the last turn is over */
        int status;
        const char *answer;
    } turns[TURNS_MAX];
    const char *end;      /* "part|part|part", or "!text" */
    uint64_t expires_sec; /* from NOW; 0: never */
};

static void env_set(const char *const *list, bool is_set)
{
    for (; *list; list++) {
        char name[128];
        snprintf(name, sizeof(name), "%.*s", (int)(strchr(*list, '=') - *list), *list);
        assert_int_equal(is_set ? setenv(name, strchr(*list, '=') + 1, 1) : unsetenv(name), 0);
    }
    if (!is_set) {
        sl_env_secrets_done();
    }
}

static void end_check(const struct fetch *f, size_t at, struct help *h, int r, const struct sl_cred_step *step,
                      const struct sl_err *err)
{
    if (*f->end == '!') {
        if (r == 0 || !strstr(err->text, f->end + 1)) {
            fail_msg("fetch %zu: wanted %s, got %d %s", at, f->end, r, r < 0 ? err->text : "");
        }
        return;
    }
    if (r < 0 || step->kind != SL_CRED_DONE) {
        fail_msg("fetch %zu: not done: %d %s", at, r, r < 0 ? err->text : asked_text(h, step).p);
    }
    const struct sl_str *parts = step->cred.parts;
    check_str(
        sl_arena_printf(&h->arena, "%.*s|%.*s|%.*s", SL_STR_ARG(parts[0]), SL_STR_ARG(parts[1]), SL_STR_ARG(parts[2])),
        f->end);
    assert_int_equal(step->cred.expires_usec, f->expires_sec ? (NOW + f->expires_sec) * 1000000 : UINT64_MAX);
}

static void fetch_check(const struct fetch *f, size_t at)
{
    struct help h;
    struct sl_target target;
    help_init(&h);
    env_set(f->env, true);
    if (file_target(&h, f->provider, "m", quoted(&h, f->config), true, &target) < 0) {
        fail_msg("fetch %zu: %.*s", at, SL_STR_ARG(h.problems.v[0].text));
    }
    const struct sl_cred_source *source = target.cred;
    assert_non_null(source);
    void *state = calloc(1, source->ops->state_size + 1);
    struct sl_cred_step step = { 0 };
    struct sl_err err = { 0 };
    struct sl_cred_answer answer;
    int r = source->ops->step(source->conf, state, NULL, &h.env, &h.arena, &step, &err);
    for (size_t i = 0; i < TURNS_MAX && f->turns[i].asked[0]; i++) {
        if (r < 0) {
            fail_msg("fetch %zu, turn %zu: %s", at, i, err.text);
        }
        struct sl_str text = asked_text(&h, &step);
        for (size_t k = 0; k < 3 && f->turns[i].asked[k]; k++) {
            if (sl_str_find(text, sl_str_c(f->turns[i].asked[k]), 0) < 0) {
                fail_msg("fetch %zu, turn %zu: wanted %s in\n%.*s", at, i, f->turns[i].asked[k], SL_STR_ARG(text));
            }
        }
        char *body = strdup(quoted(&h, f->turns[i].answer).p); /* freed after the step */
        answer = (struct sl_cred_answer){ f->turns[i].status, sl_str_c(body) };
        r = source->ops->step(source->conf, state, &answer, &h.env, &h.arena, &step, &err);
        free(body);
    }
    end_check(f, at, &h, r, &step, &err);
    free(state);
    help_target_done(&target);
    help_done(&h);
    env_set(f->env, false);
}

#define REGION    "'aws_region':'eu-west-1'"
#define AWS(more) "{'aws_config':{" REGION more "}}"
#define STS(action)                                                                                          \
    "<" action "Response><Credentials><AccessKeyId> ID2 </AccessKeyId><SecretAccessKey>s2</SecretAccessKey>" \
    "<SessionToken>t2</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></" action "Response>"
#define KEYS    "{'AccessKeyId':'ID1','SecretAccessKey':'s1','Token':'t1','Expiration':'2026-01-01T00:30:00Z'}"
#define STS_URL "https://sts.eu-west-1.amazonaws.com/"

static void amazons_keys_are_fetched(void **state)
{
    (void)state;
    static const struct fetch fetches[] = {
        /* a role, assumed with keys */
        { { NULL },
          "bedrock",
          AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s','aws_role_arn':'arn:aws:iam::1:role/"
              "r','session_length_seconds':1000"),
          { { { "POST " STS_URL, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&",
                "DurationSeconds=1000" },
              200,
              STS("AssumeRole") } },
          "ID2|s2|t2",
          3600 },
        { { NULL },
          "bedrock",
          AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s','aws_role_arn':'r','sts_endpoint_url':'http://"
              "127.0.0.1:9/x'"),
          { { { "POST http://127.0.0.1:9/x", "Credential=ID/20260101/eu-west-1/sts/aws4_request" },
              403,
              "<Error><Code>AccessDenied</Code><Message>AKIA1234 may not</Message></Error>" } },
          "!no keys: the token service answered 403: AccessDenied",
          0 },
        /* an endpoint's text may quote a key: only its code is reported */
        { { NULL },
          "bedrock",
          AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s','aws_role_arn':'r'"),
          { { { "POST " }, 400, "<Code>AKIA1234</Code>" } },
          "!the token service answered 400",
          0 },
        { { NULL },
          "bedrock",
          AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s','aws_role_arn':'r'"),
          { { { "POST " }, 200, "<AccessKeyId>ID</AccessKeyId>" } },
          "!gave none that can be used",
          0 },
        { { NULL },
          "bedrock",
          AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s','aws_role_arn':'r'"),
          { { { "POST " }, -1, "cannot connect" } },
          "!no keys: the token service: cannot connect",
          0 },
        /* a web identity */
        { { "AWS_WEB_IDENTITY_TOKEN_FILE=/run/jwt", "AWS_ROLE_ARN=arn:x", "AWS_ROLE_SESSION_NAME=me too", NULL },
          "bedrock",
          AWS(""),
          { { { "FILE /run/jwt" }, 0, "a.jwt+\n" },
            { { "POST " STS_URL, "Action=AssumeRoleWithWebIdentity",
                "RoleArn=arn%3Ax&RoleSessionName=me%20too&WebIdentityToken=a.jwt%2B" },
              200,
              STS("AssumeRoleWithWebIdentity") } },
          "ID2|s2|t2",
          3600 },
        { { "AWS_WEB_IDENTITY_TOKEN_FILE=/run/jwt", "AWS_ROLE_ARN=arn:x", NULL },
          "bedrock",
          AWS(""),
          { { { "FILE /run/jwt" }, -1, "no such file" } },
          "!no keys: the token's file: no such file",
          0 },
        { { "AWS_WEB_IDENTITY_TOKEN_FILE=/run/jwt", "AWS_ROLE_ARN=arn:x", NULL },
          "bedrock",
          AWS(""),
          { { { "FILE /run/jwt" }, 0, "a\nb" } },
          "!the token's file holds none",
          0 },
        /* a container's service, by either variable, with or without a token */
        { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/c?id=1", NULL },
          "bedrock",
          AWS(""),
          { { { "GET http://169.254.170.2/v2/c?id=1\n" }, 200, KEYS } },
          "ID1|s1|t1",
          1800 },
        { { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8", "AWS_CONTAINER_AUTHORIZATION_TOKEN=tok", NULL },
          "bedrock",
          AWS(""),
          { { { "GET http://127.0.0.1:8/\n", "authorization: tok\n" },
              200,
              "{'AccessKeyId':'ID','SecretAccessKey':'s'}" } },
          "ID|s|",
          0 },
        { { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/t",
            NULL },
          "bedrock",
          AWS(""),
          { { { "FILE /run/t" }, 0, "tok\r\n" }, { { "authorization: tok\n" }, 200, KEYS } },
          "ID1|s1|t1",
          1800 },
        { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/c", NULL },
          "bedrock",
          AWS(""),
          { { { "GET " }, 200, "<html>" } },
          "!the metadata service's answer is not JSON",
          0 },
        { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/c", NULL },
          "bedrock",
          AWS(""),
          { { { "GET " }, 200, "{'AccessKeyId':'I','SecretAccessKey':'s','Expiration':'soon'}" } },
          "!gave none that can be used",
          0 },
        { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/c", NULL },
          "bedrock",
          AWS(""),
          { { { "GET " }, 500, "x" } },
          "!the metadata service answered 500",
          0 },
        /* an instance's: token, role, keys; and the role that is assumed with them */
        { { NULL },
          "bedrock",
          AWS(",'aws_role_arn':'r'"),
          { { { "PUT http://169.254.169.254/latest/api/token\n", "x-aws-ec2-metadata-token-ttl-seconds: 21600\n" },
              200,
              "tok" },
            { { "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/\n",
                "x-aws-ec2-metadata-token: tok\n" },
              200,
              "my+role\nanother" },
            { { "/iam/security-credentials/my%2Brole\n", "x-aws-ec2-metadata-token: tok\n" }, 200, KEYS },
            { { "POST " STS_URL, "Credential=ID1/", "x-amz-security-token: t1\n" }, 200, STS("AssumeRole") } },
          "ID2|s2|t2",
          3600 },
        { { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:7", NULL },
          "bedrock",
          AWS(""),
          { { { "PUT http://127.0.0.1:7/latest/api/token" }, 404, "" } },
          "!the metadata service answered 404",
          0 },
        { { NULL }, "bedrock", AWS(""), { { { "PUT " }, 200, "" } }, "!the metadata service gave no token", 0 },
        { { NULL },
          "bedrock",
          AWS(""),
          { { { "PUT " }, 200, "t" }, { { "GET " }, 200, "\n" } },
          "!the metadata service gave no role",
          0 },
        /* keys of the environment assume a role */
        { { "AWS_ACCESS_KEY_ID=EID", "AWS_SECRET_ACCESS_KEY=es", "AWS_SESSION_TOKEN=et", "AWS_REGION=cn-north-1",
            NULL },
          "bedrock",
          "{'aws_config':{'aws_role_arn':'r'}}",
          { { { "POST https://sts.cn-north-1.amazonaws.com.cn/", "Credential=EID/", "x-amz-security-token: et\n" },
              200,
              STS("AssumeRole") } },
          "ID2|s2|t2",
          3600 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(fetches); i++) {
        fetch_check(&fetches[i], i);
    }
}

/* Configurations that need no fetching, or are refused. */
static void amazons_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *env[4], *config;
        bool is_file;
        const char *said; /* "" none; a piece of the first problem */
        bool is_right, is_fetched;
    } rows[] = {
        { { NULL }, AWS(",'aws_access_key_id':'ID','aws_secret_access_key':'s'"), false, "", true, false },
        { { NULL }, AWS(",'aws_bearer_token':'b'"), false, "", true, false },
        { { "AWS_BEARER_TOKEN_BEDROCK=b", NULL }, AWS(""), true, "", true, false },
        { { "AWS_DEFAULT_REGION=eu-west-1", NULL },
          "{'aws_config':{'aws_access_key_id':'ID','aws_secret_access_key':'s'}}",
          true,
          "",
          true,
          false },
        { { NULL },
          "{'aws_config':{'aws_access_key_id':'ID','aws_secret_access_key':'s'}}",
          true,
          "aws_region is needed",
          false,
          false },
        { { NULL },
          "{'aws_config':{'aws_region':'EU/x','aws_access_key_id':'ID','aws_secret_access_key':'s'}}",
          true,
          "must be a region's name",
          false,
          false },
        { { NULL },
          AWS(",'aws_access_key_id':'I D','aws_secret_access_key':'s'"),
          true,
          "cannot stand in a header",
          false,
          false },
        { { NULL }, AWS(""), false, "only routes of the configuration file", false, false },
        { { NULL }, AWS(",'aws_access_key_id':'ID'"), true, "belong together", true, true },
        { { "AWS_CONTAINER_CREDENTIALS_FULL_URI=nonsense", NULL }, AWS(""), true, "aws_config", false, false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_target target;
        help_init(&h);
        env_set(rows[i].env, true);
        int r = file_target(&h, "bedrock", "m", quoted(&h, rows[i].config), rows[i].is_file, &target);
        const char *said = h.problems.n ? sl_arena_dup(&h.arena, h.problems.v[0].text).p : "";
        if ((r == 0) != rows[i].is_right || !strstr(said, rows[i].said) || (*said && !*rows[i].said) ||
            (r == 0 && (target.cred != NULL) != rows[i].is_fetched)) {
            fail_msg("row %zu: %d, %s", i, r, said);
        }
        help_target_done(&target);
        help_done(&h);
        env_set(rows[i].env, false);
    }
}

static void amazons_refusals_of_old_keys(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *name;
        bool want;
    } rows[] = {
        { 401, "", true },
        { 403, "ExpiredTokenException", true },
        { 400, "UnrecognizedClientException:http://x", true },
        { 403, "AccessDeniedException", false },
        { 500, "ExpiredTokenException", false },
    };
    struct help h;
    struct sl_target target;
    help_init(&h);
    assert_int_equal(
        file_target(&h, "bedrock", "m",
                    quoted(&h, AWS(",'aws_role_arn':'r','aws_access_key_id':'ID','aws_secret_access_key':'s'")), true,
                    &target),
        0);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_headers headers = { 0 };
        assert_int_equal(sl_headers_add(&headers, &h.arena, SL_STR("x-amzn-errortype"), sl_str_c(rows[i].name)), 0);
        assert_int_equal(target.cred->ops->is_refused(rows[i].status, &headers), rows[i].want);
    }
    help_target_done(&target);
    help_done(&h);
}

/* --- Google --- */

#define USER                                                                                                          \
    "{\\\'type\\\':\\\'authorized_user\\\',\\\'client_id\\\':\\\'c\\\',\\\'client_secret\\\':\\\'s&\\\',\\\'refresh_" \
    "token\\\':\\\'r\\\'}"
#define VERTEX(more) "{'vertex_project':'p'" more "}"
#define TOKEN        "{'access_token':'ya29','expires_in':3599}"

static void googles_tokens_are_fetched(void **state)
{
    (void)state;
    static const struct fetch fetches[] = {
        { { NULL },
          "vertex_ai",
          VERTEX(",'vertex_credentials':'" USER "'"),
          { { { "POST https://oauth2.googleapis.com/token\n", "content-type: application/x-www-form-urlencoded\n",
                "\ngrant_type=refresh_token&client_id=c&client_secret=s%26&refresh_token=r" },
              200,
              TOKEN } },
          "Bearer ya29||",
          3599 },
        { { NULL },
          "vertex_ai",
          VERTEX(",'vertex_credentials':'" USER "','token_uri':'http://127.0.0.1:9/t?x=1'"),
          { { { "POST http://127.0.0.1:9/t?x=1\n" },
              400,
              "{'error':'invalid_grant','error_description':'r is bad'}" } },
          "!no token: the endpoint answered 400: invalid_grant",
          0 },
        { { NULL },
          "vertex_ai",
          VERTEX(""),
          { { { "GET http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token\n",
                "metadata-flavor: Google\n" },
              200,
              TOKEN } },
          "Bearer ya29||",
          3599 },
        { { NULL }, "vertex_ai", VERTEX(""), { { { "GET " }, -1, "cannot connect" } }, "!no token: cannot connect", 0 },
        { { NULL }, "vertex_ai", VERTEX(""), { { { "GET " }, 404, "not here" } }, "!the endpoint answered 404", 0 },
        { { NULL },
          "vertex_ai",
          VERTEX(""),
          { { { "GET " }, 200, "<html>" } },
          "!the endpoint's answer is not JSON",
          0 },
        { { NULL },
          "vertex_ai",
          VERTEX(""),
          { { { "GET " }, 200, "{'access_token':'a'}" } },
          "!has no access_token with its expires_in",
          0 },
        { { NULL },
          "vertex_ai",
          VERTEX(""),
          { { { "GET " }, 200, "{'access_token':'a b','expires_in':5}" } },
          "!has no access_token",
          0 },
        { { NULL },
          "vertex_ai",
          VERTEX(""),
          { { { "GET " }, 200, "{'access_token':'a','expires_in':0}" } },
          "!has no access_token",
          0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(fetches); i++) {
        fetch_check(&fetches[i], i);
    }
}

/* A key of the test's own, in PEM. */
static struct sl_str pem_make(struct help *h, EVP_PKEY *key)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(bio, &text);
    struct sl_str pem = sl_arena_dup(&h->arena, sl_str_make(text, (size_t)n));
    BIO_free(bio);
    return pem;
}

static struct sl_str base64url_read(struct help *h, struct sl_str text)
{
    char *padded = sl_arena_bytes(&h->arena, text.n + 4);
    size_t n = text.n;
    memcpy(padded, text.p, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(padded[i] != '+' && padded[i] != '/' && padded[i] != '=');
        padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    }
    size_t n_pad = (4 - n % 4) % 4;
    memset(padded + n, '=', n_pad);
    unsigned char *out = sl_arena_alloc(&h->arena, n);
    int r = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)(n + n_pad));
    assert_true(r >= 0);
    return sl_str_make((const char *)out, (size_t)r - n_pad);
}

static void a_service_account_signs(void **state)
{
    (void)state;
    struct help h;
    struct sl_target target;
    struct sl_cred_step step = { 0 };
    struct sl_err err = { 0 };
    help_init(&h);
    EVP_PKEY *key = EVP_RSA_gen(2048);
    struct sl_str pem = sl_json_quote(pem_make(&h, key), &h.arena);
    struct sl_str file = sl_arena_printf(&h.arena,
                                         "{\"type\":\"service_account\",\"client_email\":\"me@p.example\","
                                         "\"private_key_id\":\"kid1\",\"private_key\":%.*s}",
                                         SL_STR_ARG(pem));
    file = sl_json_quote(file, &h.arena);
    struct sl_str config = sl_arena_printf(&h.arena, "{\"vertex_project\":\"p\",\"vertex_credentials\":%.*s}",
                                           SL_STR_ARG(file));
    assert_int_equal(file_target(&h, "vertex_ai", "m", config, false, &target), 0);
    assert_int_equal(target.cred->ops->step(target.cred->conf, NULL, NULL, &h.env, &h.arena, &step, &err), 0);
    struct sl_str body = help_body(&h, &step.req), part;
    struct sl_str grant = SL_STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    assert_true(sl_str_has_prefix(body, grant));
    struct sl_str jwt = sl_str_sub(body, grant.n, body.n), rest = jwt;
    assert_true(sl_str_next(&rest, '.', &part));
    check_str(base64url_read(&h, part), "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid1\"}");
    assert_true(sl_str_next(&rest, '.', &part));
    check_str(base64url_read(&h, part),
              "{\"iss\":\"me@p.example\",\"scope\":\"https://www.googleapis.com/auth/cloud-platform\",\"aud\":"
              "\"https://oauth2.googleapis.com/token\",\"iat\":1767225600,\"exp\":1767229200}");
    struct sl_str signature = base64url_read(&h, rest), text = sl_str_sub(jwt, 0, jwt.n - rest.n - 1);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(
        EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p, text.n),
        1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    help_target_done(&target);
    help_done(&h);
}

static void googles_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *config, *said;
        bool is_file;
    } rows[] = {
        { VERTEX(",'vertex_credentials':'nonsense'"), "the JSON of a credentials file is expected", false },
        { VERTEX(",'vertex_credentials':'[]'"), "the JSON of a credentials file is expected", false },
        { VERTEX(",'vertex_credentials':'{\\\'type\\\':\\\'other\\\'}'"), "not 'other'", false },
        { VERTEX(",'vertex_credentials':'{\\\'type\\\':\\\'service_account\\\'}'"),
          "client_email and private_key are expected", false },
        { VERTEX(",'vertex_credentials':'{\\\'type\\\':\\\'service_account\\\',\\\'client_email\\\':\\\'e\\\',"
                 "\\\'private_key\\\':\\\'x\\\'}'"),
          "no RSA key in PEM", false },
        { VERTEX(",'vertex_credentials':'{\\\'type\\\':\\\'authorized_user\\\'}'"), "refresh_token are expected",
          false },
        { VERTEX(",'vertex_credentials':'" USER "','token_uri':'http://u@x/'"), "token_uri", false },
        { VERTEX(""), "only routes of the configuration file", false },
        { VERTEX(",'vertex_location':'a/b'"), "must be a location's name", true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_target target;
        help_init(&h);
        int r = file_target(&h, "vertex_ai", "m", quoted(&h, rows[i].config), rows[i].is_file, &target);
        if (r == 0 || h.problems.n != 1 || sl_str_find(h.problems.v[0].text, sl_str_c(rows[i].said), 0) < 0) {
            fail_msg("row %zu: %d, %.*s", i, r, SL_STR_ARG(h.problems.n ? h.problems.v[0].text : SL_STR("")));
        }
        help_target_done(&target);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amazons_keys_are_fetched),     cmocka_unit_test(amazons_configurations),
        cmocka_unit_test(amazons_refusals_of_old_keys), cmocka_unit_test(googles_tokens_are_fetched),
        cmocka_unit_test(a_service_account_signs),      cmocka_unit_test(googles_configurations),
    };
    return cmocka_run_group_tests_name("llm/cred", tests, NULL, NULL);
}
