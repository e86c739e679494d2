/* SPDX-License-Identifier: Apache-2.0 */
/* Providers that speak OpenAI's language, with a row for each: its address, the name of its credential, and which
 * members of a call it lacks or spells in another way. */
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"
#include "llm/form/models.h"
#include "llm/openai/host_row.h"
#include "llm/openai/openai.h"
#include "llm/responses/responses.h"
#include "llm/scoring/scoring.h"
#include "llm/sign/oauth.h"
#include "llm/tgi/tgi.h"

struct conf {
    struct sl_openai_conf openai; /* first, because the language reads it */
    struct sl_str text_stream;    /* made by prepare: where text-generation-inference streams completions */
    struct sl_str portkey_provider, portkey_config;
    struct sl_secret provider_key;
    struct sl_str litellm_provider;
    struct sl_str client_id;
    struct sl_secret client_secret;
    int server_api; /* enum server_api */
};

/* The form in which MLflow's model server is asked. */
enum server_api { SERVER_INPUTS, SERVER_OPENAI };
static const char *const server_apis[] = { [SERVER_INPUTS] = "inputs", [SERVER_OPENAI] = "openai", NULL };

/* --- preparing a target --- */

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

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    int r = host_prepare(bind, val, target);
    r = r < 0 ? r
              : key_add(bind, val, key_of(target->provider->opts, SL_OPT_SECRET), "authorization", &conf->key,
                        &conf->headers);
    return told(bind, val, r);
}

/* For servers that people run themselves: there is no default, so a warning cannot name the right path. */
static int own_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    int r = prepare(bind, val, target);
    if (r == 0 && target->base.path.n <= 1) { /* nothing, or "/" */
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, "api_base"), NULL,
                        "api_base has no path: most such servers answer under \"/v1\" only");
    }
    return r;
}

/* MLflow's default key, for a server without keys, is the word itself. */
static int ollama_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_openai_conf *conf = target->conf;
    if (sl_str_eq(sl_secret_reveal(&conf->key), SL_STR("ollama"))) {
        return told(bind, val, host_prepare(bind, val, target));
    }
    return prepare(bind, val, target);
}

/* Magistral's answers are lists of parts, and thoughts are among these. */
static int mistral_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    if (sl_str_has_prefix(target->model, SL_STR("magistral"))) {
        target->languages[SL_LLM_CHAT] = &sl_language_openai_like;
    }
    return prepare(bind, val, target);
}

static int portkey_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
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

/* A LiteLLM proxy knows models as "provider/name". */
static int litellm_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    const struct conf *conf = target->conf;
    if (conf->litellm_provider.n) {
        target->model = sl_arena_printf(bind->arena, "%.*s/%.*s", SL_STR_ARG(conf->litellm_provider),
                                        SL_STR_ARG(target->model));
        if (!target->model.p) {
            return told(bind, val, SL_E_NOMEM);
        }
    }
    return prepare(bind, val, target);
}

/* A service principal of the workspace, in place of a token that a person made. */
static int principal_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_str host,
                             struct sl_target *target)
{
    struct conf *conf = target->conf;
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

/* A workspace's address; its models are under one path, which may be given or not. */
static int databricks_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
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
    return r < 0 ? told(bind, val, r) : prepare(bind, val, target);
}

/* Chats are OpenAI's, under their path; texts have paths of their own. */
static int tgi_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    int r = prepare(bind, val, target);
    if (r < 0) {
        return r;
    }
    r = sl_uri_join(&target->base, SL_STR("v1/chat/completions"), bind->arena, &conf->openai.targets[SL_LLM_CHAT]);
    r = r < 0 ? r
              : sl_uri_join(&target->base, SL_STR("generate"), bind->arena, &conf->openai.targets[SL_LLM_COMPLETIONS]);
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("generate_stream"), bind->arena, &conf->text_stream);
    return told(bind, val, r);
}

