/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_COERCE_H
#define SL_LLM_MLFLOW_COERCE_H

#include "llm/mlflow/faults.h"
#include "llm/mlflow/schema.h"

/* Checks of scalars. */
void sl_mf_check_float(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v);
void sl_mf_check_int(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v);
void sl_mf_check_bool(struct sl_mf_check *check, struct sl_json_val v);
/* The meaning of a boolean field after its check. */
bool sl_mf_bool_value(struct sl_json_val v);

#endif
