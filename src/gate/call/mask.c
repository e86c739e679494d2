/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/mask.h"

#include <ctype.h>

#include "wire/headers.h"

/* Shorter ones may be words of a message. */
#define SHORT_MAX 7

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The character that stands at `p`, escapes of JSON undone; *ret_n bytes spell it. Credentials are ASCII. */
static char char_at(const char *p, const char *end, size_t *ret_n)
{
    *ret_n = 1;
    if (*p != '\\' || p + 1 == end) {
        return *p;
    }
    if (p[1] != 'u') {
        *ret_n = 2;
        return p[1];
    }
    unsigned v = 0;
    for (int i = 2; i < 6; i++) {
        int digit = p + i < end ? hex_digit(p[i]) : -1;
        if (digit < 0) {
            return *p;
        }
        v = v << 4 | (unsigned)digit;
    }
    *ret_n = 6;
    return v < 0x80 ? (char)v : '\0';
}

/* Bytes at `p` that spell the word; 0: others. */
static size_t spelt_at(const char *p, const char *end, struct sl_str word)
{
    const char *at = p;
    for (size_t i = 0; i < word.n; i++) {
        size_t n;
        if (at >= end || char_at(at, end, &n) != word.p[i]) {
            return 0;
        }
        at += n;
    }
    return (size_t)(at - p);
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool stands_alone(const char *begin, const char *from, const char *to, const char *end)
{
    return (from == begin || !is_word_char(from[-1])) && (to == end || !is_word_char(*to));
}

/* Where the word begins in the text, and how many bytes spell it there; NULL: nowhere. */
static const char *word_find(const char *begin, const char *p, const char *end, struct sl_str word, size_t *ret_n)
{
    for (; p < end; p++) {
        if (*p != word.p[0] && *p != '\\') {
            continue;
        }
        *ret_n = spelt_at(p, end, word);
        if (*ret_n && (word.n > SHORT_MAX || stands_alone(begin, p, p + *ret_n, end))) {
            return p;
        }
    }
    return NULL;
}

struct text {
    char *p;
    size_t n;
    bool is_found;
    bool is_read_only; /* only whether there is one is asked */
};

static void word_mask(struct text *text, struct sl_str word)
{
    if (text->is_read_only && text->is_found) {
        return;
    }
    char *end = text->p + text->n;
    const char *at = text->p;
    size_t n;
    while ((at = word_find(text->p, at, end, word, &n)) != NULL) {
        text->is_found = true;
        if (text->is_read_only) {
            return;
        }
        memset(text->p + (at - text->p), '*', n);
        at += n;
    }
}

static void word_add(struct sl_secrets *secrets, struct sl_str word)
{
    if (word.n && secrets->n_words < SL_SECRETS_MAX) {
        secrets->words[secrets->n_words++] = word;
    }
}

/* Of a query the values of parameters that carry a credential, as they stand in it. */
static void query_find(struct sl_secrets *secrets)
{
    ptrdiff_t mark = sl_str_find_char(secrets->target, '?', 0);
    struct sl_str rest = mark < 0 ? SL_STR_NONE : sl_str_sub(secrets->target, (size_t)mark + 1, secrets->target.n),
                  pair;
    while (sl_str_next(&rest, '&', &pair)) {
        ptrdiff_t equals = sl_str_find_char(pair, '=', 0);
        if (equals >= 0 && sl_header_is_listed(sl_str_sub(pair, 0, (size_t)equals), secrets->parameters)) {
            word_add(secrets, sl_str_sub(pair, (size_t)equals + 1, pair.n));
        }
    }
}

static void headers_find(struct sl_secrets *secrets, const struct sl_str *names)
{
    for (const struct sl_str *name = names; name && name->p; name++) {
        const struct sl_header *header = sl_headers_find(secrets->headers, *name);
        struct sl_str value = header ? sl_str_trim(header->value) : SL_STR("");
        ptrdiff_t space = sl_str_find_char(value, ' ', 0); /* behind a scheme */
        word_add(secrets, sl_str_sub(value, (size_t)(space + 1), value.n));
    }
}

void sl_secrets_find(struct sl_secrets *secrets)
{
    secrets->n_words = 0;
    headers_find(secrets, secrets->names);
    headers_find(secrets, secrets->own_names);
    if (secrets->parameters) {
        query_find(secrets);
    }
}

static void credentials_mask(const struct sl_secrets *secrets, struct text *text)
{
    for (uint32_t i = 0; i < secrets->n_words; i++) {
        if (text->n >= secrets->words[i].n) {
            word_mask(text, secrets->words[i]);
        }
    }
}

bool sl_mask_bytes(const struct sl_secrets *secrets, char *bytes, size_t n)
{
    struct text text = { bytes, n, false, false };
    credentials_mask(secrets, &text);
    return text.is_found;
}

struct sl_str sl_mask_text(const struct sl_secrets *secrets, struct sl_str text, struct sl_arena *arena)
{
    struct text seen = { (char *)(uintptr_t)text.p, text.n, false, true }; /* read only */
    if (text.n) {
        credentials_mask(secrets, &seen);
    }
    if (!seen.is_found) {
        return text;
    }
    struct sl_str copy = sl_arena_dup(arena, text);
    if (copy.p) {
        SL_IGNORE(!sl_mask_bytes(secrets, (char *)(uintptr_t)copy.p, copy.n)); /* there is one */
    }
    return copy;
}
