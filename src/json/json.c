/* SPDX-License-Identifier: Apache-2.0 */
/* The parser. No recursion: the kind of every open container is a bit on a stack of SL_JSON_DEPTH_MAX bits, and the
 * `next` of an open container's token holds its parent's index until it is closed. Strings, where most bytes are, are
 * scanned 16 bytes at a time. */
#include "json/json.h"

#include <stdlib.h>

#include "json/simd.h"

#define NO_PARENT UINT32_MAX
#define TAPE_MIN  64

struct parser {
    struct sl_json *doc;
    const char *start, *p, *end;
    uint32_t depth;
    uint32_t record_depth; /* containers deeper than this are folded */
    uint32_t parent;       /* token of the innermost recorded open container */
    uint64_t is_object[SL_JSON_DEPTH_MAX / 64];
};

void sl_json_init(struct sl_json *doc, const struct sl_json_limits *limits)
{
    *doc = (struct sl_json){ 0 };
    doc->limits = limits ? *limits : (struct sl_json_limits){ SL_JSON_DEPTH_MAX, SL_JSON_TOKENS_MAX, 0 };
    doc->limits.depth = SL_MIN(doc->limits.depth, (uint32_t)SL_JSON_DEPTH_MAX);
}

void sl_json_done(struct sl_json *doc)
{
    free(doc->toks);
    doc->toks = NULL;
    doc->n_toks = doc->cap = 0;
}

const char *sl_json_fault_text(enum sl_json_fault fault)
{
    static const char *const texts[] = {
        [SL_JSON_FAULT_NONE] = "no fault",
        [SL_JSON_FAULT_EMPTY] = "there is no value",
        [SL_JSON_FAULT_VALUE] = "expected a value",
        [SL_JSON_FAULT_KEY] = "expected a member name in double quotes",
        [SL_JSON_FAULT_COLON] = "expected ':' behind the member name",
        [SL_JSON_FAULT_COMMA] = "expected ',' or a closing bracket",
        [SL_JSON_FAULT_EXTRA] = "unexpected bytes behind the value",
        [SL_JSON_FAULT_NUMBER] = "malformed number",
        [SL_JSON_FAULT_LITERAL] = "expected true, false or null",
        [SL_JSON_FAULT_STRING_END] = "a string is not closed",
        [SL_JSON_FAULT_CONTROL] = "a control character in a string must be escaped",
        [SL_JSON_FAULT_ESCAPE] = "unknown escape in a string",
        [SL_JSON_FAULT_UTF8] = "invalid UTF-8",
        [SL_JSON_FAULT_END] = "the text ends too early",
        [SL_JSON_FAULT_DEPTH] = "nested too deeply",
        [SL_JSON_FAULT_TOKENS] = "too many values",
        [SL_JSON_FAULT_NOMEM] = "out of memory",
    };
    return (size_t)fault < SL_ARRAY_LEN(texts) ? texts[fault] : "?";
}

static int fail_at(struct parser *ps, enum sl_json_fault fault, const char *at)
{
    ps->doc->fault = fault;
    ps->doc->fault_offset = (size_t)(at - ps->start);
    if (fault == SL_JSON_FAULT_NOMEM) {
        return SL_E_NOMEM;
    }
    return fault == SL_JSON_FAULT_DEPTH || fault == SL_JSON_FAULT_TOKENS ? SL_E_LIMIT : SL_E_INVAL;
}

static int tape_grow(struct parser *ps)
{
    struct sl_json *doc = ps->doc;
    if (doc->cap >= doc->limits.tokens) {
        return fail_at(ps, SL_JSON_FAULT_TOKENS, ps->p);
    }
    uint32_t cap = SL_MIN(SL_MAX(doc->cap * 2, (uint32_t)TAPE_MIN), doc->limits.tokens);
    struct sl_json_tok *toks = realloc(doc->toks, cap * sizeof(*toks));
    if (!toks) {
        return fail_at(ps, SL_JSON_FAULT_NOMEM, ps->p);
    }
    doc->toks = toks;
    doc->cap = cap;
    return 0;
}

/* A token at the end of the tape, unless it lies inside a folded container. */
SL_INLINE int tok_add(struct parser *ps, enum sl_json_kind kind, const char *from, size_t len, bool is_escaped)
{
    struct sl_json *doc = ps->doc;
    if (ps->depth > ps->record_depth) {
        return 0;
    }
    if (SL_UNLIKELY(doc->n_toks == doc->cap || doc->n_toks == doc->limits.tokens)) {
        int r = doc->n_toks == doc->limits.tokens ? fail_at(ps, SL_JSON_FAULT_TOKENS, from) : tape_grow(ps);
        if (r < 0) {
            return r;
        }
    }
    doc->toks[doc->n_toks] = (struct sl_json_tok){
        .off = (uint32_t)(from - ps->start),
        .len = (uint32_t)len,
        .next = doc->n_toks + 1,
        .kind = (uint8_t)kind,
        .escaped = is_escaped,
    };
    doc->n_toks++;
    return 0;
}

