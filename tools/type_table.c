/* SPDX-License-Identifier: Apache-2.0 */
#include "type_table.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/opt.h"
#include "gate/config/config.h"
#include "gate/config/route.h"
#include "json/json.h"
#include "llm/core/call.h"
#include "llm/core/cred.h"
#include "llm/core/error.h"
#include "llm/core/http_req.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/dialects.h"

#define AWS "aws_config: { aws_region: us-east-1, aws_access_key_id: i, aws_secret_access_key: s }"
#define AZURE                                                                                       \
    "openai_api_key: k, openai_api_base: 'https://r.openai.azure.com', openai_deployment_name: d, " \
    "openai_api_version: v"
#define VERTEX                                                                                   \
    "vertex_project: p, vertex_credentials: '{\"type\":\"authorized_user\",\"client_id\":\"c\"," \
    "\"client_secret\":\"s\",\"refresh_token\":\"t\"}'"
#define SERVER "model_server_url: 'https://m.example'"

/* What stands for a provider, where a key and any model do not: what its configuration needs, or a model for each kind
 * that serves other types. The rows of a provider follow each other. */
static const struct example {
    const char *provider;
    const char *kind; /* beside the provider's name; NULL: every model */
    const char *model, *config;
} examples[] = {
    { "anthropic", NULL, "claude-sonnet-4-5", "anthropic_api_key: k" },
    { "anthropic", "`claude-2`, `claude-instant`", "claude-2.1", "anthropic_api_key: k" },
    { "azure", NULL, "m", AZURE },
    { "bedrock", NULL, "amazon.nova-pro-v1:0", AWS },
    { "bedrock", "Titan's and Cohere's embeddings", "amazon.titan-embed-text-v2:0", AWS },
    { "amazon-bedrock", NULL, "amazon.nova-pro-v1:0", AWS },
    { "amazon-bedrock", "Titan's and Cohere's embeddings", "amazon.titan-embed-text-v2:0", AWS },
    { "vertex_ai", "Gemini, Google's embeddings", "gemini-2.5-flash", VERTEX },
    { "vertex_ai", "Claude", "claude-sonnet-4-5", VERTEX },
    { "vertex_ai", "models of others", "mistral-medium-3", VERTEX },
    { "ai21labs", "Jamba", "jamba-large", "ai21labs_api_key: k" },
    { "ai21labs", "`j2-…`", "j2-ultra", "ai21labs_api_key: k" },
    { "sagemaker", NULL, "m", AWS },
    { "mlflow-model-serving", "`model_server_api: inputs`", "m", SERVER },
    { "mlflow-model-serving", "`model_server_api: openai`", "m", SERVER ", model_server_api: openai" },
};

/* --- asking --- */

/* The other providers need a key and an address. */
static void config_guess(struct sl_buf *out, const struct sl_provider *provider)
{
    const char *sep = "";
    for (const struct sl_opt *row = provider->opts; row && row->key; row++) {
        bool is_needed = (row->flags & SL_OPT_REQUIRED) != 0;
        if (is_needed && (row->type == SL_OPT_SECRET || row->type == SL_OPT_URL)) {
            sl_buf_printf(out, "%s%s: %s", sep, row->key, row->type == SL_OPT_URL ? "'https://h.example/v1'" : "k");
            sep = ", ";
        }
    }
}

static struct sl_config *config_load(const struct sl_provider *provider, const struct example *example,
                                     struct sl_arena *arena)
{
    struct sl_buf text = SL_BUF_INIT(4096);
    struct sl_problems problems;
    struct sl_config *config = NULL;
    sl_problems_init(&problems, arena);
    sl_buf_printf(
        &text,
        "endpoints:\n- { name: r, endpoint_type: llm/v1/completions, model: { provider: %s, name: '%s', config: { ",
        provider->name, example ? example->model : "m");
    if (example) {
        sl_buf_add_c(&text, example->config);
    } else {
        config_guess(&text, provider);
    }
    sl_buf_add_lit(&text, " } } }\n");
    if (sl_config_load_text("type_table.c", sl_buf_str(&text), arena, &problems, &config) < 0) {
        sl_problems_print(&problems, stderr);
        config = NULL;
    }
    sl_buf_done(&text);
    return config;
}

