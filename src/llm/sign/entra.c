/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/sign/entra.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/secret.h"
#include "llm/core/prepare.h"
#include "llm/sign/oauth.h"

#define RESOURCE      "https://cognitiveservices.azure.com"
#define FORM_MAX      262144
#define METADATA_PATH "metadata/identity/oauth2/token"
#define ASSERTION     "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct conf {
    struct sl_cred_source source;
    enum sl_entra_kind kind;
    struct sl_uri base;
    struct sl_str target, client;
    struct sl_str file; /* of a workload's token; it is read at every fetch, because it is replaced within the hour */
    const struct sl_secret *secret;
    struct sl_headers headers;
};

struct fetch {
    bool has_file;
};

/* --- steps --- */

/* `proof`: the client's secret, or the workload's token. */
static int ask(const struct conf *conf, struct sl_str proof, struct sl_arena *arena, struct sl_cred_step *ret)
{
    const struct sl_oauth_ask question = { .base = &conf->base, .target = conf->target, .headers = &conf->headers };
    struct sl_buf form = SL_BUF_INIT(FORM_MAX);
    int r = 0;
    if (conf->kind != SL_ENTRA_MANAGED) {
        /* Reserved at once, because growing would leave copies in memory. */
        r = sl_buf_reserve(&form, proof.n * 3 + 1024);
        sl_oauth_form_add(&form, "grant_type", SL_STR("client_credentials"), arena);
        sl_oauth_form_add(&form, "scope", SL_STR(RESOURCE "/.default"), arena);
        sl_oauth_form_add(&form, "client_id", conf->client, arena);
    }
    if (conf->kind == SL_ENTRA_SECRET) {
        sl_oauth_form_add(&form, "client_secret", proof, arena);
    } else if (conf->kind == SL_ENTRA_WORKLOAD) {
        sl_oauth_form_add(&form, "client_assertion_type", SL_STR(ASSERTION), arena);
        sl_oauth_form_add(&form, "client_assertion", proof, arena);
    }
    return sl_oauth_ask(&question, r, &form, arena, ret);
}

static int step(const void *source_conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    const struct conf *conf = source_conf;
    struct fetch *fetch = state;
    if (!last && conf->kind == SL_ENTRA_WORKLOAD) {
        *ret = (struct sl_cred_step){ .kind = SL_CRED_FILE, .path = conf->file.p };
        return 0;
    }
    if (!last) {
        return ask(conf, conf->kind == SL_ENTRA_SECRET ? sl_secret_reveal(conf->secret) : SL_STR(""), arena, ret);
    }
    if (conf->kind == SL_ENTRA_WORKLOAD && !fetch->has_file) {
        struct sl_str token = last->status == 0 ? sl_cred_line(last->body) : SL_STR("");
        if (!token.n) {
            return sl_fail(err, SL_E_INVAL, "no token: the workload's token file %.*s is empty or cannot be read",
                           SL_STR_ARG(conf->file));
        }
        fetch->has_file = true;
        return ask(conf, token, arena, ret);
    }
    return sl_oauth_token_read(last, env, arena, ret, err);
}

static const struct sl_cred_ops ops = { .name = "entra", .state_size = sizeof(struct fetch), .step = step };

/* --- the source --- */

static struct sl_str env_or(struct sl_bind *bind, struct sl_str said, const char *name)
{
    const char *text = said.n ? NULL : getenv(name);
    return text ? sl_arena_dup(bind->arena, sl_str_c(text)) : said;
}

static int endpoint_set(struct sl_bind *bind, const struct sl_val *val, struct sl_str authority, struct sl_str tenant,
                        struct conf *conf)
{
    struct sl_str name = sl_percent_encode(tenant, bind->arena);
    struct sl_str rel = name.p ? sl_arena_printf(bind->arena, "%.*s/oauth2/v2.0/token", SL_STR_ARG(name)) : name;
    int r = rel.p ? sl_prepare_base(bind, val, "azure_authority", authority, &conf->base) : SL_E_NOMEM;
    r = r < 0 ? r : sl_uri_join(&conf->base, rel, bind->arena, &conf->target);
    return r < 0 ? r
                 : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"),
                                  SL_STR("application/x-www-form-urlencoded"));
}

