/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/turns.h"

#include "base/map.h"

/* Of a long text only its length and so much at each end count: that is enough to tell conversations apart. */
#define TEXT_END 128
/* At most this many elements are searched for an answer. */
#define ELEMENTS_MAX 64

static void print_add(uint64_t *io_print, struct sl_str text)
{
    if (text.n > 2 * TEXT_END) {
        *io_print = sl_hash_both(*io_print + text.n, sl_hash(sl_str_sub(text, 0, TEXT_END)));
        text = sl_str_sub(text, text.n - TEXT_END, text.n);
    }
    *io_print = sl_hash_both(*io_print, sl_hash(text));
}

/* True: a line that a client puts before its own text, with another number each time. */
static bool is_counted(struct sl_str text)
{
    return sl_str_has_prefix(text, SL_STR("x-anthropic-billing-header"));
}

/* The bytes inside a text's quotes. */
static struct sl_str inside(struct sl_json_val v)
{
    const struct sl_json_tok *tok = sl_json_tok(v);
    return sl_str_make(v.doc->text.p + tok->off, tok->len);
}

/* Adds a text, or the texts of a list of parts; any other value is added as raw bytes. */
static void content_add(uint64_t *io_print, struct sl_json_val content)
{
    bool has_text = false;
    if (sl_json_is(content, SL_JSON_STRING)) {
        print_add(io_print, inside(content));
        return;
    }
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        struct sl_json_val text = sl_json_is(it.val, SL_JSON_STRING) ? it.val : sl_json_get(it.val, "text");
        if (sl_json_is(text, SL_JSON_STRING) && !is_counted(inside(text))) {
            print_add(io_print, inside(text));
            has_text = true;
        }
    }
    if (!has_text && sl_json_is_present(content)) {
        print_add(io_print, sl_json_raw(content));
    }
}

/* The place behind the text whose quote is at `at`. Most of a body is inside texts, so they are not walked byte by
 * byte. */
static size_t text_end(struct sl_str s, size_t at)
{
    size_t begin = at + 1;
    for (at = begin; at < s.n; at++) {
        const char *quote = memchr(s.p + at, '"', s.n - at);
        if (!quote) {
            break;
        }
        at = (size_t)(quote - s.p);
        size_t n = 0; /* after an odd number of backslashes the quote belongs to the text */
        while (at - n > begin && s.p[at - n - 1] == '\\') {
            n++;
        }
        if (n % 2 == 0) {
            return at + 1;
        }
    }
    return s.n;
}

/* The place behind the value at `at`, an element of a list in valid JSON. */
static size_t value_end(struct sl_str s, size_t at)
{
    uint32_t depth = 0;
    while (at < s.n) {
        char c = s.p[at];
        if (c == '"') {
            at = text_end(s, at);
            if (depth == 0) {
                return at;
            }
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']')) {
            return at;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
        if (depth == 0 && (c == '}' || c == ']')) {
            return at;
        }
    }
    return s.n;
}

/* The next element of a list; *io_at begins behind the list's bracket. */
static bool element_next(struct sl_str list, size_t *io_at, struct sl_str *ret)
{
    size_t at = *io_at;
    while (at < list.n && strchr(" \t\r\n,", list.p[at])) {
        at++;
    }
    if (at >= list.n || list.p[at] == ']') {
        return false;
    }
    *io_at = value_end(list, at);
    *ret = sl_str_sub(list, at, *io_at);
    return true;
}

enum who { WHO_SYSTEM, WHO_USER, WHO_OTHER };

/* The values of a message of a conversation, or of an item of the Responses API, by their tokens; 0: absent. */
struct element {
    uint32_t role, type, content;
};

static void element_pick(const struct sl_json *doc, uint32_t i, struct element *ret)
{
    uint32_t parts = 0;
    *ret = (struct element){ 0 };
    for (uint32_t at = i + 1, end = doc->toks[i].next; at < end; at = doc->toks[at + 1].next) {
        uint32_t *to = sl_json_key_is(doc, at, SL_STR("role"))      ? &ret->role
                       : sl_json_key_is(doc, at, SL_STR("content")) ? &ret->content
                       : sl_json_key_is(doc, at, SL_STR("parts"))   ? &parts
                       : sl_json_key_is(doc, at, SL_STR("type"))    ? &ret->type
                                                                    : NULL;
        if (to) {
            *to = at + 1;
        }
    }
    ret->content = ret->content ? ret->content : parts;
}

static enum who who_of(const struct sl_json *doc, const struct element *element)
{
    uint32_t role = element->role;
    /* Gemini's clients may leave the role out; then an item of the Responses API has a type */
    if (!role) {
        return element->type ? WHO_OTHER : WHO_USER;
    }
    if (doc->toks[role].kind != SL_JSON_STRING) {
        return WHO_OTHER;
    }
    return sl_json_key_is(doc, role, SL_STR("user"))        ? WHO_USER
           : sl_json_key_is(doc, role, SL_STR("system"))    ? WHO_SYSTEM
           : sl_json_key_is(doc, role, SL_STR("developer")) ? WHO_SYSTEM
                                                            : WHO_OTHER;
}

/* Absent, if the token is 0. */
static struct sl_json_val value_at(const struct sl_json *doc, uint32_t at)
{
    return at ? (struct sl_json_val){ doc, at } : SL_JSON_ABSENT;
}

