/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/providers/family_prepare.h"

#include "llm/core/language.h"
#include "llm/core/prepare.h"
#include "llm/openai/host_row.h"
#include "llm/scoring/scoring.h"
#include "llm/sign/oauth.h"

static const char *const paths[SL_LLM_TRANSLATED_COUNT] = {
    [SL_LLM_CHAT] = "chat/completions",
    [SL_LLM_COMPLETIONS] = "completions",
    [SL_LLM_EMBEDDINGS] = "embeddings",
};

/* The key of the first URL or secret in the table, to name it in problems. */
static const char *key_of(const struct sl_opt *rows, enum sl_opt_type type)
{
    while (rows->key && rows->type != type) {
        rows++;
    }
    return rows->key ? rows->key : "";
}

static int targets_make(struct sl_bind *bind, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    int r = 0;
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT && r == 0; type++) {
        bool is_as_chat = type == SL_LLM_COMPLETIONS && target->languages[type] == &sl_language_openai_like;
        r = sl_uri_join(&target->base, sl_str_c(paths[is_as_chat ? SL_LLM_CHAT : type]), bind->arena,
                        &conf->targets[type]);
    }
    return r;
}

/* What every row does: base, paths, the model's name, the host. */
static int host_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    const struct sl_family_row *row = (const struct sl_family_row *)(const void *)target->provider;
    conf->host = &row->host;
    int r = sl_prepare_base(bind, val, key_of(target->provider->opts, SL_OPT_URL), conf->base, &target->base);
    r = r < 0 ? r : targets_make(bind, target);
    r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    if (r == 0) {
        conf->model_json = target->model.n ? sl_json_quote(target->model, bind->arena) : SL_STR("null");
        r = conf->model_json.p ? 0 : SL_E_NOMEM;
    }
    return r;
}

static int key_add(struct sl_bind *bind, const struct sl_val *val, const char *key, const char *header,
                   struct sl_secret *secret, struct sl_headers *headers)
{
    bool is_bearer = strcmp(header, "authorization") == 0;
    if (!sl_secret_is_set(secret)) {
        return 0;
    }
    int r = sl_prepare_key(bind, val, key, is_bearer ? SL_STR("Bearer ") : SL_STR(""), secret);
    return r < 0 ? r : sl_headers_add(headers, bind->arena, sl_str_c(header), sl_secret_reveal(secret));
}

static int told(struct sl_bind *bind, const struct sl_val *val, int r)
{
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

int sl_family_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    int r = host_prepare(bind, val, target);
    r = r < 0 ? r
              : key_add(bind, val, key_of(target->provider->opts, SL_OPT_SECRET), "authorization", &conf->key,
                        &conf->headers);
    return told(bind, val, r);
}

int sl_family_prepare_own(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    int r = sl_family_prepare(bind, val, target);
    if (r == 0 && target->base.path.n <= 1) { /* nothing, or "/" */
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "api_base"), NULL,
                        "api_base has no path: most such servers answer under \"/v1\" only");
    }
    return r;
}

int sl_family_prepare_ollama(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    if (sl_str_eq(sl_secret_reveal(&conf->key), SL_STR("ollama"))) {
        return told(bind, val, host_prepare(bind, val, target));
    }
    return sl_family_prepare(bind, val, target);
}

int sl_family_prepare_mistral(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    if (sl_str_has_prefix(target->model, SL_STR("magistral"))) {
        target->languages[SL_LLM_CHAT] = &sl_language_openai_like;
    }
    return sl_family_prepare(bind, val, target);
}

int sl_family_prepare_portkey(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_family_conf *conf = target->conf;
    struct sl_headers *h = &conf->openai.headers;
    int r = host_prepare(bind, val, target);
    r = r < 0 ? r : key_add(bind, val, "api_key", "x-portkey-api-key", &conf->openai.key, h);
    r = r < 0 ? r : key_add(bind, val, "provider_api_key", "authorization", &conf->provider_key, h);
    r = r < 0
            ? r
            : sl_prepare_header(bind, val, "portkey_provider", SL_STR("x-portkey-provider"), conf->portkey_provider, h);
    r = r < 0 ? r : sl_prepare_header(bind, val, "portkey_config", SL_STR("x-portkey-config"), conf->portkey_config, h);
    return told(bind, val, r);
}