static int workload_set(struct sl_bind *bind, const struct sl_val *val, const struct sl_entra_want *want,
                        struct sl_str authority, struct conf *conf)
{
    struct sl_str tenant = env_or(bind, want->tenant, "AZURE_TENANT_ID");
    int r = sl_cred_may_borrow(bind, val, "azure_identity");
    if (r < 0) {
        return r;
    }
    conf->client = env_or(bind, want->client, "AZURE_CLIENT_ID");
    conf->file = env_or(bind, SL_STR(""), "AZURE_FEDERATED_TOKEN_FILE");
    if (!tenant.n || !conf->client.n || !conf->file.n) {
        return SL_PREPARE_FAIL(bind, val, "azure_identity",
                               "azure_identity workload: %s is not set; the environment of a workload has it",
                               !tenant.n         ? "azure_tenant_id or AZURE_TENANT_ID"
                               : !conf->client.n ? "azure_client_id or AZURE_CLIENT_ID"
                                                 : "AZURE_FEDERATED_TOKEN_FILE");
    }
    return endpoint_set(bind, val, authority, tenant, conf);
}

/* Virtual machines have the metadata service. App Service and Container Apps have an endpoint of their own, with a
 * header that only the container knows. */
static int managed_set(struct sl_bind *bind, const struct sl_val *val, const struct sl_entra_want *want,
                       struct conf *conf)
{
    const char *endpoint = want->metadata_url.n ? NULL : getenv("IDENTITY_ENDPOINT");
    const char *header = endpoint ? sl_env_secret("IDENTITY_HEADER") : NULL;
    struct sl_str url = want->metadata_url.n ? want->metadata_url : SL_STR(SL_ENTRA_METADATA_URL);
    struct sl_str id = sl_percent_encode(want->client, bind->arena);
    int r = sl_cred_may_borrow(bind, val, "azure_identity");
    r = r < 0 ? r : sl_prepare_base(bind, val, "azure_metadata_url", header ? sl_str_c(endpoint) : url, &conf->base);
    if (r < 0) {
        return r;
    }
    if (header) {
        struct sl_str word = sl_arena_dup(bind->arena, sl_str_c(header));
        conf->target = conf->base.path;
        r = word.p ? sl_headers_add(&conf->headers, bind->arena, SL_STR("x-identity-header"), word) : SL_E_NOMEM;
    } else {
        r = sl_uri_join(&conf->base, SL_STR(METADATA_PATH), bind->arena, &conf->target);
        r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("metadata"), SL_STR("true"));
    }
    if (r == 0) {
        conf->target = sl_arena_printf(bind->arena, "%.*s?api-version=%s&resource=https%%3A%%2F%%2F%s%s%.*s",
                                       SL_STR_ARG(conf->target), header ? "2019-08-01" : "2018-02-01", &RESOURCE[8],
                                       id.n ? "&client_id=" : "", SL_STR_ARG(id));
    }
    return r < 0 ? r : conf->target.p && id.p ? 0 : SL_E_NOMEM;
}

int sl_entra_prepare(struct sl_bind *bind, const struct sl_val *val, const struct sl_entra_want *want,
                     const struct sl_cred_source **ret_source)
{
    struct conf *conf = SL_ARENA_NEW(bind->arena, struct conf);
    struct sl_str authority = want->authority;
    if (want->kind == SL_ENTRA_WORKLOAD) {
        authority = env_or(bind, authority, "AZURE_AUTHORITY_HOST");
    }
    authority = authority.n ? authority : SL_STR(SL_ENTRA_AUTHORITY);
    if (!conf) {
        return SL_E_NOMEM;
    }
    conf->kind = want->kind;
    conf->client = want->client;
    conf->secret = want->secret;
    int r = want->kind == SL_ENTRA_SECRET     ? endpoint_set(bind, val, authority, want->tenant, conf)
            : want->kind == SL_ENTRA_WORKLOAD ? workload_set(bind, val, want, authority, conf)
                                              : managed_set(bind, val, want, conf);
    if (r < 0) {
        return r;
    }
    struct sl_str kind = sl_str_make((const char *)&conf->kind, sizeof(conf->kind));
    const struct sl_str texts[] = { SL_STR("entra"), kind,         conf->base.authority,
                                    conf->target,    conf->client, sl_secret_reveal(want->secret) };
    struct sl_str identity = sl_cred_identity(bind->arena, texts, SL_ARRAY_LEN(texts));
    conf->source = (struct sl_cred_source){
        .ops = &ops, .conf = conf, .identity = identity, .place = &conf->base, .place_key = "azure_authority"
    };
    *ret_source = &conf->source;
    return identity.p ? 0 : SL_E_NOMEM;
}
