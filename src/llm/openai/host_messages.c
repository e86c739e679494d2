/* SPDX-License-Identifier: Apache-2.0 */
/* What a host wants otherwise inside of messages, and a schema that it takes in words only. */
#include "llm/openai/host_messages.h"

#include "llm/form/ids.h"

#define SCHEMA_WORDS "Answer with one JSON object, and nothing else, that conforms to this JSON Schema: "

static bool has_quirk(const struct sl_host_edit *e, unsigned quirk)
{
    return (e->host->quirks & quirk) != 0;
}

/* --- one message --- */

/* A tool call's id outside of the host's alphabet becomes a digest: the same for the call and its result. */
static int id_edit(struct sl_host_edit *e, struct sl_json_val id)
{
    struct sl_str text;
    if (!e->host->ids || !sl_json_is(id, SL_JSON_STRING)) {
        return 0;
    }
    int r = sl_json_text(id, e->arena, &text);
    if (r < 0 || sl_form_name_fits(e->host->ids, text)) {
        return r;
    }
    struct sl_str digest = sl_form_digest(e->host->ids, text, e->arena);
    digest = digest.p ? sl_json_quote(digest, e->arena) : digest;
    if (!digest.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_replace(&e->all, id, digest);
    return 0;
}

/* Members of a message that the host does not know. What says nothing goes without a word, and what an answer has but
 * no request. */
static void strange_remove(struct sl_host_edit *e, struct sl_json_val message)
{
    static const char *const known[] = { "role", "content", "tool_calls", "tool_call_id", "name", "prefix" };
    static const char *const of_answers[] = { "refusal",       "annotations",       "audio",
                                              "function_call", "reasoning_content", "reasoning" };
    for (struct sl_json_iter it = sl_json_each(message); sl_json_next(&it);) {
        bool is_known = false, is_of_answers = false;
        char name[64];
        struct sl_str raw = sl_json_raw(it.key);
        for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
            is_known |= sl_json_str_eq(it.key, sl_str_c(known[i]));
        }
        for (size_t i = 0; i < SL_ARRAY_LEN(of_answers); i++) {
            is_of_answers |= sl_json_str_eq(it.key, sl_str_c(of_answers[i]));
        }
        if (is_known || raw.n - 2 >= sizeof(name)) {
            continue;
        }
        memcpy(name, raw.p + 1, raw.n - 2);
        name[raw.n - 2] = '\0';
        sl_json_edit_remove(&e->all, message, name);
        if (!is_of_answers && !sl_json_says_nothing(it.val)) {
            sl_body_leave_out(&e->notes, sl_str_c(name));
        }
    }
}

static int part_replace(struct sl_host_edit *e, struct sl_json_val part, struct sl_str text)
{
    if (!text.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_replace(&e->all, part, text);
    return 0;
}

/* Mistral's: a file is a `document_url` or its id alone, audio is its data alone. */
static int part_edit(struct sl_host_edit *e, struct sl_json_val part)
{
    struct sl_json_val data = sl_json_at(part, "file.file_data"), id = sl_json_at(part, "file.file_id"),
                       name = sl_json_at(part, "file.filename"), audio = sl_json_at(part, "input_audio.data");
    if (sl_json_str_eq(sl_json_get(part, "type"), SL_STR("input_audio")) && sl_json_is(audio, SL_JSON_STRING)) {
        return part_replace(e, sl_json_get(part, "input_audio"), sl_json_raw(audio));
    }
    if (!sl_json_str_eq(sl_json_get(part, "type"), SL_STR("file"))) {
        return 0;
    }
    if (sl_json_is(id, SL_JSON_STRING)) {
        return part_replace(
            e, part, sl_arena_printf(e->arena, "{\"type\":\"file\",\"file_id\":%.*s}", SL_STR_ARG(sl_json_raw(id))));
    }
    if (!sl_json_is(data, SL_JSON_STRING)) {
        return 0;
    }
    struct sl_str raw = sl_json_raw(data), called = sl_json_raw(name);
    bool is_named = sl_json_is(name, SL_JSON_STRING);
    return part_replace(e, part,
                        sl_arena_printf(e->arena, "{\"type\":\"document_url\",\"document_url\":%.*s%s%.*s}",
                                        SL_STR_ARG(raw), is_named ? ",\"document_name\":" : "",
                                        is_named ? (int)called.n : 0, is_named ? called.p : ""));
}

/* Parts of other kinds go and are named; what is texts alone becomes one of them, a line each. */
static int plain_edit(struct sl_host_edit *e, struct sl_json_val content)
{
    static const char *const kinds[] = { "text", "image_url", "input_audio" };
    size_t n_kept = 0, n_texts = 0;
    struct sl_json_val *kept = SL_ARENA_ARRAY(e->arena, struct sl_json_val, sl_json_count(content) + 1);
    if (!kept) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        struct sl_json_val type = sl_json_get(it.val, "type");
        size_t kind = 0;
        while (kind < SL_ARRAY_LEN(kinds) && !sl_json_str_eq(type, sl_str_c(kinds[kind]))) {
            kind++;
        }
        if (kind == SL_ARRAY_LEN(kinds)) {
            sl_body_leave_out(&e->notes, SL_STR("content"));
            continue;
        }
        kept[n_kept++] = it.val;
        n_texts += kind == 0 && sl_json_is(sl_json_get(it.val, "text"), SL_JSON_STRING);
    }
    if (n_texts < n_kept && n_kept == sl_json_count(content)) {
        return 0;
    }
    struct sl_buf buf = SL_BUF_INIT(e->text.n + 64);
    bool is_text = n_texts == n_kept;
    sl_buf_add_char(&buf, is_text ? '"' : '[');
    for (size_t i = 0; i < n_kept; i++) {
        struct sl_str raw = sl_json_raw(is_text ? sl_json_get(kept[i], "text") : kept[i]);
        sl_buf_add_c(&buf, i == 0 ? "" : is_text ? "\\n" : ",");
        sl_buf_add_str(&buf, is_text ? sl_str_sub(raw, 1, raw.n - 1) : raw);
    }
    sl_buf_add_char(&buf, is_text ? '"' : ']');
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return part_replace(e, content, text);
}

