/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/request.h"

#include <stdarg.h>
#include <stdio.h>

#include "llm/core/language.h"
#include "llm/core/llm.h"

struct sl_str sl_json_quote(struct sl_str text, struct sl_arena *arena)
{
    bool is_plain = true;
    for (size_t i = 0; i < text.n && is_plain; i++) {
        unsigned char c = (unsigned char)text.p[i];
        is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    }
    struct sl_str inside = text;
    struct sl_buf buf = SL_BUF_INIT(text.n * 6 + 1);
    if (!is_plain) {
        sl_json_escape(&buf, text);
        inside = sl_buf_str(&buf);
    }
    char *p = sl_buf_status(&buf) == 0 ? sl_arena_bytes(arena, inside.n + 2) : NULL;
    if (p) {
        p[0] = '"';
        memcpy(p + 1, inside.n ? inside.p : "", inside.n);
        p[inside.n + 1] = '"';
    }
    size_t n = inside.n + 2;
    sl_buf_done(&buf);
    return p ? sl_str_make(p, n) : SL_STR_NONE;
}

/* Makes an independent copy: edits added to it do not show in `from`. */
static int edits_copy(const struct sl_json_edits *from, struct sl_arena *arena, struct sl_json_edits *ret)
{
    sl_json_edits_init(ret, arena);
    if (from->status < 0) {
        return from->status;
    }
    if (from->n) {
        uint32_t cap = from->n + 4; /* room for a provider's own edits */
        ret->v = SL_ARENA_ARRAY(arena, struct sl_json_edit, cap);
        if (!ret->v) {
            return SL_E_NOMEM;
        }
        memcpy(ret->v, from->v, from->n * sizeof(*from->v));
        ret->n = from->n;
        ret->cap = cap;
    }
    return 0;
}

int sl_refuse(const struct sl_call *call, struct sl_arena *arena, struct sl_llm_error *error, const char *param,
              const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = call->manners->refusal_status,
        .message = sl_arena_dup(arena, sl_str_c(text)),
        .param = param ? sl_arena_dup(arena, sl_str_c(param)) : SL_STR_NONE,
    };
    return SL_E_INVAL;
}

int sl_unsupported(const struct sl_call *call, struct sl_llm_error *error, struct sl_str message)
{
    (void)call;
    *error = (struct sl_llm_error){ .type = SL_ERR_CALLER_UNSUPPORTED, .message = message };
    return SL_E_UNSUPPORTED;
}

/* --- a body in the making --- */

#define BODY_RESERVE_MAX 65536
#define BODY_MAX         (1u << 30) /* the client's own body is bounded far below this */

void sl_body_init(struct sl_body *body, const struct sl_call *call)
{
    sl_buf_init(&body->buf, BODY_MAX);
    body->n_cuts = 0;
    body->n_dropped = 0;
    /* About as long as the client's body, unless most of that stays slices. An error is sticky: finish returns it. */
    SL_IGNORE(sl_buf_reserve(&body->buf, SL_MIN(call->body.n, (size_t)BODY_RESERVE_MAX) + 512) < 0);
    sl_jw_init(&body->w, &body->buf);
}

void sl_body_drop(struct sl_body *body)
{
    sl_buf_done(&body->buf);
}

void sl_body_raw(struct sl_body *body, struct sl_str json)
{
    if (json.n < SL_BODY_CUT_MIN || body->n_cuts == SL_BODY_CUTS_MAX) {
        sl_jw_raw(&body->w, json);
        return;
    }
    sl_jw_raw(&body->w, SL_STR(""));
    body->cuts[body->n_cuts].at = body->buf.len;
    body->cuts[body->n_cuts++].raw = json;
}

void sl_body_around(struct sl_body *body, struct sl_str before, struct sl_str middle, struct sl_str after)
{
    sl_jw_raw(&body->w, before);
    body->w.need_comma = false; /* the next bytes still belong to this value */
    sl_body_raw(body, middle);
    sl_buf_add_str(&body->buf, after);
}

void sl_body_member(struct sl_body *body, const char *key, struct sl_str json)
{
    sl_jw_key(&body->w, key);
    sl_body_raw(body, json);
}

