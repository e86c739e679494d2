/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: they are checked before they are sent. Paths are MLflow's: the parts lose their leading and trailing
 * slashes, an inner slash stays a separator, other characters are percent-encoded. */
#include "client/priv.h"

#include <string.h>

#include "json/write.h"

/* Names are short; the server makes the page token. */
#define PATH_MAX_BYTES 8192
#define HEADER_MAX     1024

static int no_memory(const struct sl_alloc *alloc, sluice_error **err)
{
    return slc_fail(alloc, err, SLUICE_ENOMEM, "out of memory");
}

static size_t text_len(const char *text, size_t len)
{
    return len == SLUICE_NUL_TERMINATED ? strlen(text) : len;
}

void slc_request_unref(struct sluice_request *request)
{
    if (!request || atomic_fetch_sub(&request->refs, 1) != 1) {
        return;
    }
    struct sl_alloc alloc = request->alloc;
    char *const parts[] = { request->path,        request->body,       request->idempotency_key,
                            request->traceparent, request->request_id, request->accept };
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        sl_alloc_free(&alloc, parts[i]);
    }
    sl_alloc_free(&alloc, request);
}

void sluice_request_free(sluice_request *request)
{
    slc_request_unref(request);
}

/* --- paths --- */

static bool is_plain(char c, bool slash_is_plain)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == '~' || (slash_is_plain && c == '/');
}

static void percent_add(struct sl_buf *out, struct sl_str s, bool slash_is_plain)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(s.p[i], slash_is_plain)) {
            sl_buf_add_char(out, s.p[i]);
        } else {
            const char escape[] = { '%', hex[c >> 4], hex[c & 15] };
            sl_buf_add(out, escape, sizeof(escape));
        }
    }
}

/* Checks a route's name as a part of a path. */
static int name_check(const struct sl_alloc *alloc, const char *name, struct sl_str *ret, sluice_error **err)
{
    struct sl_str s = sl_str_c(name ? name : "");
    while (s.n && s.p[0] == '/') {
        s = sl_str_sub(s, 1, s.n);
    }
    while (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    if (s.n == 0) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "A non-empty string is required for the route.");
    }
    *ret = s;
    return 0;
}

/* --- making --- */

struct spec {
    const char *method, *before, *after; /* the path's text around `name` */
    struct sl_str name;
    enum slc_shape shape;
};

/* Takes the body's buffer on every path. */
static int request_make(struct sluice_client *client, const struct spec *spec, struct sl_buf *body,
                        struct sluice_request **ret, sluice_error **err)
{
    const struct sl_alloc *alloc = &client->alloc;
    struct sl_buf path = { .max = PATH_MAX_BYTES, .alloc = alloc };
    sl_buf_add_c(&path, spec->before);
    percent_add(&path, spec->name, true);
    sl_buf_add_c(&path, spec->after);
    sl_buf_add_char(&path, '\0');
    int status = sl_buf_status(&path);
    struct sluice_request *request = status ? NULL : slc_zalloc(alloc, sizeof(*request));
    if (!request || (body && sl_buf_status(body))) {
        sl_alloc_free(alloc, request);
        sl_buf_done(&path);
        sl_buf_done(body);
        return status == SL_E_LIMIT
                   ? slc_fail(alloc, err, SLUICE_EUSAGE, "the name is longer than %d bytes", PATH_MAX_BYTES)
                   : no_memory(alloc, err);
    }
    request->alloc = *alloc;
    atomic_init(&request->refs, 1);
    memcpy(request->method, spec->method, strlen(spec->method) + 1);
    request->path = path.p;
    request->shape = spec->shape;
    if (body) {
        request->body = body->p;
        request->body_len = body->len;
    }
    request->is_safe = strcmp(spec->method, "GET") == 0 || strcmp(spec->method, "HEAD") == 0;
    request->retries = request->timeout = request->idle_timeout = -1;
    *ret = request;
    return 0;
}

/* Every constructor needs a client, and a place for the result. */
static int ends_check(const struct sluice_client *client, struct sluice_request **ret, sluice_error **err)
{
    int r = slc_need(client, "client", err);
    return r ? r : slc_need(ret, "request", err);
}

static int named_make(struct sluice_client *client, struct spec spec, const char *name, struct sluice_request **ret,
                      sluice_error **err)
{
    int r = ends_check(client, ret, err);
    r = r ? r : name_check(&client->alloc, name, &spec.name, err);
    return r ? r : request_make(client, &spec, NULL, ret, err);
}