static int message_edit(struct sl_host_edit *e, struct sl_json_val message, bool is_last)
{
    struct sl_json_val role = sl_json_get(message, "role"), calls = sl_json_get(message, "tool_calls");
    bool is_answer = sl_json_str_eq(role, SL_STR("assistant"));
    if (has_quirk(e, SL_HOST_NO_DEVELOPER) && sl_json_str_eq(role, SL_STR("developer"))) {
        sl_json_edit_replace(&e->all, role, SL_STR("\"system\""));
    }
    if (has_quirk(e, SL_HOST_NO_NAMES) && sl_json_is_present(sl_json_get(message, "name"))) {
        sl_json_edit_remove(&e->all, message, "name");
        sl_body_leave_out(&e->notes, SL_STR("name"));
    }
    if (has_quirk(e, SL_HOST_STRICT)) {
        strange_remove(e, message);
    }
    if (has_quirk(e, SL_HOST_PREFIX) && is_last && is_answer && sl_json_count(calls) == 0) {
        sl_json_edit_set(&e->all, message, "prefix", SL_STR("true"));
    }
    int r = id_edit(e, sl_json_get(message, "tool_call_id"));
    for (struct sl_json_iter it = sl_json_each(calls); r == 0 && sl_json_next(&it);) {
        r = id_edit(e, sl_json_get(it.val, "id"));
    }
    struct sl_json_val content = sl_json_get(message, "content");
    if (has_quirk(e, SL_HOST_DOCUMENTS) && sl_json_is(content, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(content); r == 0 && sl_json_next(&it);) {
            r = part_edit(e, it.val);
        }
    }
    if (r == 0 && has_quirk(e, SL_HOST_PLAIN) && sl_json_is(content, SL_JSON_ARRAY)) {
        r = plain_edit(e, content);
    }
    return r;
}

/* --- the order of messages --- */

static bool is_same_role(struct sl_json_val a, struct sl_json_val b)
{
    struct sl_str x = sl_json_raw(sl_json_get(a, "role")), y = sl_json_raw(sl_json_get(b, "role"));
    return x.n && sl_str_eq(x, y);
}

static bool is_system(struct sl_json_val message)
{
    struct sl_json_val role = sl_json_get(message, "role");
    return sl_json_str_eq(role, SL_STR("system")) || sl_json_str_eq(role, SL_STR("developer"));
}

/* A message's content as members of a list of parts. */
static void parts_write(struct sl_jw *w, struct sl_json_val message)
{
    struct sl_json_val content = sl_json_get(message, "content");
    if (sl_json_is(content, SL_JSON_STRING)) {
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("text"));
        sl_jw_member_raw(w, "text", sl_json_raw(content));
        sl_jw_end(w);
    }
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
            sl_jw_raw(w, sl_json_raw(it.val));
        }
    }
}

