/* SPDX-License-Identifier: Apache-2.0 */
/* Providers that speak OpenAI's language, with a row for each: its address, the name of its credential, and which
 * members of a call it lacks or spells in another way. */
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"
#include "llm/form/models.h"
#include "llm/openai/host_row.h"
#include "llm/openai/openai.h"
#include "llm/providers/family_prepare.h"
#include "llm/responses/responses.h"
#include "llm/scoring/scoring.h"
#include "llm/tgi/tgi.h"

static const char *const server_apis[] = { [SL_SERVER_INPUTS] = "inputs", [SL_SERVER_OPENAI] = "openai", NULL };

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

#define KEY(name, flags)                                                                                             \
    {                                                                                                                \
        name, SL_OPT_SECRET, offsetof(struct sl_family_conf, openai.key), NULL, 0, 0, SL_OPT_RELOAD | (flags), NULL, \
            NULL, NULL, "the credential: a literal, $NAME, or the path of a file that holds it"                      \
    }
#define BASE(name, def, flags)                                                                                    \
    {                                                                                                             \
        name, SL_OPT_URL, offsetof(struct sl_family_conf, openai.base), def, 0, 0, SL_OPT_RELOAD | (flags), NULL, \
            NULL, NULL, "base URL with the version"                                                               \
    }
#define URL(name, help)                                                                                              \
    {                                                                                                                \
        name, SL_OPT_URL, offsetof(struct sl_family_conf, openai.base), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, \
            NULL, NULL, NULL, help                                                                                   \
    }
#define TEXT(name, field, help)                                                                                     \
    {                                                                                                               \
        name, SL_OPT_STR, offsetof(struct sl_family_conf, field), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL, help \
    }
