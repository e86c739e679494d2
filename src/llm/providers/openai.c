/* SPDX-License-Identifier: Apache-2.0 */
/* Provider openai, and how its family builds a request: the client's own bytes with another `model`. */
#include "llm/openai/openai.h"

#include "llm/core/errbody.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"
#include "llm/core/request.h"
#include "llm/form/models.h"
#include "llm/openai/host_row.h"
#include "llm/responses/responses.h"
#include "llm/sign/entra.h"

#define OPENAI_BASE "https://api.openai.com/v1"

static const char *const paths[SL_LLM_TRANSLATED_COUNT] = {
    [SL_LLM_CHAT] = "chat/completions",
    [SL_LLM_COMPLETIONS] = "completions",
    [SL_LLM_EMBEDDINGS] = "embeddings",
};
static const char responses_path[] = "responses", models_path[] = "models";

/* --- differences of newer models --- */

#define SAMPLING(n, m, zero)                                                                          \
    {                                                                                                 \
        .name = (n), .neutral = (m), .types = SL_BIT(SL_LLM_CHAT), .models = SL_MODEL_FIXED_SAMPLING, \
        .is_sampling = true, .is_foreign = true, .zero_speaks = (zero)                                \
    }

static const struct sl_host_member own_members[] = {
    { .name = "max_tokens",
      .to = "max_completion_tokens",
      .types = SL_BIT(SL_LLM_CHAT),
      .models = SL_MODEL_NEW_MAX,
      .is_foreign = true,
      .to_is_newer = true },
    SAMPLING("temperature", 1, true),
    SAMPLING("top_p", 1, true),
    SAMPLING("presence_penalty", 0, false),
    SAMPLING("frequency_penalty", 0, false),
    SAMPLING("logit_bias", 0, false),
    { 0 },
};

static const struct sl_form_name own_ids = { .max = 40 };

static const struct sl_openai_host own_host = {
    .members = own_members, .ids = &own_ids, .quirks = SL_HOST_OWN, .person_max = 64
};

/* --- preparing a target --- */

static int api_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    static const char *const names[] = {
        [SL_OPENAI_PLAIN] = "openai", [SL_OPENAI_AZURE] = "azure", [SL_OPENAI_AZUREAD] = "azuread"
    };
    for (int i = 0; i < (int)SL_ARRAY_LEN(names); i++) {
        if (val->kind == SL_VAL_STRING && sl_str_case_eq(val->text, sl_str_c(names[i]))) {
            *(int *)field = i;
            return 0;
        }
    }
    sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL,
                    "Invalid OpenAI API type '%.*s': must be openai, azure or azuread", SL_STR_ARG(val->text));
    return SL_E_INVAL;
}

static const char *const ways[] = {
    [SL_OPENAI_CHAT] = "chat", [SL_OPENAI_RESPONSES] = "responses", [SL_OPENAI_AUTO] = "auto", NULL
};

static const char *const identities[] = {
    [SL_ENTRA_SECRET] = "secret", [SL_ENTRA_WORKLOAD] = "workload", [SL_ENTRA_MANAGED] = "managed", NULL
};

/* There must be a key, or an identity in its place. */
static int identity_check(struct sl_bind *bind, const struct sl_val *val, const struct sl_openai_conf *conf)
{
    bool is_secret = conf->identity == SL_ENTRA_SECRET, has_key = sl_secret_is_set(&conf->key);
    bool has_client = conf->tenant.n || conf->client.n;
    if (!is_secret && (has_key || conf->api != SL_OPENAI_AZUREAD)) {
        return SL_PREPARE_FAIL(bind, val, "azure_identity",
                               "azure_identity %s is for openai_api_type azuread, and takes the place of "
                               "openai_api_key: %s",
                               identities[conf->identity], has_key ? "remove the key" : "the type is another one");
    }
    if (is_secret && !has_key) {
        return SL_PREPARE_FAIL(bind, val, "azure_identity",
                               "azure_identity secret is that of openai_api_key, which is missing");
    }
    if (is_secret && has_client && (!conf->tenant.n || !conf->client.n || conf->api != SL_OPENAI_AZUREAD)) {
        return SL_PREPARE_FAIL(bind, val, conf->tenant.n ? "azure_tenant_id" : "azure_client_id",
                               "azure_tenant_id and azure_client_id go together, with openai_api_type azuread");
    }
    return 0;
}

