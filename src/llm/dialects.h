/* SPDX-License-Identifier: Apache-2.0 */
/* The dialects by name, for the table of paths and for tests. */
#ifndef SL_LLM_DIALECTS_H
#define SL_LLM_DIALECTS_H

#include "llm/core/language.h"

extern const struct sl_dialect sl_dialect_anthropic, sl_dialect_bedrock, sl_dialect_cohere, sl_dialect_gemini;
extern const struct sl_dialect sl_dialect_openai, sl_dialect_responses, sl_dialect_mlflow;
/* MLflow's calls with Databricks' errors: for Databricks' SDK on MLflow's paths, and for its own paths. */
extern const struct sl_dialect sl_dialect_mlflow_sdk, sl_dialect_databricks;
/* MLflow 3's paths: its own, and those for clients of other APIs, which get MLflow's errors. */
extern const struct sl_dialect sl_dialect_mlflow3, sl_dialect_mlflow3_openai, sl_dialect_mlflow3_responses,
    sl_dialect_mlflow3_anthropic, sl_dialect_mlflow3_gemini;
extern const struct sl_dialect sl_dialect_sluice; /* only for errors: no call uses it */

#endif
