/* SPDX-License-Identifier: Apache-2.0 */
/* The pages that describe this server: made of the path table and the schema tables, so that they say what it does. No
 * route is named here: they are open to everyone. */
#include <stdio.h>

#include "gate/api/api.h"
#include "gate/call/origin.h"
#include "gate/worker.h"
#include "llm/mlflow/openapi.h"

/* --- / and the icon --- */

static void handle_index(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    struct sl_str prefix = sl_origin_prefix(x), location = sl_arena_printf(x->arena, "%.*s/docs", SL_STR_ARG(prefix));
    if (!location.p || sl_headers_add(&headers, x->arena, SL_STR("location"), location) < 0) {
        sl_xchg_cut(x);
        return;
    }
    sl_xchg_reply_with(x, 307, &headers, SL_STR_NONE, SL_STR(""));
}

/* 16 x 16, one bit: a gate over water. */
static const unsigned char icon[] = {
    0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x10, 0x10, 0x02, 0x00, 0x01, 0x00, 0x01, 0x00, 0xb0, 0x00, 0x00, 0x00,
    0x16, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb0, 0x60, 0x10, 0x00, 0x99, 0x99,
    0x00, 0x00, 0x66, 0x66, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99, 0x99, 0x00, 0x00, 0x66, 0x66, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3f, 0xfc, 0x00, 0x00, 0x20, 0x04, 0x00, 0x00, 0x27, 0xe4,
    0x00, 0x00, 0x24, 0x24, 0x00, 0x00, 0x24, 0x24, 0x00, 0x00, 0x27, 0xe4, 0x00, 0x00, 0x20, 0x04, 0x00, 0x00,
    0x3f, 0xfc, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x66, 0x66, 0x00, 0x00, 0x99, 0x99, 0x00, 0x00, 0xff, 0xff,
    0x00, 0x00, 0x66, 0x66, 0x00, 0x00, 0x99, 0x99, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00,
    0xc0, 0x03, 0x00, 0x00, 0xdf, 0xfb, 0x00, 0x00, 0xd8, 0x1b, 0x00, 0x00, 0xdb, 0xdb, 0x00, 0x00, 0xdb, 0xdb,
    0x00, 0x00, 0xd8, 0x1b, 0x00, 0x00, 0xdf, 0xfb, 0x00, 0x00, 0xc0, 0x03, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00,
};

static void handle_favicon(struct sl_xchg *x)
{
    sl_xchg_reply(x, 200, SL_STR("image/vnd.microsoft.icon"), sl_str_make((const char *)icon, sizeof(icon)));
}

/* --- /docs --- */

static const char docs_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Sluice AI Gateway</title>\n"
    "<link rel=\"icon\" href=\"favicon.ico\">\n<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\n"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .6em;border-bottom:1px solid #ddd}\n"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f4f4;padding:1em;overflow:auto}\n"
    "</style>\n</head>\n<body>\n<h1>Sluice AI Gateway</h1>\n"
    "<p>Version " SL_VERSION ". It speaks MLflow's AI Gateway protocol and OpenAI's. The calls below as OpenAPI: "
    "<a href=\"openapi.json\">openapi.json</a>.</p>\n"
    "<pre>curl -s http://HOST:PORT/api/2.0/gateway/routes/\n"
    "curl -s http://HOST:PORT/gateway/ROUTE/invocations -H 'content-type: application/json' \\\n"
    "     -d '{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'</pre>\n"
    "<table>\n<tr><th>Method</th><th>Path</th><th>What it does</th></tr>\n";

static void html_add(struct sl_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<') {
            sl_buf_add_lit(out, "&lt;");
        } else if (*text == '&') {
            sl_buf_add_lit(out, "&amp;");
        } else {
            sl_buf_add_char(out, *text);
        }
    }
}

/* "{}" gets a name. */
static void pattern_add(struct sl_buf *out, const char *pattern)
{
    size_t n = strcspn(pattern, "{");
    sl_buf_add(out, pattern, n);
    if (pattern[n]) {
        sl_buf_add_lit(out, "{name}");
        sl_buf_add_c(out, pattern + n + 2);
    }
}

static void handle_docs(struct sl_xchg *x)
{
    struct sl_jw unused, *w = sl_api_writer(x, &unused);
    struct sl_buf *out = w->out;
    sl_buf_add_c(out, docs_head);
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(x->worker->paths, &it)) != NULL;) {
        if (!row->doc) {
            continue;
        }
        char methods[SL_METHODS_MAX];
        sl_methods_format(row->methods & ~(unsigned)SL_HEAD, methods);
        sl_buf_printf(out, "<tr><td>%s</td><td><code>", methods);
        pattern_add(out, row->pattern);
        sl_buf_add_lit(out, "</code></td><td>");
        html_add(out, row->doc);
        sl_buf_add_lit(out, "</td></tr>\n");
    }
    sl_buf_add_lit(out, "</table>\n</body>\n</html>\n");
    if (sl_buf_status(out) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply(x, 200, SL_STR("text/html; charset=utf-8"), sl_buf_str(out));
}

/* --- /openapi.json --- */

static const struct {
    const char *name;
    enum sl_llm_type type;
} schemas[] = {
    { "ChatRequest", SL_LLM_CHAT },
    { "CompletionsRequest", SL_LLM_COMPLETIONS },
    { "EmbeddingsRequest", SL_LLM_EMBEDDINGS },
};