/* Which settings go together (MLflow's rules). */
static int conf_check(struct sl_bind *bind, const struct sl_val *val, const struct sl_openai_conf *conf)
{
    int r = identity_check(bind, val, conf);
    if (r < 0) {
        return r;
    }
    if (conf->api == SL_OPENAI_PLAIN) {
        if (conf->deployment.n) {
            return SL_PREPARE_FAIL(bind, val, "openai_deployment_name",
                                   "openai_deployment_name is for openai_api_type azure and azuread only");
        }
        return 0;
    }
    if (!conf->base.n || !conf->deployment.n || !conf->api_version.n) {
        return SL_PREPARE_FAIL(
            bind, val, "openai_api_type",
            "openai_api_type azure and azuread need openai_api_base, openai_deployment_name and openai_api_version");
    }
    if (conf->organization.n) {
        return SL_PREPARE_FAIL(bind, val, "openai_organization",
                               "openai_organization cannot be given with openai_api_type azure or azuread");
    }
    return 0;
}

/* In Azure, responses and the list of models have no deployment in their path. For responses, the body names the
 * deployment. */
static struct sl_str path_make(struct sl_arena *arena, const struct sl_openai_conf *conf, const char *path)
{
    if (conf->api == SL_OPENAI_PLAIN) {
        return sl_str_c(path);
    }
    if (path == responses_path || path == models_path) {
        return sl_arena_printf(arena, "openai/%s", path);
    }
    struct sl_str deployment = sl_percent_encode(conf->deployment, arena);
    return deployment.p ? sl_arena_printf(arena, "openai/deployments/%.*s/%s", SL_STR_ARG(deployment), path)
                        : SL_STR_NONE;
}

/* base (+ deployment) + operation (+ api-version). */
static int target_make(const struct sl_openai_conf *conf, const struct sl_uri *base, const char *path,
                       struct sl_str tail, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_str rel = path_make(arena, conf, path), target;
    if (tail.n && rel.p) {
        rel = sl_arena_join(arena, (struct sl_str[]){ rel, tail }, 2);
    }
    int r = rel.p ? sl_uri_join(base, rel, arena, &target) : SL_E_NOMEM;
    if (r < 0) {
        return r;
    }
    if (conf->api_version.n) {
        struct sl_str version = sl_percent_encode(conf->api_version, arena);
        char mark = sl_str_find_char(target, '?', 0) < 0 ? '?' : '&';
        target = version.p
                     ? sl_arena_printf(arena, "%.*s%capi-version=%.*s", SL_STR_ARG(target), mark, SL_STR_ARG(version))
                     : SL_STR_NONE;
    }
    *ret = target;
    return target.p ? 0 : SL_E_NOMEM;
}

static int headers_make(struct sl_bind *bind, const struct sl_val *val, struct sl_openai_conf *conf)
{
    struct sl_arena *arena = bind->arena;
    struct sl_headers *h = &conf->headers;
    /* A hundred thousand routes may have these, so no more room than needed is reserved. */
    int r = sl_headers_reserve(h, arena, 2 + (conf->organization.n > 0) + (conf->project.n > 0));
    r = r < 0 ? r : sl_headers_add(h, arena, SL_STR("content-type"), SL_STR("application/json"));
    if (r == 0 && sl_secret_is_set(&conf->key) && !conf->tenant.n) {
        struct sl_str name = conf->api == SL_OPENAI_AZURE ? SL_STR("api-key") : SL_STR("authorization");
        r = sl_headers_add(h, arena, name, sl_secret_reveal(&conf->key));
    }
    if (r == 0) {
        r = sl_prepare_header(bind, val, "openai_organization", SL_STR("openai-organization"), conf->organization, h);
    }
    if (r == 0) {
        r = sl_prepare_header(bind, val, "openai_project", SL_STR("openai-project"), conf->project, h);
    }
    return r;
}