int sl_family_prepare_litellm(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    const struct sl_family_conf *conf = target->conf;
    if (conf->litellm_provider.n) {
        target->model = sl_arena_printf(bind->arena, "%.*s/%.*s", SL_STR_ARG(conf->litellm_provider),
                                        SL_STR_ARG(target->model));
        if (!target->model.p) {
            return told(bind, val, SL_E_NOMEM);
        }
    }
    return sl_family_prepare(bind, val, target);
}

/* A service principal of the workspace, in place of a token that a person made. */
static int principal_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_str host,
                             struct sl_target *target)
{
    struct sl_family_conf *conf = target->conf;
    bool has_token = sl_secret_is_set(&conf->openai.key), has_secret = sl_secret_is_set(&conf->client_secret);
    if (!conf->client_id.n && !has_secret) {
        return 0;
    }
    if (has_token || !conf->client_id.n || !has_secret) {
        return SL_PREPARE_FAIL(bind, val, has_secret ? "client_secret" : "client_id",
                               "client_id and client_secret go together, and stand in the token's place");
    }
    struct sl_oauth_client client = {
        .key = "host", .scope = "all-apis", .id = conf->client_id, .secret = &conf->client_secret
    };
    client.url = sl_arena_printf(bind->arena, "%.*s/oidc/v1/token", SL_STR_ARG(host));
    return client.url.p ? sl_oauth_client_prepare(bind, val, &client, &target->cred) : SL_E_NOMEM;
}

int sl_family_prepare_databricks(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    static const struct sl_str models = SL_STR_INIT("/serving-endpoints");
    struct sl_openai_conf *conf = target->conf;
    struct sl_str host = conf->base;
    while (host.n && host.p[host.n - 1] == '/') {
        host.n--;
    }
    host.n -= sl_str_has_suffix(host, models) ? models.n : 0;
    int r = principal_prepare(bind, val, host, target);
    conf->base = sl_arena_printf(bind->arena, "%.*s%.*s", SL_STR_ARG(host), SL_STR_ARG(models));
    r = r == 0 && !conf->base.p ? SL_E_NOMEM : r;
    return r < 0 ? told(bind, val, r) : sl_family_prepare(bind, val, target);
}

int sl_family_prepare_tgi(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_family_conf *conf = target->conf;
    int r = sl_family_prepare(bind, val, target);
    if (r < 0) {
        return r;
    }
    r = sl_uri_join(&target->base, SL_STR("v1/chat/completions"), bind->arena, &conf->openai.targets[SL_LLM_CHAT]);
    r = r < 0 ? r
              : sl_uri_join(&target->base, SL_STR("generate"), bind->arena, &conf->openai.targets[SL_LLM_COMPLETIONS]);
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("generate_stream"), bind->arena, &conf->text_stream);
    return told(bind, val, r);
}

int sl_family_prepare_serving(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_family_conf *conf = target->conf;
    int r = host_prepare(bind, val, target);
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT && r == 0; type++) {
        r = sl_uri_join(&target->base, SL_STR("invocations"), bind->arena, &conf->openai.targets[type]);
        target->languages[type] = conf->server_api == SL_SERVER_OPENAI ? &sl_language_openai : &sl_language_scoring;
    }
    return told(bind, val, r);
}

int sl_family_build_tgi(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                        bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                        struct sl_llm_error *ret_error)
{
    int r = sl_openai_build(call, target, env, ask_usage, arena, ret_req, ret_error);
    if (r == 0 && call->is_stream && call->type == SL_LLM_COMPLETIONS) {
        ret_req->target = ((const struct sl_family_conf *)target->conf)->text_stream;
    }
    return r;
}
