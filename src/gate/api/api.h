/* SPDX-License-Identifier: Apache-2.0 */
/* What the management handlers share. */
#ifndef SL_GATE_API_H
#define SL_GATE_API_H

#include "base/str.h"
#include "llm/core/error.h"

struct sl_json_val;
struct sl_jw;
struct sl_snapshot;
struct sl_xchg;

/* A writer into the worker's text, emptied. */
struct sl_jw *sl_api_writer(struct sl_xchg *x, struct sl_jw *w);
/* Replies with that text as JSON; 503 when it did not fit into memory. */
void sl_api_reply(struct sl_xchg *x, int status);

/* The route of the path, when there is one that this caller may see; else NULL. */
const struct sl_route *sl_api_route(struct sl_xchg *x);

/* Refuses with a code of Databricks' (INVALID_PARAMETER_VALUE, …). */
void sl_api_refuse(struct sl_xchg *x, enum sl_error_type type, const char *code, const char *fmt, ...) SL_PRINTF(4, 5);
/* 404: there is no route of that name, or none that this caller may know of. */
void sl_api_refuse_missing(struct sl_xchg *x, struct sl_str name);
/* The query's page_token is not one. */
void sl_api_refuse_page(struct sl_xchg *x);
/* The query's page_token where it is a number: *ret is 0 when there is none. False: it was refused. */
bool sl_api_page_or_refuse(struct sl_xchg *x, uint64_t *ret);
/* A body that is not the schema, with the status of the dialect's manners: 422 in MLflow's words, 400 in Sluice's.
 * `loc` "": the body as a whole. */
void sl_api_refuse_body(struct sl_xchg *x, const char *type, const char *loc, const char *msg);
/* Parses the body, an object, into the worker's document. False: it was refused. */
bool sl_api_body_or_refuse(struct sl_xchg *x, struct sl_json_val *ret);

#endif
