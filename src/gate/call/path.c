/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/path.h"

#include "gate/api/api.h"
#include "wire/uri.h"

#define INVOKE(pattern_, dialect_, doc_)                                                                        \
    {                                                                                                           \
        .methods = SL_POST, .pattern = (pattern_), .dialect = &(dialect_), .is_invocation = true, .doc = (doc_) \
    }
#define INVOKE_V1(pattern_, type_, doc_)                                                                 \
    {                                                                                                    \
        .methods = SL_POST, .pattern = (pattern_), .dialect = &sl_dialect_openai, .is_invocation = true, \
        .has_type = true, .type = (type_), .doc = (doc_)                                                 \
    }
#define CALL(methods_, pattern_, dialect_, handle_, access_, doc_)                                 \
    {                                                                                              \
        .methods = (methods_), .pattern = (pattern_), .dialect = &(dialect_), .handle = (handle_), \
        .access = (access_), .doc = (doc_)                                                         \
    }
/* MLflow's */
#define READ(pattern_, handle_, doc_) CALL(SL_GET, pattern_, sl_dialect_mlflow, handle_, SL_ACCESS_QUERY, doc_)
/* Ours and OpenAI's */
#define LOOK(pattern_, dialect_, handle_, doc_) \
    CALL(SL_GET | SL_HEAD, pattern_, dialect_, handle_, SL_ACCESS_QUERY, doc_)
/* For everyone */
#define OPEN(methods_, pattern_, handle_, doc_) \
    CALL(methods_, pattern_, sl_dialect_mlflow, handle_, SL_ACCESS_OPEN, doc_)

#define ADMIN(methods_, pattern_, dialect_, handle_, doc_) \
    CALL(methods_, pattern_, dialect_, handle_, SL_ACCESS_ADMIN, doc_)

#define SERVING "/api/2.0/serving-endpoints"
#define OWN     "/api/sluice/v1"

