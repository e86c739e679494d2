/* SPDX-License-Identifier: Apache-2.0 */
/* The parser. It does not recurse: the kind of every open container is a bit on a stack of SL_JSON_DEPTH_MAX bits, and
 * the `next` of an open container's token holds its parent's index until it is closed. Most bytes are in strings, which
 * are scanned 16 bytes at a time.
 *
 * The loop's variables are in one local struct whose address goes only to inlined functions, so that they stay in
 * registers. Functions that a good document does not need (faults, growing the tape) get values, not the struct. */
#include "json/json.h"

#include <stdlib.h>

#include "base/budget.h"
#include "json/simd.h"

#define NO_PARENT UINT32_MAX
#define TAPE_MIN  64

struct parser {
    const char *p, *end;
    struct sl_json_tok *toks; /* the document's, as the next two are; given back at the end */
    uint32_t n_toks;
    uint32_t cap;
    uint32_t depth;
    uint32_t record_depth; /* deeper containers are folded */
    uint32_t parent;       /* token of the innermost recorded open container */
    bool is_object;        /* the innermost open container */
};

/* Which open containers are objects, outermost first. */
struct kinds {
    uint64_t bits[SL_JSON_DEPTH_MAX / 64];
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
    sl_budget_give(doc->budget, doc->cap * sizeof(*doc->toks));
    doc->toks = NULL;
    doc->n_toks = doc->cap = 0;
}