int sluice_request_get_route(sluice_client *client, const char *name, sluice_request **request, sluice_error **err)
{
    return named_make(client, (struct spec){ "GET", "/api/2.0/gateway/routes/", "", { 0 }, SLC_ROUTE }, name, request,
                      err);
}

int sluice_request_delete_route(sluice_client *client, const char *name, sluice_request **request, sluice_error **err)
{
    return named_make(client, (struct spec){ "DELETE", "/api/2.0/gateway/routes/", "", { 0 }, SLC_ANY }, name, request,
                      err);
}

int sluice_request_get_limits(sluice_client *client, const char *route, sluice_request **request, sluice_error **err)
{
    return named_make(client, (struct spec){ "GET", "/api/2.0/gateway/limits/", "", { 0 }, SLC_LIMITS }, route, request,
                      err);
}

int sluice_request_search_routes(sluice_client *client, const char *page_token, sluice_request **request,
                                 sluice_error **err)
{
    int r = ends_check(client, request, err);
    if (r < 0) {
        return r;
    }
    struct sl_buf path = { .max = PATH_MAX_BYTES, .alloc = &client->alloc };
    sl_buf_add_lit(&path, "/api/2.0/gateway/routes/");
    if (page_token) {
        sl_buf_add_lit(&path, "?page_token=");
        percent_add(&path, sl_str_c(page_token), false);
    }
    sl_buf_add_char(&path, '\0');
    r = sl_buf_status(&path);
    if (r == SL_E_LIMIT) {
        r = slc_fail(&client->alloc, err, SLUICE_EUSAGE, "the page token is longer than %d bytes", PATH_MAX_BYTES);
    } else if (r < 0) {
        r = no_memory(&client->alloc, err);
    } else {
        r = request_make(client, &(struct spec){ "GET", path.p, "", { 0 }, SLC_ROUTES }, NULL, request, err);
    }
    sl_buf_done(&path);
    return r;
}

/* --- bodies --- */

static int json_fail(const struct sl_alloc *alloc, const char *what, const struct slc_doc *doc, int r,
                     sluice_error **err)
{
    if (r == SL_E_NOMEM) {
        return no_memory(alloc, err);
    }
    return slc_fail(alloc, err, SLUICE_EUSAGE, "%s is not JSON: %s at offset %zu", what,
                    sl_json_fault_text(doc->json.fault), doc->json.fault_offset);
}

/* Adds a member whose value the caller gave as JSON of one kind; NULL adds null. */
static int member_add(const struct sl_alloc *alloc, struct sl_jw *w, const char *key, const char *json, size_t len,
                      enum sl_json_kind kind, sluice_error **err)
{
    if (!json) {
        sl_jw_member_null(w, key);
        return 0;
    }
    struct sl_str text = sl_str_make(json, text_len(json, len));
    struct slc_doc doc;
    int r = slc_doc_parse(&doc, alloc, text, false);
    if (r < 0) {
        return json_fail(alloc, key, &doc, r, err);
    }
    bool fits = sl_json_is(sl_json_root(&doc.json), kind);
    slc_doc_done(&doc, alloc);
    if (!fits) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "%s must be a JSON %s", key,
                        kind == SL_JSON_OBJECT ? "object" : "list");
    }
    sl_jw_member_raw(w, key, text);
    return 0;
}

int sluice_request_create_route(sluice_client *client, const char *name, const char *route_type, const char *model,
                                size_t model_len, sluice_request **request, sluice_error **err)
{
    int r = ends_check(client, request, err);
    if (r < 0) {
        return r;
    }
    const struct sl_alloc *alloc = &client->alloc;
    if (!name || !*name) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "A non-empty string is required for the route.");
    }
    struct sl_buf body = { .max = SIZE_MAX / 2, .alloc = alloc };
    struct sl_jw w;
    sl_jw_init(&w, &body);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "name", sl_str_c(name));
    sl_jw_member_str(&w, "route_type", sl_str_c(route_type));
    r = member_add(alloc, &w, "model", model, model_len, SL_JSON_OBJECT, err);
    if (r < 0) {
        sl_buf_done(&body);
        return r;
    }
    sl_jw_end(&w);
    return request_make(client, &(struct spec){ "POST", "/api/2.0/gateway/routes/", "", { 0 }, SLC_NEW_ROUTE }, &body,
                        request, err);
}