/* Chats and completions go up as responses if the configuration says so, or if the model takes only responses. */
static void way_settle(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    const struct sl_openai_conf *conf = target->conf;
    bool is_only = (target->row->can & SL_MODEL_RESPONSES) != 0;
    target->chat_setting = conf->way == SL_OPENAI_RESPONSES ? "openai_api: responses" : NULL;
    if (conf->way == SL_OPENAI_RESPONSES || (conf->way == SL_OPENAI_AUTO && is_only)) {
        target->languages[SL_LLM_CHAT] = target->languages[SL_LLM_COMPLETIONS] = &sl_language_responses;
    } else if (is_only) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "openai_api"), NULL,
                        "the model %.*s is served by OpenAI's Responses API only: set openai_api to auto",
                        SL_STR_ARG(sl_str_sub(target->model, 0, 64)));
    }
}

int sl_openai_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    if (!conf->base.n && conf->api == SL_OPENAI_PLAIN) {
        conf->base = SL_STR(OPENAI_BASE);
    }
    int r = conf_check(bind, val, conf);
    if (r < 0) {
        return r;
    }
    r = sl_prepare_base(bind, val, "openai_api_base", conf->base, &target->base);
    if (r == 0 && conf->api == SL_OPENAI_PLAIN && target->base.path.n <= 1) { /* nothing, or "/" */
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "openai_api_base"), NULL,
                        "openai_api_base has no path: the provider's own ends in \"/v1\"");
    }
    way_settle(bind, val, target);
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT && r == 0; type++) {
        bool is_response = target->languages[type] == &sl_language_responses;
        r = target_make(conf, &target->base, is_response ? responses_path : paths[type], SL_STR(""), bind->arena,
                        &conf->targets[type]);
    }
    if (r == 0 && (conf->tenant.n || conf->identity != SL_ENTRA_SECRET)) {
        const struct sl_entra_want want = { .kind = (enum sl_entra_kind)conf->identity,
                                            .authority = conf->authority,
                                            .metadata_url = conf->metadata_url,
                                            .tenant = conf->tenant,
                                            .client = conf->client,
                                            .secret = &conf->key };
        r = sl_entra_prepare(bind, val, &want, &target->cred);
    } else if (r == 0 && sl_secret_is_set(&conf->key)) {
        struct sl_str prefix = conf->api == SL_OPENAI_AZURE ? SL_STR("") : SL_STR("Bearer ");
        r = sl_prepare_key(bind, val, "openai_api_key", prefix, &conf->key);
    }
    if (r == 0) {
        r = headers_make(bind, val, conf);
    }
    conf->host = &own_host;
    if (r == 0) {
        struct sl_str model = conf->api == SL_OPENAI_PLAIN ? target->model : conf->deployment;
        conf->response_model = model.n ? sl_json_quote(model, bind->arena) : SL_STR("null");
        r = conf->response_model.p ? 0 : SL_E_NOMEM;
    }
    conf->model_json = conf->api == SL_OPENAI_PLAIN ? conf->response_model : SL_STR_NONE;
    target->second = &sl_language_responses;
    /* As responses; Azure's documentation does not have that call. */
    target->counts_tokens = conf->api == SL_OPENAI_PLAIN;
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

/* --- building a request --- */

/* Adds the client's query, except for the version, which the route sets. */
static struct sl_str query_add(const struct sl_openai_conf *conf, struct sl_str target, struct sl_str query,
                               struct sl_arena *arena)
{
    struct sl_str part;
    while (target.p && sl_str_next(&query, '&', &part)) {
        if (part.n && !(conf->api_version.n && sl_str_has_prefix(part, SL_STR("api-version=")))) {
            char mark = sl_str_find_char(target, '?', 0) < 0 ? '?' : '&';
            target = sl_arena_printf(arena, "%.*s%c%.*s", SL_STR_ARG(target), mark, SL_STR_ARG(part));
        }
    }
    return target;
}

