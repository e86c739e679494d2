/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/sealed.h"

#include "json/scan.h"
#include "json/simd.h"

/* Members: "signature" (Anthropic, Bedrock), "thoughtSignature" (Gemini), "thought_signature" (Google's through
 * OpenAI's language), "encrypted_content" (OpenAI's responses), "redactedContent" (Bedrock), and "data" where there is
 * a "redacted_thinking" (Anthropic). How the names end: */
static const struct sl_str names[] = {
    SL_STR_INIT("\"signature"),         SL_STR_INIT("_signature"),        SL_STR_INIT("tSignature"),
    SL_STR_INIT("\"encrypted_content"), SL_STR_INIT("\"redactedContent"),
};

/* The endings of the names, and of the type of encrypted thoughts. */
const struct sl_json_scan_ends sl_sealed_ends = {
    .of = { { "ignature" }, { "_content" }, { "dContent" }, { "thinking" } },
    .letters = SL_JSON_SCAN_LETTER('e') | SL_JSON_SCAN_LETTER('t') | SL_JSON_SCAN_LETTER('g'),
    .before = SL_JSON_SCAN_LETTER('r') | SL_JSON_SCAN_LETTER('n'),
};

/* Counts letters and digits. Shorter values do not show who made them. */
#define VALUE_MIN 3

void sl_sealed_init(struct sl_sealed *sealed, void (*on_print)(void *arg, uint64_t print), void *arg)
{
    *sealed = (struct sl_sealed){ .on_print = on_print, .arg = arg };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The place after the quote that begins a text at `at`; 0: no text begins there. */
static size_t text_begin(struct sl_str s, size_t at)
{
    while (at < s.n && is_blank(s.p[at])) {
        at++;
    }
    return at < s.n && s.p[at] == '"' ? at + 1 : 0;
}

/* The place of the quote that ends the name before the colon; 0: there is no name. */
static size_t name_end(struct sl_str s, size_t colon)
{
    size_t at = colon;
    while (at > 0 && is_blank(s.p[at - 1])) {
        at--;
    }
    return at > 0 && s.p[at - 1] == '"' ? at - 1 : 0;
}

static bool ends_with(struct sl_str s, size_t at, const char *last, size_t n)
{
    return at >= n && memcmp(s.p + at - n, last, n) == 0;
}

/* True: one of the names ends at `at`. */
static bool is_name(struct sl_str s, size_t at)
{
    if (!ends_with(s, at, "ignature", 8) && !ends_with(s, at, "_content", 8) && !ends_with(s, at, "dContent", 8)) {
        return false;
    }
    size_t i = 0;
    while (i < SL_ARRAY_LEN(names) && !ends_with(s, at, names[i].p, names[i].n)) {
        i++;
    }
    return i < SL_ARRAY_LEN(names);
}

/* True: before the colon there may be one of the names. Most other names end in other letters. */
SL_INLINE bool may_be_name(const char *begin, const char *colon)
{
    if (colon - begin < 2) {
        return false;
    }
    return colon[-1] == '"' ? colon[-2] == 'e' || colon[-2] == 't' : is_blank(colon[-1]);
}

/* The place after the quote that begins the next value, or s.n. It searches for colons, because texts have few. */
static size_t next_begin(struct sl_sealed *sealed, struct sl_str s, size_t from)
{
    static const struct sl_str closed = SL_STR_INIT("redacted_thinking\"");
    const char *stop = s.p + s.n;
    for (const char *p = s.p + from; (p = sl_simd_byte_find(p, stop, ':')) < stop; p++) {
        if (!may_be_name(s.p, p)) {
            continue;
        }
        size_t at = (size_t)(p - s.p), end = name_end(s, at), begin;
        if (is_name(s, end) && (begin = text_begin(s, at + 1)) > 0) {
            return begin;
        }
        if (ends_with(s, end, "\"type", 5) && (begin = text_begin(s, at + 1)) > 0) {
            sealed->has_closed |= sl_str_has_prefix(sl_str_sub(s, begin, s.n), closed);
        }
    }
    return s.n;
}

/* Reads a part of a value. Returns where it ends, or s.n when it continues in the next piece. Only letters and digits
 * count, because a client may write other characters and escapes in another way. */
static size_t value_push(struct sl_sealed *sealed, struct sl_str s, size_t at)
{
    for (; at < s.n; at++) {
        unsigned char c = (unsigned char)s.p[at];
        if (sealed->n_skip) {
            sealed->n_skip = (uint8_t)(c == 'u' && sealed->n_skip == 5 ? 4
                                       : sealed->n_skip == 5           ? 0
                                                                       : sealed->n_skip - 1);
        } else if (c == '\\') {
            sealed->n_skip = 5;
        } else if (c == '"') {
            sealed->is_inside = false;
            if (sealed->n >= VALUE_MIN) {
                sealed->on_print(sealed->arg, sealed->print ? sealed->print : 1);
            }
            return at + 1;
        } else if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
            sealed->print = (sealed->print ^ c) * 0x100000001b3ULL;
            sealed->n++;
        }
    }
    return at;
}

