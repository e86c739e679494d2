/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/schema.h"

#include "llm/form/schema_word.h"

#define BYTES_MAX (4u << 20) /* of one finished schema: references that are replaced can multiply */

static bool has(const struct sl_schema_view *view, enum sl_schema_word word)
{
    return (view->has >> word & 1) != 0;
}

/* --- writing --- */

struct object {
    struct sl_schema_cast *c;
    bool needs_comma;
};

static void key_write(struct object *o, struct sl_str word)
{
    sl_buf_add_c(o->c->out, o->needs_comma ? ",\"" : "\"");
    sl_buf_add_str(o->c->out, word);
    sl_buf_add_lit(o->c->out, "\":");
    o->needs_comma = true;
}

static void raw_write(struct object *o, struct sl_str word, struct sl_str raw)
{
    key_write(o, word);
    sl_buf_add_str(o->c->out, raw);
}

static int schema_write(struct sl_schema_cast *c, struct sl_json_val v);

static int child_write(struct sl_schema_cast *c, struct sl_json_val v)
{
    if (c->rules->is_shallow) {
        sl_buf_add_str(c->out, sl_json_raw(v));
        return 0;
    }
    return schema_write(c, v);
}

static int list_write(struct sl_schema_cast *c, struct sl_json_val list)
{
    int r = 0;
    bool is_first = true;
    sl_buf_add_char(c->out, '[');
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it); is_first = false) {
        if (!is_first) {
            sl_buf_add_char(c->out, ',');
        }
        r = child_write(c, it.val);
    }
    sl_buf_add_char(c->out, ']');
    return r;
}

/* A property of several branches: any of their schemas. */
static int property_write(struct sl_schema_cast *c, const struct sl_json_val *maps, size_t n, size_t first,
                          struct sl_json_val key)
{
    struct sl_json_val same[SL_SCHEMA_VIEW_MAX * 4];
    size_t n_same = 0;
    struct sl_str name = SL_STR_NONE;
    if (sl_json_text(key, c->form->arena, &name) < 0) {
        return SL_E_NOMEM;
    }
    for (size_t i = first; i < n && n_same < SL_ARRAY_LEN(same); i++) {
        struct sl_json_val v = sl_json_get_str(maps[i], name);
        bool is_new = sl_json_is_present(v);
        for (size_t k = 0; k < n_same && is_new; k++) {
            is_new = !sl_str_eq(sl_json_raw(same[k]), sl_json_raw(v));
        }
        if (is_new) {
            same[n_same++] = v;
        }
    }
    if (n_same == 1) {
        return child_write(c, same[0]);
    }
    int r = 0;
    sl_buf_add_lit(c->out, "{\"anyOf\":[");
    for (size_t i = 0; i < n_same && r == 0; i++) {
        sl_buf_add_c(c->out, i ? "," : "");
        r = child_write(c, same[i]);
    }
    sl_buf_add_lit(c->out, "]}");
    return r;
}

static bool is_earlier(const struct sl_json_val *maps, size_t n, struct sl_json_val key, struct sl_arena *arena)
{
    struct sl_str name = SL_STR_NONE;
    bool found = false;
    if (n == 0 || sl_json_text(key, arena, &name) < 0) {
        return false;
    }
    for (size_t i = 0; i < n && !found; i++) {
        found = sl_json_is_present(sl_json_get_str(maps[i], name));
    }
    return found;
}

static int maps_write(struct sl_schema_cast *c, const struct sl_json_val *maps, size_t n)
{
    int r = 0;
    bool is_first = true;
    sl_buf_add_char(c->out, '{');
    for (size_t i = 0; i < n; i++) {
        for (struct sl_json_iter it = sl_json_each(maps[i]); r == 0 && it.is_object && sl_json_next(&it);) {
            if (is_earlier(maps, i, it.key, c->form->arena)) {
                continue;
            }
            sl_buf_add_c(c->out, is_first ? "" : ",");
            sl_buf_add_str(c->out, sl_json_raw(it.key));
            sl_buf_add_char(c->out, ':');
            r = n == 1 ? child_write(c, it.val) : property_write(c, maps, n, i, it.key);
            is_first = false;
        }
    }
    sl_buf_add_char(c->out, '}');
    return r;
}

