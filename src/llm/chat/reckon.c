/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/chat/reckon.h"

#include <ctype.h>

#include "base/num.h"
#include "json/json.h"
#include "json/simd.h"

/* A shorter text is no image, whatever it looks like. */
#define BASE64_MIN 256
/* A longer text is no name of a number, however it is escaped. */
#define NAME_MAX_ESCAPED 160
/* How many of its characters are looked at. */
#define BASE64_LOOK 64

struct scan {
    struct sl_str body;
    size_t at;
    unsigned depth;
    bool is_in_config;    /* in the map that has the numbers of Gemini and Bedrock */
    struct sl_str before; /* the text before this one */
    uint32_t n_base64, n_named;
    uint64_t base64_bytes;
    int64_t max_output; /* the greatest: which one holds, its dialect decides */
    bool is_escaped;    /* the last text has a backslash */
    bool is_strange;    /* a name or a number that cannot be read here may say more */
};

static bool is_base64(struct sl_str text)
{
    if (text.n < BASE64_MIN) {
        return false;
    }
    if (sl_str_has_prefix(text, SL_STR("data:"))) {
        return true;
    }
    size_t i = 0;
    while (i < BASE64_LOOK && (isalnum((unsigned char)text.p[i]) || strchr("+/-_=", text.p[i]))) {
        i++;
    }
    return i == BASE64_LOOK;
}

static bool is_one_of(struct sl_str text, const struct sl_str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sl_str_eq(text, names[i])) {
            return true;
        }
    }
    return false;
}

/* A text from behind its quote to its end; moves behind the quote there. */
static struct sl_str text_take(struct scan *scan)
{
    const char *begin = scan->body.p + scan->at, *end = scan->body.p + scan->body.n;
    const char *p = sl_simd_quote_find(begin, end);
    scan->is_escaped = p < end && *p == '\\';
    while (p < end && *p == '\\') {
        p = sl_simd_quote_find(SL_MIN(p + 2, end), end);
    }
    scan->at = (size_t)(p - scan->body.p) + (p < end);
    return sl_str_make(begin, (size_t)(p - begin));
}

/* True: the text that was just taken is a member's name. */
static bool is_name(const struct scan *scan)
{
    size_t at = scan->at;
    while (at < scan->body.n && sl_char_is_blank(scan->body.p[at])) {
        at++;
    }
    return at < scan->body.n && scan->body.p[at] == ':';
}

/* Notes the whole number behind the colon. */
static void number_note(struct scan *scan)
{
    struct sl_str rest = sl_str_trim(sl_str_sub(scan->body, scan->at, SL_MIN(scan->at + 64, scan->body.n)));
    uint64_t v;
    if (!rest.n || rest.p[0] != ':') {
        return;
    }
    rest = sl_str_trim(sl_str_sub(rest, 1, rest.n));
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9') {
        n++;
    }
    bool is_whole = n < rest.n && (rest.p[n] == ',' || rest.p[n] == '}' || sl_char_is_blank(rest.p[n]));
    if (is_whole && sl_parse_u64(sl_str_sub(rest, 0, n), 0, INT64_MAX, &v) == 0) {
        scan->max_output = SL_MAX(scan->max_output, (int64_t)v);
    } else {
        scan->is_strange |= !sl_str_has_prefix(rest, SL_STR("null"));
    }
}