/* Messages `from` up to `to` as one: texts with an empty line between, else all their parts. */
static void run_write(struct sl_buf *buf, struct sl_jw *w, const struct sl_json_val *v, size_t from, size_t to)
{
    bool are_texts = true;
    if (to - from == 1) {
        sl_jw_raw(w, sl_json_raw(v[from]));
        return;
    }
    for (size_t i = from; i < to; i++) {
        are_texts = are_texts && sl_json_is(sl_json_get(v[i], "content"), SL_JSON_STRING);
    }
    sl_jw_object(w);
    sl_jw_member_raw(w, "role", sl_json_raw(sl_json_get(v[from], "role")));
    sl_jw_key(w, "content");
    if (are_texts) {
        sl_jw_raw(w, SL_STR("\""));
        for (size_t i = from; i < to; i++) {
            struct sl_str raw = sl_json_raw(sl_json_get(v[i], "content"));
            sl_buf_add_c(buf, i > from ? "\\n\\n" : "");
            sl_buf_add_str(buf, sl_str_sub(raw, 1, raw.n - 1));
        }
        sl_buf_add_char(buf, '"');
    } else {
        sl_jw_array(w);
        for (size_t i = from; i < to; i++) {
            parts_write(w, v[i]);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* System messages first, then neighbours of one role joined: where they are not so already. */
static int order_edit(struct sl_host_edit *e, struct sl_json_val messages)
{
    size_t n = sl_json_count(messages), at = 0;
    struct sl_json_val *v = SL_ARENA_ARRAY(e->arena, struct sl_json_val, n + 1);
    if (!v) {
        return SL_E_NOMEM;
    }
    bool is_moved = false, is_joined = false;
    for (int turn = 0; turn < 2; turn++) {
        for (struct sl_json_iter it = sl_json_each(messages); sl_json_next(&it);) {
            if (is_system(it.val) == (turn == 0)) {
                is_moved |= it.index != at;
                is_joined |= at > 0 && is_same_role(v[at - 1], it.val);
                v[at++] = it.val;
            }
        }
    }
    if (!is_moved && !is_joined) {
        return 0;
    }
    struct sl_buf buf = SL_BUF_INIT(e->text.n * 2 + 4096);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_array(&w);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && is_same_role(v[from], v[to]); to++) {
        }
        run_write(&buf, &w, v, from, to);
    }
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return part_replace(e, messages, text);
}

/* --- a schema in words --- */

static int schema_edit(struct sl_host_edit *e, struct sl_json_val root)
{
    struct sl_json_val format = sl_json_get(root, "response_format"), messages = sl_json_get(root, "messages");
    struct sl_json_val schema = sl_json_at(format, "json_schema.schema");
    if (!sl_json_str_eq(sl_json_get(format, "type"), SL_STR("json_schema")) || sl_json_count(messages) == 0) {
        return 0;
    }
    struct sl_str raw = sl_json_is_present(schema) ? sl_json_raw(schema) : SL_STR("{}");
    struct sl_buf buf = SL_BUF_INIT(raw.n + sizeof(SCHEMA_WORDS));
    sl_buf_add_lit(&buf, SCHEMA_WORDS);
    sl_json_compact(&buf, raw);
    struct sl_str words = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    words = words.p ? sl_json_quote(words, e->arena) : words;
    words = words.p ? sl_arena_printf(e->arena, "{\"role\":\"system\",\"content\":%.*s}", SL_STR_ARG(words)) : words;
    if (!words.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_prepend(&e->all, messages, words);
    sl_json_edit_replace(&e->all, format, SL_STR("{\"type\":\"json_object\"}"));
    return 0;
}

/* --- the whole --- */

/* A look for words: most calls have none that asks for more. Names spelt with escapes are not seen: they go up as they
 * are. */
static bool may_need(const struct sl_host_edit *e)
{
    static const struct {
        unsigned quirk;
        struct sl_str word;
    } words[] = {
        { SL_HOST_NO_DEVELOPER, SL_STR_INIT("\"developer\"") },
        { SL_HOST_NO_NAMES, SL_STR_INIT("\"name\"") },
        { SL_HOST_PREFIX | SL_HOST_STRICT, SL_STR_INIT("\"assistant\"") },
        { SL_HOST_DOCUMENTS, SL_STR_INIT("\"file\"") },
        { SL_HOST_DOCUMENTS, SL_STR_INIT("\"input_audio\"") },
        { SL_HOST_NO_SCHEMA, SL_STR_INIT("\"json_schema\"") },
        { SL_HOST_PLAIN, SL_STR_INIT("\"type\"") },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (has_quirk(e, words[i].quirk) && sl_str_find(e->text, words[i].word, 0) >= 0) {
            return true;
        }
    }
    if (e->host->ids && sl_str_find(e->text, SL_STR("\"tool_call"), 0) >= 0) {
        return true;
    }
    ptrdiff_t role = has_quirk(e, SL_HOST_ALTERNATE) ? sl_str_find(e->text, SL_STR("\"role\""), 0) : -1;
    return role >= 0 && sl_str_find(e->text, SL_STR("\"role\""), (size_t)role + 1) >= 0;
}

int sl_host_messages_edit(struct sl_host_edit *e)
{
    if (e->call->type == SL_LLM_EMBEDDINGS || !may_need(e)) {
        return 0;
    }
    int r = sl_json_parse_at(e->env->scratch, e->text, 0);
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(e->env->scratch), messages = sl_json_get(root, "messages");
    uint32_t n = sl_json_count(messages);
    if (!sl_json_is(messages, SL_JSON_ARRAY)) {
        return 0; /* whose fault that is the upstream tells */
    }
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = sl_json_is(it.val, SL_JSON_OBJECT) ? message_edit(e, it.val, it.index + 1 == n) : 0;
    }
    if (r == 0 && has_quirk(e, SL_HOST_NO_SCHEMA)) {
        r = schema_edit(e, root);
    }
    return r == 0 && has_quirk(e, SL_HOST_ALTERNATE) ? order_edit(e, messages) : r;
}