void sl_json_trim(struct sl_json *doc)
{
    if (doc->cap > SL_JSON_TAPE_KEPT) {
        sl_json_done(doc);
    }
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

SL_NOINLINE static int fail_at(struct sl_json *doc, enum sl_json_fault fault, const char *at)
{
    doc->fault = fault;
    doc->fault_offset = (size_t)(at - doc->text.p);
    if (fault == SL_JSON_FAULT_NOMEM) {
        return SL_E_NOMEM;
    }
    return fault == SL_JSON_FAULT_DEPTH || fault == SL_JSON_FAULT_TOKENS ? SL_E_LIMIT : SL_E_INVAL;
}

/* Makes room for one more token; `at` is its place in the text. */
SL_NOINLINE static int tape_grow(struct sl_json *doc, const char *at)
{
    if (doc->cap >= doc->limits.tokens) {
        return fail_at(doc, SL_JSON_FAULT_TOKENS, at);
    }
    uint32_t cap = SL_MIN(SL_MAX(doc->cap * 2, (uint32_t)TAPE_MIN), doc->limits.tokens);
    size_t more = (cap - doc->cap) * sizeof(struct sl_json_tok);
    if (!sl_budget_take(doc->budget, more)) {
        return fail_at(doc, SL_JSON_FAULT_NOMEM, at);
    }
    struct sl_json_tok *toks = realloc(doc->toks, cap * sizeof(*toks));
    if (!toks) {
        sl_budget_give(doc->budget, more);
        return fail_at(doc, SL_JSON_FAULT_NOMEM, at);
    }
    doc->toks = toks;
    doc->cap = cap;
    return 0;
}

/* The tape is full at a token: containers that are too deep are folded now, or the tape grows. */
SL_NOINLINE static int tape_full(struct sl_json *doc, uint32_t depth, const char *at, uint32_t *io_n_toks,
                                 uint32_t *io_parent, uint32_t *io_record_depth)
{
    if (*io_n_toks == doc->room && doc->room < doc->limits.tokens) {
        for (uint32_t d = depth; d > doc->fold_depth + 1; d--) {
            *io_parent = doc->toks[*io_parent].next;
        }
        *io_n_toks = depth > doc->fold_depth ? *io_parent + 1 : *io_n_toks;
        *io_record_depth = doc->fold_depth;
        doc->room = doc->limits.tokens;
    }
    return *io_n_toks == SL_MIN(doc->cap, doc->room) ? tape_grow(doc, at) : 0;
}

/* Adds a token at the end of the tape, unless it is inside a folded container. */
SL_INLINE int tok_add(struct sl_json *doc, struct parser *ps, enum sl_json_kind kind, const char *from, size_t len,
                      bool is_escaped)
{
    if (SL_UNLIKELY(ps->n_toks == ps->cap) && ps->depth <= ps->record_depth) {
        /* Copies stay in registers. */
        uint32_t n_toks = ps->n_toks, parent = ps->parent, record_depth = ps->record_depth;
        int r = tape_full(doc, ps->depth, from, &n_toks, &parent, &record_depth);
        if (r < 0) {
            return r;
        }
        ps->n_toks = n_toks;
        ps->parent = parent;
        ps->record_depth = record_depth;
        ps->toks = doc->toks;
        ps->cap = SL_MIN(doc->cap, doc->room);
    }
    if (ps->depth > ps->record_depth) {
        return 0;
    }
    ps->toks[ps->n_toks] = (struct sl_json_tok){
        .off = (uint32_t)(from - doc->text.p),
        .len = (uint32_t)len,
        .next = ps->n_toks + 1,
        .kind = (uint8_t)kind,
        .escaped = is_escaped,
    };
    ps->n_toks++;
    return 0;
}

/* The length of the valid UTF-8 sequence at p, or 0 (RFC 3629 section 4). */
SL_INLINE size_t utf8_length(const unsigned char *p, size_t n)
{
    unsigned char a = p[0];
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

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* One escape, `p` behind the backslash. NULL: not one. */
SL_INLINE const char *escape_skip(const char *p, const char *end)
{
    if (p == end) {
        return NULL;
    }
    switch (*p) {
    case 'n':
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'r':
    case 't':
        return p + 1;
    case 'u':
        return end - p >= 5 && is_hex(p[1]) && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) ? p + 5 : NULL;
    default:
        return NULL;
    }
}

/* The scan of a string stopped before its closing quote: goes over escapes and text beyond ASCII, each byte once.
 * Returns the closing quote, or NULL with the fault set. */
SL_NOINLINE static const char *string_rest(struct sl_json *doc, const char *p, const char *end, bool *ret_escaped)
{
    for (;;) {
        if (p == end) {
            fail_at(doc, SL_JSON_FAULT_STRING_END, p);
            return NULL;
        }
        unsigned char c = (unsigned char)*p;
        if (c == '"') {
            return p;
        }
        if (c == '\\') {
            const char *next = escape_skip(p + 1, end);
            if (!next) {
                fail_at(doc, SL_JSON_FAULT_ESCAPE, p);
                return NULL;
            }
            *ret_escaped = true;
            doc->has_halves |= p[1] == 'u' && (p[2] | 0x20) == 'd' && p[3] >= '8';
            p = next;
        } else if (c >= 0x80) {
            size_t n = utf8_length((const unsigned char *)p, (size_t)(end - p));
            if (n == 0) {
                fail_at(doc, SL_JSON_FAULT_UTF8, p);
                return NULL;
            }
            p += n;
        } else if (c < 0x20) {
            fail_at(doc, SL_JSON_FAULT_CONTROL, p);
            return NULL;
        }
        p = sl_simd_string_stop(p, end, NULL);
    }
}

/* Not inlined: short strings do not need it, and it would be in the parser's loop twice. */
SL_NOINLINE static const char *string_stop(const char *p, const char *end)
{
    return sl_simd_string_stop(p, end, NULL);
}

/* `ps->p` is behind the opening quote, and afterwards behind the closing one. */
SL_INLINE int string_parse(struct sl_json *doc, struct parser *ps)
{
    const char *from = ps->p;
    const char *p = sl_simd_near_stop(from, ps->end);
    p = p ? p : string_stop(from, ps->end);
    bool is_escaped = false;
    if (SL_UNLIKELY(p == ps->end || *p != '"')) {
        p = string_rest(doc, p, ps->end, &is_escaped);
        if (!p) {
            return SL_E_INVAL;
        }
    }
    ps->p = p + 1;
    return tok_add(doc, ps, SL_JSON_STRING, from, (size_t)(p - from), is_escaped);
}

SL_INLINE const char *digits_skip(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

SL_INLINE int number_parse(struct sl_json *doc, struct parser *ps)
{
    const char *from = ps->p;
    const char *p = from + (*from == '-');
    const char *digits = p;
    p = digits_skip(p, ps->end);
    if (p == digits || (*digits == '0' && p > digits + 1)) {
        return fail_at(doc, SL_JSON_FAULT_NUMBER, p == digits ? p : digits + 1);
    }
    if (p < ps->end && *p == '.') {
        const char *fraction = ++p;
        p = digits_skip(p, ps->end);
        if (p == fraction) {
            return fail_at(doc, SL_JSON_FAULT_NUMBER, p);
        }
    }
    if (p < ps->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < ps->end && (*p == '+' || *p == '-');
        const char *exponent = p;
        p = digits_skip(p, ps->end);
        if (p == exponent) {
            return fail_at(doc, SL_JSON_FAULT_NUMBER, p);
        }
    }
    ps->p = p;
    return tok_add(doc, ps, SL_JSON_NUMBER, from, (size_t)(p - from), false);
}

SL_INLINE int literal_parse(struct sl_json *doc, struct parser *ps, const char *word, size_t n, enum sl_json_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        if (ps->p + i == ps->end || ps->p[i] != word[i]) {
            return fail_at(doc, SL_JSON_FAULT_LITERAL, ps->p + i);
        }
    }
    const char *from = ps->p;
    ps->p += n;
    return tok_add(doc, ps, kind, from, n, false);
}

SL_INLINE int container_open(struct sl_json *doc, struct parser *ps, struct kinds *kinds, bool is_object)
{
    if (ps->depth == doc->limits.depth) {
        return fail_at(doc, SL_JSON_FAULT_DEPTH, ps->p);
    }
    uint32_t index = ps->n_toks;
    int r = tok_add(doc, ps, is_object ? SL_JSON_OBJECT : SL_JSON_ARRAY, ps->p, 0, false);
    if (r < 0) {
        return r;
    }
    if (ps->depth <= ps->record_depth) {
        ps->toks[index].next = ps->parent;
        ps->parent = index;
    }
    uint64_t bit = 1ULL << (ps->depth % 64);
    uint64_t *word = &kinds->bits[ps->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    ps->is_object = is_object;
    ps->depth++;
    ps->p++;
    return 0;
}

SL_INLINE void container_close(const struct sl_json *doc, struct parser *ps, const struct kinds *kinds)
{
    ps->p++;
    ps->depth--;
    if (ps->depth <= ps->record_depth) {
        struct sl_json_tok *tok = &ps->toks[ps->parent];
        ps->parent = tok->next;
        tok->next = ps->n_toks;
        tok->len = (uint32_t)(ps->p - doc->text.p) - tok->off;
        tok->folded = ps->depth == ps->record_depth;
    }
    if (ps->depth) {
        uint32_t d = ps->depth - 1;
        ps->is_object = kinds->bits[d / 64] >> (d % 64) & 1;
    }
}

SL_INLINE void space_skip(struct parser *ps)
{
    while (ps->p < ps->end && (unsigned char)*ps->p <= ' ' &&
           (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\r' || *ps->p == '\t')) {
        ps->p++;
    }
}

/* A scalar, or the opening of a container. */
SL_INLINE int value_parse(struct sl_json *doc, struct parser *ps, struct kinds *kinds, bool *ret_opened)
{
    *ret_opened = false;
    if (ps->p == ps->end) {
        return fail_at(doc, ps->depth ? SL_JSON_FAULT_END : SL_JSON_FAULT_EMPTY, ps->p);
    }
    switch (*ps->p) {
    case '"':
        ps->p++;
        return string_parse(doc, ps);
    case '{':
    case '[':
        *ret_opened = true;
        return container_open(doc, ps, kinds, *ps->p == '{');
    case 't':
        return literal_parse(doc, ps, "true", 4, SL_JSON_TRUE);
    case 'f':
        return literal_parse(doc, ps, "false", 5, SL_JSON_FALSE);
    case 'n':
        return literal_parse(doc, ps, "null", 4, SL_JSON_NULL);
    default:
        if (*ps->p == '-' || (*ps->p >= '0' && *ps->p <= '9')) {
            return number_parse(doc, ps);
        }
        return fail_at(doc, SL_JSON_FAULT_VALUE, ps->p);
    }
}

/* A member's name and colon. */
SL_INLINE int key_parse(struct sl_json *doc, struct parser *ps)
{
    if (ps->p == ps->end) {
        return fail_at(doc, SL_JSON_FAULT_END, ps->p);
    }
    if (*ps->p != '"') {
        return fail_at(doc, SL_JSON_FAULT_KEY, ps->p);
    }
    ps->p++;
    int r = string_parse(doc, ps);
    if (r < 0) {
        return r;
    }
    space_skip(ps);
    if (ps->p == ps->end || *ps->p != ':') {
        return fail_at(doc, ps->p == ps->end ? SL_JSON_FAULT_END : SL_JSON_FAULT_COLON, ps->p);
    }
    ps->p++;
    space_skip(ps);
    return 0;
}

SL_INLINE int document_parse(struct sl_json *doc, struct parser *ps)
{
    struct kinds kinds = { .bits = { 0 } };
    bool opened;
    space_skip(ps);
    int r = value_parse(doc, ps, &kinds, &opened);
    while (r == 0 && ps->depth) {
        space_skip(ps);
        if (SL_UNLIKELY(ps->p == ps->end)) {
            return fail_at(doc, SL_JSON_FAULT_END, ps->p);
        }
        if (*ps->p == (ps->is_object ? '}' : ']')) {
            container_close(doc, ps, &kinds);
            opened = false;
            continue;
        }
        if (!opened) {
            if (*ps->p != ',') {
                return fail_at(doc, SL_JSON_FAULT_COMMA, ps->p);
            }
            ps->p++;
            space_skip(ps);
        }
        if (ps->is_object) {
            r = key_parse(doc, ps);
            if (r < 0) {
                return r;
            }
        }
        r = value_parse(doc, ps, &kinds, &opened);
    }
    if (r < 0) {
        return r;
    }
    space_skip(ps);
    return ps->p == ps->end ? 0 : fail_at(doc, SL_JSON_FAULT_EXTRA, ps->p);
}

static int text_parse(struct sl_json *doc, struct sl_str text, uint32_t record_depth)
{
    doc->text = text;
    doc->n_toks = 0;
    doc->fault = SL_JSON_FAULT_NONE;
    doc->fault_offset = 0;
    doc->has_halves = false;
    if (text.n >= UINT32_MAX) {
        return fail_at(doc, SL_JSON_FAULT_TOKENS, text.p);
    }
    struct parser ps = {
        .p = text.p,
        .end = text.p + text.n,
        .toks = doc->toks,
        .cap = SL_MIN(doc->cap, doc->room),
        .record_depth = record_depth ? record_depth : UINT32_MAX,
        .parent = NO_PARENT,
    };
    int r = document_parse(doc, &ps);
    doc->n_toks = r < 0 ? 0 : ps.n_toks;
    return r;
}

int sl_json_parse_at(struct sl_json *doc, struct sl_str text, uint32_t record_depth)
{
    doc->room = doc->limits.tokens;
    return text_parse(doc, text, record_depth);
}

int sl_json_parse_short(struct sl_json *doc, struct sl_str text, uint32_t fold_depth, uint32_t room)
{
    doc->room = SL_MIN(room, doc->limits.tokens);
    doc->fold_depth = fold_depth;
    return text_parse(doc, text, 0);
}

int sl_json_parse(struct sl_json *doc, struct sl_str text)
{
    return sl_json_parse_at(doc, text, doc->limits.record_depth);
}
