/* SPDX-License-Identifier: Apache-2.0 */
/* Provider cohere: Cohere's second API with a key. */
#include "llm/cohere/cohere.h"
#include "base/secret.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"

#define COHERE_BASE "https://api.cohere.com/v2"

struct conf {
    struct sl_cohere_conf cohere; /* first, because the language reads it */
    struct sl_secret key;
    struct sl_str base;
    struct sl_headers headers; /* made by prepare */
};

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    struct sl_headers *h = &conf->headers;
    conf->cohere.model_json = sl_json_quote(target->model, bind->arena);
    conf->cohere.type_json = sl_json_quote(conf->cohere.input_type, bind->arena);
    int r = conf->cohere.model_json.p && conf->cohere.type_json.p ? 0 : SL_E_NOMEM;
    r = r < 0 ? r : sl_prepare_base(bind, val, "cohere_api_base", conf->base, &target->base);
    if (r == 0) {
        sl_prepare_version(bind, val, "cohere_api_base", &target->base);
    }
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("chat"), bind->arena, &conf->cohere.chat);
    r = r < 0 ? r : sl_uri_join(&target->base, SL_STR("embed"), bind->arena, &conf->cohere.embed);
    r = r < 0 ? r : sl_prepare_key(bind, val, "cohere_api_key", SL_STR("Bearer "), &conf->key);
    r = r < 0 ? r : sl_headers_reserve(h, bind->arena, 2);
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r : sl_headers_add(h, bind->arena, SL_STR("authorization"), sl_secret_reveal(&conf->key));
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct conf *conf = target->conf;
    if (call->passage && call->passage->tail) {
        struct sl_str path;
        int r = sl_uri_join(&target->base, sl_str_c(call->passage->tail), arena, &path);
        return r < 0 ? r
                     : sl_build_tail(&conf->headers, path, conf->cohere.model_json, call, target, arena, ret_req,
                                     ret_error);
    }
    return sl_build_post(&conf->headers, SL_STR_NONE, call, target, env, ask_usage, arena, ret_req, ret_error);
}

/* The list belongs to the first version of the API; everything else is of the second. */
static int models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_uri base = target->base;
    base.path = sl_passage_path(&target->base, SL_STR("/v1"), arena);
    return base.path.p ? sl_path_target(&base, "models", "page_size=1", arena, ret) : SL_E_NOMEM;
}

/* --- the row --- */

static const struct sl_opt opts[] = {
    { "cohere_api_key", SL_OPT_SECRET, offsetof(struct conf, key), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      NULL, NULL, "the credential: a literal, $NAME, or the path of a file that holds it" },
    { "cohere_api_base", SL_OPT_URL, offsetof(struct conf, base), COHERE_BASE, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "base URL with the version" },
    { "cohere_input_type", SL_OPT_STR, offsetof(struct conf, cohere.input_type), "search_document", 0, 0, SL_OPT_RELOAD,
      NULL, NULL, NULL, "what embeddings are for, if a call has no input_type" },
    { NULL },
};

extern const struct sl_provider sl_provider_cohere;
const struct sl_provider sl_provider_cohere = {
    .name = "cohere",
    .label = "Cohere",
    .key_variable = "COHERE_API_KEY",
    .first_model = "command-a-03-2025",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .passes = SL_BIT(SL_LLM_RERANK),
    .languages = { &sl_language_cohere, &sl_language_cohere, &sl_language_cohere },
    .stream_usage = SL_USAGE_ALWAYS,
    .credential_headers = sl_credential_bearer,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct conf),
    .prepare = prepare,
    .build = build,
    .models_target = models_target,
};