static bool list_has(struct sl_json_val list, struct sl_json_val text)
{
    struct sl_str raw = sl_json_raw(text);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        if (sl_str_eq(sl_json_raw(it.val), raw)) {
            return true;
        }
    }
    return false;
}

/* --- types --- */

static bool is_type(struct sl_json_val type, const char *word)
{
    if (sl_json_is(type, SL_JSON_STRING)) {
        return sl_json_str_eq(type, sl_str_c(word));
    }
    for (struct sl_json_iter it = sl_json_each(type); sl_json_is(type, SL_JSON_ARRAY) && sl_json_next(&it);) {
        if (sl_json_str_eq(it.val, sl_str_c(word))) {
            return true;
        }
    }
    return false;
}

static void type_word_write(struct object *o, struct sl_str word)
{
    key_write(o, SL_STR("type"));
    /* The word is raw: letters of an escape must not change, and no type has an escape. */
    bool is_upper = o->c->rules->is_upper && sl_str_find_char(word, '\\', 0) < 0;
    sl_buf_add_char(o->c->out, '"');
    for (size_t i = 0; i < word.n; i++) {
        char ch = word.p[i];
        sl_buf_add_char(o->c->out, is_upper && ch >= 'a' && ch <= 'z' ? (char)(ch - 32) : ch);
    }
    sl_buf_add_char(o->c->out, '"');
}

/* Writes a list of types, where null is a member of its own: one type, or any of several. */
static void types_write(struct object *o, struct sl_json_val list)
{
    uint32_t n = 0;
    struct sl_str word = SL_STR_NONE;
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        if (sl_json_is(it.val, SL_JSON_STRING) && !sl_json_str_eq(it.val, SL_STR("null"))) {
            struct sl_str raw = sl_json_raw(it.val);
            word = sl_str_sub(raw, 1, raw.n - 1);
            n++;
        }
    }
    if (n == 1) {
        type_word_write(o, word);
    } else if (n > 1) {
        key_write(o, SL_STR("anyOf"));
        sl_buf_add_char(o->c->out, '[');
        bool is_first = true;
        for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
            struct sl_str raw = sl_json_raw(it.val);
            if (!sl_json_is(it.val, SL_JSON_STRING) || sl_json_str_eq(it.val, SL_STR("null"))) {
                continue;
            }
            sl_buf_add_c(o->c->out, is_first ? "{" : ",{");
            struct object inner = { o->c, false };
            type_word_write(&inner, sl_str_sub(raw, 1, raw.n - 1));
            sl_buf_add_char(o->c->out, '}');
            is_first = false;
        }
        sl_buf_add_char(o->c->out, ']');
    }
}

static void type_write(struct object *o, const struct sl_schema_view *view, bool is_root)
{
    const struct sl_schema_cast *c = o->c;
    struct sl_json_val type = view->at[SL_SCHEMA_AT_TYPE];
    if (is_root && c->rules->needs_object) {
        type_word_write(o, SL_STR("object"));
    } else if (sl_json_is(type, SL_JSON_ARRAY) && c->rules->has_nullable) {
        types_write(o, type);
    } else if (sl_json_is(type, SL_JSON_STRING) && c->rules->is_upper) {
        struct sl_str raw = sl_json_raw(type);
        type_word_write(o, sl_str_sub(raw, 1, raw.n - 1));
    } else if (sl_json_is(type, SL_JSON_STRING) && !c->rules->has_nullable &&
               sl_json_is(view->at[SL_SCHEMA_AT_NULLABLE], SL_JSON_TRUE)) {
        key_write(o, SL_STR("type"));
        sl_buf_add_char(c->out, '[');
        sl_buf_add_str(c->out, sl_json_raw(type));
        sl_buf_add_lit(c->out, ",\"null\"]");
    } else if (sl_json_is_present(type)) {
        raw_write(o, SL_STR("type"), sl_json_raw(type));
    } else if (c->rules->needs_type && !(view->has & (SL_SCHEMA_BIT(REF) | SL_SCHEMA_BIT(ANY_OF) |
                                                      SL_SCHEMA_BIT(ONE_OF) | SL_SCHEMA_BIT(ALL_OF)))) {
        const char *guess = sl_schema_type_guess(view);
        if (guess) {
            type_word_write(o, sl_str_c(guess));
        } else if (c->rules->any) {
            sl_buf_add_c(c->out, o->needs_comma ? "," : "");
            sl_buf_add_c(c->out, c->rules->any);
            o->needs_comma = true;
        }
    }
}

