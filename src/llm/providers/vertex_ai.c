/* SPDX-License-Identifier: Apache-2.0 */
/* Provider vertex_ai: Google Cloud's models with a fetched token. The model's name decides the language: Claude's,
 * OpenAI's (models of others, served as a service), else Gemini's. */
#include "llm/anthropic/anthropic.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/passage.h"
#include "llm/core/prepare.h"
#include "llm/gemini/gemini.h"
#include "llm/openai/openai.h"
#include "llm/sign/gcp.h"

#define CLAUDE_VERSION "vertex-2023-10-16"

enum { CLAUDE_WHOLE, CLAUDE_STREAM, CLAUDE_TOKENS, CLAUDE_COUNT };

struct conf {
    union { /* first, because the language reads its own */
        struct sl_gemini_conf gemini;
        struct sl_anthropic_conf anthropic;
        struct sl_openai_conf openai;
    };
    struct sl_secret credentials;
    struct sl_str project, location, base, token_uri, metadata_url;
    /* made by prepare */
    struct sl_gcp_conf gcp;
    struct sl_cred_source source;
    struct sl_str claude_targets[CLAUDE_COUNT];
    struct sl_headers headers;
};

/* --- preparing a target --- */

static bool begins(struct sl_str model, const char *const *list)
{
    for (; *list; list++) {
        if (sl_str_has_prefix(model, sl_str_c(*list))) {
            return true;
        }
    }
    return false;
}

/* True: a model of others, which Google serves at an OpenAI-compatible path. */
static bool is_of_others(struct sl_str model)
{
    static const char *const names[] = { "mistral", "codestral", "jamba", NULL };
    return sl_str_find_char(model, '/', 0) >= 0 || sl_str_has_suffix(model, SL_STR("-maas")) || begins(model, names);
}

static bool is_claude(struct sl_str model)
{
    return sl_str_has_prefix(model, SL_STR("claude"));
}

static const char *model_table(struct sl_str *io_model)
{
    return is_of_others(*io_model) ? NULL : is_claude(*io_model) ? "anthropic" : "gemini";
}

static int base_make(struct sl_bind *bind, const struct sl_val *val, struct conf *conf, struct sl_target *target)
{
    struct sl_str loc = conf->location;
    bool is_many = sl_str_eq_c(loc, "us") || sl_str_eq_c(loc, "eu");
    for (size_t i = 0; i < loc.n; i++) { /* it becomes part of a host's name */
        char c = loc.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return SL_PREPARE_FAIL(bind, val, "vertex_location",
                                   "vertex_location must be a location's name, as in "
                                   "europe-west4");
        }
    }
    struct sl_str url = conf->base;
    if (!url.n && sl_str_eq_c(loc, "global")) {
        url = SL_STR("https://aiplatform.googleapis.com/v1");
    } else if (!url.n) {
        url = is_many ? sl_arena_printf(bind->arena, "https://aiplatform.%.*s.rep.googleapis.com/v1", SL_STR_ARG(loc))
                      : sl_arena_printf(bind->arena, "https://%.*s-aiplatform.googleapis.com/v1", SL_STR_ARG(loc));
    }
    return url.p ? sl_prepare_base(bind, val, "vertex_api_base", url, &target->base) : SL_E_NOMEM;
}

static int gemini_prepare(struct sl_arena *arena, struct sl_str parent, struct sl_str model, struct sl_target *target)
{
    static const char *const embeddings[] = { "gemini-embedding", NULL };
    struct sl_gemini_conf *conf = target->conf;
    struct sl_str prefix = sl_arena_printf(arena, "%.*s/publishers/google/models/%.*s", SL_STR_ARG(parent),
                                           SL_STR_ARG(model));
    conf->has_no_ids = conf->needs_media_type = conf->has_labels = true;
    conf->embeds_one = begins(target->model, embeddings);
    conf->has_embed_content = conf->embeds_one && !sl_str_eq_c(target->model, "gemini-embedding-001");
    target->languages[SL_LLM_EMBEDDINGS] = &sl_language_vertex_embeddings;
    target->counts_tokens = true;
    return prefix.p ? sl_gemini_targets_make(arena, &target->base, prefix, conf) : SL_E_NOMEM;
}

static int claude_prepare(struct sl_arena *arena, struct sl_str parent, struct sl_str model, struct sl_target *target)
{
    static const char *const methods[CLAUDE_COUNT] = { "rawPredict", "streamRawPredict", "rawPredict" };
    struct conf *conf = target->conf;
    int r = 0;
    conf->anthropic.hosted_version = SL_STR("\"" CLAUDE_VERSION "\"");
    target->languages[SL_LLM_CHAT] = target->languages[SL_LLM_COMPLETIONS] = &sl_language_anthropic;
    target->languages[SL_LLM_EMBEDDINGS] = NULL;
    conf->anthropic.model_json = sl_json_quote(target->model, arena);
    r = conf->anthropic.model_json.p ? 0 : SL_E_NOMEM;
    target->counts_tokens = true;
    for (size_t i = 0; i < CLAUDE_COUNT && r == 0; i++) {
        struct sl_str rel = sl_arena_printf(arena, "%.*s/publishers/anthropic/models/%.*s:%s", SL_STR_ARG(parent),
                                            SL_STR_ARG(i == CLAUDE_TOKENS ? SL_STR("count-tokens") : model),
                                            methods[i]);
        r = rel.p ? sl_uri_join(&target->base, rel, arena, &conf->claude_targets[i]) : SL_E_NOMEM;
    }
    return r;
}

