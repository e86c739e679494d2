/* SPDX-License-Identifier: Apache-2.0 */
/* The changes to a body before it goes up. */
#ifndef SL_LLM_MLFLOW_EDITS_H
#define SL_LLM_MLFLOW_EDITS_H

#include "llm/core/llm.h"

/* The edits that MLflow's schemas make: coercions, and members that are removed from objects at any depth: null ones,
 * and of a repeated one all but the last. Coercions may come in any order. */
SL_MUST int sl_mf_edits(const struct sl_json *doc, struct sl_json_edit *coercions, uint32_t n_coercions,
                        struct sl_json_edits *ret);

#endif
