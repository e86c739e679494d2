/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of calls, the list of each resource's paths, and the dialect for each path. For a new resource, add its
 * name to the externs and to `lists`. */
#include "gate/api/table.h"
#include "llm/dialects.h"

extern const struct sl_path sl_audit_rows[], sl_config_diff_rows[], sl_config_rows[], sl_console_rows[],
    sl_databricks_rows[], sl_docs_rows[], sl_groups_rows[], sl_health_rows[], sl_keys_rows[], sl_limits_rows[],
    sl_login_rows[], sl_metrics_rows[], sl_mlflow_routes_rows[], sl_models_rows[], sl_nodes_rows[],
    sl_provider_test_rows[], sl_providers_rows[], sl_requests_rows[], sl_routes_rows[], sl_secret_rows[],
    sl_sessions_rows[], sl_status_rows[], sl_targets_rows[], sl_usage_reprice_rows[], sl_usage_rows[];

#define OPENAI(path, llm_type, body_, ...)                                           \
    {                                                                                \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = (llm_type), \
        .told = SL_TOLD(__VA_ARGS__, .body = (body_), .reply = "OpenaiReply")        \
    }
#define CHAT(path, ...)        OPENAI(path, SL_LLM_CHAT, "OpenaiChatRequest", __VA_ARGS__)
#define COMPLETIONS(path, ...) OPENAI(path, SL_LLM_COMPLETIONS, "OpenaiCompletionsRequest", __VA_ARGS__)
#define EMBEDDINGS(path, ...)  OPENAI(path, SL_LLM_EMBEDDINGS, "OpenaiEmbeddingsRequest", __VA_ARGS__)
/* The path names the route. */
#define DEPLOYMENT(path, llm_type, kind, text) \
    OPENAI("/openai/deployments/{}/" path, llm_type, "Deployment" kind "Request", text, .parameters = "api-version")
#define MESSAGES(path, ...)                                                                 \
    {                                                                                       \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_CHAT,       \
        .told = SL_TOLD(__VA_ARGS__, .body = "AnthropicRequest", .reply = "AnthropicReply") \
    }
#define RESPONSES(path, ...)                                                                \
    {                                                                                       \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_CHAT,       \
        .told = SL_TOLD(__VA_ARGS__, .body = "ResponsesRequest", .reply = "ResponsesReply") \
    }
/* Calls for a response that was made before, and other calls of its upstream. */
#define FOLLOW(methods_, path, text_, body_, reply_)                                                      \
    {                                                                                                     \
        .methods = (methods_), .pattern = (path), .has_type = true, .type = SL_LLM_CHAT, .follows = true, \
        .told = SL_TOLD(text_, .body = (body_), .reply = (reply_))                                        \
    }
#define INPUT_TOKENS(path)                                                                                             \
    {                                                                                                                  \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_CHAT, .follows = true, .counts = true, \
        .told = SL_TOLD("How many tokens a call has; an estimate if its provider cannot say it.",                      \
                        .body = "ResponsesRequest", .reply = "ResponsesTokenCount", .headers = "x-sluice-estimate")    \
    }
#define FOLLOWS(before, text)                                                                                  \
    INPUT_TOKENS(before "/responses/input_tokens"),                                                            \
        FOLLOW(SL_POST, before "/responses/compact", "Shorten a conversation, if the upstream has this call.", \
               "ResponsesRequest", "ResponsesReply"),                                                          \
        FOLLOW(SL_GET, before "/responses/{}", text ": read it.", NULL, "ResponsesReply"),                     \
        FOLLOW(SL_DELETE, before "/responses/{}", text ": delete it.", NULL, "ResponsesReply"),                \
        FOLLOW(SL_POST, before "/responses/{}/cancel", text ": cancel it.", NULL, "ResponsesReply"),           \
        FOLLOW(SL_GET, before "/responses/{}/input_items", text ": read what it answered.", NULL, "ResponsesReply")
#define COUNT(path, text)                                                                                             \
    {                                                                                                                 \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_CHAT, .counts = true,                 \
        .told = SL_TOLD(text, .body = "AnthropicCountRequest", .reply = "TokenCount", .headers = "x-sluice-estimate") \
    }