static void value_start(struct sl_sealed *sealed)
{
    sealed->is_inside = true;
    sealed->n = 0;
    sealed->n_skip = 0;
    sealed->print = 0xcbf29ce484222325ULL;
}

/* For a name that began in the piece before: where its value begins in this one; SIZE_MAX: there is none. */
static size_t straddle(struct sl_sealed *sealed, struct sl_str bytes)
{
    char room[SL_SEALED_TAIL * 2];
    size_t n = SL_MIN(bytes.n, (size_t)SL_SEALED_TAIL);
    memcpy(room, sealed->tail, sealed->n_tail);
    memcpy(room + sealed->n_tail, bytes.p, n);
    struct sl_str both = sl_str_make(room, sealed->n_tail + n);
    for (size_t at = 0; at < both.n;) {
        at = next_begin(sealed, both, at);
        if (at < both.n && at >= sealed->n_tail) {
            return at - sealed->n_tail;
        }
    }
    return SIZE_MAX;
}

static void tail_keep(struct sl_sealed *sealed, struct sl_str bytes)
{
    size_t n = SL_MIN(bytes.n, (size_t)SL_SEALED_TAIL), old = SL_MIN(SL_SEALED_TAIL - n, (size_t)sealed->n_tail);
    memmove(sealed->tail, sealed->tail + sealed->n_tail - old, old);
    memcpy(sealed->tail + old, bytes.p + bytes.n - n, n);
    sealed->n_tail = (uint8_t)(old + n);
}

/* Reads the encrypted thoughts that are whole in one piece. */
static void data_push(const struct sl_sealed *sealed, struct sl_str bytes)
{
    static const struct sl_str name = SL_STR_INIT("\"data\"");
    struct sl_sealed own = { .on_print = sealed->on_print, .arg = sealed->arg };
    for (ptrdiff_t at = 0; (at = sl_str_find(bytes, name, (size_t)at)) >= 0; at += (ptrdiff_t)name.n) {
        size_t colon = (size_t)at + name.n;
        while (colon < bytes.n && is_blank(bytes.p[colon])) {
            colon++;
        }
        size_t begin = colon < bytes.n && bytes.p[colon] == ':' ? text_begin(bytes, colon + 1) : 0;
        if (begin) {
            value_start(&own);
            SL_IGNORE(value_push(&own, bytes, begin) == 0); /* one that is cut is not reported */
        }
    }
}

void sl_sealed_push(struct sl_sealed *sealed, struct sl_str bytes)
{
    size_t at = !sealed->is_inside && sealed->n_tail && bytes.n ? straddle(sealed, bytes) : SIZE_MAX;
    if (at != SIZE_MAX) {
        value_start(sealed);
    } else {
        at = 0;
    }
    while (at < bytes.n) {
        if (sealed->is_inside) {
            at = value_push(sealed, bytes, at);
            continue;
        }
        at = next_begin(sealed, bytes, at);
        if (at < bytes.n) {
            value_start(sealed);
        }
    }
    if (sealed->has_closed) {
        data_push(sealed, bytes);
    }
    sealed->n_tail = sealed->is_inside ? 0 : sealed->n_tail;
    if (!sealed->is_inside && bytes.n) {
        tail_keep(sealed, bytes);
    }
}

void sl_sealed_pass(struct sl_sealed *sealed, struct sl_str bytes)
{
    if (bytes.n) { /* a reply may begin with none */
        tail_keep(sealed, bytes);
    }
}
