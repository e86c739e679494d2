/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/api.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/word.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/instant.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "json/json.h"
#include "json/write.h"
#include "llm/core/language.h"
#include "wire/uri.h"

#define PAGE_ROWS  1000
#define PAGE_BYTES (4u << 20)

static const struct sl_str json_type = SL_STR_INIT("application/json");

struct sl_jw *sl_api_writer(struct sl_xchg *x, struct sl_jw *w)
{
    sl_buf_reset(x->desk->text);
    sl_jw_init(w, x->desk->text);
    return w;
}

/* Who may not list the nodes learns no name of one here, either. */
static bool may_name_nodes(const struct sl_xchg *x)
{
    const struct sl_key *key = x->caller.key;
    return !key || sl_access_judge(SL_ACCESS_VIEWER, key, true, 0) == SL_ACCESS_GRANTED;
}

void sl_api_pending_write(struct sl_xchg *x)
{
    struct sl_buf *text = x->desk->text;
    struct sl_jw writer, *w = &writer;
    if (SL_LIKELY(!x->desk->pending) || text->len < 2) {
        return;
    }
    struct sl_str rest = may_name_nodes(x) ? sl_str_c(x->desk->pending) : SL_STR("*"), name;
    text->len--; /* the bracket that ends the object */
    if (text->p[text->len - 1] != '{') {
        sl_buf_add_char(text, ',');
    }
    sl_jw_inside(w, text, SL_STR("}"));
    sl_jw_key(w, "pending");
    sl_jw_array(w);
    while (sl_str_next(&rest, '\n', &name)) {
        if (name.n) {
            sl_jw_str(w, name);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

void sl_api_reply_empty(struct sl_xchg *x)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

void sl_api_reply(struct sl_xchg *x, int status)
{
    sl_api_pending_write(x);
    if (sl_buf_status(x->desk->text) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply(x, status, json_type, sl_buf_str(x->desk->text));
}

bool sl_api_page_is_full(const struct sl_xchg *x, uint32_t n)
{
    return n >= PAGE_ROWS || x->desk->text->len >= PAGE_BYTES;
}

void sl_api_time_write(struct sl_jw *w, const char *key, uint64_t sec)
{
    char text[32];
    sl_jw_member_str(w, key, sec ? sl_instant_format(sec, text) : SL_STR_NONE);
}

void sl_api_msec_write(struct sl_jw *w, const char *key, uint64_t usec)
{
    sl_jw_key(w, key);
    if (usec) {
        sl_jw_u64(w, (usec + 999) / 1000);
    } else {
        sl_jw_null(w);
    }
}

const struct sl_route *sl_api_route(struct sl_xchg *x)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), x->match.arg);
    return route && sl_auth_may_use(x, route->name) ? route : NULL;
}

void sl_api_stored_write(struct sl_jw *w, const char *key, struct sl_str json)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    bool is_json = json.p && sl_json_parse(&doc, json) == 0;
    sl_json_done(&doc);
    sl_jw_member_raw(w, key, !json.p ? SL_STR("null") : is_json ? json : SL_STR("{\"damaged\":true}"));
}

bool sl_api_sees_all(const struct sl_xchg *x)
{
    const struct sl_key *key = x->caller.key;
    return !key || (!key->group.n && (x->settings->auth.metrics != SL_METRICS_ADMIN || key->role == SL_ROLE_ADMIN));
}

void sl_api_refuse(struct sl_xchg *x, enum sl_error_type type, const char *code, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct sl_llm_error error = { .type = type,
                                  .code = sl_str_c(code),
                                  .message = sl_arena_dup(x->arena, sl_str_c(text)) };
    sl_xchg_fail(x, &error);
}

void sl_api_refuse_missing(struct sl_xchg *x, struct sl_str name)
{
    sl_api_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST",
                  "The route '%.*s' is not present or active on the server. Please verify the route name.",
                  SL_STR_ARG(sl_str_sub(name, 0, sl_utf8_fit(name, 256))));
}

void sl_api_refuse_page(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                      "Invalid page_token: it must be the next_page_token of an earlier reply.");
}

bool sl_api_page_or_refuse(struct sl_xchg *x, uint64_t *ret)
{
    struct sl_str token;
    *ret = 0;
    if (sl_query_get(x->match.query, "page_token", x->arena, &token) && sl_parse_u64(token, 1, INT64_MAX, ret) < 0) {
        sl_api_refuse_page(x);
        return false;
    }
    return true;
}

void sl_api_refuse_body(struct sl_xchg *x, const char *type, const char *loc, const char *msg)
{
    struct sl_arena *arena = x->arena;
    bool has_loc = *loc != '\0';
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = x->dialect->manners->refusal_status,
        .code = SL_STR("INVALID_PARAMETER_VALUE"),
        .param = sl_str_c(loc),
        .message = sl_arena_printf(arena, "body%s%s: %s", has_loc ? "." : "", loc, msg),
        .detail = sl_arena_printf(arena, "[{\"type\":\"%s\",\"loc\":[\"body\"%s%s%s],\"msg\":\"%s\",\"input\":null}]",
                                  type, has_loc ? ",\"" : "", loc, has_loc ? "\"" : "", msg),
    };
    sl_xchg_fail(x, &error);
}

bool sl_api_body_or_refuse(struct sl_xchg *x, struct sl_json_val *ret)
{
    struct sl_str body = x->req->body;
    if (sl_str_has_prefix(body, SL_STR("\xef\xbb\xbf"))) {
        body = sl_str_sub(body, 3, body.n);
    }
    if (body.n > SL_MANAGE_BODY_MAX) {
        sl_api_refuse(x, SL_ERR_CALLER_BODY_TOO_LARGE, "INVALID_PARAMETER_VALUE",
                      "the body of a management call may have %u bytes", SL_MANAGE_BODY_MAX);
        return false;
    }
    struct sl_json *doc = x->desk->doc;
    int r = sl_json_parse(doc, body);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    *ret = sl_json_root(doc);
    if (r < 0 && doc->fault == SL_JSON_FAULT_EMPTY) {
        sl_api_refuse_body(x, "missing", "", "Field required");
        return false;
    }
    if (r < 0) {
        sl_api_refuse_body(x, "json_invalid", "", "JSON decode error");
        return false;
    }
    if (!sl_json_is(*ret, SL_JSON_OBJECT)) {
        sl_api_refuse_body(x, "model_attributes_type", "",
                           "Input should be a valid dictionary or object to extract fields from");
        return false;
    }
    return true;
}
