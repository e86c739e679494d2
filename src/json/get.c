/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/arena.h"
#include "base/num.h"
#include "json/json.h"

bool sl_json_is_bool(struct sl_json_val v)
{
    return sl_json_is(v, SL_JSON_TRUE) || sl_json_is(v, SL_JSON_FALSE);
}

bool sl_json_is_nothing(struct sl_json_val v)
{
    return !v.doc || sl_json_is(v, SL_JSON_NULL);
}

struct sl_str sl_json_raw(struct sl_json_val v)
{
    if (!v.doc) {
        return SL_STR_NONE;
    }
    const struct sl_json_tok *tok = sl_json_tok(v);
    size_t quotes = tok->kind == SL_JSON_STRING;
    return sl_str_make(v.doc->text.p + tok->off - quotes, tok->len + 2 * quotes);
}

static struct sl_str slice(struct sl_json_val v)
{
    const struct sl_json_tok *tok = sl_json_tok(v);
    return sl_str_make(v.doc->text.p + tok->off, tok->len);
}

/* --- walks --- */

struct sl_json_iter sl_json_each(struct sl_json_val container)
{
    struct sl_json_iter it = { SL_JSON_ABSENT, SL_JSON_ABSENT, 0, 0, UINT32_MAX, false };
    if (sl_json_is(container, SL_JSON_OBJECT) || sl_json_is(container, SL_JSON_ARRAY)) {
        it.at = container.i + 1;
        it.end = sl_json_tok(container)->next;
        it.is_object = sl_json_is(container, SL_JSON_OBJECT);
        it.key.doc = NULL;
        it.val.doc = container.doc;
    }
    return it;
}

bool sl_json_next(struct sl_json_iter *it)
{
    if (it->at >= it->end) {
        return false;
    }
    const struct sl_json *doc = it->val.doc;
    if (it->is_object) {
        it->key = (struct sl_json_val){ doc, it->at };
        it->at++;
    }
    it->val.i = it->at;
    it->at = doc->toks[it->at].next;
    it->index++;
    return true;
}

uint32_t sl_json_count(struct sl_json_val container)
{
    uint32_t n = 0;
    for (struct sl_json_iter it = sl_json_each(container); sl_json_next(&it);) {
        n++;
    }
    return n;
}

/* Compares a key in the document's text; nearly always the lengths differ. */
SL_INLINE bool key_is(const struct sl_json *doc, uint32_t at, struct sl_str name)
{
    const struct sl_json_tok *key = &doc->toks[at];
    return key->len == name.n && sl_str_same_n(doc->text.p + key->off, name.p, name.n);
}

/* For an object with an escaped key. */
SL_NOINLINE static struct sl_json_val get_spelt(struct sl_json_val object, struct sl_str key)
{
    struct sl_json_val found = SL_JSON_ABSENT;
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
        found = sl_json_str_eq(it.key, key) ? it.val : found;
    }
    return found;
}

/* One name: the most frequent request, so it makes no call and walks over no list of names. */
struct sl_json_val sl_json_get_str(struct sl_json_val object, struct sl_str key)
{
    if (!sl_json_is(object, SL_JSON_OBJECT)) {
        return SL_JSON_ABSENT;
    }
    const struct sl_json *doc = object.doc;
    uint32_t end = doc->toks[object.i].next, found = 0;
    for (uint32_t at = object.i + 1; at < end; at = doc->toks[at + 1].next) {
        if (SL_UNLIKELY(doc->toks[at].escaped)) {
            return get_spelt(object, key);
        }
        found = key_is(doc, at, key) ? at + 1 : found;
    }
    return found ? (struct sl_json_val){ doc, found } : SL_JSON_ABSENT;
}

/* The index of the name that an escaped key is; n: none. */
SL_NOINLINE static size_t spelt_among(struct sl_json_val key, const struct sl_str *names, size_t n)
{
    size_t i = 0;
    while (i < n && !sl_json_str_eq(key, names[i])) {
        i++;
    }
    return i;
}

/* The same for any key. */
SL_INLINE size_t key_among(const struct sl_json *doc, uint32_t at, const struct sl_str *names, size_t n)
{
    size_t i = 0;
    if (SL_UNLIKELY(doc->toks[at].escaped)) {
        return spelt_among((struct sl_json_val){ doc, at }, names, n);
    }
    while (i < n && !key_is(doc, at, names[i])) {
        i++;
    }
    return i;
}