static int others_prepare(struct sl_arena *arena, struct sl_str parent, struct sl_target *target)
{
    struct conf *conf = target->conf;
    struct sl_str rel = sl_arena_printf(arena, "%.*s/endpoints/openapi/chat/completions", SL_STR_ARG(parent));
    conf->openai.model_json = sl_json_quote(target->model, arena);
    target->languages[SL_LLM_CHAT] = &sl_language_openai;
    target->languages[SL_LLM_COMPLETIONS] = target->languages[SL_LLM_EMBEDDINGS] = NULL;
    return rel.p && conf->openai.model_json.p
               ? sl_uri_join(&target->base, rel, arena, &conf->openai.targets[SL_LLM_CHAT])
               : SL_E_NOMEM;
}

static int model_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    bool is_others = is_of_others(target->model);
    conf->location = conf->location.n ? conf->location : is_others ? SL_STR("us-central1") : SL_STR("global");
    struct sl_str project = sl_percent_encode(conf->project, bind->arena);
    struct sl_str model = sl_percent_encode(target->model, bind->arena);
    struct sl_str parent = sl_arena_printf(bind->arena, "projects/%.*s/locations/%.*s", SL_STR_ARG(project),
                                           SL_STR_ARG(conf->location));
    int r = project.p && model.p && parent.p ? base_make(bind, val, conf, target) : SL_E_NOMEM;
    if (r < 0) {
        return r;
    }
    if (is_others) {
        return others_prepare(bind->arena, parent, target);
    }
    return (is_claude(target->model) ? claude_prepare : gemini_prepare)(bind->arena, parent, model, target);
}

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    static const struct sl_gcp_keys keys = { "vertex_credentials", "token_uri", "metadata_url" };
    struct conf *conf = target->conf;
    int r = sl_gcp_prepare(bind, val, &keys, &conf->credentials, conf->token_uri, conf->metadata_url, &conf->gcp,
                           &conf->source);
    target->cred = &conf->source;
    r = r < 0 ? r : model_prepare(bind, val, target);
    r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

/* --- building a request --- */

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct conf *conf = target->conf;
    const struct sl_language *language = target->languages[call->type];
    struct sl_str path = language == &sl_language_anthropic ? conf->claude_targets[call->is_count    ? CLAUDE_TOKENS
                                                                                   : call->is_stream ? CLAUDE_STREAM
                                                                                                     : CLAUDE_WHOLE]
                         : language == &sl_language_openai  ? conf->openai.targets[SL_LLM_CHAT]
                                                            : SL_STR_NONE;
    int r = sl_build_post(&conf->headers, path, call, target, env, ask_usage, arena, ret_req, ret_error);
    return r < 0 ? r : sl_headers_add(&ret_req->headers, arena, SL_STR("authorization"), env->credential->parts[0]);
}

/* --- the row --- */

static const struct sl_opt opts[] = {
    { "vertex_project", SL_OPT_STR, offsetof(struct conf, project), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      NULL, NULL, "the project that pays" },
    { "vertex_location", SL_OPT_STR, offsetof(struct conf, location), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "a region, us, eu or global; default: global, and us-central1 for models of other vendors" },
    { "vertex_credentials", SL_OPT_SECRET, offsetof(struct conf, credentials), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      NULL,
      "the JSON of a service account's key or of a user's credentials, or the path of its file; default: the metadata "
      "server of this machine, for routes of the file only" },
    { "vertex_api_base", SL_OPT_URL, offsetof(struct conf, base), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "base URL with the version; default: the location's" },
    { "token_uri", SL_OPT_URL, offsetof(struct conf, token_uri), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "where tokens are fetched; default: what the credentials say, else " SL_GCP_TOKEN_URI },
    { "metadata_url", SL_OPT_URL, offsetof(struct conf, metadata_url), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the metadata server; default: " SL_GCP_METADATA_URL },
    { NULL },
};

#define PUBLISHERS "projects/*/locations/*/publishers/"
static const struct sl_passage_row passage[] = {
    { PUBLISHERS "google/models/*:generateContent", &sl_language_gemini, SL_LLM_CHAT },
    { PUBLISHERS "google/models/*:streamGenerateContent", &sl_language_gemini, SL_LLM_CHAT },
    { PUBLISHERS "google/models/*:countTokens", &sl_language_raw, SL_LLM_CHAT },
    { PUBLISHERS "google/models/*:embedContent", &sl_language_gemini, SL_LLM_EMBEDDINGS },
    { PUBLISHERS "google/models/*:predict", &sl_language_raw, SL_LLM_EMBEDDINGS },
    { PUBLISHERS "anthropic/models/*:rawPredict", &sl_language_anthropic, SL_LLM_CHAT },
    { PUBLISHERS "anthropic/models/*:streamRawPredict", &sl_language_anthropic, SL_LLM_CHAT },
    { "projects/*/locations/*/endpoints/openapi/chat/completions", &sl_language_openai, SL_LLM_CHAT },
    { 0 },
};

extern const struct sl_provider sl_provider_vertex_ai;
const struct sl_provider sl_provider_vertex_ai = {
    .name = "vertex_ai",
    .label = "Vertex AI",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &sl_language_gemini, &sl_language_gemini, &sl_language_gemini },
    .stream_usage = SL_USAGE_ASK, /* for models of others; all other streams always have usage */
    .credential_headers = sl_credential_bearer,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct conf),
    .prepare = prepare,
    .model_table = model_table,
    .build = build,
    .passage = passage,
    .refused_usage = sl_openai_refused_usage,
};