#define COHERE(path, llm_type, kind, text)                                                     \
    {                                                                                          \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = (llm_type),           \
        .told = SL_TOLD(text, .body = "Cohere" kind "Request", .reply = "Cohere" kind "Reply") \
    }
#define CONVERSE(path, text, ...)                                                                                     \
    {                                                                                                                 \
        .methods = SL_POST, .pattern = "/model/{}/" path, .has_type = true, .takes_slash = true, .type = SL_LLM_CHAT, \
        .told = SL_TOLD(text, .body = "ConverseRequest", __VA_ARGS__)                                                 \
    }
#define GEMINI(path, llm_type, body_, reply_, ...)                                   \
    {                                                                                \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = (llm_type), \
        .told = SL_TOLD(__VA_ARGS__, .body = (body_), .reply = (reply_))             \
    }
#define GEMINI_COUNT(path, text)                                                                      \
    {                                                                                                 \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_CHAT, .counts = true, \
        .told = SL_TOLD(text, .body = "GeminiCountRequest", .reply = "GeminiTokenCount",              \
                        .headers = "x-sluice-estimate", .parameters = "key")                          \
    }
/* The same for both versions. */
#define GEMINI_ALL(version)                                                                                           \
    GEMINI(version "/models/{}:generateContent", SL_LLM_CHAT, "GeminiRequest", "GeminiReply",                         \
           "Query a chat route, which the path names. Gemini's shapes.", .parameters = "key"),                        \
        GEMINI(version "/models/{}:streamGenerateContent", SL_LLM_CHAT, "GeminiRequest", "GeminiReplyList",           \
               "The same as a stream: a list of replies, or with alt=sse an event for each.",                         \
               .parameters = "alt key"),                                                                              \
        GEMINI_COUNT(version "/models/{}:countTokens",                                                                \
                     "How many tokens a chat has; an estimate if its provider cannot say it."),                       \
        GEMINI(version "/models/{}:embedContent", SL_LLM_EMBEDDINGS, "GeminiEmbedRequest", "GeminiEmbedding",         \
               "Query an embeddings route, which the path names.", .parameters = "key"),                              \
        GEMINI(version "/models/{}:batchEmbedContents", SL_LLM_EMBEDDINGS, "GeminiEmbedBatch", "GeminiEmbeddingList", \
               "The same for several contents.", .parameters = "key")
#define MLFLOW(path, text)                                                                                \
    {                                                                                                     \
        .methods = SL_POST, .pattern = (path), .told = SL_TOLD(text, .body = "Request", .reply = "Reply") \
    }
/* These pass to the provider unchanged. */
#define PASSED_AT(before, llm_type, tail_, body_, text, ...)                                              \
    {                                                                                                     \
        .methods = SL_POST, .pattern = before tail_, .has_type = true, .type = (llm_type), .tail = tail_, \
        .told = SL_TOLD(text, .body = (body_), __VA_ARGS__)                                               \
    }
#define PASSED(...) PASSED_AT("/v1/", __VA_ARGS__)
/* The same with a file, as a form. */
#define UPLOAD(before, llm_type, tail_, text, ...)                                                        \
    {                                                                                                     \
        .methods = SL_POST, .pattern = before tail_, .has_type = true, .type = (llm_type), .tail = tail_, \
        .takes_form = true, .told = SL_TOLD(text, .reply = "OpenaiReply", __VA_ARGS__)                    \
    }
#define AZURE "/openai/deployments/{}/"
#define RERANK(path, text)                                                                                \
    {                                                                                                     \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = SL_LLM_RERANK, .tail = "rerank", \
        .told = SL_TOLD(text, .body = "RerankRequest", .reply = "RerankReply")                            \
    }
/* For MLflow 3's paths. */
#define TIMED .headers = "x-mlflow-gateway-duration-ms"
#define UNIFIED(path, llm_type, body_, text, ...)                                           \
    {                                                                                       \
        .methods = SL_POST, .pattern = (path), .type = (llm_type),                          \
        .told = SL_TOLD(text, .body = (body_), .reply = "UnifiedReply", TIMED), __VA_ARGS__ \
    }