/* The path of responses, unless the configuration leads there anyway. */
static int response_target_make(const struct sl_openai_conf *conf, const struct sl_target *target,
                                const struct sl_call *call, struct sl_arena *arena, struct sl_str *io_path)
{
    const struct sl_follow *follow = call->follow;
    bool is_there = target->languages[call->type] == &sl_language_responses;
    if (!follow) {
        return is_there ? 0 : target_make(conf, &target->base, responses_path, SL_STR(""), arena, io_path);
    }
    int r = target_make(conf, &target->base, responses_path, follow->tail, arena, io_path);
    if (r == 0) {
        *io_path = query_add(conf, *io_path, follow->query, arena);
    }
    return r < 0 || io_path->p ? r : SL_E_NOMEM;
}

/* A call of a type that passes untranslated: the client's body with the target's model. */
static int tail_build(const struct sl_call *call, const struct sl_target *target, struct sl_arena *arena,
                      struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct sl_openai_conf *conf = target->conf;
    struct sl_str path;
    int r = target_make(conf, &target->base, call->passage->tail, SL_STR(""), arena, &path);
    return r < 0 ? r : sl_build_tail(&conf->headers, path, conf->model_json, call, target, arena, ret_req, ret_error);
}

int sl_openai_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                    bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct sl_openai_conf *conf = target->conf;
    struct sl_str path = call->passage ? SL_STR_NONE : conf->targets[call->type];
    int r = 0;
    if (!call->passage && sl_target_language(target, call) == &sl_language_responses) {
        r = response_target_make(conf, target, call, arena, &path);
    }
    if (call->passage && call->passage->tail) {
        r = tail_build(call, target, arena, ret_req, ret_error);
    } else {
        r = r < 0 ? r : sl_build_post(&conf->headers, path, call, target, env, ask_usage, arena, ret_req, ret_error);
    }
    if (r == 0 && call->follow) {
        ret_req->method = call->follow->method;
    }
    return r < 0 || !target->cred
               ? r
               : sl_headers_add(&ret_req->headers, arena, SL_STR("authorization"), env->credential->parts[0]);
}

static int models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret)
{
    return target_make(target->conf, &target->base, models_path, SL_STR(""), arena, ret);
}

/* --- the row --- */

#define OPT(name, kind, field, def, flags, names, check, help)                                                      \
    {                                                                                                               \
        name, kind, offsetof(struct sl_openai_conf, field), def, 0, 0, SL_OPT_RELOAD | (flags), names, NULL, check, \
            help                                                                                                    \
    }
#define TEXT(name, field, help)     OPT(name, SL_OPT_STR, field, NULL, 0, NULL, NULL, help)
#define URL(name, field, def, help) OPT(name, SL_OPT_URL, field, def, 0, NULL, NULL, help)

