/* SPDX-License-Identifier: Apache-2.0 */
/* The providers that are built in, and the names that MLflow knows besides. Adding one is a line here, or a
 * row of OpenAI's family (providers/family.c). */
#include "base/near.h"
#include "llm/openai/host_row.h"

extern const struct sl_provider sl_provider_ai21labs, sl_provider_amazon_bedrock, sl_provider_anthropic,
    sl_provider_azure, sl_provider_bedrock, sl_provider_cohere, sl_provider_gemini, sl_provider_mock,
    sl_provider_mosaicml, sl_provider_openai, sl_provider_palm, sl_provider_sagemaker, sl_provider_vertex_ai;

static const struct sl_provider *const singles[] = {
    &sl_provider_ai21labs,  &sl_provider_amazon_bedrock,
    &sl_provider_anthropic, &sl_provider_azure,
    &sl_provider_bedrock,   &sl_provider_cohere,
    &sl_provider_gemini,    &sl_provider_mock,
    &sl_provider_mosaicml,  &sl_provider_openai,
    &sl_provider_palm,      &sl_provider_sagemaker,
    &sl_provider_vertex_ai, NULL,
};
#define N_SINGLES (SL_ARRAY_LEN(singles) - 1)

/* MLflow's names that are no providers here, and the reasons. */
static const struct {
    const char *name, *why;
} known[] = {
    { "sap-ai-core", "in MLflow it serves judges only, and has no address that a route could use" },
};

/* '-' and '_' are equal, and so are capitals and small letters. */
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

const char *sl_provider_nearest(struct sl_str name)
{
    char room[64];
    size_t n = SL_MIN(name.n, sizeof(room)), distance = SL_NAME_FAR;
    const struct sl_provider *provider;
    const char *near = NULL;
    for (size_t i = 0; i < n; i++) {
        room[i] = name.p[i] == '_' ? '-' : name.p[i]; /* so that both spellings are equally near to the names */
    }
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        size_t d = sl_name_distance(sl_str_make(room, n), provider->name);
        near = d < distance ? provider->name : near;
        distance = SL_MIN(d, distance);
    }
    return near;
}

const char *sl_provider_why_not(struct sl_str name)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
        if (name_eq(name, sl_str_c(known[i].name))) {
            return known[i].why;
        }
    }
    return NULL;
}

bool sl_provider_is_allowed(const struct sl_provider *provider, struct sl_str list)
{
    bool is_allowed = list.n == 0;
    for (struct sl_str word; !is_allowed && sl_str_next(&list, ',', &word);) {
        const struct sl_provider *listed = sl_provider_find(sl_str_trim(word));
        is_allowed = listed && strcmp(sl_provider_common_name(listed), sl_provider_common_name(provider)) == 0;
    }
    return is_allowed;
}

struct sl_str sl_provider_refusal(const struct sl_provider *provider, enum sl_llm_type type, bool is_stream,
                                  struct sl_arena *arena)
{
    static const char *const words[SL_LLM_ALL_COUNT] = { "chat",   "completions", "embeddings", "images",
                                                         "speech", "moderations", "rerank",     "transcriptions" };
    return sl_arena_printf(arena, "The %s%s route is not implemented for %s models.", words[type],
                           is_stream && type != SL_LLM_EMBEDDINGS ? " streaming" : "", provider->label);
}