/* --- an object of words --- */

struct told {
    struct sl_json_val v[SL_SCHEMA_WORD_COUNT];
    uint64_t words;
};

static void tell(struct told *told, enum sl_schema_word word, struct sl_json_val v)
{
    told->words |= UINT64_C(1) << word;
    told->v[word] = v;
}

/* Writes the description: "The text.
 *
 * {minimum: 1, maxLength: 20}" */
static void description_write(struct object *o, const struct sl_schema_view *view, const struct told *told)
{
    struct sl_json_val text = view->at[SL_SCHEMA_AT_DESCRIPTION];
    bool has_text = sl_json_is(text, SL_JSON_STRING);
    if (!told->words && !has_text) {
        return;
    }
    struct sl_str raw = has_text ? sl_json_raw(text) : SL_STR("\"\"");
    key_write(o, SL_STR("description"));
    sl_buf_add_str(o->c->out, sl_str_sub(raw, 0, raw.n - 1));
    const char *before = raw.n > 2 ? "\\n\\n{" : "{";
    for (int i = 0; i < SL_SCHEMA_WORD_COUNT; i++) {
        if (told->words >> i & 1) {
            sl_buf_add_c(o->c->out, before);
            sl_buf_add_str(o->c->out, sl_schema_words[i].word);
            sl_buf_add_lit(o->c->out, ": ");
            sl_json_escape(o->c->out, sl_json_raw(told->v[i]));
            before = ", ";
        }
    }
    sl_buf_add_c(o->c->out, told->words ? "}\"" : "\"");
}

/* The branches of a root that must be an object: it gets the properties of all of them, and requires what each of them
 * requires. */
struct branches {
    struct sl_json_val maps[SL_SCHEMA_VIEW_MAX * 4], required[SL_SCHEMA_VIEW_MAX * 4];
    size_t n_maps, n_required;
};

static void branch_add(const struct sl_schema_cast *c, struct branches *b, struct sl_json_val v)
{
    struct sl_json_val ref = sl_json_get(v, "$ref");
    v = sl_json_is(ref, SL_JSON_STRING) ? sl_schema_target(c, ref) : v;
    struct sl_json_val map = sl_json_get(v, "properties");
    if (sl_json_is(map, SL_JSON_OBJECT) && b->n_maps < SL_ARRAY_LEN(b->maps)) {
        b->maps[b->n_maps++] = map;
        b->required[b->n_required++] = sl_json_get(v, "required");
    }
}

static void branches_read(const struct sl_schema_cast *c, const struct sl_schema_view *view, struct branches *b)
{
    static const enum sl_schema_word lists[] = { SL_SCHEMA_AT_ANY_OF, SL_SCHEMA_AT_ONE_OF };
    for (size_t i = 0; i < SL_ARRAY_LEN(lists); i++) {
        struct sl_json_val list = view->at[lists[i]];
        for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
            branch_add(c, b, it.val);
        }
    }
}

static void required_write(struct object *o, const struct sl_schema_view *view, const struct branches *b)
{
    bool is_first = true;
    struct sl_schema_cast *c = o->c;
    for (size_t i = 0; i < view->n; i++) {
        struct sl_json_val list = sl_json_get(view->v[i], "required");
        for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
            bool is_there = false;
            for (size_t k = 0; k < i && !is_there; k++) {
                is_there = list_has(sl_json_get(view->v[k], "required"), it.val);
            }
            if (is_there) {
                continue;
            }
            if (is_first) {
                key_write(o, SL_STR("required"));
            }
            sl_buf_add_c(c->out, is_first ? "[" : ",");
            sl_buf_add_str(c->out, sl_json_raw(it.val));
            is_first = false;
        }
    }
    struct sl_json_val list = b && b->n_required ? b->required[0] : SL_JSON_ABSENT;
    for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
        bool is_all = true;
        for (size_t k = 1; k < b->n_required && is_all; k++) {
            is_all = list_has(b->required[k], it.val);
        }
        if (is_all) {
            if (is_first) {
                key_write(o, SL_STR("required"));
            }
            sl_buf_add_c(c->out, is_first ? "[" : ",");
            sl_buf_add_str(c->out, sl_json_raw(it.val));
            is_first = false;
        }
    }
    sl_buf_add_c(c->out, is_first ? "" : "]");
}

