/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of calls, the lists of what each resource has, and in whose words what is told. Adding a resource is a line
 * here. */
#include "gate/api/table.h"
#include "llm/core/language.h"

extern const struct sl_path sl_audit_rows[], sl_databricks_rows[], sl_docs_rows[], sl_health_rows[], sl_keys_rows[],
    sl_limits_rows[], sl_metrics_rows[], sl_mlflow_routes_rows[], sl_openai_models_rows[], sl_routes_rows[],
    sl_secret_rows[];

extern const struct sl_dialect sl_dialect_databricks, sl_dialect_mlflow, sl_dialect_openai, sl_dialect_sluice;

#define OPENAI(path, llm_type, text)                                                               \
    {                                                                                              \
        .methods = SL_POST, .pattern = (path), .has_type = true, .type = (llm_type), .doc = (text) \
    }

static const struct sl_path invocations[] = {
    OPENAI("/v1/chat/completions", SL_LLM_CHAT, "Query a chat route; `model` names the route. OpenAI's shapes."),
    OPENAI("/v1/completions", SL_LLM_COMPLETIONS,
           "Query a completions route; `model` names the route. OpenAI's shapes."),
    OPENAI("/v1/embeddings", SL_LLM_EMBEDDINGS, "Query an embeddings route; `model` names the route. OpenAI's shapes."),
    OPENAI("/chat/completions", SL_LLM_CHAT, "The same for clients whose base URL lacks /v1."),
    OPENAI("/completions", SL_LLM_COMPLETIONS, "The same for clients whose base URL lacks /v1."),
    OPENAI("/embeddings", SL_LLM_EMBEDDINGS, "The same for clients whose base URL lacks /v1."),
    OPENAI("/openai/deployments/{}/chat/completions", SL_LLM_CHAT,
           "Query a chat route as Azure's client does; `api-version` is not looked at."),
    OPENAI("/openai/deployments/{}/completions", SL_LLM_COMPLETIONS,
           "Query a completions route as Azure's client does."),
    OPENAI("/openai/deployments/{}/embeddings", SL_LLM_EMBEDDINGS, "Query an embeddings route as Azure's client does."),
    { .methods = SL_POST, .pattern = "/gateway/{}/invocations", .doc = "Query a route. MLflow's shapes." },
    { .methods = SL_POST,
      .pattern = "/endpoints/{}/invocations",
      .doc = "Query a route; the same call under its other name." },
    { .methods = SL_POST,
      .pattern = "/serving-endpoints/{}/invocations",
      .doc = "Query a route, as Databricks' deployment client does." },
    { 0 },
};

/* In the order in which they are told. */
static const struct sl_path *const lists[] = {
    invocations,    sl_openai_models_rows, sl_health_rows, sl_metrics_rows, sl_mlflow_routes_rows,
    sl_limits_rows, sl_databricks_rows,    sl_routes_rows, sl_keys_rows,    sl_secret_rows,
    sl_audit_rows,  sl_docs_rows,          NULL,
};

static const struct sl_path_prefix prefixes[] = {
    { "/v1", &sl_dialect_openai },
    { "/chat/completions", &sl_dialect_openai },
    { "/completions", &sl_dialect_openai },
    { "/embeddings", &sl_dialect_openai },
    { "/models", &sl_dialect_openai },
    { "/openai", &sl_dialect_openai },
    { "/api/sluice", &sl_dialect_sluice },
    { "/api/2.0/serving-endpoints", &sl_dialect_databricks },
    { "/serving-endpoints", &sl_dialect_databricks },
    { "", &sl_dialect_mlflow },
};

const struct sl_path_table sl_api_paths = { lists, prefixes };