/* A header that tells the host where its key belongs. */
#define PLACE(name, field, help)                                                                                  \
    {                                                                                                             \
        name, SL_OPT_STR, offsetof(struct sl_family_conf, field), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_PLACE, NULL, \
            NULL, NULL, help                                                                                      \
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
#define HIDING  .hidden_headers = sl_hidden_common, .conf_size = sizeof(struct sl_family_conf)
#define COMMON  HIDING, .build = sl_openai_build
#define SPEAKS  .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai }
#define BEARER  .credential_headers = sl_credential_bearer
#define PASS    .pass_headers = sl_pass_common
#define LISTS   .models_target = sl_models_target
#define PLAIN   COMMON, SPEAKS, BEARER, PASS, PASSAGE, .prepare = sl_family_prepare

#define DATABRICKS_TOKEN                                                                              \
    {                                                                                                 \
        .key = "token", .type = SL_OPT_SECRET, .offset = offsetof(struct sl_family_conf, openai.key), \
        .flags = SL_OPT_RELOAD | SL_OPT_REQUIRED, .unless = "client_id",                              \
        .help = "the credential: a literal, $NAME, or the path of a file that holds it"               \
    }
#define CLIENT_SECRET                                                                                            \
    {                                                                                                            \
        .key = "client_secret", .type = SL_OPT_SECRET, .offset = offsetof(struct sl_family_conf, client_secret), \
        .flags = SL_OPT_RELOAD, .help = "the service principal's secret"                                         \
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
            .prepare = sl_family_prepare_databricks,                                                              \
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
                    .key_variable = "GROQ_API_KEY",
                    .first_model = "llama-3.3-70b-versatile",
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
                    .key_variable = "DEEPSEEK_API_KEY",
                    .first_model = "deepseek-v4-flash",
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
                    .key_variable = "XAI_API_KEY",
                    .first_model = "grok-4",
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
                    .priced_as = "together_ai",
                    .passes = SL_BIT(SL_LLM_IMAGES) | SL_BIT(SL_LLM_SPEECH) | SL_BIT(SL_LLM_RERANK) |
                              SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "TogetherAI",
                    .key_variable = "TOGETHER_API_KEY",
                    .first_model = "meta-llama/Llama-3.3-70B-Instruct-Turbo",
                    .caps = ALL,
                    PLAIN,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("togetherai_api_key", SL_OPT_REQUIRED),
                                 BASE("togetherai_api_base", "https://api.together.xyz/v1", 0)) },
      .host = { .members = together_members, .quirks = SL_HOST_LOGPROBS | SL_HOST_NO_ALLOWED } },
    { .provider = { .name = "fireworks",
                    .priced_as = "fireworks_ai",
                    .label = "Fireworks",
                    .key_variable = "FIREWORKS_API_KEY",
                    .first_model = "accounts/fireworks/models/llama-v3p3-70b-instruct",
                    .caps = ALL,
                    PLAIN,
                    LISTS,
                    USAGE_COMES,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED),
                                 BASE("api_base", "https://api.fireworks.ai/inference/v1", 0)) } },
    { .provider = { .name = "openrouter",
                    .label = "OpenRouter",
                    .key_variable = "OPENROUTER_API_KEY",
                    .first_model = "openrouter/auto",
                    .caps = ALL,
                    COMMON,
                    PASSAGE,
                    SPEAKS,
                    BEARER,
                    .prepare = sl_family_prepare,
                    LISTS,
                    USAGE_ASKED,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://openrouter.ai/api/v1", 0)),
                    .pass_headers = openrouter_pass } },
    { .provider = { .name = "perplexity",
                    .label = "Perplexity",
                    .key_variable = "PERPLEXITY_API_KEY",
                    .first_model = "sonar",
                    .caps = CHAT_ONLY,
                    PLAIN,
                    USAGE_COMES,
                    .opts = OPTS(KEY("api_key", SL_OPT_REQUIRED), BASE("api_base", "https://api.perplexity.ai", 0)) },
      .host = { .members = perplexity_members, .quirks = SL_HOST_NO_DEVELOPER | SL_HOST_ALTERNATE } },
    { .provider = { .name = "mistral",
                    .passes = SL_BIT(SL_LLM_MODERATIONS) | SL_BIT(SL_LLM_TRANSCRIPTIONS),
                    .label = "Mistral",
                    .key_variable = "MISTRAL_API_KEY",
                    .first_model = "mistral-large-latest",
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
                    .prepare = sl_family_prepare_mistral },
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
                    .prepare = sl_family_prepare_ollama },
      .host = { .members = ollama_members, .quirks = SL_HOST_NO_DEVELOPER, .parts = SL_HOST_IMAGES } },
    { .provider = { .name = "vllm",
                    .priced_as = "hosted_vllm",
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
                    .prepare = sl_family_prepare_own } },
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
                    .prepare = sl_family_prepare_own } },
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
                                 { "provider_api_key", SL_OPT_SECRET, offsetof(struct sl_family_conf, provider_key),
                                   NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
                                   "the provider's own key, sent as a bearer token" }),
                    .prepare = sl_family_prepare_portkey,
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
                    .prepare = sl_family_prepare_litellm } },
    { .provider = { .name = "huggingface-text-generation-inference",
                    .priced_as = "huggingface",
                    .label = "Hugging Face Text Generation Inference",
                    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_STREAM,
                    HIDING,
                    BEARER,
                    PASS,
                    USAGE_ASKED,
                    .opts = OPTS(URL("hf_server_url", "URL of the server"), KEY("hf_api_key", 0)),
                    .languages = { &sl_language_openai, &sl_language_tgi },
                    .prepare = sl_family_prepare_tgi,
                    .build = sl_family_build_tgi },
      .host = { .members = tgi_members, .quirks = SL_HOST_NO_DEVELOPER } },
    { .provider = { .name = "mlflow-model-serving",
                    .label = "MLflow Model Serving",
                    .caps = ALL,
                    COMMON,
                    PASS,
                    USAGE_COMES,
                    .opts = OPTS(
                        URL("model_server_url", "URL of the model server"),
                        { "model_server_api", SL_OPT_ENUM, offsetof(struct sl_family_conf, server_api), "inputs", 0, 0,
                          SL_OPT_RELOAD, server_apis, NULL, NULL,
                          "what the model takes: inputs (with params), or openai (chats unchanged, and streams)" }),
                    .languages = { &sl_language_scoring, &sl_language_scoring, &sl_language_scoring },
                    .prepare = sl_family_prepare_serving } },
    DATABRICKS("databricks"),
    DATABRICKS("databricks-model-serving"),
    { .provider = { NULL } },
};
