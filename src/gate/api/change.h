/* SPDX-License-Identifier: Apache-2.0 */
/* What the resources share that change routes: MLflow's, Databricks' and our own. */
#ifndef SL_GATE_CHANGE_H
#define SL_GATE_CHANGE_H

#include "gate/api/question.h"
#include "gate/config/definition.h"

/* Reads the body to a definition on the request's arena. False: it was refused. */
bool sl_change_definition_or_refuse(struct sl_xchg *x, struct sl_str name, struct sl_definition *ret);
/* A route of the file is the operator's: false, it was refused. `what`: "made", "changed", "deleted". */
bool sl_change_own_or_refuse(struct sl_xchg *x, struct sl_str name, const char *code, const char *what);
/* Binds, and looks where it leads. Any thread. */
SL_MUST int sl_change_bind(const struct sl_definition *def, const struct sl_settings *settings, struct sl_route **ret,
                           struct sl_err *err);
/* Of a caller who has sent credentials: they stay no longer than needed. */
void sl_change_body_wipe(struct sl_xchg *x);
/* What If-Match asks for. */
void sl_change_if_match(const struct sl_xchg *x, struct sl_store_route_job *job);
/* The route is not the version that If-Match names. */
void sl_change_stale(struct sl_xchg *x, struct sl_str name);

/* Makes the route of the body, in create_route's form, with limits as sl_api_limits_or_refuse makes them; p == NULL:
 * none. The answer begins with sl_change_created_or_refuse. */
void sl_change_create(struct sl_xchg *x, struct sl_str limits, sl_question_fn *on_answer);
bool sl_change_created_or_refuse(struct sl_xchg *x, const struct sl_question *question);
/* Deletes the path's route. */
void sl_change_delete(struct sl_xchg *x);

#endif
