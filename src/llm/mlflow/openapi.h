/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_OPENAPI_H
#define SL_LLM_MLFLOW_OPENAPI_H

#include "json/write.h"
#include "llm/mlflow/schema.h"

/* A model as JSON Schema. */
void sl_mf_model_schema(struct sl_jw *w, const struct sl_mf_model *model);

#endif