const struct sl_path sl_paths[] = {
    INVOKE_V1("/v1/chat/completions", SL_LLM_CHAT, "Query a chat route; `model` names the route. OpenAI's shapes."),
    INVOKE_V1("/v1/completions", SL_LLM_COMPLETIONS,
              "Query a completions route; `model` names the route. OpenAI's shapes."),
    INVOKE_V1("/v1/embeddings", SL_LLM_EMBEDDINGS,
              "Query an embeddings route; `model` names the route. OpenAI's shapes."),
    INVOKE("/gateway/{}/invocations", sl_dialect_mlflow, "Query a route. MLflow's shapes."),
    INVOKE("/endpoints/{}/invocations", sl_dialect_mlflow, "Query a route; the same call under its other name."),
    INVOKE("/serving-endpoints/{}/invocations", sl_dialect_databricks,
           "Query a route, as Databricks' deployment client does."),
    LOOK("/v1/models", sl_dialect_openai, sl_handle_models, "List the routes, as OpenAI lists models."),
    LOOK("/v1/models/{}", sl_dialect_openai, sl_handle_model, "One route, as OpenAI shows a model."),
    OPEN(SL_GET, "/health", sl_handle_health, "200 while the process lives."),
    OPEN(SL_GET | SL_HEAD, "/ready", sl_handle_ready, "200 while it takes traffic, 503 when it is draining."),
    CALL(SL_GET | SL_HEAD, "/metrics", sl_dialect_mlflow, sl_handle_metrics, SL_ACCESS_METRICS,
         "Counters, as Prometheus reads them."),
    READ("/api/2.0/gateway/routes/", sl_handle_route_list, "List the routes, 3000 a page."),
    READ("/api/2.0/gateway/routes/{}", sl_handle_route_get, "One route."),
    READ("/api/2.0/endpoints/", sl_handle_endpoint_list, "List the routes in the newer words, 3000 a page."),
    READ("/api/2.0/endpoints/{}", sl_handle_endpoint_get, "One route in the newer words."),
    ADMIN(SL_POST, "/api/2.0/gateway/routes/", sl_dialect_mlflow, sl_handle_route_create, "Create a route."),
    ADMIN(SL_DELETE, "/api/2.0/gateway/routes/{}", sl_dialect_mlflow, sl_handle_route_delete,
          "Delete a route that was created by a call."),
    READ("/api/2.0/gateway/limits/{}", sl_handle_limits_get, "The limits of a route."),
    CALL(SL_POST, "/api/2.0/gateway/limits/", sl_dialect_mlflow, sl_handle_limits_set, SL_ACCESS_ADMIN,
         "Set the limits of a route."),
    READ("/api/2.0/endpoints/limits/{}", sl_handle_limits_get, "The limits of a route."),
    CALL(SL_POST, "/api/2.0/endpoints/limits/", sl_dialect_mlflow, sl_handle_limits_set, SL_ACCESS_ADMIN,
         "Set the limits of a route."),
    CALL(SL_GET, SERVING "/", sl_dialect_databricks, sl_handle_serving_list, SL_ACCESS_QUERY,
         "List the routes, as Databricks lists serving endpoints."),
    CALL(SL_GET, SERVING, sl_dialect_databricks, sl_handle_serving_list, SL_ACCESS_QUERY, NULL),
    CALL(SL_GET, SERVING "/{}", sl_dialect_databricks, sl_handle_serving_get, SL_ACCESS_QUERY,
         "One route, as a Databricks serving endpoint."),
    ADMIN(SL_POST, SERVING "/", sl_dialect_databricks, sl_handle_serving_create,
          "Create a route of one external model, as Databricks creates a serving endpoint."),
    ADMIN(SL_POST, SERVING, sl_dialect_databricks, sl_handle_serving_create, NULL),
    ADMIN(SL_DELETE, SERVING "/{}", sl_dialect_databricks, sl_handle_route_delete,
          "Delete a route that was created by a call."),
    ADMIN(SL_PUT, SERVING "/{}/rate-limits", sl_dialect_databricks, sl_handle_serving_limits,
          "Set the limits of a route, as Databricks' client does."),
    ADMIN(SL_PUT, SERVING "/{}/config", sl_dialect_databricks, sl_handle_serving_unsupported, NULL),
    ADMIN(SL_PUT, SERVING "/{}/ai-gateway", sl_dialect_databricks, sl_handle_serving_unsupported, NULL),
    ADMIN(SL_PATCH, SERVING "/{}/tags", sl_dialect_databricks, sl_handle_serving_unsupported, NULL),
    ADMIN(SL_GET, OWN "/routes", sl_dialect_sluice, sl_handle_own_route_list,
          "List the routes with their owner and limits, shadowed ones too."),
    ADMIN(SL_GET, OWN "/routes/{}", sl_dialect_sluice, sl_handle_own_route_get, "Everything of a route but secrets."),
    ADMIN(SL_PUT, OWN "/routes/{}", sl_dialect_sluice, sl_handle_own_route_put,
          "Create a route, or replace it whole. A credential left out is kept."),
    ADMIN(SL_DELETE, OWN "/routes/{}", sl_dialect_sluice, sl_handle_own_route_delete,
          "Delete a route that was created by a call."),
    ADMIN(SL_POST, OWN "/keys", sl_dialect_sluice, sl_handle_key_create,
          "Make an API key; its text is told this once."),
    ADMIN(SL_GET, OWN "/keys", sl_dialect_sluice, sl_handle_key_list, "List the API keys, 1000 a page."),
    ADMIN(SL_DELETE, OWN "/keys/{}", sl_dialect_sluice, sl_handle_key_revoke, "Revoke an API key."),
    ADMIN(SL_POST, OWN "/secret/rotate", sl_dialect_sluice, sl_handle_secret_rotate,
          "Encrypt the credentials of all routes under a new secret key."),
    ADMIN(SL_GET, OWN "/audit", sl_dialect_sluice, sl_handle_audit,
          "What was changed, when and by whom, newest first, 100 a page."),
    OPEN(SL_GET, "/", sl_handle_index, NULL),
    OPEN(SL_GET, "/docs", sl_handle_docs, NULL),
    OPEN(SL_GET | SL_HEAD, "/redoc", sl_handle_docs, NULL),
    OPEN(SL_GET | SL_HEAD, "/openapi.json", sl_handle_openapi, NULL),
    OPEN(SL_GET, "/favicon.ico", sl_handle_favicon, NULL),
    OPEN(SL_GET | SL_HEAD, "/.well-known/databricks-config", sl_handle_not_here, NULL),
    { 0 },
};

