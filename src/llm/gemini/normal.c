/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites what Google spells in its own way to the usual form. */
#include "llm/gemini/normal.h"

#include "llm/gemini/member.h"

/* --- schemas --- */

enum kind { VALUE, SCHEMA, LIST, MAP, NUMBER, GONE };

static const struct {
    const char *word;
    enum kind kind;
} words[] = {
    { "items", SCHEMA },
    { "additionalProperties", SCHEMA },
    { "not", SCHEMA },
    { "anyOf", LIST },
    { "oneOf", LIST },
    { "allOf", LIST },
    { "prefixItems", LIST },
    { "properties", MAP },
    { "$defs", MAP },
    { "definitions", MAP },
    { "minItems", NUMBER },
    { "maxItems", NUMBER },
    { "minLength", NUMBER },
    { "maxLength", NUMBER },
    { "minProperties", NUMBER },
    { "maxProperties", NUMBER },
    { "nullable", GONE },
    { "propertyOrdering", GONE },
};

static const char *const types[] = { "string", "number", "integer", "boolean", "array", "object", "null" };

static void schema_write(struct sl_buf *out, struct sl_json_val v);

/* "STRING"; if null is allowed too: ["string","null"]. */
static void type_write(struct sl_buf *out, struct sl_json_val v, bool is_nullable)
{
    struct sl_str raw = sl_json_raw(v);
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        struct sl_str type = sl_str_c(types[i]);
        if (raw.n == type.n + 2 && sl_str_case_eq(sl_str_sub(raw, 1, raw.n - 1), type)) {
            sl_buf_printf(out, is_nullable && i + 1 < SL_ARRAY_LEN(types) ? "[\"%s\",\"null\"]" : "\"%s\"", types[i]);
            return;
        }
    }
    sl_buf_add_str(out, raw);
}

/* Writes the schemas of a list, or of a map with their names. */
static void all_write(struct sl_buf *out, struct sl_json_val v)
{
    bool is_object = sl_json_is(v, SL_JSON_OBJECT), has_any = false;
    sl_buf_add_char(out, is_object ? '{' : '[');
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it); has_any = true) {
        sl_buf_add_c(out, has_any ? "," : "");
        if (is_object) {
            sl_buf_add_str(out, sl_json_raw(it.key));
            sl_buf_add_char(out, ':');
        }
        schema_write(out, it.val);
    }
    sl_buf_add_char(out, is_object ? '}' : ']');
}

static void value_write(struct sl_buf *out, enum kind kind, struct sl_json_val v)
{
    int64_t n;
    if (kind == SCHEMA) {
        schema_write(out, v);
    } else if ((kind == LIST && sl_json_is(v, SL_JSON_ARRAY)) || (kind == MAP && sl_json_is(v, SL_JSON_OBJECT))) {
        all_write(out, v);
    } else if (kind == NUMBER && sl_json_is(v, SL_JSON_STRING) && sl_gemini_int(v, &n) == 0) {
        sl_buf_add_i64(out, n); /* numbers of 64 bits come as texts */
    } else {
        sl_buf_add_str(out, sl_json_raw(v));
    }
}

static void word_write(struct sl_buf *out, struct sl_json_val key, struct sl_json_val v, bool is_nullable,
                       bool *io_has_any)
{
    size_t i = 0;
    while (i < SL_ARRAY_LEN(words) && !sl_gemini_is_key(key, words[i].word)) {
        i++;
    }
    bool is_known = i < SL_ARRAY_LEN(words);
    bool is_unsaid = (sl_json_str_eq(key, SL_STR("type")) && sl_json_str_eq(v, SL_STR("TYPE_UNSPECIFIED"))) ||
                     (sl_json_str_eq(key, SL_STR("format")) &&
                      sl_json_str_eq(v, SL_STR("enum"))); /* the member enum itself says it */
    if (is_unsaid || (is_known && words[i].kind == GONE) || sl_json_is(v, SL_JSON_NULL)) {
        return;
    }
    sl_buf_add_c(out, *io_has_any ? "," : "");
    *io_has_any = true;
    if (is_known) {
        sl_buf_printf(out, "\"%s\":", words[i].word);
        value_write(out, words[i].kind, v);
        return;
    }
    sl_buf_add_str(out, sl_json_raw(key));
    sl_buf_add_char(out, ':');
    if (sl_json_str_eq(key, SL_STR("type")) && sl_json_is(v, SL_JSON_STRING)) {
        type_write(out, v, is_nullable);
    } else {
        sl_buf_add_str(out, sl_json_raw(v));
    }
}

static void schema_write(struct sl_buf *out, struct sl_json_val v)
{
    bool has_any = false, is_nullable = sl_json_is(sl_json_get(v, "nullable"), SL_JSON_TRUE);
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        sl_buf_add_str(out, sl_json_raw(v));
        return;
    }
    sl_buf_add_char(out, '{');
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        word_write(out, it.key, it.val, is_nullable, &has_any);
    }
    sl_buf_add_char(out, '}');
}

static int schema_edit(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_edits *edits)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return 0; /* its reader reports the fault */
    }
    struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
    schema_write(&buf, v);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (text.p) {
        sl_json_edit_replace(edits, v, text);
    }
    return text.p ? edits->status : SL_E_NOMEM;
}

static int tools_edit(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_edits *edits)
{
    int r = 0;
    for (struct sl_gemini_iter it = sl_gemini_each(tools); r == 0 && sl_gemini_next(&it);) {
        struct sl_json_val list = sl_gemini_get(it.val, "functionDeclarations");
        for (struct sl_gemini_iter f = sl_gemini_each(list); r == 0 && sl_gemini_next(&f);) {
            r = schema_edit(rd, sl_json_get(f.val, "parameters"), edits);
        }
    }
    return r;
}

/* --- thinking --- */

/* A budget becomes Anthropic's member, which all writers know. A level becomes an effort, elsewhere. */
static int thinking_edit(struct sl_chat_reader *rd, struct sl_json_val request, struct sl_json_val config,
                         struct sl_json_edits *edits)
{
    struct sl_json_val budget = sl_gemini_get(config, "thinkingBudget"), level = sl_gemini_get(config, "thinkingLevel");
    bool has_thoughts = sl_json_is(sl_gemini_get(config, "includeThoughts"), SL_JSON_TRUE);
    int64_t n = -1;
    if (!sl_json_is_nothing(budget) && (sl_gemini_int(budget, &n) < 0 || n < -1)) {
        return sl_chat_fault(rd, budget,
                             "a number of tokens is expected; 0 turns thinking off, -1 leaves it to the model");
    }
    if (!sl_json_is_nothing(level) || (sl_json_is_nothing(budget) && !has_thoughts)) {
        return 0;
    }
    struct sl_str json = n > 0
                             ? sl_arena_printf(rd->arena, "{\"type\":\"enabled\",\"budget_tokens\":%lld}", (long long)n)
                         : n == 0 ? SL_STR("{\"type\":\"disabled\"}")
                                  : SL_STR("{\"type\":\"adaptive\"}");
    if (!json.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_set(edits, request, "thinking", json);
    return edits->status;
}

int sl_gemini_normalise(struct sl_chat_reader *rd, struct sl_json_val request, struct sl_json_edits *edits)
{
    struct sl_json_val config = sl_gemini_get(request, "generationConfig");
    int r = tools_edit(rd, sl_json_get(request, "tools"), edits);
    r = r < 0 ? r : schema_edit(rd, sl_gemini_get(config, "responseSchema"), edits);
    return r < 0 ? r : thinking_edit(rd, request, sl_gemini_get(config, "thinkingConfig"), edits);
}