#define OPTS(api_type)                                                                                              \
    (const struct sl_opt[])                                                                                         \
    {                                                                                                               \
        { .key = "openai_api_key",                                                                                  \
          .type = SL_OPT_SECRET,                                                                                    \
          .offset = offsetof(struct sl_openai_conf, key),                                                           \
          .flags = SL_OPT_RELOAD | SL_OPT_REQUIRED,                                                                 \
          .unless = "azure_identity",                                                                               \
          .help = "the credential: a literal, $NAME, or the path of a file that holds it" },                        \
            URL("openai_api_base", base, NULL,                                                                      \
                "base URL with the version; for openai " OPENAI_BASE ", for azure the resource's URL"),             \
            TEXT("openai_organization", organization, "sent as OpenAI-Organization"),                               \
            TEXT("openai_project", project, "sent as OpenAI-Project"),                                              \
            OPT("openai_api_type", SL_OPT_CUSTOM, api, api_type, 0, NULL, api_check,                                \
                "openai, azure (key in the api-key header) or azuread (key is a bearer token)"),                    \
            TEXT("openai_api_version", api_version,                                                                 \
                 "sent as the query parameter api-version; azure and azuread need it"),                             \
            TEXT("openai_deployment_name", deployment, "the deployment, in the path of azure and azuread"),         \
            TEXT("azure_tenant_id", tenant,                                                                         \
                 "azuread: the tenant that gives the token; openai_api_key is then the client's secret"),           \
            TEXT("azure_client_id", client,                                                                         \
                 "azuread: the client; openai_api_key is its secret, or its identity is used"),                     \
            URL("azure_authority", authority, NULL,                                                                 \
                "azuread: where tokens are fetched; default: " SL_ENTRA_AUTHORITY),                                 \
            OPT("azure_identity", SL_OPT_ENUM, identity, "secret", 0, identities, NULL,                             \
                "azuread: secret (openai_api_key), or without a key workload (the token file of a Kubernetes "      \
                "workload, from "                                                                                   \
                "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE) or managed (the identity of the " \
                "machine); "                                                                                        \
                "the last two for routes of the configuration file only"),                                          \
            URL("azure_metadata_url", metadata_url, NULL,                                                           \
                "azuread: where a managed identity is fetched; default: IDENTITY_ENDPOINT, "                        \
                "or " SL_ENTRA_METADATA_URL),                                                                       \
            OPT("openai_api", SL_OPT_ENUM, way, "chat", 0, ways, NULL,                                              \
                "which API gets the chats: chat, responses (the Responses API), or auto (responses if the model "   \
                "takes "                                                                                            \
                "nothing else)"),                                                                                   \
            { NULL },                                                                                               \
    }

static const struct sl_str credential_headers[] = { SL_STR_INIT("authorization"), SL_STR_INIT("api-key"), { 0 } };

/* Azure has no version in its base. */
static const struct sl_passage_row passage[] = {
    { "chat/completions", &sl_language_openai, SL_LLM_CHAT },
    { "responses", &sl_language_responses, SL_LLM_CHAT },
    { "responses/compact", &sl_language_responses, SL_LLM_CHAT },
    { "embeddings", &sl_language_openai, SL_LLM_EMBEDDINGS },
    { "openai/deployments/*/chat/completions", &sl_language_openai, SL_LLM_CHAT },
    { "openai/deployments/*/embeddings", &sl_language_openai, SL_LLM_EMBEDDINGS },
    { "openai/responses", &sl_language_responses, SL_LLM_CHAT },
    { "openai/v1/chat/completions", &sl_language_openai, SL_LLM_CHAT },
    { "openai/v1/responses", &sl_language_responses, SL_LLM_CHAT },
    { "openai/v1/embeddings", &sl_language_openai, SL_LLM_EMBEDDINGS },
    { 0 },
};

/* Azure's models are OpenAI's. */
static const char *model_table(struct sl_str *io_model)
{
    (void)io_model;
    return "openai";
}

#define ROW                                                                                                       \
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,                                 \
    .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai }, .stream_usage = SL_USAGE_ASK, \
    .credential_headers = credential_headers, .pass_headers = sl_pass_common, .hidden_headers = sl_hidden_common, \
    .conf_size = sizeof(struct sl_openai_conf), .prepare = sl_openai_prepare, .build = sl_openai_build,           \
    .passage = passage, .refused_usage = sl_openai_refused_usage, .model_table = model_table,                     \
    .models_target = models_target

extern const struct sl_provider sl_provider_openai, sl_provider_azure;
const struct sl_provider sl_provider_openai = { .name = "openai",
                                                .label = "OpenAI",
                                                .key_variable = "OPENAI_API_KEY",
                                                .first_model = "gpt-4.1",
                                                ROW,
                                                .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) |
                                                          SL_BIT(SL_LLM_MODERATIONS) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                                                .opts = OPTS("openai") };
/* MLflow 3's name for `openai` with `openai_api_type: azure`. */
const struct sl_provider sl_provider_azure = { .name = "azure",
                                               .label = "OpenAI",
                                               ROW,
                                               .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) |
                                                         SL_BIT(SL_LLM_TRANSCRIPTIONS),
                                               .opts = OPTS("azure") };
