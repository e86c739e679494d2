/* SPDX-License-Identifier: Apache-2.0 */
/* The path table: which handler a method and path lead to, and in whose dialect errors are told. Adding a call is
 * adding a row. */
#ifndef SL_GATE_PATH_H
#define SL_GATE_PATH_H

#include "base/arena.h"
#include "gate/call/auth.h"
#include "llm/dialects.h"

struct sl_xchg;

enum sl_method {
    SL_GET = 1,
    SL_POST = 2,
    SL_PUT = 4,
    SL_DELETE = 8,
    SL_HEAD = 16,
    SL_OPTIONS = 32,
    SL_PATCH = 64,
    SL_OTHER = 128
};

/* Of every call that is no invocation; beyond it 413. */
#define SL_MANAGE_BODY_MAX (1u << 20)
/* Of a call that needs no key, and no body either: who has none shall not fill server.limits.memory. */
#define SL_OPEN_BODY_MAX 4096

struct sl_path {
    unsigned methods;    /* MLflow's paths take no HEAD: it stands here where it is served */
    const char *pattern; /* "{}" stands for one segment, a trailing '/' counts */
    const struct sl_dialect *dialect;
    /* NULL: invocation. Called with the body (empty for GET). */
    void (*handle)(struct sl_xchg *x);
    bool is_invocation;
    bool has_type; /* /v1/…: the path says the type */
    enum sl_llm_type type;
    enum sl_access access;
    const char *doc; /* what it does, for /docs and /openapi.json; NULL: an alias or a page, not told there */
};

struct sl_path_match {
    struct sl_str path, query;
    struct sl_str arg; /* the segment for "{}", decoded; p == NULL: none */
    unsigned method;
    unsigned allowed; /* methods of the rows whose path fits */
};

/* NULL: no such path (ret_match->allowed == 0) or not with this method. SL_E_INVAL in *ret_status for a target that is
 * not a path. */
const struct sl_path *sl_path_find(struct sl_str method, struct sl_str target, struct sl_arena *arena,
                                   struct sl_path_match *ret_match, int *ret_r);
/* The methods of the rows that a path fits; 0: there is no such path. `has_route` says whether an invocation path,
 * which is there for each route only, is. */
unsigned sl_path_methods(struct sl_str path, struct sl_arena *arena, bool (*has_route)(void *arg, struct sl_str name),
                         void *arg);
/* For paths that are not there: by prefix. */
const struct sl_dialect *sl_path_dialect(struct sl_str path);
/* "GET, POST" */
#define SL_METHODS_MAX 64
void sl_methods_format(unsigned methods, char out[SL_METHODS_MAX]);

extern const struct sl_path sl_paths[]; /* ends with a NULL pattern */

/* manage.c */
void sl_handle_health(struct sl_xchg *x);
void sl_handle_ready(struct sl_xchg *x);
void sl_handle_route_list(struct sl_xchg *x);
void sl_handle_route_get(struct sl_xchg *x);
void sl_handle_endpoint_list(struct sl_xchg *x);
void sl_handle_endpoint_get(struct sl_xchg *x);
void sl_handle_models(struct sl_xchg *x);
void sl_handle_model(struct sl_xchg *x);
void sl_handle_not_here(struct sl_xchg *x);
void sl_handle_limits_get(struct sl_xchg *x);
void sl_handle_limits_set(struct sl_xchg *x);
/* manage_routes.c */
void sl_handle_route_create(struct sl_xchg *x);
void sl_handle_route_delete(struct sl_xchg *x);
void sl_handle_own_route_list(struct sl_xchg *x);
void sl_handle_own_route_get(struct sl_xchg *x);
void sl_handle_own_route_put(struct sl_xchg *x);
void sl_handle_own_route_delete(struct sl_xchg *x);
/* manage_keys.c */
void sl_handle_key_create(struct sl_xchg *x);
void sl_handle_key_list(struct sl_xchg *x);
void sl_handle_key_revoke(struct sl_xchg *x);
void sl_handle_secret_rotate(struct sl_xchg *x);
/* manage_audit.c */
void sl_handle_audit(struct sl_xchg *x);
/* measure.c */
void sl_handle_metrics(struct sl_xchg *x);
/* manage_databricks.c */
void sl_handle_serving_list(struct sl_xchg *x);
void sl_handle_serving_get(struct sl_xchg *x);
void sl_handle_serving_create(struct sl_xchg *x);
void sl_handle_serving_limits(struct sl_xchg *x);
void sl_handle_serving_unsupported(struct sl_xchg *x);
/* pages.c */
void sl_handle_index(struct sl_xchg *x);
void sl_handle_docs(struct sl_xchg *x);
void sl_handle_openapi(struct sl_xchg *x);
void sl_handle_favicon(struct sl_xchg *x);

#endif