int sluice_request_set_limits(sluice_client *client, const char *route, const char *limits, size_t limits_len,
                              sluice_request **request, sluice_error **err)
{
    int r = ends_check(client, request, err);
    if (r < 0) {
        return r;
    }
    const struct sl_alloc *alloc = &client->alloc;
    if (!route || !*route) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "A non-empty string is required for the route.");
    }
    struct sl_buf body = { .max = SIZE_MAX / 2, .alloc = alloc };
    struct sl_jw w;
    sl_jw_init(&w, &body);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "route", sl_str_c(route));
    r = member_add(alloc, &w, "limits", limits, limits_len, SL_JSON_ARRAY, err);
    if (r < 0) {
        sl_buf_done(&body);
        return r;
    }
    sl_jw_end(&w);
    return request_make(client, &(struct spec){ "POST", "/api/2.0/gateway/limits/", "", { 0 }, SLC_LIMITS }, &body,
                        request, err);
}

/* The query's body; for a stream with "stream": true, and every other byte as the caller wrote it. */
static int query_body(const struct sl_alloc *alloc, struct sl_str json, bool is_stream, struct sl_buf *out,
                      sluice_error **err)
{
    struct slc_doc doc;
    int r = slc_doc_parse(&doc, alloc, json, false);
    if (r < 0) {
        return json_fail(alloc, "the query", &doc, r, err);
    }
    struct sl_json_val root = sl_json_root(&doc.json), stream = sl_json_get(root, "stream");
    bool is_on = sl_json_is(stream, SL_JSON_TRUE);
    if (!is_stream && is_on) {
        r = slc_fail(alloc, err, SLUICE_EUSAGE, "the query asks for a stream: use sluice_query_stream");
    } else if (is_stream && !sl_json_is(root, SL_JSON_OBJECT)) {
        r = slc_fail(alloc, err, SLUICE_EUSAGE, "the query of a stream must be a JSON object");
    } else if (!is_stream || is_on) {
        sl_buf_add_str(out, json);
    } else {
        /* Behind the opening brace, or in place of the present value. */
        struct sl_str old = sl_json_is_present(stream) ? sl_json_raw(stream) : SL_STR_NONE;
        size_t from = old.p ? (size_t)(old.p - json.p) : sl_json_tok(root)->off + 1u;
        sl_buf_add(out, json.p, from);
        sl_buf_add_c(out, old.p ? "true" : sl_json_count(root) ? "\"stream\": true, " : "\"stream\": true");
        sl_buf_add(out, json.p + from + old.n, json.n - from - old.n);
    }
    slc_doc_done(&doc, alloc);
    return r;
}

int sluice_request_query(sluice_client *client, const char *route, const char *json, size_t len, int stream,
                         sluice_request **request, sluice_error **err)
{
    int r = ends_check(client, request, err);
    if (r < 0) {
        return r;
    }
    const struct sl_alloc *alloc = &client->alloc;
    struct spec spec = { "POST", "/gateway/", "/invocations", { 0 }, SLC_JSON };
    r = name_check(alloc, route, &spec.name, err);
    if (r == 0 && !json) {
        r = slc_fail(alloc, err, SLUICE_EUSAGE, "the query's JSON is NULL");
    }
    if (r < 0) {
        return r;
    }
    struct sl_buf body = { .max = SIZE_MAX / 2, .alloc = alloc };
    r = query_body(alloc, sl_str_make(json, text_len(json, len)), stream, &body, err);
    if (r < 0) {
        sl_buf_done(&body);
        return r;
    }
    r = request_make(client, &spec, &body, request, err);
    if (r == 0) {
        (*request)->wants_stream = stream;
    }
    return r;
}