void sl_body_leave_out(struct sl_body *body, struct sl_str name)
{
    struct sl_str list = sl_str_make(body->dropped, body->n_dropped), rest = list, part;
    while (list.n && sl_str_next(&rest, ',', &part)) {
        if (sl_str_eq(part, name)) {
            return;
        }
    }
    if (name.n == 0 || name.n + 1 > SL_DROPPED_MAX - body->n_dropped) {
        return;
    }
    if (body->n_dropped) {
        body->dropped[body->n_dropped++] = ',';
    }
    for (size_t i = 0; i < name.n; i++) { /* it goes into a header */
        bool is_fit = name.p[i] > ' ' && name.p[i] < 0x7f && name.p[i] != ',';
        body->dropped[body->n_dropped++] = is_fit ? name.p[i] : '?';
    }
}

int sl_body_finish(struct sl_body *body, struct sl_arena *arena, struct sl_http_req *req)
{
    int r = sl_buf_status(&body->buf);
    struct sl_str text = sl_buf_str(&body->buf);
    char *own = r == 0 ? sl_arena_bytes(arena, text.n) : NULL;
    struct sl_str *slices = r == 0 ? SL_ARENA_ARRAY(arena, struct sl_str, body->n_cuts * 2 + 1) : NULL;
    if (own && slices) {
        memcpy(own, text.p, text.n);
        size_t from = 0;
        req->n_slices = 0;
        req->body_len = text.n;
        for (uint32_t i = 0; i < body->n_cuts; i++) {
            slices[req->n_slices++] = sl_str_make(own + from, body->cuts[i].at - from);
            slices[req->n_slices++] = body->cuts[i].raw;
            req->body_len += body->cuts[i].raw.n;
            from = body->cuts[i].at;
        }
        slices[req->n_slices++] = sl_str_make(own + from, text.n - from);
        req->slices = slices;
        req->dropped = sl_arena_dup(arena, sl_str_make(body->dropped, body->n_dropped));
        r = req->dropped.p ? 0 : SL_E_NOMEM;
    } else {
        r = r < 0 ? r : SL_E_NOMEM;
    }
    sl_buf_done(&body->buf);
    return r;
}

struct sl_str sl_req_flat(const struct sl_http_req *req, struct sl_arena *arena)
{
    char *p = sl_arena_bytes(arena, req->body_len + 1);
    size_t at = 0;
    for (size_t i = 0; p && i < req->n_slices; i++) {
        memcpy(p + at, req->slices[i].n ? req->slices[i].p : "", req->slices[i].n);
        at += req->slices[i].n;
    }
    return p ? sl_str_make(p, at) : SL_STR_NONE;
}

/* The top level of a call's body. In a later attempt call->doc may be used for something else; then the body is read
 * again into `spare`, without the insides of containers. */
static int root_get(const struct sl_call *call, struct sl_json *spare, struct sl_json_val *ret_root)
{
    const struct sl_json *doc = call->doc;
    if (!sl_json_holds(doc, call->body)) {
        if (!spare->cap) {
            spare->budget = doc->budget;
        }
        int r = sl_json_parse_at(spare, call->body, 1);
        if (r < 0) {
            return r;
        }
        doc = spare;
    }
    *ret_root = sl_json_root(doc);
    return 0;
}

int sl_call_edits(const struct sl_call *call, struct sl_json *spare, struct sl_arena *arena,
                  struct sl_json_val *ret_root, struct sl_json_edits *ret_edits)
{
    int r = root_get(call, spare, ret_root);
    return r < 0 ? r : edits_copy(&call->edits, arena, ret_edits);
}

static int slices_make(const struct sl_call *call, const struct sl_call_edit *edits, size_t n, struct sl_json *spare,
                       struct sl_arena *arena, struct sl_http_req *io_req)
{
    struct sl_json_val root;
    struct sl_json_edits all;
    int r = sl_call_edits(call, spare, arena, &root, &all);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < n; i++) {
        if (edits[i].is_due && edits[i].json.p) {
            sl_json_edit_set(&all, root, edits[i].key, edits[i].json);
        } else if (edits[i].is_due) {
            sl_json_edit_remove(&all, root, edits[i].key);
        }
    }
    return sl_json_edits_slices(&all, call->body, &io_req->slices, &io_req->n_slices, &io_req->body_len);
}

int sl_call_pass(const struct sl_call *call, const struct sl_call_edit *edits, size_t n, struct sl_arena *arena,
                 struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    struct sl_json spare;
    sl_json_init(&spare, NULL);
    int r = slices_make(call, edits, n, &spare, arena, io_req);
    sl_json_done(&spare);
    return r < 0 && r != SL_E_NOMEM ? sl_refuse(call, arena, ret_error, NULL, "The request could not be read again.")
                                    : r;
}
