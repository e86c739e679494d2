/* SPDX-License-Identifier: Apache-2.0 */
/* Provider gemini: Google's Generative Language API with a key. */
#include "base/secret.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"
#include "llm/gemini/gemini.h"

#define GEMINI_BASE "https://generativelanguage.googleapis.com/v1beta"

struct conf {
    struct sl_gemini_conf gemini; /* first, because the language reads it */
    struct sl_secret key;
    struct sl_str base;
    struct sl_headers headers; /* made by prepare */
};

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    struct sl_headers *h = &conf->headers;
    struct sl_str model = sl_percent_encode(target->model, bind->arena);
    struct sl_str prefix = sl_arena_printf(bind->arena, "models/%.*s", SL_STR_ARG(model));
    struct sl_str name = sl_arena_printf(bind->arena, "models/%.*s", SL_STR_ARG(target->model));
    conf->gemini.model_name = name.p ? sl_json_quote(name, bind->arena) : SL_STR_NONE;
    int r = model.p && prefix.p && conf->gemini.model_name.p ? 0 : SL_E_NOMEM;
    r = r < 0 ? r : sl_prepare_base(bind, val, "gemini_api_base", conf->base, &target->base);
    r = r < 0 ? r : sl_gemini_targets_make(bind->arena, &target->base, prefix, &conf->gemini);
    target->counts_tokens = true;
    r = r < 0 ? r : sl_prepare_key(bind, val, "gemini_api_key", SL_STR(""), &conf->key);
    r = r < 0 ? r : sl_headers_reserve(h, bind->arena, 2);
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("x-goog-api-key"), sl_secret_reveal(&conf->key));
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct conf *conf = target->conf;
    return sl_build_post(&conf->headers, SL_STR_NONE, call, target, env, ask_usage, arena, ret_req, ret_error);
}

static int models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret)
{
    return sl_path_target(&target->base, "models", "pageSize=1", arena, ret);
}

/* --- the row --- */

static const struct sl_str credential_headers[] = { SL_STR_INIT("x-goog-api-key"), { 0 } };

static const struct sl_opt opts[] = {
    { "gemini_api_key", SL_OPT_SECRET, offsetof(struct conf, key), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      NULL, NULL, "the credential: a literal, $NAME, or the path of a file that holds it" },
    { "gemini_api_base", SL_OPT_URL, offsetof(struct conf, base), GEMINI_BASE, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "base URL with the version" },
    { NULL },
};

static const struct sl_passage_row passage[] = {
    { "models/*:generateContent", &sl_language_gemini, SL_LLM_CHAT },
    { "models/*:streamGenerateContent", &sl_language_gemini, SL_LLM_CHAT },
    { "models/*:countTokens", &sl_language_raw, SL_LLM_CHAT },
    { "models/*:embedContent", &sl_language_gemini, SL_LLM_EMBEDDINGS },
    { "models/*:batchEmbedContents", &sl_language_gemini, SL_LLM_EMBEDDINGS },
    { 0 },
};

extern const struct sl_provider sl_provider_gemini;
const struct sl_provider sl_provider_gemini = {
    .name = "gemini",
    .label = "Gemini",
    .key_variable = "GEMINI_API_KEY",
    .first_model = "gemini-2.5-flash",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &sl_language_gemini, &sl_language_gemini, &sl_language_gemini },
    .stream_usage = SL_USAGE_ALWAYS,
    .credential_headers = credential_headers,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct conf),
    .prepare = prepare,
    .build = build,
    .passage = passage,
    .models_target = models_target,
};
