/* SPDX-License-Identifier: Apache-2.0 */
/* A host's changes inside messages, and a schema that it takes only as text. */
#include "llm/openai/host_messages.h"

#include "llm/core/language.h"
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

/* Removes members of a message that the host does not know. Members that say nothing, and members that only answers
 * have, are not named. */
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
            sl_body_leave_out(e->notes, sl_str_c(name));
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

/* Mistral's form: a file is a `document_url` or only its id, audio is only its data. */
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

/* Parts of other kinds are removed and named; if only texts are left, they become one text with a line for each. */
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
            sl_body_leave_out(e->notes, SL_STR("content"));
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

/* --- parts that a host does not take --- */

static int part_refuse(struct sl_host_edit *e, struct sl_json_val part, const char *text)
{
    char path[128] = "messages";
    sl_json_path(part, path, sizeof(path));
    return sl_refuse(e->call, e->arena, e->error, path, "%s: %s models take %s.", path, e->label, text);
}

static int part_check(struct sl_host_edit *e, struct sl_json_val part)
{
    struct sl_json_val type = sl_json_get(part, "type"), image = sl_json_get(part, "image_url"), place;
    unsigned takes = e->host->parts;
    place = sl_json_is(image, SL_JSON_STRING) ? image : sl_json_get(image, "url");
    if (sl_json_str_eq(type, SL_STR("image_url")) && !(takes & SL_HOST_IMAGES)) {
        return part_refuse(e, part, "no images");
    }
    struct sl_str url = sl_json_is(place, SL_JSON_STRING) ? sl_json_raw(place) : SL_STR("");
    bool is_data = url.n > 6 && sl_str_case_eq(sl_str_sub(url, 1, 6), SL_STR("data:"));
    if (sl_json_str_eq(type, SL_STR("image_url")) && url.n && !is_data && !(takes & SL_HOST_URLS)) {
        return part_refuse(e, part, "images as a data URI, not by a URL");
    }
    if (sl_json_str_eq(type, SL_STR("input_audio")) && !(takes & SL_HOST_AUDIO)) {
        return part_refuse(e, part, "no audio");
    }
    if (sl_json_str_eq(type, SL_STR("file")) && !(takes & SL_HOST_FILES)) {
        return part_refuse(e, part, "no files");
    }
    return 0;
}

/* --- a message --- */

/* Removes empty lists of calls, and null, because hosts refuse them. */
static void nothing_remove(struct sl_host_edit *e, struct sl_json_val message)
{
    static const char *const names[] = { "tool_calls", "function_call" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names) && !e->call->manners->checks_as_mlflow; i++) { /* MLflow sends them up */
        struct sl_json_val v = sl_json_get(message, names[i]);
        if (sl_json_is_present(v) && (sl_json_is_nothing(v) || sl_json_says_nothing(v))) {
            sl_json_edit_remove(&e->all, message, names[i]);
        }
    }
}

static int content_edit(struct sl_host_edit *e, struct sl_json_val content)
{
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(content); r == 0 && sl_json_next(&it);) {
        r = e->host->parts ? part_check(e, it.val) : 0;
        r = r == 0 && has_quirk(e, SL_HOST_DOCUMENTS) ? part_edit(e, it.val) : r;
    }
    return r;
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
        sl_body_leave_out(e->notes, SL_STR("name"));
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
    if (is_answer) {
        nothing_remove(e, message);
        e->lacks_thoughts |= sl_json_count(calls) > 0 && sl_json_is_nothing(sl_json_get(message, "reasoning_content"));
    }
    struct sl_json_val content = sl_json_get(message, "content");
    if (r == 0 && sl_json_is(content, SL_JSON_ARRAY)) {
        r = content_edit(e, content);
        r = r == 0 && has_quirk(e, SL_HOST_PLAIN) ? plain_edit(e, content) : r;
    }
    return r;
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

struct sl_str sl_host_value_behind(struct sl_str text, size_t from)
{
    struct sl_str rest = sl_str_trim(sl_str_sub(text, from, SL_MIN(text.n, from + 256)));
    if (rest.n == 0 || rest.p[0] != ':') {
        return SL_STR("");
    }
    const char *p = rest.p + 1, *end = text.p + text.n;
    while (p < end && sl_char_is_blank(*p)) {
        p++;
    }
    return sl_str_make(p, (size_t)(end - p));
}

/* True: the messages may have ids that the host does not take, or calls that are not well-formed, or any calls at all
 * when the host wants reasoning beside them. */
static bool calls_may_need(const struct sl_host_edit *e)
{
    static const struct sl_str word = SL_STR_INIT("\"tool_call");
    static const struct sl_str id = SL_STR_INIT("_id\""), list = SL_STR_INIT("s\"");
    for (ptrdiff_t at = 0; (at = sl_str_find(e->text, word, (size_t)at)) >= 0;) {
        struct sl_str tail = sl_str_sub(e->text, (size_t)at + word.n, e->text.n);
        at += (ptrdiff_t)word.n;
        if (sl_str_has_prefix(tail, id) && e->host->ids) {
            struct sl_str value = sl_host_value_behind(tail, id.n);
            ptrdiff_t end = value.n && value.p[0] == '"' ? sl_str_find_char(value, '"', 1) : -1;
            if (end < 0 || !sl_form_name_fits(e->host->ids, sl_str_sub(value, 1, (size_t)end))) {
                return true;
            }
        }
        if (sl_str_has_prefix(tail, list)) {
            struct sl_str value = sl_host_value_behind(tail, list.n);
            struct sl_str inside = sl_str_trim(sl_str_sub(value, 1, SL_MIN(value.n, (size_t)64)));
            if (value.n == 0 || value.p[0] != '[' || inside.n == 0 || inside.p[0] == ']' ||
                has_quirk(e, SL_HOST_THOUGHTS)) {
                return true;
            }
        }
    }
    return false;
}

/* Searches for certain words; most calls have none, so their messages are not read. Names with escapes are not found:
 * they go up unchanged. */
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
    static const struct sl_str parts[] = { SL_STR_INIT("\"image_url\""), SL_STR_INIT("\"input_audio\""),
                                           SL_STR_INIT("\"file\"") };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (has_quirk(e, words[i].quirk) && sl_str_find(e->text, words[i].word, 0) >= 0) {
            return true;
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(parts) && e->host->parts; i++) {
        if (sl_str_find(e->text, parts[i], 0) >= 0) {
            return true;
        }
    }
    if (!e->has_calls) {
        return false;
    }
    ptrdiff_t call = sl_str_find(e->text, SL_STR("\"function_call\""), 0);
    bool is_null = call >= 0 && sl_str_has_prefix(sl_host_value_behind(e->text, (size_t)call + 15), SL_STR("null"));
    return is_null || calls_may_need(e);
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
        return 0; /* the upstream reports the fault */
    }
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = sl_json_is(it.val, SL_JSON_OBJECT) ? message_edit(e, it.val, it.index + 1 == n) : 0;
    }
    return r == 0 && has_quirk(e, SL_HOST_NO_SCHEMA) ? schema_edit(e, root) : r;
}