/* False: it is no message, or it is an answer. Elements behind an answer do not count. */
static bool element_read(struct sl_json_val v, struct sl_turns *ret, bool *io_has_user)
{
    struct element element;
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return false;
    }
    element_pick(v.doc, v.i, &element);
    enum who who = who_of(v.doc, &element);
    if (who == WHO_SYSTEM || (who == WHO_USER && !*io_has_user)) {
        content_add(&ret->print, value_at(v.doc, element.content));
        *io_has_user |= who == WHO_USER;
    }
    ret->has_history = who == WHO_OTHER;
    return !ret->has_history;
}

/* The lists of long bodies are folded: here each element is parsed, up to the first answer. */
static bool folded_read(struct sl_str list, struct sl_json *spare, struct sl_turns *ret)
{
    size_t at = 1;
    struct sl_str text;
    bool has_user = false, goes_on = true;
    for (uint32_t n = 0; n < ELEMENTS_MAX && goes_on && element_next(list, &at, &text); n++) {
        goes_on = sl_json_parse_at(spare, text, 3) == 0 && element_read(sl_json_root(spare), ret, &has_user);
    }
    return has_user;
}

static bool recorded_read(struct sl_json_val list, struct sl_turns *ret)
{
    const struct sl_json *doc = list.doc;
    uint32_t n = 0, end = sl_json_tok(list)->next;
    bool has_user = false, goes_on = true;
    for (uint32_t at = list.i + 1; at < end && n < ELEMENTS_MAX && goes_on; at = doc->toks[at].next, n++) {
        goes_on = element_read((struct sl_json_val){ doc, at }, ret, &has_user);
    }
    return has_user;
}

static void list_read(struct sl_json_val list, struct sl_json *spare, struct sl_turns *ret)
{
    bool has_user = sl_json_tok(list)->folded ? folded_read(sl_json_raw(list), spare, ret) : recorded_read(list, ret);
    ret->print = has_user ? ret->print : 0;
}

static void system_read(struct sl_json_val system, struct sl_json *spare, struct sl_turns *ret)
{
    if (sl_json_is(system, SL_JSON_STRING)) {
        print_add(&ret->print, inside(system));
        return;
    }
    if (sl_json_tok(system)->folded) {
        if (sl_json_parse_at(spare, sl_json_raw(system), 3) < 0) {
            return;
        }
        system = sl_json_root(spare);
    }
    struct sl_json_val parts = sl_json_get(system, "parts");
    content_add(&ret->print, sl_json_is_present(parts) ? parts : system);
}

/* What the languages have of a conversation: a list of messages, or a text in its place, and the system's words. */
enum { MESSAGES, CONTENTS, INPUT, SYSTEM, INSTRUCTIONS, SYSTEM_G, SYSTEM_S, CACHE_KEY, COUNT };

/* The lengths of these names: most members have another one. */
#define LENGTHS (1u << 5 | 1u << 6 | 1u << 8 | 1u << 12 | 1u << 16 | 1u << 17 | 1u << 18)

static size_t root_key(const struct sl_json *doc, uint32_t at)
{
    const struct sl_json_tok *key = &doc->toks[at];
    if (!key->escaped && !(key->len < 32 && LENGTHS >> key->len & 1)) {
        return COUNT;
    }
    return sl_json_key_is(doc, at, SL_STR("messages"))             ? MESSAGES
           : sl_json_key_is(doc, at, SL_STR("contents"))           ? CONTENTS
           : sl_json_key_is(doc, at, SL_STR("input"))              ? INPUT
           : sl_json_key_is(doc, at, SL_STR("system"))             ? SYSTEM
           : sl_json_key_is(doc, at, SL_STR("instructions"))       ? INSTRUCTIONS
           : sl_json_key_is(doc, at, SL_STR("systemInstruction"))  ? SYSTEM_G
           : sl_json_key_is(doc, at, SL_STR("system_instruction")) ? SYSTEM_S
           : sl_json_key_is(doc, at, SL_STR("prompt_cache_key"))   ? CACHE_KEY
                                                                   : COUNT;
}

void sl_turns_read(struct sl_json_val root, struct sl_json *spare, struct sl_turns *ret)
{
    const struct sl_json *doc = root.doc;
    uint32_t m[COUNT] = { 0 }; /* tokens; 0: absent */
    *ret = (struct sl_turns){ .print = 0 };
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return;
    }
    for (uint32_t at = root.i + 1, end = doc->toks[root.i].next; at < end; at = doc->toks[at + 1].next) {
        size_t i = root_key(doc, at);
        if (i < COUNT) {
            m[i] = at + 1;
        }
    }
    *ret = (struct sl_turns){ .print = 1, .cache_key = value_at(doc, m[CACHE_KEY]) };
    for (size_t i = SYSTEM; i <= SYSTEM_S; i++) {
        if (m[i]) {
            system_read(value_at(doc, m[i]), spare, ret);
        }
    }
    for (size_t i = MESSAGES; i <= INPUT; i++) {
        struct sl_json_val list = value_at(doc, m[i]);
        if (sl_json_is(list, SL_JSON_ARRAY)) {
            list_read(list, spare, ret);
            return;
        }
        if (sl_json_is(list, SL_JSON_STRING)) {
            print_add(&ret->print, inside(list));
            return;
        }
    }
    ret->print = 0;
}
