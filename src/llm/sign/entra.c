/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/sign/entra.h"

#include "base/secret.h"

#include "llm/core/prepare.h"
#include "llm/sign/gcp.h"

#define FORM "grant_type=client_credentials&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"

struct conf {
    struct sl_cred_source source;
    struct sl_uri base;
    struct sl_str target, client;
    const struct sl_secret *secret;
    struct sl_headers headers;
};

static int ask(const struct conf *conf, struct sl_arena *arena, struct sl_cred_step *ret)
{
    struct sl_cred_step step = { .kind = SL_CRED_HTTP, .base = conf->base };
    struct sl_str client = sl_percent_encode(conf->client, arena);
    struct sl_str secret = sl_percent_encode(sl_secret_reveal(conf->secret), arena);
    struct sl_str *body = SL_ARENA_NEW(arena, struct sl_str);
    step.req = (struct sl_http_req){ .method = "POST", .target = conf->target, .slices = body, .n_slices = 1 };
    if (!client.p || !secret.p || !body || sl_headers_start(&conf->headers, arena, &step.req.headers) < 0) {
        return SL_E_NOMEM;
    }
    *body = sl_arena_printf(arena, "%s&client_id=%.*s&client_secret=%.*s", FORM, SL_STR_ARG(client),
                            SL_STR_ARG(secret));
    step.req.body_len = body->n;
    if (!body->p) {
        return SL_E_NOMEM;
    }
    *ret = step;
    return 0;
}

static int step(const void *conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err)
{
    (void)state; /* one question, one answer */
    return last ? sl_gcp_token_read(last, env, arena, ret, err) : ask(conf, arena, ret);
}

static const struct sl_cred_ops ops = { .name = "entra", .step = step };

int sl_entra_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_str authority, struct sl_str tenant,
                     struct sl_str client, const struct sl_secret *secret, const struct sl_cred_source **ret_source)
{
    struct conf *conf = SL_ARENA_NEW(bind->arena, struct conf);
    struct sl_str name = sl_percent_encode(tenant, bind->arena);
    struct sl_str rel = name.p ? sl_arena_printf(bind->arena, "%.*s/oauth2/v2.0/token", SL_STR_ARG(name)) : name;
    int r = conf && rel.p ? sl_prepare_base(bind, val, "azure_authority", authority, &conf->base) : SL_E_NOMEM;
    r = r < 0 ? r : sl_uri_join(&conf->base, rel, bind->arena, &conf->target);
    r = r < 0 ? r
              : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"),
                               SL_STR("application/x-www-form-urlencoded"));
    if (r < 0) {
        return r;
    }
    conf->client = client;
    conf->secret = secret;
    const struct sl_str texts[] = { SL_STR("entra"), authority, tenant, client, sl_secret_reveal(secret) };
    struct sl_str identity = sl_cred_identity(bind->arena, texts, SL_ARRAY_LEN(texts));
    conf->source = (struct sl_cred_source){ .ops = &ops, .conf = conf, .identity = identity };
    *ret_source = &conf->source;
    return identity.p ? 0 : SL_E_NOMEM;
}
