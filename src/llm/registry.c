/* SPDX-License-Identifier: Apache-2.0 */
/* The providers that are built in, and the names that are known without being built. Adding one is a line here, or a
 * row of OpenAI's family (providers/family.c). */
#include "llm/openai/host_row.h"

extern const struct sl_provider sl_provider_ai21labs, sl_provider_amazon_bedrock, sl_provider_anthropic,
    sl_provider_azure, sl_provider_bedrock, sl_provider_cohere, sl_provider_gemini, sl_provider_mock,
    sl_provider_openai, sl_provider_vertex_ai;

static const struct sl_provider *const singles[] = {
    &sl_provider_ai21labs,
    &sl_provider_amazon_bedrock,
    &sl_provider_anthropic,
    &sl_provider_azure,
    &sl_provider_bedrock,
    &sl_provider_cohere,
    &sl_provider_gemini,
    &sl_provider_mock,
    &sl_provider_openai,
    &sl_provider_vertex_ai,
    NULL,
};
#define N_SINGLES (SL_ARRAY_LEN(singles) - 1)

/* MLflow's: those of 2.x, in both its spellings for Bedrock, and what 3.x adds. */
static const char *const known[] = {
    "openai",
    "anthropic",
    "cohere",
    "ai21labs",
    "mosaicml",
    "palm",
    "gemini",
    "mistral",
    "togetherai",
    "bedrock",
    "databricks",
    "amazon-bedrock",
    "mlflow-model-serving",
    "huggingface-text-generation-inference",
    "databricks-model-serving",
    "azure",
    "groq",
    "deepseek",
    "xai",
    "openrouter",
    "ollama",
    "portkey",
    "vertex-ai",
    "litellm",
    "sap-ai-core",
};

/* '-' and '_' are the same, and case does not count. */
static bool name_eq(struct sl_str a, struct sl_str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i] == '_' ? '-' : a.p[i];
        char y = b.p[i] == '_' ? '-' : b.p[i];
        if (!sl_str_case_eq(sl_str_make(&x, 1), sl_str_make(&y, 1))) {
            return false;
        }
    }
    return true;
}

const struct sl_provider *sl_provider_at(size_t i)
{
    if (i < N_SINGLES) {
        return singles[i];
    }
    const struct sl_provider *provider = &sl_openai_family[i - N_SINGLES].provider;
    return provider->name ? provider : NULL;
}

const struct sl_provider *sl_provider_find(struct sl_str name)
{
    const struct sl_provider *provider;
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (name_eq(name, sl_str_c(provider->name))) {
            return provider;
        }
    }
    return NULL;
}

bool sl_provider_is_known(struct sl_str name)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
        if (name_eq(name, sl_str_c(known[i]))) {
            return true;
        }
    }
    return sl_provider_find(name) != NULL;
}

struct sl_str sl_provider_refusal(const struct sl_provider *provider, enum sl_llm_type type, bool is_stream,
                                  struct sl_arena *arena)
{
    static const char *const words[SL_LLM_TYPE_COUNT] = { "chat", "completions", "embeddings" };
    return sl_arena_printf(arena, "The %s%s route is not implemented for %s models.", words[type],
                           is_stream && type != SL_LLM_EMBEDDINGS ? " streaming" : "", provider->label);
}
