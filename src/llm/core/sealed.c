/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/sealed.h"

#include "json/simd.h"

/* Members: "signature" (Anthropic, Bedrock), "thoughtSignature" (Gemini), "thought_signature" (Google's through
 * OpenAI's language), "encrypted_content" (OpenAI's responses), "redactedContent" (Bedrock), and "data" beside a
 * "redacted_thinking" (Anthropic). Each has one of these eight-byte cores inside. */
#define CORE 8
static const struct {
    char text[CORE + 1];
    uint8_t at; /* where in the core two letters stand that are rare together in other words */
} cores[] = { { "ignature", 1 }, { "ncrypted", 1 }, { "redacted", 2 } };
static const char pairs[] = "gncrda"; /* those two letters of each core */

/* Letters and digits. A shorter value says nothing about who made it. */
#define VALUE_MIN 3

void sl_sealed_init(struct sl_sealed *sealed, void (*on_print)(void *arg, uint64_t print), void *arg)
{
    *sealed = (struct sl_sealed){ .on_print = on_print, .arg = arg };
}

/* The place of the next core, or s.n. */
static size_t core_find(struct sl_str s, size_t from)
{
    const char *end = s.p + s.n;
    for (const char *p = s.p + from; (p = sl_simd_pair_find(p, end, pairs)) < end; p++) {
        size_t pair = (size_t)(p - s.p);
        for (size_t i = 0; i < SL_ARRAY_LEN(cores); i++) {
            size_t at = pair - cores[i].at;
            if (pair >= from + cores[i].at && s.n - at >= CORE && memcmp(s.p + at, cores[i].text, CORE) == 0) {
                return at;
            }
        }
    }
    return s.n;
}

/* The place behind the colon and the quote that begin a text; 0: no text begins there. */
static size_t text_begin(struct sl_str s, size_t at)
{
    bool has_colon = false;
    for (; at < s.n; at++) {
        char c = s.p[at];
        if (c == '"') {
            return has_colon ? at + 1 : 0;
        }
        if (c == ':' && !has_colon) {
            has_colon = true;
        } else if (!sl_char_is_blank(c)) {
            return 0;
        }
    }
    return 0;
}

static bool has_at(struct sl_str s, size_t at, const char *word)
{
    return sl_str_has_prefix(sl_str_sub(s, at, s.n), sl_str_c(word));
}

/* The value behind the core: where its text begins, or 0. */
static size_t value_begin(struct sl_sealed *sealed, struct sl_str s, size_t core)
{
    static const struct {
        char core;
        const char *before, *behind;
    } names[] = {
        { 'i', "\"s", "\"" },         { 'i', "_s", "\"" },        { 'i', "tS", "\"" },
        { 'n', "\"e", "_content\"" }, { 'r', "\"", "Content\"" },
    };
    struct sl_str before = sl_str_sub(s, 0, core);
    size_t behind = core + CORE;
    if (s.p[core] == 'r' && has_at(s, behind, "_thinking\"")) {
        sealed->has_closed = true;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (names[i].core == s.p[core] && sl_str_has_suffix(before, sl_str_c(names[i].before)) &&
            has_at(s, behind, names[i].behind)) {
            return text_begin(s, behind + strlen(names[i].behind));
        }
    }
    return 0;
}

/* The next value from `from` on, or s.n. */
static size_t next_begin(struct sl_sealed *sealed, struct sl_str s, size_t at)
{
    for (size_t core = core_find(s, at); core < s.n; core = core_find(s, core + 1)) {
        size_t begin = value_begin(sealed, s, core);
        if (begin) {
            return begin;
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
        size_t begin = text_begin(bytes, (size_t)at + name.n);
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