#define AS_AZURE "The same for Azure's client; the path names the route."
#define SAME     "The same for clients whose base URL lacks /v1."

/* The paths that are called most come first: a path is looked for from the front. */
static const struct sl_path invocations[] = {
    CHAT("/v1/chat/completions", "Query a chat route; `model` names the route. OpenAI's shapes."),
    COMPLETIONS("/v1/completions", "Query a completions route; `model` names the route. OpenAI's shapes."),
    EMBEDDINGS("/v1/embeddings", "Query an embeddings route; `model` names the route. OpenAI's shapes."),
    RESPONSES("/v1/responses", "Query a chat route; `model` names the route. The shapes of OpenAI's Responses API."),
    MESSAGES("/v1/messages", "Query a chat route; `model` names the route. Anthropic's shapes."),
    PASSED(SL_LLM_IMAGES, "images/generations", "OpenaiImagesRequest", "Query an images route. OpenAI's shapes.",
           .reply = "OpenaiReply"),
    UPLOAD("/v1/", SL_LLM_IMAGES, "images/edits", "Change images, by an images route. OpenAI's shapes.",
           .form = "OpenaiImagesEditForm", .body = "OpenaiImagesRequest"),
    UPLOAD("/v1/", SL_LLM_IMAGES, "images/variations", "The same without words.", .form = "OpenaiImagesVariationForm"),
    PASSED(SL_LLM_SPEECH, "audio/speech", "OpenaiSpeechRequest", "Query a speech route. The reply is the sound.",
           .media = "audio/mpeg"),
    UPLOAD("/v1/", SL_LLM_TRANSCRIPTIONS, "audio/transcriptions",
           "Query a transcriptions route with a recording. The reply is JSON, a text, or events.",
           .form = "OpenaiTranscriptionForm"),
    UPLOAD("/v1/", SL_LLM_TRANSCRIPTIONS, "audio/translations", "The same, into English.",
           .form = "OpenaiTranscriptionForm"),
    PASSED(SL_LLM_MODERATIONS, "moderations", "OpenaiModerationsRequest", "Query a moderations route. OpenAI's shapes.",
           .reply = "OpenaiReply"),
    RERANK("/v1/rerank", "Query a rerank route. The shapes that Cohere, Jina and vLLM have."),
    CHAT("/chat/completions", SAME),
    COMPLETIONS("/completions", SAME),
    EMBEDDINGS("/embeddings", SAME),
    DEPLOYMENT("chat/completions", SL_LLM_CHAT, "Chat",
               "Query a chat route as Azure's client does; `api-version` is not looked at."),
    DEPLOYMENT("completions", SL_LLM_COMPLETIONS, "Completions", "Query a completions route as Azure's client does."),
    DEPLOYMENT("embeddings", SL_LLM_EMBEDDINGS, "Embeddings", "Query an embeddings route as Azure's client does."),
    PASSED_AT(AZURE, SL_LLM_IMAGES, "images/generations", "DeploymentImagesRequest", AS_AZURE, .reply = "OpenaiReply",
              .parameters = "api-version"),
    UPLOAD(AZURE, SL_LLM_IMAGES, "images/edits", AS_AZURE, .form = "DeploymentImagesEditForm",
           .body = "DeploymentImagesRequest", .parameters = "api-version"),
    PASSED_AT(AZURE, SL_LLM_SPEECH, "audio/speech", "DeploymentSpeechRequest", AS_AZURE, .media = "audio/mpeg",
              .parameters = "api-version"),
    UPLOAD(AZURE, SL_LLM_TRANSCRIPTIONS, "audio/transcriptions", AS_AZURE, .form = "DeploymentTranscriptionForm",
           .parameters = "api-version"),
    UPLOAD(AZURE, SL_LLM_TRANSCRIPTIONS, "audio/translations", AS_AZURE, .form = "DeploymentTranscriptionForm",
           .parameters = "api-version"),
    RESPONSES("/responses", SAME),
    RESPONSES("/openai/responses", "The same as Azure's client calls it; `api-version` is not looked at.",
              .parameters = "api-version"),
    RESPONSES("/openai/v1/responses", "The same for Azure's newer base URL."),
    FOLLOWS("/v1", "An earlier response of an upstream that keeps them"),
    FOLLOWS("", "The same without /v1"),
    FOLLOWS("/openai", "The same as Azure's client calls it"),
    FOLLOWS("/openai/v1", "The same for Azure's newer base URL"),
    COUNT("/v1/messages/count_tokens", "How many tokens a chat has; an estimate if its provider cannot say it."),
    COUNT("/anthropic/v1/messages/count_tokens", "The same for clients whose base URL ends with /anthropic."),
    MESSAGES("/anthropic/v1/messages", "The same for clients whose base URL ends with /anthropic."),
    COHERE("/v2/chat", SL_LLM_CHAT, "Chat", "Query a chat route; `model` names the route. Cohere's shapes."),
    COHERE("/v2/embed", SL_LLM_EMBEDDINGS, "Embed", "Query an embeddings route. Cohere's shapes."),
    RERANK("/v2/rerank", "The same, for Cohere's clients: errors are told in its shape."),
    CONVERSE("converse", "Query a chat route as Bedrock's client does.", .reply = "ConverseReply"),
    CONVERSE("converse-stream", "The same, as a stream of Amazon's frames.",
             .media = "application/vnd.amazon.eventstream"),
    GEMINI_ALL("/v1beta"),
    GEMINI_ALL("/v1"),
    MLFLOW("/gateway/{}/invocations", "Query a route. MLflow's shapes."),
    MLFLOW("/endpoints/{}/invocations", "Query a route; the same call under its other name."),
    MLFLOW("/serving-endpoints/{}/invocations", "Query a route, as Databricks' deployment client does."),
    { .methods = SL_GET | SL_POST | SL_PUT | SL_PATCH | SL_DELETE,
      .pattern = "/gateway/proxy/{}/**",
      .is_passage = true,
      .told = SL_TOLD("A call of the provider's own API, passed on with the route's credential.", .parameters = "path",
                      TIMED) },
    UNIFIED("/gateway/{}/mlflow/invocations", SL_LLM_CHAT, "Request",
            "Query a chat or an embeddings route as MLflow 3's clients do.", .dialect = &sl_dialect_mlflow3),
    UNIFIED("/gateway/mlflow/v1/chat/completions", SL_LLM_CHAT, "UnifiedChatRequest",
            "Query a chat route as MLflow 3's judges do; `model` names the route.", .has_type = true),
    UNIFIED("/gateway/mlflow/v1/embeddings", SL_LLM_EMBEDDINGS, "UnifiedEmbeddingsRequest",
            "Query an embeddings route; `model` names the route. MLflow 3's shapes.", .has_type = true),
    CHAT("/gateway/openai/v1/chat/completions", "OpenAI's shapes on MLflow 3's path.", TIMED),
    EMBEDDINGS("/gateway/openai/v1/embeddings", "OpenAI's shapes on MLflow 3's path.", TIMED),
    RESPONSES("/gateway/openai/v1/responses", "OpenAI's Responses API on MLflow 3's path.", TIMED),
    GEMINI("/gateway/gemini/v1beta/models/{}:generateContent", SL_LLM_CHAT, "GeminiRequest", "GeminiReply",
           "Gemini's shapes on MLflow 3's path.", .parameters = "key", TIMED),
    GEMINI("/gateway/gemini/v1beta/models/{}:streamGenerateContent", SL_LLM_CHAT, "GeminiRequest", "GeminiReplyList",
           "The same as a stream.", .parameters = "key", TIMED),
    MESSAGES("/gateway/anthropic/v1/messages", "Anthropic's shapes on MLflow 3's path.", TIMED),
    { 0 },
};

