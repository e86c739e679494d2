/* SPDX-License-Identifier: Apache-2.0 */
#include "feature_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
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

/* --- the columns --- */

const char *const feature_providers[] = { "openai", "azure",    "anthropic", "gemini", "bedrock", "cohere", "mistral",
                                          "groq",   "deepseek", "xai",       "ollama", "tgi",     NULL };

#define ROUTE(name, provider, model, config)                                                         \
    "- { name: " name ", endpoint_type: llm/v1/chat, model: { provider: " provider ", name: '" model \
    "', config: { " config " } } }\n"

/* A model that can do what the provider's models can. */
static const char routes[] = "endpoints:\n" ROUTE("openai", "openai", "gpt-5", "openai_api_key: k")
    ROUTE("azure", "azure", "gpt-5",
          "openai_api_key: k, openai_api_base: 'https://r.openai.azure.com', openai_deployment_name: d, "
          "openai_api_version: v") ROUTE("anthropic", "anthropic", "claude-sonnet-4-5", "anthropic_api_key: k")
        ROUTE("gemini", "gemini", "gemini-2.5-flash", "gemini_api_key: k")
            ROUTE("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0",
                  "aws_config: { aws_region: us-east-1, aws_access_key_id: i, aws_secret_access_key: s }")
                ROUTE("cohere", "cohere", "command-a-reasoning-08-2025", "cohere_api_key: k")
                    ROUTE("mistral", "mistral", "mistral-medium-latest", "mistral_api_key: k")
                        ROUTE("groq", "groq", "openai/gpt-oss-120b", "api_key: k")
                            ROUTE("deepseek", "deepseek", "deepseek-v4-pro", "api_key: k")
                                ROUTE("xai", "xai", "grok-4", "api_key: k")
                                    ROUTE("ollama", "ollama", "gpt-oss", "api_base: 'http://localhost:11434/v1'")
                                        ROUTE("tgi", "huggingface-text-generation-inference", "m",
                                              "hf_server_url: 'http://localhost:8080'");

/* --- the rows: what the specification's table has, and what OpenAI's clients send besides --- */

#define USER                 "{'role':'user','content':'hi'}"
#define CALL(messages, more) "{'model':'r','messages':[" messages "]" more "}"
#define HI                   CALL(USER, "")
#define WITH(name, member)                       \
    {                                            \
        name, HI, CALL(USER, "," member), member \
    }
#define PART(name, part)                                                                        \
    {                                                                                           \
        name, CALL("{'role':'user','content':[{'type':'text','text':'see'}]}", ""),             \
            CALL("{'role':'user','content':[{'type':'text','text':'see'}," part "]}", ""), part \
    }
#define TOOLS "'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{}}}}]"
#define OF_TOOLS(name, member)                                                \
    {                                                                         \
        name, CALL(USER, "," TOOLS), CALL(USER, "," TOOLS "," member), member \
    }

const struct feature features[] = {
    { "a `system` message", HI, CALL("{'role':'system','content':'be brief'}," USER, ""),
      "{'role':'system','content':'be brief'}" },
    { "a `developer` message", HI, CALL("{'role':'developer','content':'be brief'}," USER, ""),
      "{'role':'developer','content':'be brief'}" },
    { "a last message of the assistant", HI, CALL(USER ",{'role':'assistant','content':'Well'}", ""),
      "{'role':'assistant','content':'Well'}" },
    PART("an image as data", "{'type':'image_url','image_url':{'url':'data:image/png;base64,iVBORw0KGgo='}}"),
    PART("an image's URL", "{'type':'image_url','image_url':{'url':'https://e.example/a.png'}}"),
    PART("`input_audio`", "{'type':'input_audio','input_audio':{'data':'AAAA','format':'wav'}}"),
    PART("a PDF file",
         "{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,JVBERg=='}}"),
    PART("a file of text", "{'type':'file','file':{'filename':'a.txt','file_data':'data:text/plain;base64,aGk='}}"),
    { "`tools`", HI, CALL(USER, "," TOOLS), TOOLS },
    OF_TOOLS("`tool_choice` required", "'tool_choice':'required'"),
    OF_TOOLS("`parallel_tool_calls` false", "'parallel_tool_calls':false"),
    WITH("`response_format` json_schema",
         "'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object','properties':{'a'"
         ":{'type':'string'}},'required':['a'],'additionalProperties':false}}}"),
    WITH("`response_format` json_object", "'response_format':{'type':'json_object'}"),
    WITH("`max_completion_tokens`", "'max_completion_tokens':77"),
    WITH("`max_tokens`", "'max_tokens':77"),
    WITH("`stop`", "'stop':['x','y']"),
    WITH("`temperature`", "'temperature':0.7"),
    WITH("`top_p`", "'top_p':0.8"),
    WITH("`top_k`", "'top_k':7"),
    WITH("`n` of 2", "'n':2"),
    WITH("`seed`", "'seed':7"),
    WITH("`logprobs`", "'logprobs':true"),
    WITH("`frequency_penalty`", "'frequency_penalty':0.5"),
    WITH("`presence_penalty`", "'presence_penalty':0.5"),
    WITH("`logit_bias`", "'logit_bias':{'7':5}"),
    WITH("`reasoning_effort`", "'reasoning_effort':'low'"),
    WITH("`verbosity`", "'verbosity':'low'"),
    WITH("`user`", "'user':'u-1'"),
    WITH("`safety_identifier`", "'safety_identifier':'u-1'"),
    WITH("`metadata`", "'metadata':{'a':'b'}"),
    WITH("`store`", "'store':true"),
    WITH("`service_tier` flex", "'service_tier':'flex'"),
    WITH("`prediction`", "'prediction':{'type':'content','content':'x'}"),
    WITH("`web_search_options`", "'web_search_options':{'search_context_size':'low'}"),
    WITH("`modalities` with audio", "'modalities':['text','audio'],'audio':{'voice':'alloy','format':'wav'}"),
    WITH("a member that nobody knows", "'x_own':{'a':1}"),
};
const size_t n_features = SL_ARRAY_LEN(features);

