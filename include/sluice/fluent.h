/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway with one line for each call, in the shape of Python's mlflow.gateway, without a handle:
 *
 *   sluice_gateway_set_uri("http://127.0.0.1:5000", NULL);
 *   sluice_gateway_query("chat", json, SLUICE_NUL_TERMINATED, &result, &err);
 *
 * Only this header of libsluice has process-wide state: the URI, and a small pool of clients, behind one mutex that is
 * never held during a call. Every function may be called from any thread, also several at once, and blocks until its
 * call is over. Results and errors are those of <sluice/client.h>, with its rules of ownership.
 *
 * The URI is the one that was set, else SLUICE_SERVER, else MLFLOW_GATEWAY_URI; credentials, TLS and proxy come from
 * the environment as sluice_opts_from_env reads it. The environment is read anew at every call.
 *
 * fork(2) is safe at any time: it waits for that mutex (pthread_atfork), and a child opens connections of its own.
 *
 * Codes beside those of the call itself: SLUICE_EUSAGE without a usable URI, SLUICE_ENOMEM. */
#ifndef SLUICE_FLUENT_H
#define SLUICE_FLUENT_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the URI for the process; it is copied. NULL: the environment's again. A URI needs a scheme and a host
 * ("databricks" and databricks:// are valid here, but a call with them is refused); else SLUICE_EUSAGE, and the old URI
 * stays. */
int sluice_gateway_set_uri(const char *uri, sluice_error **err);
/* Writes the URI in force into `uri` (at most `size` bytes, the NUL included). SLUICE_EUSAGE when there is none or it
 * does not fit. */
int sluice_gateway_get_uri(char *uri, size_t size, sluice_error **err);

/* One route by its name, as sluice_get_route. *result belongs to the caller; `result` may be NULL. */
int sluice_gateway_get_route(const char *name, sluice_result **result, sluice_error **err);
/* The routes of all pages, as one list: sluice_result_route. */
int sluice_gateway_search_routes(sluice_result **result, sluice_error **err);
/* Makes a route, as sluice_create_route. `model`: a JSON object; `route_type` and `model` may be NULL. */
int sluice_gateway_create_route(const char *name, const char *route_type, const char *model, size_t model_len,
                                sluice_result **result, sluice_error **err);
/* Deletes a route, as sluice_delete_route: SLUICE_ENOTFOUND when there is none. */
int sluice_gateway_delete_route(const char *name, sluice_error **err);
/* Replaces a route's limits, as sluice_set_limits. `limits`: a JSON list; [] removes them. */
int sluice_gateway_set_limits(const char *route, const char *limits, size_t limits_len, sluice_result **result,
                              sluice_error **err);
/* A route's limits, as sluice_get_limits: sluice_result_limit. */
int sluice_gateway_get_limits(const char *route, sluice_result **result, sluice_error **err);
/* Asks a route, as sluice_query. `data`: JSON, sent unchanged; "stream": true is refused. */
int sluice_gateway_query(const char *route, const char *data, size_t len, sluice_result **result, sluice_error **err);

#ifdef __cplusplus
}
#endif

#endif
