/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the management handlers share. */
#ifndef SL_GATE_API_H
#define SL_GATE_API_H

#include <stdint.h>

#include "base/str.h"
#include "llm/core/error.h"

struct sl_json_val;
struct sl_jw;
struct sl_snapshot;
struct sl_xchg;

/* A writer to the worker's text, which it empties first. */
struct sl_jw *sl_api_writer(struct sl_xchg *x, struct sl_jw *w);
/* When a change that asked for it was not in force on all nodes in time: adds `pending`, with their names, to that
 * text, which is an object; for a caller that may not list the nodes it is ["*"]. sl_api_reply does this by itself. */
void sl_api_pending_write(struct sl_xchg *x);
/* Replies with an empty object. */
void sl_api_reply_empty(struct sl_xchg *x);
/* Replies with that text as JSON; 503 when it did not fit into memory. */
void sl_api_reply(struct sl_xchg *x, int status);

/* Writes unix seconds as a time like 2030-12-31T23:59:59Z; 0 as null. */
void sl_api_time_write(struct sl_jw *w, const char *key, uint64_t sec);
/* Writes stored JSON after a check: one damaged row must not spoil the page. */
void sl_api_stored_write(struct sl_jw *w, const char *key, struct sl_str json);
/* Writes milliseconds, rounded up; 0 as null. */
void sl_api_msec_write(struct sl_jw *w, const char *key, uint64_t usec);

/* The route that the path names, if this caller may see it; else NULL. */
const struct sl_route *sl_api_route(struct sl_xchg *x);

/* True: this viewer may know what all callers do, as /metrics tells it: its key is in no group, and auth.metrics does
 * not ask for an admin. */
bool sl_api_sees_all(const struct sl_xchg *x);

/* Refuses with one of Databricks' codes (INVALID_PARAMETER_VALUE, …). */
void sl_api_refuse(struct sl_xchg *x, enum sl_error_type type, const char *code, const char *fmt, ...) SL_PRINTF(4, 5);
/* 404: there is no route of that name, or this caller must not know of it. */
void sl_api_refuse_missing(struct sl_xchg *x, struct sl_str name);
/* Refuses a wrong page_token in the query. */
void sl_api_refuse_page(struct sl_xchg *x);
/* True: a page that sl_api_writer began and that has n rows has as many as fit, in number or in bytes. */
bool sl_api_page_is_full(const struct sl_xchg *x, uint32_t n);
/* Reads a page_token that is a number; *ret is 0 when the query has none. False: it was refused. */
bool sl_api_page_or_refuse(struct sl_xchg *x, uint64_t *ret);
/* Refuses a body that has not the right schema, with the dialect's status: 422 in MLflow's form, 400 in Sluice's. `loc`
 * "": the whole body. */
void sl_api_refuse_body(struct sl_xchg *x, const char *type, const char *loc, const char *msg);
/* Parses the body, an object, into the worker's document. False: it was refused. */
bool sl_api_body_or_refuse(struct sl_xchg *x, struct sl_json_val *ret);

#endif
