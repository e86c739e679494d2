/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_OPENAPI_H
#define SL_LLM_MLFLOW_OPENAPI_H

#include "json/write.h"
#include "llm/mlflow/schema.h"

/* A request of that type as JSON Schema: the one that the path names the route of. */
void sl_mf_request_schema(struct sl_jw *w, enum sl_llm_type type);

#endif
