/* SPDX-License-Identifier: Apache-2.0 */
/* What all dialects of MLflow 3's paths have in common. */
#ifndef SL_LLM_MLFLOW_THREE_H
#define SL_LLM_MLFLOW_THREE_H

#include "llm/core/language.h"

extern const struct sl_language sl_language_mlflow3;
/* Functions of struct sl_dialect. */
void sl_mlflow3_no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error);

#define SL_OF_MLFLOW3                                                                                 \
    .errors = &sl_language_mlflow3, .no_route = sl_mlflow3_no_route,                                  \
    .duration_header = "x-mlflow-gateway-duration-ms", .credential_header = "x-mlflow-authorization", \
    .overhead_header = "x-mlflow-gateway-overhead-duration-ms"

#endif
