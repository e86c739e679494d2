/* SPDX-License-Identifier: Apache-2.0 */
/* JSON reader (RFC 8259): one pass over the caller's bytes to a tape of tokens. It validates fully (grammar, UTF-8,
 * escapes, nesting, token count), copies nothing, and keeps for every value its exact slice, so that numbers, member
 * order and unknown members can travel byte for byte. The text must outlive the document and must not change.
 *
 * The tape is in document order. An object's children are key, value, key, value, …; an array's are its values. `next`
 * of a token is the index behind its whole subtree, so siblings are walked without looking inside.
 *
 * Worst-case memory of the tape: 16 bytes a token, at most `limits.tokens` of them, all of it taken from `budget`. Not
 * thread-safe while parsing; a parsed document may be read by several threads. */
#ifndef SL_JSON_JSON_H
#define SL_JSON_JSON_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_budget;

enum sl_json_kind {
    SL_JSON_NULL,
    SL_JSON_FALSE,
    SL_JSON_TRUE,
    SL_JSON_NUMBER,
    SL_JSON_STRING, /* off/len are the bytes between the quotes */
    SL_JSON_ARRAY,  /* off/len are from bracket to bracket */
    SL_JSON_OBJECT,
};

struct sl_json_tok {
    uint32_t off;
    uint32_t len;
    uint32_t next;
    uint8_t kind;
    uint8_t escaped; /* strings: holds at least one backslash */
    uint8_t folded;  /* containers: below limits.record_depth, validated but without children on the tape */
    uint8_t pad;
};

struct sl_json_limits {
    uint32_t depth;        /* containers inside containers; SL_JSON_DEPTH_MAX by default */
    uint32_t tokens;       /* tokens on the tape; SL_JSON_TOKENS_MAX by default */
    uint32_t record_depth; /* containers nested deeper than this are one folded token each; 0: record all */
};

#define SL_JSON_DEPTH_MAX  512
#define SL_JSON_TAPE_KEPT  1024
#define SL_JSON_TOKENS_MAX (1u << 20)
/* Texts are at most 4 GiB - 1; the HTTP body limit is far below. */

enum sl_json_fault {
    SL_JSON_FAULT_NONE,
    SL_JSON_FAULT_EMPTY, /* nothing but white space */
    SL_JSON_FAULT_VALUE, /* no value where one must be */
    SL_JSON_FAULT_KEY,   /* an object member must begin with a string */
    SL_JSON_FAULT_COLON,
    SL_JSON_FAULT_COMMA, /* neither comma nor closing bracket */
    SL_JSON_FAULT_EXTRA, /* bytes behind the document */
    SL_JSON_FAULT_NUMBER,
    SL_JSON_FAULT_LITERAL,    /* a misspelt true, false or null */
    SL_JSON_FAULT_STRING_END, /* unterminated string */
    SL_JSON_FAULT_CONTROL,    /* a raw control character in a string */
    SL_JSON_FAULT_ESCAPE,
    SL_JSON_FAULT_UTF8,
    SL_JSON_FAULT_END, /* the text ends inside a container */
    SL_JSON_FAULT_DEPTH,
    SL_JSON_FAULT_TOKENS,
    SL_JSON_FAULT_NOMEM,
};

struct sl_json {
    struct sl_str text;
    struct sl_json_tok *toks; /* toks[0] is the root */
    uint32_t n_toks;
    uint32_t cap;
    struct sl_json_limits limits;
    /* For the current parse: the limit of sl_json_parse_short; for others the document's limit. */
    uint32_t room, fold_depth;
    struct sl_budget *budget; /* the caller sets it after init; NULL: none. Used up: SL_E_NOMEM */
    enum sl_json_fault fault; /* after a failed parse */
    size_t fault_offset;      /* byte offset of the first byte that cannot be right */
    bool has_halves;          /* an escape is half of a surrogate pair: sl_json_mend looks for its other half */
};

/* NULL limits: the defaults. The document owns a growing tape, which the next parse reuses and done frees. */
void sl_json_init(struct sl_json *doc, const struct sl_json_limits *limits);
void sl_json_done(struct sl_json *doc);
/* Frees a tape of more than SL_JSON_TAPE_KEPT tokens; the document is empty then. */
void sl_json_trim(struct sl_json *doc);
/* 0; SL_E_INVAL, SL_E_LIMIT (depth, tokens) or SL_E_NOMEM with fault and fault_offset set. A UTF-8 BOM is refused:
 * callers that accept one skip it. Lone surrogate escapes (\ud800) are accepted as the grammar does; sl_json_text makes
 * U+FFFD of them. */
SL_MUST int sl_json_parse(struct sl_json *doc, struct sl_str text);
/* The same with a record_depth other than that of the limits; 0 records all. */
SL_MUST int sl_json_parse_at(struct sl_json *doc, struct sl_str text, uint32_t record_depth);
/* Records everything as long as that needs at most `room` tokens. After that, containers deeper than fold_depth (at
 * least 1) are folded; so is the one of that depth in which the tape got full: its children are removed from the
 * tape. */
SL_MUST int sl_json_parse_short(struct sl_json *doc, struct sl_str text, uint32_t fold_depth, uint32_t room);
/* "expected ',' or '}' at offset 17", for people. */
const char *sl_json_fault_text(enum sl_json_fault fault);
/* True: that very text is what was parsed. A document that several users share may have another one's by now. */
SL_INLINE bool sl_json_holds(const struct sl_json *doc, struct sl_str text)
{
    return doc->text.p == text.p && doc->text.n == text.n && doc->n_toks > 0;
}