/* A request of that type, on OpenAI's paths: 0, or the error's type. */
static enum sl_error_type ask(const struct sl_target *target, enum sl_llm_type type, bool is_stream,
                              struct sl_arena *arena)
{
    static const char *const bodies[][2] = {
        { "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
          "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true}" },
        { "{\"model\":\"r\",\"prompt\":\"hi\"}", "{\"model\":\"r\",\"prompt\":\"hi\",\"stream\":true}" },
        { "{\"model\":\"r\",\"input\":\"hi\"}" },
    };
    const struct sl_provider *provider = target->provider;
    if (!target->languages[type] || !(provider->caps & SL_BIT(type)) ||
        (is_stream && !(provider->caps & SL_CAP_STREAM))) {
        return SL_ERR_CALLER_UNSUPPORTED;
    }
    struct sl_json doc, scratch;
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_headers none = { 0 };
    struct sl_cred fetched = { .parts = { SL_STR("Bearer t") }, .expires_usec = UINT64_MAX };
    struct sl_env env = { .wall_usec = 1767225600ULL * 1000000,
                          .headers = &none,
                          .scratch = &scratch,
                          .credential = target->cred ? &fetched : NULL };
    struct sl_incoming in = { .type = type, .headers = &none, .body = sl_str_c(bodies[type][is_stream]) };
    sl_json_init(&doc, NULL);
    sl_json_init(&scratch, NULL);
    int r = sl_dialect_read(&sl_dialect_openai, &in, &doc, arena, &call, &error);
    r = r < 0 || target->is_local ? r : provider->build(&call, target, &env, false, arena, &req, &error);
    sl_json_done(&doc);
    sl_json_done(&scratch);
    return r == 0 ? SL_ERR_NONE : error.type == SL_ERR_NONE ? SL_ERR_SLUICE_INTERNAL : error.type;
}

/* --- the table --- */

static void cell_write(struct sl_buf *out, enum sl_error_type type)
{
    if (type == SL_ERR_NONE) {
        sl_buf_add_lit(out, " yes |");
    } else if (type == SL_ERR_CALLER_UNSUPPORTED || type == SL_ERR_CALLER_RETIRED) {
        sl_buf_printf(out, " %d |", sl_error_type_status(type));
    } else {
        fprintf(stderr, "a request is refused: %s\n", sl_error_type_word(type));
        out->status = SL_E_INVAL;
    }
}

static void row_write(struct sl_buf *out, const struct sl_provider *provider, const struct example *example)
{
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_config *config = config_load(provider, example, &arena);
    if (!config) {
        out->status = SL_E_INVAL;
        sl_arena_done(&arena);
        return;
    }
    const struct sl_target *target = &config->routes[0]->targets[0];
    sl_buf_printf(out, "| `%s`%s%s |", provider->name, example && example->kind ? ": " : "",
                  example && example->kind ? example->kind : "");
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT; type++) {
        cell_write(out, ask(target, type, false, &arena));
        if (type != SL_LLM_EMBEDDINGS) {
            cell_write(out, ask(target, type, true, &arena));
        }
    }
    const char *sep = " ";
    for (enum sl_llm_type type = SL_LLM_TRANSLATED_COUNT; type < SL_LLM_ALL_COUNT; type++) {
        if (provider->passes & SL_BIT(type)) {
            sl_buf_printf(out, "%s%s", sep, sl_llm_type_name(type) + strlen("llm/v1/"));
            sep = ", ";
        }
    }
    sl_buf_add_lit(out, " |\n");
    sl_config_free(config);
    sl_arena_done(&arena);
}

void type_table_write(struct sl_buf *out)
{
    sl_buf_add_lit(out,
                   "| provider | chat | chat stream | completions | completions stream | embeddings | passed on |\n"
                   "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; sl_provider_at(i); i++) {
        const struct sl_provider *provider = sl_provider_at(i);
        bool has_example = false;
        for (size_t k = 0; k < SL_ARRAY_LEN(examples); k++) {
            if (strcmp(examples[k].provider, provider->name) == 0) {
                row_write(out, provider, &examples[k]);
                has_example = true;
            }
        }
        if (!has_example) {
            row_write(out, provider, NULL);
        }
    }
}
