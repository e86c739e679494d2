/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/anthropic/anthropic.h"

#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"

#define ANTHROPIC_BASE    "https://api.anthropic.com/v1"
#define ANTHROPIC_VERSION "2023-06-01"

/* --- preparing a target --- */

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_anthropic_conf *conf = target->conf;
    struct sl_headers *h = &conf->headers;
    int r = sl_prepare_base(bind, val, "anthropic_api_base", conf->base, &target->base);
    if (r == 0) {
        sl_prepare_version(bind, val, "anthropic_api_base", &target->base);
    }
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("messages"), bind->arena, &conf->messages_target);
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("messages/count_tokens"), bind->arena, &conf->count_target);
    target->counts_tokens = true;
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("complete"), bind->arena, &conf->complete_target);
    r = r < 0 ? r : sl_prepare_key(bind, val, "anthropic_api_key", SL_STR(""), &conf->key);
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("x-api-key"), sl_secret_reveal(&conf->key));
    r = r < 0 ? r : sl_prepare_header(bind, val, "anthropic_version", SL_STR("anthropic-version"), conf->version, h);
    if (r == 0) {
        conf->model_json = target->model.n ? sl_json_quote(target->model, bind->arena) : SL_STR("null");
        r = conf->model_json.p ? 0 : SL_E_NOMEM;
    }
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

/* --- building a request --- */

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct sl_anthropic_conf *conf = target->conf;
    struct sl_str path = sl_anthropic_is_complete(call, target) ? conf->complete_target
                         : call->is_count                       ? conf->count_target
                                                                : conf->messages_target;
    return sl_build_post(&conf->headers, path, call, target, env, ask_usage, arena, ret_req, ret_error);
}

static int models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret)
{
    return sl_path_target(&target->base, "models", "limit=1", arena, ret);
}

static const struct sl_header_alias aliases[] = {
    { "anthropic-ratelimit-requests-limit", "x-ratelimit-limit-requests", false },
    { "anthropic-ratelimit-requests-remaining", "x-ratelimit-remaining-requests", false },
    { "anthropic-ratelimit-requests-reset", "x-ratelimit-reset-requests", true },
    { "anthropic-ratelimit-tokens-limit", "x-ratelimit-limit-tokens", false },
    { "anthropic-ratelimit-tokens-remaining", "x-ratelimit-remaining-tokens", false },
    { "anthropic-ratelimit-tokens-reset", "x-ratelimit-reset-tokens", true },
    { "anthropic-ratelimit-input-tokens-limit", "x-ratelimit-limit-tokens", false },
    { "anthropic-ratelimit-input-tokens-remaining", "x-ratelimit-remaining-tokens", false },
    { "anthropic-ratelimit-input-tokens-reset", "x-ratelimit-reset-tokens", true },
    { NULL, NULL, false },
};

/* --- the row --- */

static const struct sl_opt opts[] = {
    { "anthropic_api_key", SL_OPT_SECRET, offsetof(struct sl_anthropic_conf, key), NULL, 0, 0,
      SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, NULL,
      "the credential: a literal, $NAME, or the path of a file that holds it" },
    { "anthropic_version", SL_OPT_STR, offsetof(struct sl_anthropic_conf, version), ANTHROPIC_VERSION, 0, 0,
      SL_OPT_RELOAD, NULL, NULL, NULL, "sent as anthropic-version" },
    { "anthropic_api_base", SL_OPT_URL, offsetof(struct sl_anthropic_conf, base), ANTHROPIC_BASE, 0, 0, SL_OPT_RELOAD,
      NULL, NULL, NULL, "base URL with the version" },
    { "anthropic_max_tokens", SL_OPT_U64, offsetof(struct sl_anthropic_conf, max_tokens), "0", 0, 1000000,
      SL_OPT_RELOAD, NULL, NULL, NULL,
      "max_tokens for a request without it (the upstream needs it); 0: 8192, on MLflow's paths the model's limit; "
      "never more than that limit" },
    { NULL },
};

static const struct sl_str credential_headers[] = { SL_STR_INIT("x-api-key"), { 0 } };

static const struct sl_passage_row passage[] = {
    { "messages", &sl_language_anthropic, SL_LLM_CHAT },
    { "messages/count_tokens", &sl_language_raw, SL_LLM_CHAT },
    { 0 },
};

const struct sl_provider sl_provider_anthropic = {
    .name = "anthropic",
    .label = "Anthropic",
    .key_variable = "ANTHROPIC_API_KEY",
    .first_model = "claude-sonnet-4-5",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_STREAM,
    .languages = { &sl_language_anthropic, &sl_language_anthropic },
    .stream_usage = SL_USAGE_ALWAYS,
    .credential_headers = credential_headers,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct sl_anthropic_conf),
    .prepare = prepare,
    .build = build,
    .passage = passage,
    .models_target = models_target,
    .request_id_header = "request-id",
    .aliases = aliases,
};