void sl_json_pick(struct sl_json_val object, const struct sl_str *names, size_t n, struct sl_json_val *ret)
{
    uint64_t lengths = 0; /* one bit for each length; most other keys have none of these lengths */
    for (size_t i = 0; i < n; i++) {
        ret[i] = SL_JSON_ABSENT;
        lengths |= 1ULL << names[i].n % 64;
    }
    if (!sl_json_is(object, SL_JSON_OBJECT)) {
        return;
    }
    const struct sl_json *doc = object.doc;
    uint32_t end = doc->toks[object.i].next;
    for (uint32_t at = object.i + 1; at < end; at = doc->toks[at + 1].next) {
        const struct sl_json_tok *key = &doc->toks[at];
        bool may_be = (lengths >> key->len % 64 & 1) || key->escaped;
        size_t i = may_be ? key_among(doc, at, names, n) : n;
        if (i < n) {
            ret[i] = (struct sl_json_val){ doc, at + 1 };
        }
    }
}

static struct sl_json_val element(struct sl_json_val array, uint64_t index)
{
    if (sl_json_is(array, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(array); sl_json_next(&it);) {
            if (it.index == index) {
                return it.val;
            }
        }
    }
    return SL_JSON_ABSENT;
}

/* --- text --- */

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static size_t utf8_put(unsigned cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* Decodes one escape of a validated string; `*io_p` is at the backslash. Returns how many bytes it wrote. */
static size_t escape_decode(const char **io_p, const char *end, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = *io_p + 1;
    if (*p != 'u') {
        out[0] = to[strchr(from, *p) - from];
        *io_p = p + 1;
        return 1;
    }
    unsigned cp = hex4(p + 1);
    p += 5;
    if (cp >= 0xd800 && cp <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        unsigned low = hex4(p + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    if (cp >= 0xd800 && cp <= 0xdfff) {
        cp = 0xfffd; /* a lone surrogate is no character */
    }
    *io_p = p;
    return utf8_put(cp, out);
}

bool sl_json_str_same(struct sl_json_val v, struct sl_str text)
{
    struct sl_str raw = slice(v);
    if (!sl_json_tok(v)->escaped) {
        return sl_str_eq(raw, text);
    }
    const char *p = raw.p, *end = raw.p + raw.n;
    size_t at = 0;
    while (p < end) {
        char piece[4];
        size_t n = 1;
        if (*p == '\\') {
            n = escape_decode(&p, end, piece);
        } else {
            piece[0] = *p++;
        }
        if (n > text.n - at || memcmp(piece, text.p + at, n) != 0) {
            return false;
        }
        at += n;
    }
    return at == text.n;
}

size_t sl_json_decode(struct sl_json_val v, char *out)
{
    struct sl_str raw = slice(v);
    size_t n = 0;
    const char *p = raw.p, *end = raw.p + raw.n;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((escape ? escape : end) - p);
        memcpy(out + n, p, plain);
        n += plain;
        p += plain;
        if (escape) {
            char piece[4];
            size_t len = escape_decode(&p, end, piece);
            memcpy(out + n, piece, len);
            n += len;
        }
    }
    return n;
}

int sl_json_text(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret)
{
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return SL_E_TYPE;
    }
    struct sl_str raw = slice(v);
    if (!sl_json_tok(v)->escaped) {
        *ret = raw;
        return 0;
    }
    /* Decoding never makes it longer: the 6 bytes of \uXXXX become at most 3. */
    char *out = sl_arena_bytes(arena, raw.n);
    if (!out) {
        return SL_E_NOMEM;
    }
    *ret = sl_str_make(out, sl_json_decode(v, out));
    return 0;
}

/* --- paths in --- */

/* The decoded bytes of a string, one at a time, with escapes or without. */
struct letters {
    const char *p, *end;
    char piece[4];
    size_t n, at;
};

static int letter_next(struct letters *l)
{
    if (l->at == l->n) {
        if (l->p == l->end) {
            return -1;
        }
        l->at = 0;
        l->n = 1;
        if (*l->p == '\\') {
            l->n = escape_decode(&l->p, l->end, l->piece);
        } else {
            l->piece[0] = *l->p++;
        }
    }
    return (unsigned char)l->piece[l->at++];
}

/* How many bytes there are before the closing quote of the JSON string whose inside begins at `p`; -1 when it does not
 * end or has a bad escape. */
static ptrdiff_t quoted_length(const char *p)
{
    const char *at = p;
    while (*at && *at != '"') {
        if (*at++ != '\\') {
            continue;
        }
        size_t n_hex = *at == 'u' ? 4 : 0;
        if (!*at || !strchr("\"\\/bfnrtu", *at) || strspn(at + 1, "0123456789abcdefABCDEF") < n_hex) {
            return -1;
        }
        at += 1 + n_hex;
    }
    return *at ? at - p : -1;
}

/* The member whose name is the inside of a JSON string; the last one wins, as for sl_json_pick. */
static struct sl_json_val member_spelt(struct sl_json_val object, struct sl_str spelt)
{
    struct sl_json_val found = SL_JSON_ABSENT;
    if (!sl_json_is(object, SL_JSON_OBJECT)) {
        return found;
    }
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
        struct sl_str key = slice(it.key);
        struct letters a = { .p = key.p, .end = key.p + key.n }, b = { .p = spelt.p, .end = spelt.p + spelt.n };
        int x, y;
        do {
            x = letter_next(&a);
            y = letter_next(&b);
        } while (x == y && x >= 0);
        if (x == y) {
            found = it.val;
        }
    }
    return found;
}

