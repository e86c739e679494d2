/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_OPENAPI_H
#define SL_LLM_MLFLOW_OPENAPI_H

#include "json/write.h"
#include "llm/mlflow/schema.h"

/* Writes a request of that type as JSON Schema, for paths that name the route. */
void sl_mf_request_schema(struct sl_jw *w, enum sl_llm_type type);

#endif
