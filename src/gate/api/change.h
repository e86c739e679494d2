/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for all resources that change routes: MLflow's, Databricks' and Sluice's own. */
#ifndef SL_GATE_CHANGE_H
#define SL_GATE_CHANGE_H

#include "gate/api/question.h"

/* Makes the route of the body (in create_route's form). `limits` are from sl_api_limits_or_refuse; p == NULL: none. The
 * answer's handler must begin with sl_change_created_or_refuse. */
void sl_change_create(struct sl_xchg *x, struct sl_str limits, sl_question_fn *on_answer);
bool sl_change_created_or_refuse(struct sl_xchg *x, const struct sl_question *question);
/* Makes the path's route from the body, or replaces it. The answer's handler must begin with
 * sl_change_replaced_or_refuse. */
void sl_change_replace(struct sl_xchg *x, sl_question_fn *on_answer);
bool sl_change_replaced_or_refuse(struct sl_xchg *x, const struct sl_question *question);
/* Deletes the path's route. */
void sl_change_delete(struct sl_xchg *x);

#endif