/* --- building --- */

struct built {
    int r;
    struct sl_str body, dropped;
};

static struct sl_str quoted(struct sl_arena *arena, const char *text)
{
    struct sl_str s = sl_arena_dup(arena, sl_str_c(text));
    for (size_t i = 0; i < s.n; i++) {
        char *p = (char *)(uintptr_t)s.p;
        p[i] = p[i] == '\'' ? '"' : p[i];
    }
    return s;
}

static struct built build(const struct sl_target *target, const char *text, struct sl_arena *arena)
{
    struct sl_json doc, scratch;
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_headers headers = { 0 };
    struct sl_env env = { .wall_usec = 1767225600ULL * 1000000, .request_id = SL_STR("req-1"), .scratch = &scratch };
    struct sl_buf body = SL_BUF_INIT(1 << 20);
    struct built out = { 0 };
    sl_json_init(&doc, NULL);
    sl_json_init(&scratch, NULL);
    out.r = sl_headers_add(&headers, arena, SL_STR("content-type"), SL_STR("application/json"));
    struct sl_incoming in = {
        .type = SL_LLM_CHAT, .path = SL_STR(""), .headers = &headers, .body = quoted(arena, text)
    };
    out.r = out.r < 0 ? out.r : sl_dialect_read(&sl_dialect_openai, &in, &doc, arena, &call, &error);
    out.r = out.r < 0 ? out.r : target->provider->build(&call, target, &env, false, arena, &req, &error);
    for (size_t i = 0; out.r == 0 && i < req.n_slices; i++) {
        sl_buf_add_str(&body, req.slices[i]);
    }
    out.body = sl_arena_dup(arena, sl_buf_str(&body));
    out.dropped = out.r == 0 && req.dropped.n ? sl_arena_dup(arena, req.dropped) : SL_STR("");
    sl_buf_done(&body);
    sl_json_done(&doc);
    sl_json_done(&scratch);
    return out;
}

enum feature_fate feature_fate(const struct sl_config *config, size_t provider, const struct feature *feature)
{
    const struct sl_target *target = &config->routes[provider]->targets[0];
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct built base = build(target, feature->base, &arena), with = build(target, feature->call, &arena);
    bool is_named = !sl_str_eq(base.dropped, with.dropped), is_same_body = sl_str_eq(base.body, with.body);
    enum feature_fate fate = with.r < 0     ? FEATURE_REFUSED
                             : is_same_body ? (is_named ? FEATURE_LEFT_OUT : FEATURE_SILENT)
                             : is_named     ? FEATURE_PART
                             : sl_str_find(with.body, quoted(&arena, feature->text), 0) >= 0 ? FEATURE_SAME
                                                                                             : FEATURE_CHANGED;
    sl_arena_done(&arena);
    return fate;
}

struct sl_config *features_load(struct sl_arena *arena)
{
    struct sl_problems problems;
    struct sl_config *config = NULL;
    sl_problems_init(&problems, arena);
    if (sl_config_load_text("features.c", sl_str_c(routes), arena, &problems, &config) < 0) {
        sl_problems_print(&problems, stderr);
        return NULL;
    }
    return config;
}

/* --- the page --- */