/* A value: a document and an index. `v.doc == NULL` is "absent"; every getter accepts it. */
struct sl_json_val {
    const struct sl_json *doc;
    uint32_t i;
};

#define SL_JSON_ABSENT ((struct sl_json_val){ NULL, 0 })

SL_INLINE struct sl_json_val sl_json_root(const struct sl_json *doc)
{
    return (struct sl_json_val){ doc, 0 };
}
SL_INLINE bool sl_json_is_present(struct sl_json_val v)
{
    return v.doc != NULL;
}
SL_INLINE const struct sl_json_tok *sl_json_tok(struct sl_json_val v)
{
    return &v.doc->toks[v.i];
}
/* True for a present value of that kind. */
SL_INLINE bool sl_json_is(struct sl_json_val v, enum sl_json_kind kind)
{
    return v.doc && sl_json_tok(v)->kind == kind;
}
bool sl_json_is_bool(struct sl_json_val v);
/* Absent or null, which most APIs take as "not given". */
bool sl_json_is_nothing(struct sl_json_val v);
/* The value's exact bytes in the text, quotes included for strings. p == NULL: the value is absent. */
struct sl_str sl_json_raw(struct sl_json_val v);

/* Member of an object by its decoded name; the last one wins when a name is repeated. Absent for anything else. */
struct sl_json_val sl_json_get_str(struct sl_json_val object, struct sl_str key);
SL_INLINE struct sl_json_val sl_json_get(struct sl_json_val object, const char *key)
{
    return sl_json_get_str(object, sl_str_c(key)); /* a literal's length is a constant here */
}
/* Several members in one walk: ret[i] is the member names[i], or absent; the last one wins. */
void sl_json_pick(struct sl_json_val object, const struct sl_str *names, size_t n, struct sl_json_val *ret);
/* "choices[0].message.content": names and indices; absent as soon as a step fails. A name in brackets and quotes,
 * escaped as in JSON, may hold anything: `a["b.c"][0]`, as sl_json_path writes it. */
struct sl_json_val sl_json_at(struct sl_json_val v, const char *path);

/* Walks. for (it = sl_json_each(v); sl_json_next(&it);) use it.key (objects; a string value) and it.val. */
struct sl_json_iter {
    struct sl_json_val key;
    struct sl_json_val val;
    uint32_t at, end;
    uint32_t index;
    bool is_object;
};
struct sl_json_iter sl_json_each(struct sl_json_val container);
bool sl_json_next(struct sl_json_iter *it);
/* Members or elements. */
uint32_t sl_json_count(struct sl_json_val container);

/* True: this string (a key or a value) decodes to exactly `text`. Allocates nothing; most strings differ in length. */
bool sl_json_str_same(struct sl_json_val v, struct sl_str text);
SL_INLINE bool sl_json_str_eq(struct sl_json_val v, struct sl_str text)
{
    return sl_json_is(v, SL_JSON_STRING) && (sl_json_tok(v)->len == text.n || sl_json_tok(v)->escaped) &&
           sl_json_str_same(v, text);
}

/* The same of a token that is known to be a string, as keys are: for a walk that asks for a few names at each. */
SL_INLINE bool sl_json_key_is(const struct sl_json *doc, uint32_t at, struct sl_str name)
{
    const struct sl_json_tok *tok = &doc->toks[at];
    if (tok->escaped) {
        return sl_json_str_same((struct sl_json_val){ doc, at }, name);
    }
    return tok->len == name.n && memcmp(doc->text.p + tok->off, name.p, name.n) == 0;
}

/* The decoded text of a string: the slice itself when nothing is escaped, else a copy on the arena. Lone surrogates
 * become U+FFFD. SL_E_TYPE when not a string, SL_E_NOMEM. */
SL_MUST int sl_json_text(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret);
/* The same for a value that is a string, into `out`, which must have room for the raw bytes (decoding never makes it
 * longer). Returns how many bytes it wrote. */
size_t sl_json_decode(struct sl_json_val v, char *out);

/* Replaces escaped halves of surrogate pairs without their other half by \ufffd, in a copy on the arena; other texts
 * stay unchanged. For JSON readers that refuse such halves. */
SL_MUST int sl_json_mend(struct sl_str *io_text, struct sl_arena *arena);

/* For a text that is no JSON because of NaN, Infinity or -Infinity, which encoders of several languages write: a copy
 * with null in their place, on the arena. p == NULL: no memory. */
struct sl_str sl_json_constants_null(struct sl_str text, struct sl_arena *arena);
/* True: the text may have one of them. */
bool sl_json_has_constants(struct sl_str text);

/* Typed getters with bounds. SL_E_TYPE / SL_E_RANGE / SL_E_INVAL (a fraction where an integer is needed). Integers may
 * be written 2, 2.0 or 2e0 if `lax`. */
SL_MUST int sl_json_int(struct sl_json_val v, bool lax, int64_t *ret);
SL_MUST int sl_json_double(struct sl_json_val v, double *ret);
SL_MUST int sl_json_bool(struct sl_json_val v, bool *ret);

/* The path of a value from the root, "messages[2].role", for messages. It is found by a walk, so use it only for
 * errors. Names with unusual characters are in brackets and quotes. */
void sl_json_path(struct sl_json_val v, char *out, size_t cap);

#endif
