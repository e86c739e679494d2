/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/login_page.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/word.h"
#include "gate/call/error_headers.h"
#include "gate/call/login_table.h"
#include "gate/call/origin.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "net/loop.h"
#include "wire/headers.h"

#define WORDS_MAX 1024

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Not logged in</title>\n</head>\n<body>\n"
    "<h1>You are not logged in</h1>\n<p>";

/* As text, whatever is in it: nothing of it is markup, and nothing turns the direction of writing. */
static void text_add(struct sl_buf *out, struct sl_str text)
{
    uint32_t c;
    while (text.n) {
        struct sl_str at = text;
        if (!sl_utf8_next(&text, &c)) {
            return;
        }
        if (sl_is_steering(c)) {
            sl_buf_add_char(out, '?');
        } else if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'') {
            sl_buf_printf(out, "&#%u;", c);
        } else {
            sl_buf_add(out, at.p, at.n - text.n);
        }
    }
}

static void page_write(struct sl_xchg *x, struct sl_buf *out, struct sl_str words)
{
    struct sl_str prefix = sl_origin_prefix(x);
    sl_buf_reset(out);
    sl_buf_add_c(out, page_head);
    text_add(out, words);
    sl_buf_add_lit(out, "</p>\n<p><a href=\"");
    text_add(out, prefix);
    sl_buf_add_lit(out, "/console/login\">Try again</a> or <a href=\"");
    text_add(out, prefix);
    sl_buf_add_lit(out, "/console\">go to the console</a>. The request's id is ");
    text_add(out, x->caller.request_id);
    sl_buf_add_lit(out, ".</p>\n</body>\n</html>\n");
}

/* The page has nothing that is loaded, and is shown in no frame. */
static int headers_write(struct sl_xchg *x, enum sl_error_type type, struct sl_headers *headers)
{
    static const struct sl_header rows[] = {
        { SL_STR_INIT("cache-control"), SL_STR_INIT("no-store") },
        { SL_STR_INIT("content-security-policy"), SL_STR_INIT("default-src 'none'; frame-ancestors 'none'") },
        { SL_STR_INIT("referrer-policy"), SL_STR_INIT("no-referrer") },
        { SL_STR_INIT("x-content-type-options"), SL_STR_INIT("nosniff") },
    };
    const struct sl_llm_error error = { .type = type, .status = sl_error_type_status(type) };
    int r = sl_error_headers(&error, 0, true, x->arena, headers);
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(rows); i++) {
        r = sl_headers_add(headers, x->arena, rows[i].name, rows[i].value);
    }
    return r;
}

static bool wants_page(const struct sl_xchg *x)
{
    return sl_str_find(sl_headers_get(&x->req->msg.headers, "accept"), SL_STR("text/html"), 0) >= 0;
}

static void tell(struct sl_xchg *x, const char *inside, const char *words)
{
    uint32_t n_hidden;
    if (!sl_logins_may_tell(x->worker->gate->logins, sl_loop_recent(x->desk->loop), &n_hidden)) {
        return;
    }
    if (n_hidden) {
        sl_log(SL_LOG_WARNING, "login", "%u refused logins are not told here: there were too many", n_hidden);
    }
    sl_log(SL_LOG_WARNING, "login", "refused a login from %.*s (request %.*s): %s%s%s", SL_STR_ARG(x->caller.address),
           SL_STR_ARG(x->caller.request_id), words, inside ? " " : "", inside ? inside : "");
}

void sl_login_refuse(struct sl_xchg *x, enum sl_error_type type, const char *inside, const char *fmt, ...)
{
    char words[WORDS_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    tell(x, inside, words);
    if (!wants_page(x)) {
        sl_xchg_fail_text(x, type, "%s", words);
        return;
    }
    struct sl_headers headers = { 0 };
    struct sl_buf *out = x->desk->text;
    page_write(x, out, sl_str_c(words));
    if (sl_buf_status(out) < 0 || headers_write(x, type, &headers) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    x->record.error_type = type;
    x->record.told = sl_arena_dup(x->arena, sl_str_c(words));
    sl_xchg_reply_with(x, sl_error_type_status(type), &headers, SL_STR("text/html; charset=utf-8"), sl_buf_str(out));
}