static int properties_write(struct object *o, const struct sl_schema_view *view, const struct branches *b,
                            bool is_object)
{
    struct sl_json_val maps[SL_SCHEMA_VIEW_MAX * 5];
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++) {
        struct sl_json_val map = sl_json_get(view->v[i], "properties");
        if (sl_json_is(map, SL_JSON_OBJECT)) {
            maps[n++] = map;
        }
    }
    for (size_t i = 0; b && i < b->n_maps; i++) {
        maps[n++] = b->maps[i];
    }
    if (n == 0 && !is_object) {
        return 0;
    }
    key_write(o, SL_STR("properties"));
    return maps_write(o->c, maps, n);
}

/* `items` as one schema; for a list of schemas, and for prefixItems, any of them. */
static int items_write(struct object *o, const struct sl_schema_view *view)
{
    struct sl_schema_cast *c = o->c;
    struct sl_json_val items = view->at[SL_SCHEMA_AT_ITEMS], prefix = view->at[SL_SCHEMA_AT_PREFIX_ITEMS];
    bool is_plain = sl_json_is(items, SL_JSON_OBJECT);
    if (sl_json_is(items, SL_JSON_ARRAY)) {
        prefix = items;
    }
    if (sl_schema_takes(c, SL_SCHEMA_AT_PREFIX_ITEMS) || !sl_json_is(prefix, SL_JSON_ARRAY) ||
        sl_json_count(prefix) == 0) {
        if (!is_plain) {
            return 0;
        }
        key_write(o, SL_STR("items"));
        return child_write(c, items);
    }
    key_write(o, SL_STR("items"));
    sl_buf_add_lit(c->out, "{\"anyOf\":");
    int r = list_write(c, prefix);
    sl_buf_add_char(c->out, '}');
    return r;
}

/* anyOf without its null, where null is a member of its own. */
static int any_of_write(struct object *o, struct sl_json_val list, bool *io_nullable)
{
    struct sl_schema_cast *c = o->c;
    int r = 0;
    bool is_first = true;
    key_write(o, SL_STR("anyOf"));
    sl_buf_add_char(c->out, '[');
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        if (c->rules->has_nullable && sl_json_str_eq(sl_json_get(it.val, "type"), SL_STR("null"))) {
            *io_nullable = true;
            continue;
        }
        sl_buf_add_c(c->out, is_first ? "" : ",");
        r = child_write(c, it.val);
        is_first = false;
    }
    sl_buf_add_char(c->out, ']');
    return r;
}

/* A word that needs no special handling. */
static int plain_write(struct object *o, enum sl_schema_word word, struct sl_json_val v, struct told *told)
{
    struct sl_schema_cast *c = o->c;
    if (!sl_schema_word_fits(c, word, v)) {
        if (sl_schema_words[word].fate == SL_SCHEMA_TELL) {
            tell(told, word, v);
        }
        return 0;
    }
    if (sl_schema_words[word].kind == SL_SCHEMA_MAP && sl_json_is(v, SL_JSON_OBJECT)) {
        key_write(o, sl_schema_words[word].word);
        return maps_write(c, &v, 1);
    }
    if (sl_schema_words[word].kind == SL_SCHEMA_LIST && sl_json_is(v, SL_JSON_ARRAY)) {
        key_write(o, sl_schema_words[word].word);
        return list_write(c, v);
    }
    if (sl_schema_words[word].kind == SL_SCHEMA_SCHEMA && sl_json_is(v, SL_JSON_OBJECT)) {
        key_write(o, sl_schema_words[word].word);
        return child_write(c, v);
    }
    raw_write(o, sl_schema_words[word].word, sl_json_raw(v));
    return 0;
}

/* Words that are written together with others, or before them. */
#define APART                                                                                                 \
    (SL_SCHEMA_BIT(TYPE) | SL_SCHEMA_BIT(DESCRIPTION) | SL_SCHEMA_BIT(PROPERTIES) | SL_SCHEMA_BIT(REQUIRED) | \
     SL_SCHEMA_BIT(ITEMS) | SL_SCHEMA_BIT(ADDITIONAL) | SL_SCHEMA_BIT(ANY_OF) | SL_SCHEMA_BIT(ONE_OF) |       \
     SL_SCHEMA_BIT(ALL_OF) | SL_SCHEMA_BIT(CONST) | SL_SCHEMA_BIT(NULLABLE) | SL_SCHEMA_BIT(PREFIX_ITEMS))