static const struct {
    const char *name;
    unsigned bit;
} methods[] = {
    { "GET", SL_GET },       { "HEAD", SL_HEAD },       { "POST", SL_POST },   { "PUT", SL_PUT },
    { "DELETE", SL_DELETE }, { "OPTIONS", SL_OPTIONS }, { "PATCH", SL_PATCH },
};

static unsigned method_parse(struct sl_str method)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (sl_str_eq_c(method, methods[i].name)) {
            return methods[i].bit;
        }
    }
    return SL_OTHER;
}

/* Does the path fit the pattern? The segment for "{}" (not empty, no '/') to *ret_arg. */
static bool pattern_fits(const char *pattern, struct sl_str path, struct sl_str *ret_arg)
{
    size_t before = strcspn(pattern, "{");
    if (pattern[before] == '\0') {
        return path.n == before && memcmp(path.p, pattern, before) == 0;
    }
    struct sl_str after = sl_str_c(pattern + before + 2);
    if (path.n <= before + after.n || memcmp(path.p, pattern, before) != 0 || !sl_str_has_suffix(path, after)) {
        return false;
    }
    struct sl_str arg = sl_str_sub(path, before, path.n - after.n);
    if (sl_str_find_char(arg, '/', 0) >= 0) {
        return false;
    }
    *ret_arg = arg;
    return true;
}

const struct sl_path *sl_path_find(struct sl_str method, struct sl_str target, struct sl_arena *arena,
                                   struct sl_path_match *ret_match, int *ret_r)
{
    struct sl_path_match *m = ret_match;
    *m = (struct sl_path_match){ .method = method_parse(method) };
    *ret_r = sl_target_parse(target, &m->path, &m->query, NULL);
    if (*ret_r < 0) {
        return NULL;
    }
    for (const struct sl_path *row = sl_paths; row->pattern; row++) {
        struct sl_str arg = SL_STR_NONE;
        if (!pattern_fits(row->pattern, m->path, &arg)) {
            continue;
        }
        if (!(row->methods & m->method)) {
            continue;
        }
        if (arg.p) {
            *ret_r = sl_percent_decode(arg, arena, &m->arg);
            if (*ret_r < 0) {
                return NULL;
            }
            if (sl_str_find_char(m->arg, '/', 0) >= 0) {
                continue; /* MLflow decodes first: two segments */
            }
        }
        return row;
    }
    return NULL;
}

unsigned sl_path_methods(struct sl_str path, struct sl_arena *arena, bool (*has_route)(void *arg, struct sl_str name),
                         void *arg)
{
    unsigned methods_found = 0;
    for (const struct sl_path *row = sl_paths; row->pattern; row++) {
        struct sl_str segment = SL_STR_NONE, name;
        if (!pattern_fits(row->pattern, path, &segment)) {
            continue;
        }
        if (segment.p) {
            if (sl_percent_decode(segment, arena, &name) < 0 || sl_str_find_char(name, '/', 0) >= 0) {
                continue;
            }
            if (row->is_invocation && !has_route(arg, name)) {
                continue;
            }
        }
        methods_found |= row->methods;
    }
    return methods_found;
}

const struct sl_dialect *sl_path_dialect(struct sl_str path)
{
    if (sl_str_has_prefix(path, SL_STR("/v1/"))) {
        return &sl_dialect_openai;
    }
    if (sl_str_has_prefix(path, SL_STR("/api/sluice/"))) {
        return &sl_dialect_sluice;
    }
    bool is_databricks = sl_str_has_prefix(path, SL_STR(SERVING)) ||
                         sl_str_has_prefix(path, SL_STR("/serving-endpoints/"));
    return is_databricks ? &sl_dialect_databricks : &sl_dialect_mlflow;
}

void sl_methods_format(unsigned set, char out[SL_METHODS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (set & methods[i].bit) {
            size_t len = strlen(methods[i].name);
            if (n) {
                memcpy(out + n, ", ", 2);
                n += 2;
            }
            memcpy(out + n, methods[i].name, len);
            n += len;
        }
    }
    out[n] = '\0';
}
