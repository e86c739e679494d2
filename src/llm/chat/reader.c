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
    bool is_here = sl_json_holds(doc, call->body);
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

int sl_chat_sort(struct sl_chat_reader *rd, struct sl_json_val root, const struct sl_str *keys, size_t n_keys,
                 size_t more, struct sl_json_val *found)
{
    rd->chat->members = SL_ARENA_ARRAY(rd->arena, struct sl_member, sl_json_count(root) + more + 1);
    int r = rd->chat->members ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(root); r == 0 && sl_json_next(&it);) {
        size_t i = 0;
        while (i < n_keys && !sl_json_str_eq(it.key, keys[i])) {
            i++;
        }
        if (i < n_keys) {
            found[i] = it.val;
        } else if (!sl_json_is(it.val, SL_JSON_NULL)) {
            struct sl_str name;
            r = sl_json_text(it.key, rd->arena, &name);
            sl_chat_member_add(rd, r == 0 ? name : SL_STR(""), it.val);
        }
    }
    return r;
}

void sl_chat_member_add(struct sl_chat_reader *rd, struct sl_str name, struct sl_json_val val)
{
    rd->chat->members[rd->chat->n_members++] = (struct sl_member){ name, val };
}

int sl_chat_number(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val *ret)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    *ret = v;
    return sl_json_is(v, SL_JSON_NUMBER) ? 0 : sl_chat_fault(rd, v, "a number is expected");
}

int sl_chat_int(struct sl_chat_reader *rd, struct sl_json_val v, int64_t min, int64_t *ret)
{
    int64_t n;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (sl_json_int(v, true, &n) < 0 || n < min) {
        return sl_chat_fault(rd, v, "an integer of at least %lld is expected", (long long)min);
    }
    *ret = n;
    return 0;
}

int sl_chat_stops(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "a list of strings is expected");
    }
    rd->chat->stop = SL_ARENA_ARRAY(rd->arena, struct sl_str, sl_json_count(v) + 1);
    if (!rd->chat->stop) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_STRING)) {
            return sl_chat_fault(rd, it.val, "a string is expected");
        }
        rd->chat->stop[rd->chat->n_stop++] = sl_json_raw(it.val);
    }
    return 0;
}

struct sl_str sl_chat_json_text(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_str raw = sl_json_raw(v);
    struct sl_buf buf = SL_BUF_INIT(raw.n + 1);
    sl_json_compact(&buf, raw);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

static void inner_add(struct sl_buf *buf, struct sl_str raw)
{
    sl_buf_add_str(buf, raw.n >= 2 ? sl_str_sub(raw, 1, raw.n - 1) : SL_STR(""));
}

int sl_chat_texts_join(struct sl_chat_reader *rd, struct sl_json_val list, const struct sl_str *heads, size_t n_heads,
                       const char *sep, struct sl_str *ret)
{
    struct sl_buf buf = SL_BUF_INIT(1u << 30);
    int r = sl_json_is(list, SL_JSON_ARRAY) ? 0 : sl_chat_fault(rd, list, "a list of texts is expected");
    sl_buf_add_char(&buf, '"');
    for (size_t i = 0; i < n_heads; i++) {
        inner_add(&buf, heads[i]);
        sl_buf_add_c(&buf, heads[i].n > 2 ? "\\n" : "");
    }
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        struct sl_str raw = sl_chat_raw_text(it.val, "text");
        r = raw.p ? 0 : sl_chat_fault(rd, it.val, "the member 'text' is missing");
        sl_buf_add_c(&buf, it.index ? sep : "");
        inner_add(&buf, raw);
    }
    sl_buf_add_char(&buf, '"');
    if (r == 0) {
        *ret = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
        r = ret->p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&buf);
    return r;
}

bool sl_chat_cites(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val citations = sl_json_get(v, "citations");
    bool cites = sl_json_is(sl_json_get(citations, "enabled"), SL_JSON_TRUE);
    if (cites && !sl_json_is_present(rd->chat->cites)) {
        rd->chat->cites = citations;
    }
    return cites;
}

struct sl_str sl_chat_context(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val context = sl_json_get(v, "context");
    bool is_said = sl_json_is(context, SL_JSON_STRING) && sl_json_raw(context).n > 2;
    if (is_said && !sl_json_is_present(rd->chat->context)) {
        rd->chat->context = context;
    }
    return is_said ? sl_json_raw(context) : SL_STR_NONE;
}

void sl_chat_notes_add(struct sl_chat_reader *rd)
{
    if (sl_json_is_present(rd->chat->cites)) {
        sl_chat_member_add(rd, SL_STR(SL_CHAT_CITES), rd->chat->cites);
    }
    if (sl_json_is_present(rd->chat->context)) {
        sl_chat_member_add(rd, SL_STR(SL_CHAT_CONTEXT), rd->chat->context);
    }
}

static int found_read(struct sl_chat_reader *rd, struct sl_json_val v, const struct sl_found *found,
                      struct sl_part *part)
{
    const struct sl_str heads[] = { found->title, found->source };
    part->kind = SL_PART_TEXT;
    part->found = SL_ARENA_NEW(rd->arena, struct sl_found);
    if (!part->found) {
        return SL_E_NOMEM;
    }
    *part->found = *found;
    return sl_chat_texts_join(rd, sl_json_is_present(found->content) ? found->content : v, heads, SL_ARRAY_LEN(heads),
                              "\\n", &part->text);
}

int sl_chat_found(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    const struct sl_found found = { .title = sl_chat_raw_text(v, "title"),
                                    .source = sl_chat_raw_text(v, "source"),
                                    .content = sl_json_get(v, "content"),
                                    .cites = sl_chat_cites(rd, v) };
    return found_read(rd, v, &found, part);
}

int sl_chat_pieces(struct sl_chat_reader *rd, struct sl_json_val v, const char *title, struct sl_json_val content,
                   struct sl_part *part)
{
    const struct sl_found found = { .is_document = true,
                                    .title = sl_chat_raw_text(v, title),
                                    .content = content,
                                    .context = sl_chat_context(rd, v),
                                    .cites = sl_chat_cites(rd, v) };
    return found_read(rd, v, &found, part);
}

int sl_chat_text_file(struct sl_chat_reader *rd, struct sl_str text, struct sl_media *media)
{
    struct sl_buf buf = SL_BUF_INIT(text.n * 2 + 8);
    /* An empty text gets one byte, because no provider takes an empty file. */
    sl_buf_add_base64(&buf, text.n ? text : SL_STR("\n"));
    media->mime = SL_STR("text/plain");
    media->base64 = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return media->base64.p ? 0 : SL_E_NOMEM;
}

int sl_chat_node(struct sl_chat_reader *rd, struct sl_str text, struct sl_json_val *ret)
{
    struct sl_json read, *doc = SL_ARENA_NEW(rd->arena, struct sl_json);
    sl_json_init(&read, NULL);
    int r = doc ? sl_json_parse(&read, text) : SL_E_NOMEM;
    if (r == 0) {
        *doc = (struct sl_json){ .text = text, .n_toks = read.n_toks, .limits = read.limits };
        doc->toks = SL_ARENA_ARRAY(rd->arena, struct sl_json_tok, read.n_toks);
        r = doc->toks ? 0 : SL_E_NOMEM;
    }
    if (r == 0) {
        memcpy(doc->toks, read.toks, read.n_toks * sizeof(*doc->toks));
        *ret = sl_json_root(doc);
    }
    sl_json_done(&read);
    return r;
}