/* In the order in which docs and /openapi.json list them. */
static const struct sl_path *const lists[] = {
    invocations,        sl_models_rows,        sl_health_rows,
    sl_metrics_rows,    sl_mlflow_routes_rows, sl_limits_rows,
    sl_databricks_rows, sl_routes_rows,        sl_groups_rows,
    sl_keys_rows,       sl_sessions_rows,      sl_login_rows,
    sl_secret_rows,     sl_providers_rows,     sl_provider_test_rows,
    sl_status_rows,     sl_config_rows,        sl_config_diff_rows,
    sl_targets_rows,    sl_usage_rows,         sl_usage_reprice_rows,
    sl_requests_rows,   sl_audit_rows,         sl_nodes_rows,
    sl_docs_rows,       sl_console_rows,       NULL,
};

/* Below /v1/models, paths with these endings are Gemini's. */
static const struct sl_str gemini_actions[] = {
    SL_STR_INIT(":generateContent"), SL_STR_INIT(":streamGenerateContent"), SL_STR_INIT(":countTokens"),
    SL_STR_INIT(":embedContent"),    SL_STR_INIT(":batchEmbedContents"),    { 0 },
};

static const struct sl_path_prefix prefixes[] = {
    { SL_STR_INIT("/v1beta"), &sl_dialect_gemini },
    { SL_STR_INIT("/v1/models"), &sl_dialect_gemini, .endings = gemini_actions },
    { SL_STR_INIT("/v1/models"), &sl_dialect_gemini, .header = "x-goog-api-client" },
    { SL_STR_INIT("/v1/messages"), &sl_dialect_anthropic },
    { SL_STR_INIT("/anthropic"), &sl_dialect_anthropic },
    { SL_STR_INIT("/v1/models"), &sl_dialect_anthropic, .header = "anthropic-version" },
    { SL_STR_INIT("/v1/responses"), &sl_dialect_responses },
    { SL_STR_INIT("/responses"), &sl_dialect_responses },
    { SL_STR_INIT("/openai/responses"), &sl_dialect_responses },
    { SL_STR_INIT("/openai/v1/responses"), &sl_dialect_responses },
    { SL_STR_INIT("/v1/files"), &sl_dialect_anthropic, .header = "anthropic-version" },
    { SL_STR_INIT("/v1/skills"), &sl_dialect_anthropic, .header = "anthropic-version" },
    { SL_STR_INIT("/v1/complete"), &sl_dialect_anthropic },
    { SL_STR_INIT("/v1"), &sl_dialect_openai },
    { SL_STR_INIT("/v2"), &sl_dialect_cohere },
    { SL_STR_INIT("/model"), &sl_dialect_bedrock },
    { SL_STR_INIT("/chat/completions"), &sl_dialect_openai },
    { SL_STR_INIT("/completions"), &sl_dialect_openai },
    { SL_STR_INIT("/embeddings"), &sl_dialect_openai },
    { SL_STR_INIT("/models"), &sl_dialect_openai },
    { SL_STR_INIT("/openai"), &sl_dialect_openai },
    { SL_STR_INIT("/api/sluice"), &sl_dialect_sluice },
    { SL_STR_INIT("/api/2.0/serving-endpoints"), &sl_dialect_databricks },
    { SL_STR_INIT("/serving-endpoints"), &sl_dialect_databricks },
    { SL_STR_INIT("/gateway/openai/v1/responses"), &sl_dialect_mlflow3_responses },
    { SL_STR_INIT("/gateway/openai/v1"), &sl_dialect_mlflow3_openai },
    { SL_STR_INIT("/gateway/gemini/v1beta"), &sl_dialect_mlflow3_gemini },
    { SL_STR_INIT("/gateway/anthropic/v1"), &sl_dialect_mlflow3_anthropic },
    { SL_STR_INIT("/gateway/mlflow/v1"), &sl_dialect_mlflow3 },
    { SL_STR_INIT("/gateway/proxy"), &sl_dialect_mlflow3 },
    { SL_STR_INIT(""), &sl_dialect_mlflow },
};

const struct sl_path_table sl_api_paths = { lists, prefixes };