/* There is one path for all types; the body shows the type. */
static int serving_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    int r = host_prepare(bind, val, target);
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT && r == 0; type++) {
        r = sl_uri_join(&target->base, SL_STR("invocations"), bind->arena, &conf->openai.targets[type]);
        target->languages[type] = conf->server_api == SERVER_OPENAI ? &sl_language_openai : &sl_language_scoring;
    }
    return told(bind, val, r);
}

static int tgi_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                     bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                     struct sl_llm_error *ret_error)
{
    int r = sl_openai_build(call, target, env, ask_usage, arena, ret_req, ret_error);
    if (r == 0 && call->is_stream && call->type == SL_LLM_COMPLETIONS) {
        ret_req->target = ((const struct conf *)target->conf)->text_stream;
    }
    return r;
}

/* --- differences of hosts --- */

#define CHAT       SL_BIT(SL_LLM_CHAT)
#define EMBEDDINGS SL_BIT(SL_LLM_EMBEDDINGS)
#define RENAMED(...)        \
    {                       \
        .name = __VA_ARGS__ \
    }
#define MAX_TOKENS                                          \
    {                                                       \
        .name = "max_completion_tokens", .to = "max_tokens" \
    }
#define DROPPED(n)  \
    {               \
        .name = (n) \
    }
#define REFUSED(n)                      \
    {                                   \
        .name = (n), .is_refused = true \
    }
#define ONE_ANSWER                                    \
    {                                                 \
        .name = "n", .is_refused = true, .neutral = 1 \
    }

static const struct sl_host_member groq_members[] = {
    ONE_ANSWER,
    REFUSED("logprobs"),
    REFUSED("top_logprobs"),
    DROPPED("logit_bias"),
    DROPPED("metadata"),
    DROPPED("store"),
    { 0 },
};

static const struct sl_host_member deepseek_members[] = {
    MAX_TOKENS, ONE_ANSWER, DROPPED("seed"), DROPPED("user"), { .name = "parallel_tool_calls", .zero_speaks = true },
    { 0 },
};

static const struct sl_host_member xai_members[] = {
    DROPPED("logit_bias"),
    { .name = "presence_penalty", .models = SL_MODEL_THINKING },
    { .name = "frequency_penalty", .models = SL_MODEL_THINKING },
    { 0 },
};
static const struct sl_host_efforts xai_efforts = { NULL, "low", "high" };

static const struct sl_host_member together_members[] = { MAX_TOKENS, { 0 } };

static const struct sl_host_member perplexity_members[] = {
    MAX_TOKENS,           ONE_ANSWER,
    REFUSED("tools"),     DROPPED("tool_choice"),
    REFUSED("logprobs"),  { .name = "parallel_tool_calls", .zero_speaks = true },
    DROPPED("seed"),      REFUSED("top_logprobs"),
    REFUSED("functions"), { 0 },
};

static const struct sl_host_member ollama_members[] = {
    MAX_TOKENS, ONE_ANSWER, DROPPED("tool_choice"), DROPPED("logit_bias"), DROPPED("user"), { 0 },
};

static const struct sl_host_member tgi_members[] = { MAX_TOKENS, ONE_ANSWER, { 0 } };

static const struct sl_host_member mistral_members[] = {
    MAX_TOKENS,
    { .name = "seed", .to = "random_seed" },
    { .name = "dimensions", .to = "output_dimension", .types = EMBEDDINGS },
    { .name = "stream_options", .is_quiet = true }, /* the counts come without asking */
    REFUSED("logprobs"),
    REFUSED("top_logprobs"),
    REFUSED("functions"),
    REFUSED("modalities"),
    REFUSED("audio"),
    DROPPED("function_call"),
    DROPPED("logit_bias"),
    DROPPED("user"),
    DROPPED("safety_identifier"),
    DROPPED("store"),
    DROPPED("service_tier"),
    DROPPED("verbosity"),
    DROPPED("web_search_options"),
    { 0 },
};

static const struct sl_host_efforts mistral_efforts = { "none", "high", "high" };
static const struct sl_form_name mistral_ids = { .alphabet = SL_NAME_DIGITS | SL_NAME_LETTERS, .exact = 9, .max = 9 };

