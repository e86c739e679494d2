/* SPDX-License-Identifier: Apache-2.0 */
/* Results: everything that an accessor can return is made before the result is, so that it is immutable afterwards and
 * threads can share it. */
#include "client/priv.h"

#include <string.h>

struct sluice_result *slc_result_new(const struct sl_alloc *alloc)
{
    struct sluice_result *result = slc_zalloc(alloc, sizeof(*result));
    if (result) {
        result->alloc = *alloc;
    }
    return result;
}

void sluice_result_free(sluice_result *result)
{
    if (!result) {
        return;
    }
    struct sl_alloc alloc = result->alloc;
    /* The buffers' pointer to an allocator was that of the call, which is freed. */
    sl_alloc_free(&alloc, result->headers.p);
    sl_alloc_free(&alloc, result->body.p);
    slc_doc_done(&result->doc, &alloc);
    for (size_t i = 0; i < result->n_routes; i++) {
        sl_alloc_free(&alloc, result->routes[i].own_url);
    }
    sl_alloc_free(&alloc, result->routes);
    sl_alloc_free(&alloc, result->limits);
    slc_answer_done(&result->answer, &alloc);
    sl_alloc_free(&alloc, result);
}

/* --- reading --- */

static int limit_read(const struct slc_doc *doc, struct sl_json_val v, struct sluice_limit *ret, struct sl_err *err)
{
    char path[128];
    sl_json_path(v, path, sizeof(path));
    struct sl_json_val key = sl_json_get(v, "key"), period = sl_json_get(v, "renewal_period");
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "%s: expected an object", path);
    }
    if (sl_json_int(sl_json_get(v, "calls"), true, &ret->calls) < 0) {
        return sl_fail(err, SL_E_INVAL, "%s.calls: expected an integer", path);
    }
    if (!sl_json_is_nothing(key) && !sl_json_is(key, SL_JSON_STRING)) {
        return sl_fail(err, SL_E_INVAL, "%s.key: expected a string or null", path);
    }
    if (!sl_json_is(period, SL_JSON_STRING)) {
        return sl_fail(err, SL_E_INVAL, "%s.renewal_period: expected a string", path);
    }
    ret->key = slc_doc_member(doc, v, "key");
    ret->renewal_period = slc_doc_text(doc, period, NULL);
    return 0;
}

static int url_resolve(struct sluice_result *result, struct sluice_route *route, const char *base)
{
    if (!base || slc_uri_is_valid(sl_str_c(route->url))) {
        return 0;
    }
    struct sl_buf url = { .max = SIZE_MAX / 2, .alloc = &result->alloc };
    sl_buf_add_c(&url, base);
    sl_buf_add_char(&url, '/');
    sl_buf_add_c(&url, route->url + strspn(route->url, "/"));
    sl_buf_add_char(&url, '\0');
    route->own_url = url.p;
    if (sl_buf_status(&url)) {
        return SL_E_NOMEM;
    }
    route->url = url.p;
    return 0;
}

static int route_read(struct sluice_result *result, struct sl_json_val v, const char *base, struct sluice_route *route,
                      struct sl_err *err)
{
    const struct slc_doc *doc = &result->doc;
    char path[128];
    sl_json_path(v, path, sizeof(path));
    const char *dot = path[0] ? "." : "";
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "%s%sexpected an object", path, path[0] ? ": " : "");
    }
    struct sl_json_val model = sl_json_get(v, "model"), limit = sl_json_get(v, "limit");
    const struct {
        struct sl_json_val object;
        const char *key, *label;
        const char **to;
    } texts[] = {
        { v, "name", "name", &route->name },
        { v, "route_type", "route_type", &route->type },
        { v, "route_url", "route_url", &route->url },
        { model, "provider", "model.provider", &route->model_provider },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        *texts[i].to = slc_doc_member(doc, texts[i].object, texts[i].key);
        if (!*texts[i].to) {
            return sl_fail(err, SL_E_INVAL, "%s%s%s: expected a string", path, dot, texts[i].label);
        }
    }
    route->model_name = slc_doc_member(doc, model, "name");
    route->json = sl_json_raw(v);
    if (!sl_json_is_nothing(limit)) {
        int r = limit_read(doc, limit, &route->limit, err);
        if (r < 0) {
            return r;
        }
        route->has_limit = true;
    }
    return url_resolve(result, route, base);
}

static int routes_read(struct sluice_result *result, enum slc_shape shape, const char *base, struct sl_err *err)
{
    struct sl_json_val root = sl_json_root(&result->doc.json);
    struct sl_json_val list = shape == SLC_ROUTES ? sl_json_get(root, "routes") : root;
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "expected an object");
    }
    if (shape == SLC_ROUTES && !sl_json_is_nothing(list) && !sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_fail(err, SL_E_INVAL, "routes: expected a list");
    }
    size_t n = shape == SLC_ROUTES ? sl_json_count(list) : 1;
    if (n == 0) {
        return 0;
    }
    result->routes = slc_zalloc(&result->alloc, n * sizeof(*result->routes));
    if (!result->routes) {
        return SL_E_NOMEM;
    }
    result->n_routes = n;
    if (shape != SLC_ROUTES) {
        return route_read(result, root, base, &result->routes[0], err);
    }
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = route_read(result, it.val, base, &result->routes[it.index], err);
    }
    return r;
}

