/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of calls, the lists of what each resource has, and in whose words what is told. Adding a resource is a line
 * here. */
#include "gate/api/table.h"
#include "llm/core/language.h"

extern const struct sl_path sl_audit_rows[], sl_databricks_rows[], sl_docs_rows[], sl_health_rows[], sl_keys_rows[],
    sl_limits_rows[], sl_metrics_rows[], sl_mlflow_routes_rows[], sl_openai_models_rows[], sl_routes_rows[],
    sl_secret_rows[];

extern const struct sl_dialect sl_dialect_databricks, sl_dialect_mlflow, sl_dialect_openai, sl_dialect_sluice;

static const struct sl_path invocations[] = {
    { .methods = SL_POST,
      .pattern = "/v1/chat/completions",
      .has_type = true,
      .type = SL_LLM_CHAT,
      .doc = "Query a chat route; `model` names the route. OpenAI's shapes." },
    { .methods = SL_POST,
      .pattern = "/v1/completions",
      .has_type = true,
      .type = SL_LLM_COMPLETIONS,
      .doc = "Query a completions route; `model` names the route. OpenAI's shapes." },
    { .methods = SL_POST,
      .pattern = "/v1/embeddings",
      .has_type = true,
      .type = SL_LLM_EMBEDDINGS,
      .doc = "Query an embeddings route; `model` names the route. OpenAI's shapes." },
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
    { "/v1/", &sl_dialect_openai },
    { "/api/sluice/", &sl_dialect_sluice },
    { "/api/2.0/serving-endpoints", &sl_dialect_databricks },
    { "/serving-endpoints/", &sl_dialect_databricks },
    { "", &sl_dialect_mlflow },
};

const struct sl_path_table sl_api_paths = { lists, prefixes };
