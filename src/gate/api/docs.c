/* SPDX-License-Identifier: Apache-2.0 */
/* The pages that describe this server. They are made from the path table and the schema tables, so they always fit the
 * code. They name no route, because everyone may read them. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/budget.h"
#include "gate/api/api.h"
#include "gate/api/console.h"
#include "gate/api/openapi.h"
#include "gate/call/access.h"
#include "gate/call/origin.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "gate/worker.h"
#include "json/write.h"
#include "wire/headers.h"

/* --- / and the icon --- */

static void handle_index(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    struct sl_str prefix = sl_origin_prefix(x), location = sl_arena_printf(x->arena, "%.*s/docs", SL_STR_ARG(prefix));
    if (!location.p || sl_headers_add(&headers, x->arena, SL_STR("location"), location) < 0) {
        sl_xchg_fail_nomem(x);
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
    "     -d '{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'</pre>\n";
static const char docs_console[] = "<p>To look and to try: the <a href=\"console\">console</a>.</p>\n";
static const char docs_table[] = "<table>\n<tr><th>Method</th><th>Path</th><th>What it does</th></tr>\n";

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

static void handle_docs(struct sl_xchg *x)
{
    struct sl_jw unused, *w = sl_api_writer(x, &unused);
    struct sl_buf *out = w->out;
    sl_buf_add_c(out, docs_head);
    if (x->settings->server.console && sl_console_files[0].name) {
        sl_buf_add_c(out, docs_console);
    }
    sl_buf_add_c(out, docs_table);
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(x->worker->paths, &it)) != NULL;) {
        char methods[SL_METHODS_MAX];
        sl_methods_format(row->methods & ~(unsigned)SL_HEAD, methods);
        sl_buf_printf(out, "<tr><td>%s</td><td><code>", methods);
        sl_openapi_pattern(out, row->pattern);
        sl_buf_add_lit(out, "</code></td><td>");
        html_add(out, row->told->text);
        sl_buf_add_lit(out, "</td></tr>\n");
    }
    sl_buf_add_lit(out, "</table>\n</body>\n</html>\n");
    if (sl_buf_status(out) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply(x, 200, SL_STR("text/html; charset=utf-8"), sl_buf_str(out));
}

/* This reply has about 200 KB and everyone may ask for it. When memory is short it is refused: a client that does not
 * read its reply would hold that memory. */
static void handle_openapi(struct sl_xchg *x)
{
    if (sl_budget_is_over(x->desk->memory)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway's memory (server.limits.memory) is used up");
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_openapi_write(w, x->worker->paths);
    sl_api_reply(x, 200);
}

#define PAGE(methods_, path, handle_, ...)                                                       \
    {                                                                                            \
        .methods = (methods_), .pattern = (path), .handle = (handle_), .access = SL_ACCESS_OPEN, \
        .told = SL_TOLD(__VA_ARGS__)                                                             \
    }

const struct sl_path sl_docs_rows[] = {
    PAGE(SL_GET | SL_HEAD, "/", handle_index, "Redirects to /docs.", .statuses = "307"),
    PAGE(SL_GET | SL_HEAD, "/docs", handle_docs, "This page.", .media = "text/html"),
    PAGE(SL_GET | SL_HEAD, "/redoc", handle_docs, "The same page as /docs.", .media = "text/html"),
    PAGE(SL_GET | SL_HEAD, "/openapi.json", handle_openapi, "The description of all calls, for programs.",
         .reply = "Document"),
    PAGE(SL_GET, "/favicon.ico", handle_favicon, "The icon of these pages.", .media = "image/vnd.microsoft.icon"),
    { 0 },
};