static int choices_write(struct object *o, const struct sl_schema_view *view, bool is_root, struct told *told,
                         bool *io_nullable)
{
    struct sl_schema_cast *c = o->c;
    struct sl_json_val any = view->at[SL_SCHEMA_AT_ANY_OF], one = view->at[SL_SCHEMA_AT_ONE_OF];
    bool is_merged = is_root && c->rules->needs_object;
    if (sl_json_is_present(any) && sl_json_is_present(one)) {
        tell(told, SL_SCHEMA_AT_ONE_OF, one);
        one = SL_JSON_ABSENT;
    }
    bool is_one = sl_json_is_present(one);
    struct sl_json_val list = is_one ? one : any;
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return 0;
    }
    if (is_merged || !sl_schema_takes(c, SL_SCHEMA_AT_ANY_OF)) {
        tell(told, is_one ? SL_SCHEMA_AT_ONE_OF : SL_SCHEMA_AT_ANY_OF, list);
        return 0;
    }
    if (is_one && sl_schema_takes(c, SL_SCHEMA_AT_ONE_OF)) {
        key_write(o, SL_STR("oneOf"));
        return list_write(c, list);
    }
    return any_of_write(o, list, io_nullable);
}

static int object_write(struct object *o, const struct sl_schema_view *view, bool is_root)
{
    struct sl_schema_cast *c = o->c;
    struct told told = { 0 };
    struct branches *branches = is_root && c->rules->needs_object ? SL_ARENA_NEW(c->form->arena, struct branches)
                                                                  : NULL;
    struct sl_json_val type = view->at[SL_SCHEMA_AT_TYPE], extra = view->at[SL_SCHEMA_AT_ADDITIONAL];
    const char *guess = sl_json_is_present(type) ? NULL : sl_schema_type_guess(view);
    bool is_forced = is_root && c->rules->needs_object;
    bool is_object = is_forced || is_type(type, "object") || (guess && strcmp(guess, "object") == 0);
    bool is_nullable = is_type(type, "null") || sl_json_is(view->at[SL_SCHEMA_AT_NULLABLE], SL_JSON_TRUE);
    if (is_forced && !branches) {
        return SL_E_NOMEM;
    }
    if (is_forced) {
        branches_read(c, view, branches);
    }
    type_write(o, view, is_root);
    int r = choices_write(o, view, is_root, &told, &is_nullable);
    r = r < 0 ? r : properties_write(o, view, branches, is_object && (is_forced || c->rules->closes));
    if (r == 0) {
        required_write(o, view, branches);
        r = items_write(o, view);
    }
    if (has(view, SL_SCHEMA_AT_CONST) && sl_schema_takes(c, SL_SCHEMA_AT_CONST)) {
        raw_write(o, SL_STR("const"), sl_json_raw(view->at[SL_SCHEMA_AT_CONST]));
    } else if (has(view, SL_SCHEMA_AT_CONST) && !c->rules->has_string_enums) {
        key_write(o, SL_STR("enum"));
        sl_buf_add_char(c->out, '[');
        sl_buf_add_str(c->out, sl_json_raw(view->at[SL_SCHEMA_AT_CONST]));
        sl_buf_add_char(c->out, ']');
    } else if (has(view, SL_SCHEMA_AT_CONST)) {
        tell(&told, SL_SCHEMA_AT_CONST, view->at[SL_SCHEMA_AT_CONST]);
    }
    for (int i = 0; i < SL_SCHEMA_WORD_COUNT && r == 0; i++) {
        if ((view->has & ~APART) >> i & 1) {
            r = plain_write(o, (enum sl_schema_word)i, view->at[i], &told);
        }
    }
    if (has(view, SL_SCHEMA_AT_PREFIX_ITEMS)) {
        r = r < 0 ? r : plain_write(o, SL_SCHEMA_AT_PREFIX_ITEMS, view->at[SL_SCHEMA_AT_PREFIX_ITEMS], &told);
    }
    if (is_object && c->rules->closes) {
        raw_write(o, SL_STR("additionalProperties"), SL_STR("false"));
        if (sl_json_is(extra, SL_JSON_OBJECT)) {
            tell(&told, SL_SCHEMA_AT_ADDITIONAL, extra);
        }
    } else if (sl_json_is_present(extra)) {
        r = r < 0 ? r : plain_write(o, SL_SCHEMA_AT_ADDITIONAL, extra, &told);
    }
    if (is_nullable && c->rules->has_nullable) {
        raw_write(o, SL_STR("nullable"), SL_STR("true"));
    }
    description_write(o, view, &told);
    return r;
}

