/* SPDX-License-Identifier: Apache-2.0 */
/* What the management handlers share. */
#ifndef SL_GATE_MANAGE_H
#define SL_GATE_MANAGE_H

#include "gate/call/exchange.h"
#include "gate/config/limits_json.h"
#include "json/write.h"

/* "rate_limits", "endpoint". */
extern const struct sl_limits_words sl_limits_databricks;

/* A writer into the worker's text, emptied. */
struct sl_jw *sl_manage_writer(struct sl_xchg *x, struct sl_jw *w);
/* Replies with that text as JSON; 503 when it did not fit into memory. */
void sl_manage_reply(struct sl_xchg *x, int status);

/* The route of the path, when there is one that this caller may see; else NULL. */
const struct sl_route *sl_manage_route(struct sl_xchg *x);

/* A route in MLflow's older words, as get_route shows it. `is_absolute`: its URL is one by itself, for clients that do
 * not know where they asked. */
void sl_manage_write_route(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route, bool is_absolute);
/* The same as a serving endpoint of Databricks'. */
void sl_manage_write_endpoint(struct sl_jw *w, const struct sl_route *route);
/* Does this client need absolute URLs? */
bool sl_manage_is_absolute(const struct sl_xchg *x);

/* Makes the route of the body, in create_route's form, with limits as sl_manage_limits makes them; p == NULL: none. */
void sl_manage_create(struct sl_xchg *x, struct sl_str limits);
/* A caller's list, checked and normalised on the request's arena; of an empty one p is NULL. False: the exchange was
 * failed. */
bool sl_manage_limits(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                      struct sl_str *ret);
/* Sets the limits of a route and answers with them in the caller's words. */
void sl_manage_limits_set(struct sl_xchg *x, struct sl_str name, struct sl_json_val list,
                          const struct sl_limits_words *words);

/* Refuses with a code of Databricks' (INVALID_PARAMETER_VALUE, …). */
void sl_manage_refuse(struct sl_xchg *x, enum sl_error_type type, const char *code, const char *fmt, ...)
    SL_PRINTF(4, 5);
/* A body that is not the schema: 422. `loc` "": the body as a whole. */
void sl_manage_refuse_body(struct sl_xchg *x, const char *type, const char *loc, const char *msg);
/* Parses the body, an object, into the worker's document. False: the exchange was failed. */
bool sl_manage_body(struct sl_xchg *x, struct sl_json_val *ret);

#endif