static const char head[] =
    "# Features\n"
    "\n"
    "<!-- Generated by tools/feature_table.c, which builds each request: `make docs`. A test fails when this\n"
    "page is stale. -->\n"
    "\n"
    "## Which members of a chat reach which provider\n"
    "\n"
    "Each cell is the result of building the provider's request for OpenAI's `/v1/chat/completions`\n"
    "with the member and without it. [providers.md](providers.md) says what the member becomes.\n"
    "\n"
    "- *as it is*: it is sent unchanged.\n"
    "- *changed*: it is renamed, or translated for the provider.\n"
    "- *in part*: the same, and `x-sluice-dropped` names the parts that the provider cannot take.\n"
    "- *left out*: the provider cannot take it, and it is only a hint. `x-sluice-dropped` names it.\n"
    "- *refused*: the provider cannot take it, and without it the answer would be another one.\n"
    "\n";

static void cells_write(struct sl_buf *out, const struct sl_config *config, const struct feature *feature)
{
    static const char *const words[] = {
        [FEATURE_SAME] = "as it is",     [FEATURE_CHANGED] = "changed", [FEATURE_PART] = "in part",
        [FEATURE_LEFT_OUT] = "left out", [FEATURE_REFUSED] = "refused", [FEATURE_SILENT] = "?",
    };
    sl_buf_printf(out, "| %s |", feature->name);
    for (size_t p = 0; feature_providers[p]; p++) {
        sl_buf_printf(out, " %s |", words[feature_fate(config, p, feature)]);
    }
    sl_buf_add_char(out, '\n');
}

/* What comes beside the text of an answer. */
static const char *const beside[][4] = {
    { "`anthropic` and Claude of `vertex_ai`", "`web_search_result_location`, `search_result_location` with an address",
      "none there are",
      "places in documents of the call (`reply.citations`), blocks of tools that the upstream ran "
      "(`reply.server_tools`)" },
    { "`bedrock`", "citations with a `web` location, or a `source` that is an address", "none there are",
      "other citations (`reply.citations`), `reply.trace`, `reply.additionalModelResponseFields`, other blocks "
      "(`reply.parts`)" },
    { "`gemini` and Gemini of `vertex_ai`", "`groundingChunks` of the web", "yes, in streams too",
      "the rest of `reply.groundingMetadata`, `reply.citationMetadata`, `reply.urlContextMetadata`, "
      "`reply.safetyRatings`, `reply.avgLogprobs`, "
      "sound and films (`reply.audio`), code that was run (`reply.parts`)" },
    { "`cohere`", "sources with a `url` (of a document or a tool's output)", "yes; asked for in whole replies only",
      "other sources, and those of thoughts (`reply.citations`)" },
    { "`openai` with `openai_api: responses`", "`url_citation`", "yes, in streams too",
      "other annotations (`reply.annotations`), items of tools that the upstream ran (`reply.server_tools`)" },
    { "OpenAI's family, for clients of other languages", "those clients have no place for them", "no place either",
      "`reply.annotations`, `reply.logprobs`, `reply.audio`, `reply.images`, `reply.citations`, "
      "`reply.search_results`" },
};

void features_write(struct sl_buf *out)
{
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_config *config = features_load(&arena);
    if (!config) {
        out->status = SL_E_INVAL;
        sl_arena_done(&arena);
        return;
    }
    sl_buf_add_c(out, head);
    sl_buf_add_lit(out, "| |");
    for (size_t p = 0; feature_providers[p]; p++) {
        sl_buf_printf(out, " %s |", feature_providers[p]);
    }
    sl_buf_add_lit(out, "\n|---|");
    for (size_t p = 0; feature_providers[p]; p++) {
        sl_buf_add_lit(out, "---|");
    }
    sl_buf_add_char(out, '\n');
    for (size_t i = 0; i < n_features; i++) {
        cells_write(out, config, &features[i]);
    }
    sl_buf_add_lit(out, "\nOf these models:\n\n");
    for (size_t p = 0; feature_providers[p]; p++) {
        const struct sl_target *target = &config->routes[p]->targets[0];
        sl_buf_printf(out, "- %s: `%.*s`\n", target->provider->name, SL_STR_ARG(target->model));
    }
    sl_buf_add_lit(out,
                   "\n## What stands beside an answer\n\n"
                   "| upstream | sources, as `annotations` | `logprobs` | left out and named |\n|---|---|---|---|\n");
    for (size_t i = 0; i < SL_ARRAY_LEN(beside); i++) {
        sl_buf_printf(out, "| %s | %s | %s | %s |\n", beside[i][0], beside[i][1], beside[i][2], beside[i][3]);
    }
    sl_config_free(config);
    sl_arena_done(&arena);
}