/* --- the rows --- */

#define KEY(name, flags)                                                                                               \
    {                                                                                                                  \
        name, SL_OPT_SECRET, offsetof(struct conf, openai.key), NULL, 0, 0, SL_OPT_RELOAD | (flags), NULL, NULL, NULL, \
            "the credential: a literal, $NAME, or the path of a file that holds it"                                    \
    }
#define BASE(name, def, flags)                                                                                      \
    {                                                                                                               \
        name, SL_OPT_URL, offsetof(struct conf, openai.base), def, 0, 0, SL_OPT_RELOAD | (flags), NULL, NULL, NULL, \
            "base URL with the version"                                                                             \
    }
#define URL(name, help)                                                                                                \
    {                                                                                                                  \
        name, SL_OPT_URL, offsetof(struct conf, openai.base), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, \
            NULL, help                                                                                                 \
    }
#define TEXT(name, field, help)                                                                           \
    {                                                                                                     \
        name, SL_OPT_STR, offsetof(struct conf, field), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL, help \
    }
/* A header that tells the host where its key belongs. */
#define PLACE(name, field, help)                                                                                    \
    {                                                                                                               \
        name, SL_OPT_STR, offsetof(struct conf, field), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_PLACE, NULL, NULL, NULL, \
            help                                                                                                    \
    }
#define OPTS(...)           \
    (const struct sl_opt[]) \
    {                       \
        __VA_ARGS__,        \
        {                   \
            NULL            \
        }                   \
    }

#define ALL         (SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM)
#define CHAT_ONLY   (SL_CAP_CHAT | SL_CAP_STREAM)
#define NO_OLD      (SL_CAP_CHAT | SL_CAP_EMBEDDINGS | SL_CAP_STREAM)
#define USAGE_ASKED .stream_usage = SL_USAGE_ASK, .refused_usage = sl_openai_refused_usage
#define USAGE_COMES .stream_usage = SL_USAGE_ALWAYS

static const struct sl_passage_row passage[] = {
    { "chat/completions", &sl_language_openai, SL_LLM_CHAT },
    { "responses", &sl_language_responses, SL_LLM_CHAT },
    { "embeddings", &sl_language_openai, SL_LLM_EMBEDDINGS },
    { 0 },
};

#define PASSAGE .passage = passage
#define HIDING  .hidden_headers = sl_hidden_common, .conf_size = sizeof(struct conf)
#define COMMON  HIDING, .build = sl_openai_build
#define SPEAKS  .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai }
#define BEARER  .credential_headers = sl_credential_bearer
#define PASS    .pass_headers = sl_pass_common
#define LISTS   .models_target = sl_models_target
#define PLAIN   COMMON, SPEAKS, BEARER, PASS, PASSAGE, .prepare = prepare

#define DATABRICKS_TOKEN                                                                    \
    {                                                                                       \
        .key = "token", .type = SL_OPT_SECRET, .offset = offsetof(struct conf, openai.key), \
        .flags = SL_OPT_RELOAD | SL_OPT_REQUIRED, .unless = "client_id",                    \
        .help = "the credential: a literal, $NAME, or the path of a file that holds it"     \
    }
#define CLIENT_SECRET                                                                                  \
    {                                                                                                  \
        .key = "client_secret", .type = SL_OPT_SECRET, .offset = offsetof(struct conf, client_secret), \
        .flags = SL_OPT_RELOAD, .help = "the service principal's secret"                               \
    }