/* The length of the valid UTF-8 sequence at p, or 0 (RFC 3629 section 4). */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    unsigned char a = p[0];
    if (a < 0x80) {
        return 1;
    }
    size_t need = a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
    if (need == 0 || n < need) {
        return 0;
    }
    unsigned char low = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
    unsigned char high = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

/* NULL, or where the UTF-8 goes wrong. */
static const char *utf8_fault(const char *p, const char *end)
{
    while (p < end) {
        size_t n = utf8_length((const unsigned char *)p, (size_t)(end - p));
        if (n == 0) {
            return p;
        }
        p += n;
    }
    return NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* One escape, `p` behind the backslash. NULL: not one. */
static const char *escape_skip(const char *p, const char *end)
{
    if (p == end) {
        return NULL;
    }
    if (*p != 'u') {
        return strchr("\"\\/bfnrt", *p) && *p ? p + 1 : NULL;
    }
    for (int i = 1; i <= 4; i++) {
        if (p + i == end || !is_hex(p[i])) {
            return NULL;
        }
    }
    return p + 5;
}

/* `ps->p` is behind the opening quote; afterwards behind the closing one. */
SL_INLINE int string_parse(struct parser *ps)
{
    const char *from = ps->p;
    const char *p = from;
    bool is_escaped = false;
    bool has_high = false;
    for (;;) {
        p = sl_simd_string_stop(p, ps->end, &has_high);
        if (SL_LIKELY(p < ps->end && *p == '"')) {
            break;
        }
        if (has_high) {
            const char *bad = utf8_fault(from, p);
            if (bad) {
                return fail_at(ps, SL_JSON_FAULT_UTF8, bad);
            }
        }
        if (p == ps->end) {
            return fail_at(ps, SL_JSON_FAULT_STRING_END, p);
        }
        if (*p != '\\') {
            return fail_at(ps, SL_JSON_FAULT_CONTROL, p);
        }
        is_escaped = true;
        const char *next = escape_skip(p + 1, ps->end);
        if (!next) {
            return fail_at(ps, SL_JSON_FAULT_ESCAPE, p);
        }
        p = next;
    }
    if (SL_UNLIKELY(has_high)) {
        const char *bad = utf8_fault(from, p);
        if (bad) {
            return fail_at(ps, SL_JSON_FAULT_UTF8, bad);
        }
    }
    ps->p = p + 1;
    return tok_add(ps, SL_JSON_STRING, from, (size_t)(p - from), is_escaped);
}

static const char *digits_skip(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

static int number_parse(struct parser *ps)
{
    const char *from = ps->p;
    const char *p = from + (*from == '-');
    const char *digits = p;
    p = digits_skip(p, ps->end);
    if (p == digits || (*digits == '0' && p > digits + 1)) {
        return fail_at(ps, SL_JSON_FAULT_NUMBER, p == digits ? p : digits + 1);
    }
    if (p < ps->end && *p == '.') {
        const char *fraction = ++p;
        p = digits_skip(p, ps->end);
        if (p == fraction) {
            return fail_at(ps, SL_JSON_FAULT_NUMBER, p);
        }
    }
    if (p < ps->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < ps->end && (*p == '+' || *p == '-');
        const char *exponent = p;
        p = digits_skip(p, ps->end);
        if (p == exponent) {
            return fail_at(ps, SL_JSON_FAULT_NUMBER, p);
        }
    }
    ps->p = p;
    return tok_add(ps, SL_JSON_NUMBER, from, (size_t)(p - from), false);
}

static int literal_parse(struct parser *ps, const char *word, size_t n, enum sl_json_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        if (ps->p + i == ps->end || ps->p[i] != word[i]) {
            return fail_at(ps, SL_JSON_FAULT_LITERAL, ps->p + i);
        }
    }
    const char *from = ps->p;
    ps->p += n;
    return tok_add(ps, kind, from, n, false);
}

static int container_open(struct parser *ps, bool is_object)
{
    if (ps->depth == ps->doc->limits.depth) {
        return fail_at(ps, SL_JSON_FAULT_DEPTH, ps->p);
    }
    uint32_t index = ps->doc->n_toks;
    int r = tok_add(ps, is_object ? SL_JSON_OBJECT : SL_JSON_ARRAY, ps->p, 0, false);
    if (r < 0) {
        return r;
    }
    if (ps->depth <= ps->record_depth) {
        ps->doc->toks[index].next = ps->parent;
        ps->parent = index;
    }
    uint64_t bit = 1ULL << (ps->depth % 64);
    uint64_t *word = &ps->is_object[ps->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    ps->depth++;
    ps->p++;
    return 0;
}

SL_INLINE bool inside_object(const struct parser *ps)
{
    uint32_t d = ps->depth - 1;
    return ps->is_object[d / 64] >> (d % 64) & 1;
}

static void container_close(struct parser *ps)
{
    struct sl_json *doc = ps->doc;
    ps->p++;
    ps->depth--;
    if (ps->depth <= ps->record_depth) {
        struct sl_json_tok *tok = &doc->toks[ps->parent];
        ps->parent = tok->next;
        tok->next = doc->n_toks;
        tok->len = (uint32_t)(ps->p - ps->start) - tok->off;
        tok->folded = ps->depth == ps->record_depth;
    }
}

SL_INLINE void space_skip(struct parser *ps)
{
    while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\r' || *ps->p == '\t')) {
        ps->p++;
    }
}

/* A scalar, or the opening of a container. */
SL_INLINE int value_parse(struct parser *ps, bool *ret_opened)
{
    *ret_opened = false;
    if (ps->p == ps->end) {
        return fail_at(ps, ps->depth ? SL_JSON_FAULT_END : SL_JSON_FAULT_EMPTY, ps->p);
    }
    switch (*ps->p) {
    case '"':
        ps->p++;
        return string_parse(ps);
    case '{':
    case '[':
        *ret_opened = true;
        return container_open(ps, *ps->p == '{');
    case 't':
        return literal_parse(ps, "true", 4, SL_JSON_TRUE);
    case 'f':
        return literal_parse(ps, "false", 5, SL_JSON_FALSE);
    case 'n':
        return literal_parse(ps, "null", 4, SL_JSON_NULL);
    default:
        if (*ps->p == '-' || (*ps->p >= '0' && *ps->p <= '9')) {
            return number_parse(ps);
        }
        return fail_at(ps, SL_JSON_FAULT_VALUE, ps->p);
    }
}

/* A member's name and colon. */
SL_INLINE int key_parse(struct parser *ps)
{
    if (ps->p == ps->end) {
        return fail_at(ps, SL_JSON_FAULT_END, ps->p);
    }
    if (*ps->p != '"') {
        return fail_at(ps, SL_JSON_FAULT_KEY, ps->p);
    }
    ps->p++;
    int r = string_parse(ps);
    if (r < 0) {
        return r;
    }
    space_skip(ps);
    if (ps->p == ps->end || *ps->p != ':') {
        return fail_at(ps, ps->p == ps->end ? SL_JSON_FAULT_END : SL_JSON_FAULT_COLON, ps->p);
    }
    ps->p++;
    space_skip(ps);
    return 0;
}

static int document_parse(struct parser *ps)
{
    bool opened;
    space_skip(ps);
    int r = value_parse(ps, &opened);
    while (r == 0 && ps->depth) {
        bool is_object = inside_object(ps);
        space_skip(ps);
        if (opened) {
            if (ps->p < ps->end && *ps->p == (is_object ? '}' : ']')) {
                container_close(ps);
                opened = false;
                continue;
            }
        } else {
            if (ps->p == ps->end) {
                return fail_at(ps, SL_JSON_FAULT_END, ps->p);
            }
            if (*ps->p == (is_object ? '}' : ']')) {
                container_close(ps);
                continue;
            }
            if (*ps->p != ',') {
                return fail_at(ps, SL_JSON_FAULT_COMMA, ps->p);
            }
            ps->p++;
            space_skip(ps);
        }
        if (is_object) {
            r = key_parse(ps);
            if (r < 0) {
                return r;
            }
        }
        r = value_parse(ps, &opened);
    }
    if (r < 0) {
        return r;
    }
    space_skip(ps);
    return ps->p == ps->end ? 0 : fail_at(ps, SL_JSON_FAULT_EXTRA, ps->p);
}

int sl_json_parse(struct sl_json *doc, struct sl_str text)
{
    doc->text = text;
    doc->n_toks = 0;
    doc->fault = SL_JSON_FAULT_NONE;
    doc->fault_offset = 0;
    struct parser ps = {
        .doc = doc,
        .start = text.p,
        .p = text.p,
        .end = text.p + text.n,
        .record_depth = doc->limits.record_depth ? doc->limits.record_depth : UINT32_MAX,
        .parent = NO_PARENT,
    };
    if (text.n >= UINT32_MAX) {
        return fail_at(&ps, SL_JSON_FAULT_TOKENS, ps.p);
    }
    int r = document_parse(&ps);
    if (r < 0) {
        doc->n_toks = 0;
    }
    return r;
}