static int limits_read(struct sluice_result *result, struct sl_err *err)
{
    struct sl_json_val root = sl_json_root(&result->doc.json), list = sl_json_get(root, "limits");
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "expected an object");
    }
    if (!sl_json_is_nothing(list) && !sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_fail(err, SL_E_INVAL, "limits: expected a list");
    }
    size_t n = sl_json_count(list);
    if (n == 0) {
        return 0;
    }
    result->limits = slc_zalloc(&result->alloc, n * sizeof(*result->limits));
    if (!result->limits) {
        return SL_E_NOMEM;
    }
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = limit_read(&result->doc, it.val, &result->limits[result->n_limits++], err);
    }
    return r;
}

int slc_result_read(struct sluice_result *result, enum slc_shape shape, const char *base, struct sl_err *err)
{
    struct sl_str body = sl_buf_str(&result->body);
    sl_buf_add_char(&result->body, '\0');
    if (sl_buf_status(&result->body)) {
        return SL_E_NOMEM;
    }
    body.p = result->body.p;
    result->body.len--;
    int r = slc_doc_parse(&result->doc, &result->alloc, body, false);
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (r < 0) {
        /* Some replies need not be JSON; those that must be are refused. */
        return shape == SLC_ANY ? 0
                                : sl_fail(err, SL_E_INVAL, "this is not JSON: %s at offset %zu",
                                          sl_json_fault_text(result->doc.json.fault), result->doc.json.fault_offset);
    }
    result->has_doc = true;
    result->has_usage = slc_doc_usage(&result->doc, &result->usage);
    result->answer = (struct slc_answer){ .alloc = &result->alloc, .max = SIZE_MAX };
    switch (shape) {
    case SLC_ANY:
    case SLC_JSON:
        return slc_answer_add(&result->answer, &result->doc);
    case SLC_ROUTE:
    case SLC_ROUTES:
        return routes_read(result, shape, base, err);
    case SLC_NEW_ROUTE:
        return routes_read(result, shape, NULL, err);
    case SLC_LIMITS:
        return limits_read(result, err);
    }
    return 0;
}

/* --- accessors --- */

const char *sluice_result_json(const sluice_result *result, size_t *len)
{
    if (len) {
        *len = result ? result->body.len : 0;
    }
    return result && result->body.p ? result->body.p : "";
}

int sluice_result_status(const sluice_result *result)
{
    return result ? result->status : 0;
}

const char *slc_headers_find(const struct sl_buf *headers, const char *name)
{
    const char *p = headers->p, *end = p ? p + headers->len : p;
    const char *found = NULL;
    while (p < end) {
        const char *value = p + strlen(p) + 1;
        if (sl_str_case_eq(sl_str_c(p), sl_str_c(name))) {
            found = value;
        }
        p = value + strlen(value) + 1;
    }
    return found;
}

const char *sluice_result_header(const sluice_result *result, const char *name)
{
    return result && name ? slc_headers_find(&result->headers, name) : NULL;
}

const char *sluice_result_request_id(const sluice_result *result)
{
    const char *id = sluice_result_header(result, "x-request-id");
    return id ? id : "";
}

int sluice_result_usage(const sluice_result *result, sluice_usage *usage)
{
    return slc_usage_give(result && result->has_usage ? &result->usage : NULL, usage);
}

int sluice_result_tokens(const sluice_result *result, sluice_tokens *tokens)
{
    return slc_tokens_give(result && result->has_usage ? &result->usage : NULL, tokens);
}

size_t sluice_result_route_count(const sluice_result *result)
{
    return result ? result->n_routes : 0;
}

const sluice_route *sluice_result_route(const sluice_result *result, size_t index)
{
    return result && index < result->n_routes ? &result->routes[index] : NULL;
}

const char *sluice_result_next_page_token(const sluice_result *result)
{
    const char *token = result && result->has_doc
                            ? slc_doc_member(&result->doc, sl_json_root(&result->doc.json), "next_page_token")
                            : NULL;
    return token && *token ? token : NULL;
}

const char *sluice_route_name(const sluice_route *route)
{
    return route ? route->name : NULL;
}

const char *sluice_route_type(const sluice_route *route)
{
    return route ? route->type : NULL;
}

const char *sluice_route_model_name(const sluice_route *route)
{
    return route ? route->model_name : NULL;
}

const char *sluice_route_model_provider(const sluice_route *route)
{
    return route ? route->model_provider : NULL;
}

const char *sluice_route_url(const sluice_route *route)
{
    return route ? route->url : NULL;
}

const sluice_limit *sluice_route_limit(const sluice_route *route)
{
    return route && route->has_limit ? &route->limit : NULL;
}

const char *sluice_route_json(const sluice_route *route, size_t *len)
{
    if (len) {
        *len = route ? route->json.n : 0;
    }
    return route ? route->json.p : NULL;
}

size_t sluice_result_limit_count(const sluice_result *result)
{
    return result ? result->n_limits : 0;
}

const sluice_limit *sluice_result_limit(const sluice_result *result, size_t index)
{
    return result && index < result->n_limits ? &result->limits[index] : NULL;
}

int64_t sluice_limit_calls(const sluice_limit *limit)
{
    return limit ? limit->calls : 0;
}

const char *sluice_limit_key(const sluice_limit *limit)
{
    return limit ? limit->key : NULL;
}

const char *sluice_limit_renewal_period(const sluice_limit *limit)
{
    return limit ? limit->renewal_period : NULL;
}
