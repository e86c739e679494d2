/* SPDX-License-Identifier: Apache-2.0 */
/* What the resources share that change routes: MLflow's, Databricks' and our own. */
#ifndef SL_GATE_CHANGE_H
#define SL_GATE_CHANGE_H

#include "gate/api/question.h"

/* Makes the route of the body, in create_route's form, with limits as sl_api_limits_or_refuse makes them; p == NULL:
 * none. The answer begins with sl_change_created_or_refuse. */
void sl_change_create(struct sl_xchg *x, struct sl_str limits, sl_question_fn *on_answer);
bool sl_change_created_or_refuse(struct sl_xchg *x, const struct sl_question *question);
/* Makes or replaces the path's route by the body's. The answer begins with sl_change_replaced_or_refuse. */
void sl_change_replace(struct sl_xchg *x, sl_question_fn *on_answer);
bool sl_change_replaced_or_refuse(struct sl_xchg *x, const struct sl_question *question);
/* Deletes the path's route. */
void sl_change_delete(struct sl_xchg *x);

#endif