/* Answers may be lists of parts, and thoughts are among these. */
#define DATABRICKS(spelling)                                                                              \
    {                                                                                                     \
        .provider = {                                                                                   \
            .name = (spelling), .same_as = "databricks",                                                \
            .label = "Databricks",                                                                      \
            .caps = ALL,                                                                                \
            COMMON, PASSAGE,                                                                            \
            BEARER,                                                                                     \
            PASS,                                                                                       \
            USAGE_COMES,                                                                                \
            .opts = OPTS(URL("host", "URL of the workspace"), DATABRICKS_TOKEN, \
                TEXT("client_id", client_id, "the id of a service principal, in place of a token (OAuth)"), CLIENT_SECRET),   \
            .languages = { &sl_language_openai_like, &sl_language_openai, &sl_language_openai },        \
            .prepare = databricks_prepare,                                                              \
        },                                                                                              \
        .host = { .quirks = SL_HOST_PLAIN }, \
    }

static const struct sl_str portkey_credentials[] = { SL_STR_INIT("authorization"),
                                                     SL_STR_INIT("x-portkey-api-key"),
                                                     { 0 } };
static const struct sl_str openrouter_pass[] = {
    SL_STR_INIT("http-referer"), SL_STR_INIT("x-title"), SL_STR_INIT("x-openrouter-title"), { 0 }
};