/* Looks at a text that the place is behind of. */
static void text_look(struct scan *scan, struct sl_str text, bool is_at_name)
{
    static const struct sl_str parts[] = { SL_STR_INIT("image_url"), SL_STR_INIT("input_image"), SL_STR_INIT("image") };
    static const struct sl_str most[] = { SL_STR_INIT("max_tokens"), SL_STR_INIT("max_completion_tokens"),
                                          SL_STR_INIT("max_output_tokens") };
    static const struct sl_str most_inside[] = { SL_STR_INIT("maxOutputTokens"), SL_STR_INIT("maxTokens"),
                                                 SL_STR_INIT("max_output_tokens") };
    static const struct sl_str configs[] = { SL_STR_INIT("generationConfig"), SL_STR_INIT("generation_config"),
                                             SL_STR_INIT("inferenceConfig") };
    if (is_base64(text)) {
        scan->n_base64++;
        scan->base64_bytes += text.n;
    } else if (sl_str_eq(scan->before, SL_STR("type")) && is_one_of(text, parts, SL_ARRAY_LEN(parts))) {
        scan->n_named++;
    } else if (scan->depth == 1 && is_at_name) {
        bool is_most = is_one_of(text, most, SL_ARRAY_LEN(most));
        scan->is_in_config = is_one_of(text, configs, SL_ARRAY_LEN(configs));
        scan->is_strange |= scan->is_escaped && text.n <= NAME_MAX_ESCAPED;
        if (is_most) {
            number_note(scan);
        }
    } else if (scan->depth == 2 && scan->is_in_config) {
        scan->is_strange |= scan->is_escaped && text.n <= NAME_MAX_ESCAPED && is_name(scan);
        if (is_one_of(text, most_inside, SL_ARRAY_LEN(most_inside))) {
            number_note(scan);
        }
    }
    scan->before = text;
}

static void text_scan(struct scan *scan)
{
    for (size_t at = 0; at < scan->body.n; at++) {
        char c = scan->body.p[at];
        if (c == '"') {
            scan->at = at + 1;
            struct sl_str text = text_take(scan);
            text_look(scan, text, scan->depth == 1 && is_name(scan));
            at = scan->at - 1;
        } else if (c == '{' || c == '[') {
            scan->depth++;
        } else if ((c == '}' || c == ']') && scan->depth) {
            scan->depth--;
        }
    }
}

static void token_look(struct scan *scan, const struct sl_json_tok *tok, unsigned depth, bool is_at_name)
{
    scan->depth = depth;
    scan->at = tok->off + tok->len + 1;
    scan->is_escaped = tok->escaped;
    text_look(scan, sl_str_make(scan->body.p + tok->off, tok->len), is_at_name);
}

/* False: the text is no image, no type of one, and no name that counts. Most are none of these. */
SL_INLINE bool may_count(const struct scan *scan, const struct sl_json_tok *tok)
{
    return tok->len >= BASE64_MIN || scan->is_in_config || scan->before.n == sizeof("type") - 1;
}

/* The same from the tokens of a body that is parsed. False: it is no object, or not all of it is there as tokens. */
static bool tokens_scan(struct scan *scan, const struct sl_json *doc)
{
    const struct sl_json_tok *toks = doc->toks;
    if (!sl_json_is(sl_json_root(doc), SL_JSON_OBJECT) || toks[0].folded) {
        return false;
    }
    for (uint32_t at = 1; at < toks[0].next; at = toks[at + 1].next) {
        token_look(scan, &toks[at], 1, true);
        uint32_t value = at + 1, inner = 0; /* where a list or an object inside the value ends */
        for (uint32_t i = value; i < toks[value].next; i++) {
            bool is_text = toks[i].kind == SL_JSON_STRING;
            if (toks[i].folded) {
                return false;
            }
            if (is_text && may_count(scan, &toks[i])) {
                token_look(scan, &toks[i], i == value ? 1 : i < inner ? 3 : 2, false);
            } else if (is_text) {
                scan->before = sl_str_make(scan->body.p + toks[i].off, toks[i].len);
            } else if (i > value && i >= inner) {
                inner = toks[i].next;
            }
        }
    }
    return true;
}

void sl_reckon(struct sl_str body, const struct sl_json *doc, struct sl_reckoning *ret)
{
    struct scan scan = { .body = body, .max_output = -1 };
    if (!doc || !sl_json_holds(doc, body) || !tokens_scan(&scan, doc)) {
        scan = (struct scan){ .body = body, .max_output = -1 };
        text_scan(&scan);
    }
    *ret = (struct sl_reckoning){
        .text_bytes = body.n - scan.base64_bytes,
        .n_images = SL_MAX(scan.n_base64, scan.n_named),
        .max_output = scan.is_strange ? -1 : scan.max_output,
    };
}