int sluice_request_http(sluice_client *client, const char *method, const char *path, const char *body, size_t len,
                        sluice_request **request, sluice_error **err)
{
    int r = ends_check(client, request, err);
    if (r < 0) {
        return r;
    }
    const struct sl_alloc *alloc = &client->alloc;
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
    const char *known = NULL;
    for (size_t i = 0; i < SL_ARRAY_LEN(methods) && method; i++) {
        known = strcmp(method, methods[i]) == 0 ? methods[i] : known;
    }
    if (!known) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "the method must be GET, HEAD, POST, PUT, PATCH or DELETE");
    }
    for (const char *p = path; p && *p; p++) {
        if (*p <= ' ' || *p == 0x7f || *p == '#') {
            return slc_fail(alloc, err, SLUICE_EUSAGE, "the path has a character at byte %zu that must be encoded",
                            (size_t)(p - path));
        }
    }
    if (!path || path[0] != '/') {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "the path must begin with '/'");
    }
    if (body && (strcmp(known, "GET") == 0 || strcmp(known, "HEAD") == 0)) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "a %s has no body", known);
    }
    struct sl_buf copy = { .max = SIZE_MAX / 2, .alloc = alloc };
    if (body) {
        struct slc_doc doc;
        struct sl_str text = sl_str_make(body, text_len(body, len));
        r = slc_doc_parse(&doc, alloc, text, false);
        if (r < 0) {
            return json_fail(alloc, "the body", &doc, r, err);
        }
        slc_doc_done(&doc, alloc);
        sl_buf_add_str(&copy, text);
    }
    r = request_make(client, &(struct spec){ known, path, "", { 0 }, SLC_ANY }, body ? &copy : NULL, request, err);
    if (r == 0) {
        (*request)->is_safe = strcmp(known, "POST") != 0 && strcmp(known, "PATCH") != 0;
    }
    return r;
}

/* --- options of one call --- */

static int frozen_check(const struct sluice_request *request, sluice_error **err)
{
    int r = slc_need(request, "request", err);
    return r == 0 && atomic_load(&request->n_started)
               ? slc_fail(&request->alloc, err, SLUICE_EUSAGE, "a call made from this request is in flight")
               : r;
}

static int unknown_fail(const struct sluice_request *request, const char *name, sluice_error **err)
{
    return slc_fail(&request->alloc, err, SLUICE_EUSAGE, "a request has no such option '%s' of this type",
                    name ? name : "NULL");
}

int sluice_request_set_str(sluice_request *request, const char *name, const char *value, sluice_error **err)
{
    int r = frozen_check(request, err);
    if (r < 0) {
        return r;
    }
    const struct {
        const char *name;
        char **to;
    } rows[] = {
        { "idempotency_key", &request->idempotency_key },
        { "traceparent", &request->traceparent },
        { "request_id", &request->request_id },
        { "accept", &request->accept },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (!name || strcmp(rows[i].name, name) != 0) {
            continue;
        }
        size_t n = value ? strlen(value) : 0;
        for (size_t k = 0; k < n; k++) {
            if ((unsigned char)value[k] < 0x20 || (unsigned char)value[k] > 0x7e || n > HEADER_MAX) {
                return slc_fail(&request->alloc, err, SLUICE_EUSAGE, "%s must be at most %d visible ASCII characters",
                                name, HEADER_MAX);
            }
        }
        char *copy = n ? slc_dup(&request->alloc, value, n) : NULL;
        if (n && !copy) {
            return no_memory(&request->alloc, err);
        }
        sl_alloc_free(&request->alloc, *rows[i].to);
        *rows[i].to = copy;
        if (rows[i].to == &request->accept && request->shape == SLC_ANY) {
            request->wants_stream = copy && strcmp(copy, "text/event-stream") == 0;
        }
        return 0;
    }
    return unknown_fail(request, name, err);
}

static int number_set(struct sluice_request *request, const char *name, const char *const *names, int64_t *const *to,
                      int64_t value, int64_t max, sluice_error **err)
{
    int r = frozen_check(request, err);
    for (size_t i = 0; names[i] && r == 0; i++) {
        if (!name || strcmp(names[i], name) != 0) {
            continue;
        }
        if (value < 0 || value > max) {
            return slc_fail(&request->alloc, err, SLUICE_EUSAGE, "option '%s' must be from 0 to %lld, not %lld", name,
                            (long long)max, (long long)value);
        }
        *to[i] = value;
        return 0;
    }
    return r ? r : unknown_fail(request, name, err);
}

int sluice_request_set_int(sluice_request *request, const char *name, int64_t value, sluice_error **err)
{
    static const char *const names[] = { "retries", NULL };
    int64_t *const to[] = { request ? &request->retries : NULL };
    return number_set(request, name, names, to, value, 10, err);
}

int sluice_request_set_msec(sluice_request *request, const char *name, int64_t msec, sluice_error **err)
{
    static const char *const names[] = { "timeout", "idle_timeout", NULL };
    int64_t *const to[] = { request ? &request->timeout : NULL, request ? &request->idle_timeout : NULL };
    return number_set(request, name, names, to, msec, 30 * 24 * 3600 * 1000LL, err);
}