static void schema_ref(struct sl_jw *w, const char *name)
{
    char ref[64];
    snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
    sl_jw_object(w);
    sl_jw_member_str(w, "$ref", sl_str_c(ref));
    sl_jw_end(w);
}

static void body_write(struct sl_jw *w, const struct sl_path *row)
{
    sl_jw_key(w, "requestBody");
    sl_jw_object(w);
    sl_jw_member_bool(w, "required", true);
    sl_jw_key(w, "content");
    sl_jw_object(w);
    sl_jw_key(w, "application/json");
    sl_jw_object(w);
    sl_jw_key(w, "schema");
    if (row->body) {
        schema_ref(w, row->body);
    } else if (row->has_type) {
        sl_jw_object(w); /* an upstream may take more than any schema says */
        sl_jw_member_str(w, "type", SL_STR("object"));
        sl_jw_member_raw(w, "required", SL_STR("[\"model\"]"));
        sl_jw_end(w);
    } else if (!row->handle) {
        sl_jw_object(w);
        sl_jw_key(w, "anyOf");
        sl_jw_array(w);
        for (size_t i = 0; i < SL_ARRAY_LEN(schemas); i++) {
            schema_ref(w, schemas[i].name);
        }
        sl_jw_end(w);
        sl_jw_end(w);
    } else {
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("object"));
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
}

static void response_write(struct sl_jw *w, const char *status, const char *text)
{
    sl_jw_key(w, status);
    sl_jw_object(w);
    sl_jw_member_str(w, "description", sl_str_c(text));
    sl_jw_end(w);
}

static void operation_write(struct sl_jw *w, const struct sl_path *row, const char *method)
{
    sl_jw_key(w, method);
    sl_jw_object(w);
    sl_jw_member_str(w, "summary", sl_str_c(row->doc));
    if (strchr(row->pattern, '{')) {
        sl_jw_member_raw(w, "parameters",
                         SL_STR("[{\"name\":\"name\",\"in\":\"path\",\"required\":true,"
                                "\"schema\":{\"type\":\"string\"}}]"));
    }
    if (strcmp(method, "post") == 0 || strcmp(method, "put") == 0) {
        body_write(w, row);
    }
    sl_jw_key(w, "responses");
    sl_jw_object(w);
    response_write(w, "200", !row->handle ? "The reply, or with \"stream\": true server-sent events." : "OK");
    if (!row->handle && !row->has_type) {
        response_write(w, "422", "The body does not fit the route's schema.");
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

/* All rows of one path stand together as its operations. */
static void path_write(struct sl_jw *w, const struct sl_path_table *paths, const struct sl_path *first)
{
    static const struct {
        unsigned bit;
        const char *name;
    } methods[] = {
        { SL_GET, "get" }, { SL_POST, "post" }, { SL_PUT, "put" }, { SL_DELETE, "delete" }, { SL_PATCH, "patch" }
    };
    struct sl_buf path = SL_BUF_INIT(256);
    pattern_add(&path, first->pattern);
    sl_jw_key_str(w, sl_buf_str(&path));
    sl_jw_object(w);
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(paths, &it)) != NULL;) {
        for (size_t i = 0; i < SL_ARRAY_LEN(methods) && row->doc && strcmp(row->pattern, first->pattern) == 0; i++) {
            if (row->methods & methods[i].bit) {
                operation_write(w, row, methods[i].name);
            }
        }
    }
    sl_jw_end(w);
    sl_buf_done(&path);
}

static bool is_first(const struct sl_path_table *paths, const struct sl_path *row)
{
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *before; (before = sl_path_next(paths, &it)) != row;) {
        if (before->doc && strcmp(before->pattern, row->pattern) == 0) {
            return false;
        }
    }
    return true;
}

static void handle_openapi(struct sl_xchg *x)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_member_str(w, "openapi", SL_STR("3.1.0"));
    sl_jw_member_raw(w, "info", SL_STR("{\"title\":\"Sluice AI Gateway\",\"version\":\"" SL_VERSION "\"}"));
    sl_jw_key(w, "paths");
    sl_jw_object(w);
    const struct sl_path_table *paths = x->worker->paths;
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(paths, &it)) != NULL;) {
        if (row->doc && is_first(paths, row)) {
            path_write(w, paths, row);
        }
    }
    sl_jw_end(w);
    sl_jw_key(w, "components");
    sl_jw_object(w);
    sl_jw_key(w, "schemas");
    sl_jw_object(w);
    for (size_t i = 0; i < SL_ARRAY_LEN(schemas); i++) {
        sl_jw_key(w, schemas[i].name);
        sl_mf_model_schema(w, sl_mf_requests[schemas[i].type]);
    }
    sl_jw_key(w, "SetLimitsRequest");
    sl_mf_model_schema(w, &sl_mf_set_limits);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

const struct sl_path sl_docs_rows[] = {
    { .methods = SL_GET | SL_HEAD, .pattern = "/", .handle = handle_index, .access = SL_ACCESS_OPEN },
    { .methods = SL_GET | SL_HEAD, .pattern = "/docs", .handle = handle_docs, .access = SL_ACCESS_OPEN },
    { .methods = SL_GET | SL_HEAD, .pattern = "/redoc", .handle = handle_docs, .access = SL_ACCESS_OPEN },
    { .methods = SL_GET | SL_HEAD, .pattern = "/openapi.json", .handle = handle_openapi, .access = SL_ACCESS_OPEN },
    { .methods = SL_GET, .pattern = "/favicon.ico", .handle = handle_favicon, .access = SL_ACCESS_OPEN },
    { 0 },
};
