/* SPDX-License-Identifier: Apache-2.0 */
/* A body as a whole. */
#ifndef SL_LLM_MLFLOW_BODY_H
#define SL_LLM_MLFLOW_BODY_H

#include "llm/mlflow/schema.h"

/* Reads and checks a body as MLflow's server would: content type, BOM, Python's JSON, then the schema. `io_body`
 * becomes what was parsed. `edits` (may be NULL) gets what is to change on its way up. SL_E_INVAL with *ret_error
 * filled, or SL_E_NOMEM. */
SL_MUST int sl_mf_read_body(const struct sl_mf_model *model, struct sl_str *io_body, struct sl_str content_type,
                            struct sl_json *doc, struct sl_arena *arena, struct sl_json_edits *edits,
                            struct sl_llm_error *ret_error);

#endif