/* One step in brackets, an index or a quoted name; `*io_path` is at the bracket. */
static struct sl_json_val step_in_brackets(struct sl_json_val v, const char **io_path)
{
    const char *p = *io_path + 1;
    uint64_t index;
    if (*p == '"') {
        ptrdiff_t n = quoted_length(p + 1);
        if (n < 0 || p[n + 2] != ']') {
            return SL_JSON_ABSENT;
        }
        *io_path = p + n + 3;
        return member_spelt(v, sl_str_make(p + 1, (size_t)n));
    }
    size_t n = strcspn(p, "]");
    if (p[n] == '\0' || sl_parse_u64(sl_str_make(p, n), 0, UINT32_MAX, &index) < 0) {
        return SL_JSON_ABSENT;
    }
    *io_path = p + n + 1;
    return element(v, index);
}

struct sl_json_val sl_json_at(struct sl_json_val v, const char *path)
{
    while (*path && v.doc) {
        if (*path == '[') {
            v = step_in_brackets(v, &path);
        } else {
            path += *path == '.';
            size_t n = strcspn(path, ".[");
            v = sl_json_get_str(v, sl_str_make(path, n));
            path += n;
        }
    }
    return v;
}

/* --- numbers and booleans --- */

int sl_json_int(struct sl_json_val v, bool lax, int64_t *ret)
{
    if (!sl_json_is(v, SL_JSON_NUMBER)) {
        return SL_E_TYPE;
    }
    int r = sl_parse_i64(slice(v), INT64_MIN, INT64_MAX, ret);
    if (r != SL_E_INVAL || !lax) {
        return r;
    }
    double d;
    r = sl_parse_double(slice(v), &d);
    if (r < 0) {
        return r;
    }
    if (d < -9223372036854775808.0 || d >= 9223372036854775808.0) {
        return SL_E_RANGE;
    }
    if (d != (double)(int64_t)d) {
        return SL_E_INVAL;
    }
    *ret = (int64_t)d;
    return 0;
}

int sl_json_double(struct sl_json_val v, double *ret)
{
    return sl_json_is(v, SL_JSON_NUMBER) ? sl_parse_double(slice(v), ret) : SL_E_TYPE;
}

int sl_json_bool(struct sl_json_val v, bool *ret)
{
    if (!sl_json_is_bool(v)) {
        return SL_E_TYPE;
    }
    *ret = sl_json_is(v, SL_JSON_TRUE);
    return 0;
}

/* --- paths and errors --- */

struct path_out {
    char *at, *end;
};

static void path_put(struct path_out *out, const char *p, size_t n)
{
    while (n-- && out->at < out->end) {
        *out->at++ = *p++;
    }
}

static bool is_plain_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '$' ||
                  (c >= '0' && c <= '9');
        if (!ok) {
            return false;
        }
    }
    return s.n > 0;
}

static void path_put_step(struct path_out *out, const struct sl_json_iter *it, bool is_first)
{
    if (!it->is_object) {
        char text[16];
        int n = snprintf(text, sizeof(text), "[%u]", it->index);
        path_put(out, text, (size_t)n);
        return;
    }
    struct sl_str raw = sl_json_raw(it->key);
    struct sl_str name = sl_str_sub(raw, 1, raw.n - 1);
    if (is_plain_name(name)) {
        path_put(out, ".", !is_first);
        path_put(out, name.p, name.n);
    } else {
        path_put(out, "[", 1);
        path_put(out, raw.p, raw.n);
        path_put(out, "]", 1);
    }
}

void sl_json_path(struct sl_json_val v, char *out, size_t cap)
{
    if (cap == 0) {
        return;
    }
    struct path_out o = { out, out + cap - 1 };
    if (v.doc) {
        struct sl_json_val at = sl_json_root(v.doc);
        while (at.i != v.i) {
            struct sl_json_val inside = at;
            for (struct sl_json_iter it = sl_json_each(at); sl_json_next(&it);) {
                bool is_here = v.i >= it.val.i && v.i < sl_json_tok(it.val)->next;
                if (is_here) {
                    path_put_step(&o, &it, at.i == 0);
                    inside = it.val;
                    break;
                }
            }
            if (inside.i == at.i) {
                break; /* a key, not a value: the path is that of its object */
            }
            at = inside;
        }
    }
    *o.at = '\0';
}
