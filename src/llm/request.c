/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/request.h"

#include <stdarg.h>
#include <stdio.h>

#include "json/write.h"

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

int sl_edits_copy(const struct sl_json_edits *from, struct sl_arena *arena, struct sl_json_edits *ret)
{
    sl_json_edits_init(ret, arena);
    if (from->status < 0) {
        return from->status;
    }
    if (from->n) {
        uint32_t cap = from->n + 4; /* room for what a provider adds */
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
        .status = call->rules == SL_RULES_MLFLOW ? 422 : 400,
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

int sl_call_root(const struct sl_call *call, struct sl_json *spare, struct sl_json_val *ret_root)
{
    const struct sl_json *doc = call->doc;
    if (doc->text.p != call->body.p || doc->text.n != call->body.n || doc->n_toks == 0) {
        spare->limits.record_depth = 1;
        int r = sl_json_parse(spare, call->body);
        if (r < 0) {
            return r;
        }
        doc = spare;
    }
    *ret_root = sl_json_root(doc);
    return 0;
}