const struct sl_family_row sl_openai_family[] = {
    { .provider = { .name = "groq",
                    .passes = SL_BIT(SL_LLM_SPEECH) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "Groq",
                    .caps = CHAT_ONLY,
                    PLAIN,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED),
                                 BASE("api_base", "https://api.groq.com/openai/v1", 0)) },
      .host = { .members = groq_members,
                .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_NO_NAMES | SL_HOST_STRICT | SL_HOST_NO_ALLOWED,
                .parts = SL_HOST_IMAGES | SL_HOST_URLS } },
    { .provider = { .name = "deepseek",
                    .label = "DeepSeek",
                    .caps = CHAT_ONLY,
                    PLAIN,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://api.deepseek.com/v1", 0)) },
      .host = { .members = deepseek_members,
                .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_NO_SCHEMA | SL_HOST_NO_ALLOWED | SL_HOST_THOUGHTS,
                .parts = SL_HOST_TEXTS } },
    { .provider = { .name = "xai",
                    .passes = SL_BIT(SL_LLM_IMAGES),
                    .label = "xAI",
                    .caps = ALL,
                    PLAIN,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://api.x.ai/v1", 0)) },
      .host = { .members = xai_members,
                .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_NO_ALLOWED,
                .efforts = &xai_efforts,
                .parts = SL_HOST_IMAGES | SL_HOST_URLS } },
    { .provider = { .name = "togetherai",
                    .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) | SL_BIT(SL_LLM_RERANK) |
                              SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "TogetherAI",
                    .caps = ALL,
                    PLAIN,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("togetherai_api_key", SL_OPT_REQUIRED),
                                 BASE("togetherai_api_base", "https://api.together.xyz/v1", 0)) },
      .host = { .members = together_members, .quirks = SL_HOST_LOGPROBS | SL_HOST_NO_ALLOWED } },
    { .provider = { .name = "fireworks",
                    .label = "Fireworks",
                    .caps = ALL,
                    PLAIN,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED),
                                 BASE("api_base", "https://api.fireworks.ai/inference/v1", 0)) } },
    { .provider = { .name = "openrouter",
                    .label = "OpenRouter",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    BEARER,
                    .prepare = prepare,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://openrouter.ai/api/v1", 0)),
                    .pass_headers = openrouter_pass } },
    { .provider = { .name = "perplexity",
                    .label = "Perplexity",
                    .caps = CHAT_ONLY,
                    PLAIN,
                    USAGE_COMES,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://api.perplexity.ai", 0)) },
      .host = { .members = perplexity_members, .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_ALTERNATE } },
    { .provider = { .name = "mistral",
                    .passes = SL_BIT(SL_LLM_MODERATIONS) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "Mistral",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    BEARER,
                    PASS,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("mistral_api_key", SL_OPT_REQUIRED),
                                 BASE("mistral_api_base", "https://api.mistral.ai/v1", 0)),
                    .languages = { &sl_language_openai, &sl_language_openai_like, &sl_language_openai },
                    .prepare = mistral_prepare },
      .host = { .members = mistral_members,
                .ids = &mistral_ids,
                .efforts = &mistral_efforts,
                .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_PREFIX | SL_HOST_STRICT | SL_HOST_DOCUMENTS | SL_HOST_HALVES |
                          SL_HOST_SYSTEM_FIRST | SL_HOST_NO_ALLOWED } },
    { .provider = { .name = "ollama",
                    .label = "Ollama",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    BEARER,
                    PASS,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", 0), BASE("api_base", "http://localhost:11434/v1", 0)),
                    .prepare = ollama_prepare },
      .host = { .members = ollama_members, .quirks = SL_HOST_NO_DEVELOPER, .parts = SL_HOST_IMAGES } },
    { .provider = { .name = "vllm",
                    .passes = SL_BIT(SL_LLM_RERANK) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "vLLM",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    BEARER,
                    PASS,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(BASE("api_base", NULL, SL_OPT_REQUIRED), KEY("api_key", 0)),
                    .prepare = own_prepare } },
    { .provider = { .name = "openai-compatible",
                    .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) | SL_BIT(SL_LLM_MODERATIONS) |
                              SL_BIT(SL_LLM_RERANK) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "OpenAI-compatible",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    BEARER,
                    PASS,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(BASE("api_base", NULL, SL_OPT_REQUIRED), KEY("api_key", 0)),
                    .prepare = own_prepare } },
    { .provider = { .name = "portkey",
                    .label = "Portkey",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    PASS,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://api.portkey.ai/v1", 0),
                                 PLACE("portkey_provider", portkey_provider, "sent as x-portkey-provider"),
                                 PLACE("portkey_config", portkey_config, "sent as x-portkey-config"),
                                 { "provider_api_key", SL_OPT_SECRET, offsetof(struct conf, provider_key), NULL, 0, 0,
                                   SL_OPT_RELOAD, NULL, NULL, NULL, "the provider's own key, sent as a bearer token" }),
                    .prepare = portkey_prepare,
                    .credential_headers = portkey_credentials } },
    { .provider = { .name = "litellm",
                    .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) | SL_BIT(SL_LLM_MODERATIONS) |
                              SL_BIT(SL_LLM_RERANK) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "LiteLLM",
                    .caps = ALL,
                    COMMON,
                    SPEAKS,
                    BEARER,
                    PASS,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(
                        BASE("litellm_api_base", NULL, SL_OPT_REQUIRED), KEY("litellm_api_key", 0),
                        TEXT("litellm_provider", litellm_provider, "is put before the model's name, with a slash")),
                    .prepare = litellm_prepare } },
    { .provider = { .name = "huggingface-text-generation-inference",
                    .label = "Hugging Face Text Generation Inference",
                    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_STREAM,
                    HIDING,
                    BEARER,
                    PASS,
                    USAGE_ASKED,
                    .opts = OPTS(URL("hf_server_url", "URL of the server"), KEY("hf_api_key", 0)),
                    .languages = { &sl_language_openai, &sl_language_tgi },
                    .prepare = tgi_prepare,
                    .build = tgi_build },
      .host = { .members = tgi_members, .quirks = SL_HOST_NO_DEVELOPER } },
    { .provider = { .name = "mlflow-model-serving",
                    .label = "MLflow Model Serving",
                    .caps = ALL,
                    COMMON,
                    PASS,
                    USAGE_COMES,
                    .opts = OPTS(
                        URL("model_server_url", "URL of the model server"),
                        { "model_server_api", SL_OPT_ENUM, offsetof(struct conf, server_api), "inputs", 0, 0,
                          SL_OPT_RELOAD, server_apis, NULL, NULL,
                          "what the model takes: inputs (with params), or openai (chats unchanged, and streams)" }),
                    .languages = { &sl_language_scoring, &sl_language_scoring, &sl_language_scoring },
                    .prepare = serving_prepare } },
    DATABRICKS("databricks"),
    DATABRICKS("databricks-model-serving"),
    { .provider = { NULL } },
};
