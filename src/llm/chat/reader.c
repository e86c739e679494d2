/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/chat/reader.h"

#include <stdarg.h>
#include <stdio.h>

struct sl_str sl_chat_raw_text(struct sl_json_val object, const char *key)
{
    struct sl_json_val v = sl_json_get(object, key);
    return sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
}

int sl_chat_fault(struct sl_chat_reader *rd, struct sl_json_val v, const char *fmt, ...)
{
    char text[256], path[128] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (sl_json_is_present(v)) {
        sl_json_path(v, path, sizeof(path));
    }
    return sl_refuse(rd->call, rd->arena, rd->error, path[0] ? path : NULL, "%s%s%s.", path, path[0] ? ": " : "", text);
}

static bool is_whole(const struct sl_json *doc)
{
    for (struct sl_json_iter it = sl_json_each(sl_json_root(doc)); sl_json_next(&it);) {
        if (sl_json_tok(it.val)->folded) {
            return false;
        }
    }
    return true;
}

int sl_chat_root(struct sl_chat_reader *rd, struct sl_json_val *ret)
{
    const struct sl_call *call = rd->call;
    const struct sl_json *doc = call->doc;
    bool is_here = doc->text.p == call->body.p && doc->text.n == call->body.n && doc->n_toks > 0;
    struct sl_str text = call->body;
    if (call->edits.n) {
        struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
        sl_json_edits_write(&call->edits, text, &buf);
        int r = sl_buf_status(&buf);
        text = r == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
        sl_buf_done(&buf);
        if (!text.p) {
            return r < 0 ? r : SL_E_NOMEM;
        }
    }
    int r = sl_json_mend(&text, rd->arena);
    if (r < 0) {
        return r;
    }
    if (is_here && text.p == call->body.p && is_whole(doc)) {
        *ret = sl_json_root(doc);
        return 0;
    }
    struct sl_json *scratch = rd->env->scratch;
    r = sl_json_parse_at(scratch, text, 0);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : sl_refuse(call, rd->arena, rd->error, NULL, "The request's JSON is too large.");
    }
    *ret = sl_json_root(scratch);
    return 0;
}