static int schema_write(struct sl_schema_cast *c, struct sl_json_val v)
{
    struct sl_arena_mark mark = sl_arena_mark(c->form->arena);
    struct sl_schema_view *view;
    bool is_root = c->depth == 0;
    if (c->depth >= SL_SCHEMA_DEPTH_MAX) {
        return sl_schema_refuse(c, v, "the schema is nested too deeply.");
    }
    if (sl_buf_status(c->out) < 0) {
        return sl_buf_status(c->out) == SL_E_NOMEM ? SL_E_NOMEM : sl_schema_refuse(c, v, "the schema is too large.");
    }
    view = SL_ARENA_NEW(c->form->arena, struct sl_schema_view);
    if (!view) {
        return SL_E_NOMEM;
    }
    c->depth++;
    ++*sl_schema_state(c, v.i);
    int r = sl_schema_view_make(c, view, v);
    struct object o = { c, false };
    sl_buf_add_char(c->out, '{');
    r = r < 0 ? r : object_write(&o, view, is_root);
    sl_buf_add_char(c->out, '}');
    sl_schema_view_done(c, view);
    --*sl_schema_state(c, v.i);
    c->depth--;
    if (r == 0) { /* keep the text of a refusal */
        sl_arena_rewind(c->form->arena, mark);
    }
    return r;
}

/* --- the whole --- */

/* True: it is an object already, without members that a root must not have. */
static bool is_fine_root(struct sl_json_val v)
{
    static const char *const words_[] = { "anyOf", "oneOf", "allOf", "$ref" };
    bool fine = sl_json_str_eq(sl_json_get(v, "type"), SL_STR("object"));
    for (size_t i = 0; i < SL_ARRAY_LEN(words_) && fine; i++) {
        fine = !sl_json_is_present(sl_json_get(v, words_[i]));
    }
    struct sl_json_val properties = sl_json_get(v, "properties");
    return fine && (!sl_json_is_present(properties) || sl_json_is(properties, SL_JSON_OBJECT));
}

int sl_form_schema(const struct sl_form *form, const struct sl_schema_rules *rules, struct sl_json_val schema,
                   struct sl_str *io_raw)
{
    if (!rules || !sl_json_is(schema, SL_JSON_OBJECT) || (rules->is_shallow && is_fine_root(schema))) {
        return 0;
    }
    struct sl_buf out = SL_BUF_INIT(BYTES_MAX);
    struct sl_schema_cast c = { .form = form, .rules = rules, .root = schema, .out = &out };
    struct sl_json_val type = sl_json_get(schema, "type");
    if (rules->needs_object && sl_json_is_present(type) && !is_type(type, "object")) {
        return sl_schema_refuse(&c, schema, "the schema's root must be an object.");
    }
    struct sl_arena_mark mark = sl_arena_mark(form->arena);
    uint32_t n_toks = sl_json_tok(schema)->next - schema.i; /* only of this schema: a call may have very many */
    c.state = sl_arena_zalloc(form->arena, n_toks);
    if (!c.state) {
        return SL_E_NOMEM;
    }
    int r = rules->no_recursion ? sl_schema_recursion_check(&c, schema) : 0;
    if (r == 0) {
        memset(c.state, 0, n_toks);
        c.depth = 0;
        r = schema_write(&c, schema);
    }
    if (r == 0 && sl_buf_status(&out) < 0) {
        r = sl_buf_status(&out) == SL_E_NOMEM ? SL_E_NOMEM : sl_schema_refuse(&c, schema, "the schema is too large.");
    }
    if (r == 0) {
        sl_arena_rewind(form->arena, mark); /* only the text stays */
        *io_raw = sl_arena_dup(form->arena, sl_buf_str(&out));
        r = io_raw->p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&out);
    return r;
}
