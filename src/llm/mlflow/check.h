/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_CHECK_H
#define SL_LLM_MLFLOW_CHECK_H

#include "llm/mlflow/faults.h"
#include "llm/mlflow/schema.h"

/* Checks `v` against a model under the label "body". */
void sl_mf_check_body(struct sl_mf_check *check, const struct sl_mf_model *model, struct sl_json_val v);

#endif
