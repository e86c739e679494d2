/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/mask.h"

#include <ctype.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/arena.h"
#include "wire/headers.h"

/* Credentials of up to this length may be words of a message. */
#define SHORT_MAX 7

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The deepest nesting of texts in texts, which is also how often a character may be escaped. */
#define NEST_MAX 8

/* How many bytes at `p`, a backslash, are a JSON escape of that character; 0: none. */
static size_t json_spelt(const char *p, const char *end, char c)
{
    size_t k = 1;
    while (k < NEST_MAX && p + k < end && p[k] == '\\') {
        k++;
    }
    if (c == '\\') {
        return k > 1 ? 2 : 1;
    }
    unsigned v = 0;
    for (size_t i = k + 1; i <= k + 4; i++) {
        int digit = p + i < end && p[k] == 'u' ? hex_digit(p[i]) : -1;
        if (digit < 0) {
            return p + k < end && p[k] == c ? k + 1 : 0;
        }
        v = v << 4 | (unsigned)digit;
    }
    return v == (unsigned char)c ? k + 5 : 0;
}

/* The same for a '%' and the escapes of URLs. */
static size_t url_spelt(const char *p, const char *end, char c)
{
    const char *at = p + 1;
    for (int i = 0; i < NEST_MAX && end - at >= 2; i++, at += 2) {
        int high = hex_digit(at[0]), low = hex_digit(at[1]);
        int v = high < 0 || low < 0 ? -1 : high << 4 | low;
        if (v == (unsigned char)c) {
            return (size_t)(at + 2 - p);
        }
        if (v != '%') {
            break;
        }
    }
    return c == '%' ? 1 : 0;
}

/* How many bytes at `p` spell that character; 0: they spell another one. */
static size_t char_spelt(const char *p, const char *end, char c)
{
    return *p == '\\' ? json_spelt(p, end, c) : *p == '%' ? url_spelt(p, end, c) : *p == c;
}

static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a digit in either alphabet; -1: no digit. */
static int base64_digit(char c)
{
    c = c == '-' ? '+' : c == '_' ? '/' : c;
    const char *at = c ? strchr(base64_chars, c) : NULL;
    return at ? (int)(at - base64_chars) : -1;
}

/* The forms that a credential may have in a text. Their characters are computed during the comparison: most requests
 * need none. The base64 form depends on the number of bytes before the credential; digits that it shares with its
 * neighbours are ignored. */
enum form {
    FORM_PLAIN,
    FORM_BASE64, /* after 0, 1 and 2 bytes, modulo 3 */
    FORM_BASE64_1,
    FORM_BASE64_2,
    FORM_PASSWORD,
    FORM_COUNT,
};

/* The bit of the credential at which its first whole digit begins. */
static const uint8_t first_bit[FORM_COUNT] = { [FORM_BASE64_1] = 4, [FORM_BASE64_2] = 2 };

static size_t form_n(const struct sl_secret_word *word, enum form form)
{
    if (form == FORM_PLAIN) {
        return word->text.n;
    }
    if (form == FORM_PASSWORD) {
        return word->n_password;
    }
    return word->text.n > SHORT_MAX ? (word->text.n * 8 - first_bit[form]) / 6 : 0;
}

static char decoded_char(struct sl_str text, size_t i)
{
    size_t at = i * 8 / 6, shift = 4 - i % 3 * 2;
    int high = base64_digit(text.p[at]), low = base64_digit(text.p[at + 1]);
    return (char)((high << 6 | low) >> shift);
}

static char form_char(const struct sl_secret_word *word, enum form form, size_t i)
{
    const struct sl_str text = word->text;
    if (form == FORM_PLAIN) {
        return text.p[i];
    }
    if (form == FORM_PASSWORD) {
        return decoded_char(text, word->password_at + i);
    }
    size_t bit = first_bit[form] + 6 * i, at = bit / 8;
    unsigned two = (unsigned)(unsigned char)text.p[at] << 8 | (at + 1 < text.n ? (unsigned char)text.p[at + 1] : 0u);
    return base64_chars[two >> (10 - bit % 8) & 63];
}

/* True: the text was cut, and this is the beginning of an escaped character. */
static bool is_cut_char(const char *at, const char *end)
{
    return at == end || ((*at == '\\' || *at == '%') && end - at < 6);
}

/* How many bytes at `p` spell the word in that form; 0: they do not. If the text ends within the word, it may have been
 * cut: then its part counts, unless it is short. */
static size_t spelt_at(const char *p, const char *end, const struct sl_secret_word *word, enum form form)
{
    const char *at = p;
    size_t n_chars = form_n(word, form);
    if (form == FORM_PLAIN && (size_t)(end - p) >= n_chars && memcmp(p, word->text.p, n_chars) == 0) {
        return n_chars; /* unchanged, even with a '%' or a backslash in it */
    }
    for (size_t i = 0; i < n_chars; i++) {
        char c = form_char(word, form, i);
        size_t n = at < end ? char_spelt(at, end, c) : 0;
        if (n == 0 && at < end && form != FORM_PLAIN && form != FORM_PASSWORD && (c == '+' || c == '/')) {
            n = char_spelt(at, end, c == '+' ? '-' : '_');
        }
        if (n == 0) {
            return i > SHORT_MAX && is_cut_char(at, end) ? (size_t)(end - p) : 0;
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

/* The most bytes at `p` that spell a credential; 0: none do. */
static size_t credential_at(const struct sl_secrets *secrets, const char *begin, const char *p, const char *end)
{
    size_t most = 0;
    for (uint32_t i = 0; i < secrets->n_words; i++) {
        for (enum form form = FORM_PLAIN; form < FORM_COUNT; form++) {
            size_t n = spelt_at(p, end, &secrets->words[i], form);
            if (n > most && (form_n(&secrets->words[i], form) > SHORT_MAX || stands_alone(begin, p, p + n, end))) {
                most = n;
            }
        }
    }
    return most;
}

static bool may_start(const struct sl_secrets *secrets, char c)
{
    return secrets->starts[(unsigned char)c >> 3] >> ((unsigned char)c & 7) & 1;
}

/* The first place from `p` on where a credential begins, and the number of its bytes; NULL: there is none. */
static const char *credential_find(const struct sl_secrets *secrets, const char *begin, const char *p, const char *end,
                                   size_t *ret_n)
{
    size_t least = SL_MIN(secrets->shortest, (size_t)SHORT_MAX + 1);
    for (; p < end && (size_t)(end - p) >= least; p++) {
        if (may_start(secrets, *p) && (*ret_n = credential_at(secrets, begin, p, end)) > 0) {
            return p;
        }
    }
    return NULL;
}

static void start_add(struct sl_secrets *secrets, char c)
{
    secrets->starts[(unsigned char)c >> 3] |= (uint8_t)(1u << ((unsigned char)c & 7));
}

static void pair_add(struct sl_secrets *secrets, char first, char second)
{
    if (secrets->n_pairs < SL_PAIRS_MAX) {
        secrets->pairs[secrets->n_pairs][0] = first;
        secrets->pairs[secrets->n_pairs][1] = second;
    }
    secrets->n_pairs++;
}

/* The same digit in base64's other alphabet. */
static char other_char(char c)
{
    return c == '+' ? '-' : c == '/' ? '_' : c;
}

static void pairs_add(struct sl_secrets *secrets, const struct sl_secret_word *word, enum form form)
{
    size_t n = form_n(word, form);
    if (n < 2) {
        secrets->n_pairs += n ? SL_PAIRS_MAX + 1 : 0;
        return;
    }
    bool is_base64 = form != FORM_PLAIN && form != FORM_PASSWORD;
    char a = form_char(word, form, 0), b = form_char(word, form, 1);
    char other_a = is_base64 ? other_char(a) : a, other_b = is_base64 ? other_char(b) : b;
    pair_add(secrets, a, b);
    if (other_a != a) {
        pair_add(secrets, other_a, b);
    }
    if (other_b != b) {
        pair_add(secrets, a, other_b);
    }
    if (other_a != a && other_b != b) {
        pair_add(secrets, other_a, other_b);
    }
}

/* Finds the password, if the whole word is base64 and has one. */
static void password_find(struct sl_secret_word *word)
{
    while (word->text.n && word->text.p[word->text.n - 1] == '=') {
        word->text.n--; /* the padding is optional */
    }
    struct sl_str text = word->text;
    for (size_t i = 0; i < text.n; i++) {
        if (base64_digit(text.p[i]) < 0) {
            return;
        }
    }
    size_t n = text.n * 6 / 8;
    for (size_t i = 0; i < n; i++) {
        if (decoded_char(text, i) == ':') {
            word->password_at = (uint32_t)i + 1;
            word->n_password = (uint32_t)(n - i - 1);
            return;
        }
    }
}

static void word_add(struct sl_secrets *secrets, struct sl_str text, bool is_basic)
{
    if (!text.n || secrets->n_words == SL_SECRETS_MAX) {
        return;
    }
    struct sl_secret_word *word = &secrets->words[secrets->n_words++];
    *word = (struct sl_secret_word){ .text = text };
    if (is_basic) {
        password_find(word);
    }
    for (enum form form = FORM_PLAIN; form < FORM_COUNT; form++) {
        size_t n = form_n(word, form);
        secrets->shortest = n ? SL_MIN(secrets->shortest, n) : secrets->shortest;
        char c = n ? form_char(word, form, 0) : '\\';
        start_add(secrets, c);
        if (c == '+' || c == '/') { /* in base64's other alphabet */
            start_add(secrets, other_char(c));
        }
        pairs_add(secrets, word, form);
    }
    start_add(secrets, '\\');
    start_add(secrets, '%');
}

/* Adds the values of query parameters that carry a credential, still encoded. */
static void query_find(struct sl_secrets *secrets)
{
    ptrdiff_t mark = sl_str_find_char(secrets->target, '?', 0);
    struct sl_str rest = mark < 0 ? SL_STR_NONE : sl_str_sub(secrets->target, (size_t)mark + 1, secrets->target.n),
                  pair;
    while (sl_str_next(&rest, '&', &pair)) {
        ptrdiff_t equals = sl_str_find_char(pair, '=', 0);
        if (equals >= 0 && sl_header_is_listed(sl_str_sub(pair, 0, (size_t)equals), secrets->parameters)) {
            word_add(secrets, sl_str_sub(pair, (size_t)equals + 1, pair.n), false);
        }
    }
}

static void headers_find(struct sl_secrets *secrets, const struct sl_str *names)
{
    for (const struct sl_str *name = names; name && name->p; name++) {
        const struct sl_header *header = sl_headers_find(secrets->headers, *name);
        struct sl_str value = header ? sl_str_trim(header->value) : SL_STR("");
        ptrdiff_t space = sl_str_find_char(value, ' ', 0); /* a scheme comes before it */
        bool is_basic = space > 0 && sl_str_case_eq(sl_str_sub(value, 0, (size_t)space), SL_STR("basic"));
        word_add(secrets, sl_str_sub(value, (size_t)(space + 1), value.n), is_basic);
    }
}

void sl_secrets_find(struct sl_secrets *secrets)
{
    secrets->n_words = 0;
    secrets->n_pairs = 0;
    secrets->shortest = SIZE_MAX;
    memset(secrets->starts, 0, sizeof(secrets->starts));
    headers_find(secrets, secrets->names);
    headers_find(secrets, secrets->own_names);
    if (secrets->parameters) {
        query_find(secrets);
    }
}

void sl_secrets_add(struct sl_secrets *secrets, struct sl_str text)
{
    word_add(secrets, text, false);
}

/* So many characters distinguish a credential from nearly every other text. */
#define BEGIN_N 4

/* True: an escape is here, or a text that begins like a form of a credential. */
static bool is_begun_at(const struct sl_secrets *secrets, const char *p, const char *end)
{
    for (uint32_t k = 0; k < secrets->n_words * FORM_COUNT; k++) {
        const struct sl_secret_word *word = &secrets->words[k / FORM_COUNT];
        enum form form = (enum form)(k % FORM_COUNT);
        size_t n = SL_MIN(form_n(word, form), (size_t)BEGIN_N), i = 0;
        for (; i < n && p + i < end; i++) {
            char c = form_char(word, form, i);
            if (p[i] == '\\' || p[i] == '%') {
                return true;
            }
            if (p[i] != c && p[i] != other_char(c)) {
                break;
            }
        }
        if (n && i == n) {
            return true;
        }
    }
    return false;
}

/* The first byte from `p` on where one of the pairs or an escape begins; `end`: none. */
static const char *pair_find(const struct sl_secrets *secrets, const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i backslash = _mm_set1_epi8('\\'), percent = _mm_set1_epi8('%');
    for (; end - p > 16; p += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(here, backslash), _mm_cmpeq_epi8(here, percent));
        for (uint32_t i = 0; i < secrets->n_pairs; i++) {
            __m128i first = _mm_cmpeq_epi8(here, _mm_set1_epi8(secrets->pairs[i][0]));
            __m128i second = _mm_cmpeq_epi8(next, _mm_set1_epi8(secrets->pairs[i][1]));
            hit = _mm_or_si128(hit, _mm_and_si128(first, second));
        }
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) {
            return p + __builtin_ctz(mask);
        }
    }
#endif
    for (; p < end; p++) {
        if (may_start(secrets, *p)) {
            return p;
        }
    }
    return end;
}

bool sl_secrets_may_be_in(const struct sl_secrets *secrets, struct sl_str text)
{
    if (!secrets->n_words || text.n < SL_MIN(secrets->shortest, (size_t)SHORT_MAX + 1)) {
        return false;
    }
    const char *end = text.p + text.n;
    const char *p = secrets->n_pairs <= SL_PAIRS_MAX ? text.p : NULL;
    while (p && (p = pair_find(secrets, p, end)) < end) {
        if (is_begun_at(secrets, p, end)) {
            return true;
        }
        p++;
    }
    return !p;
}

bool sl_mask_bytes(const struct sl_secrets *secrets, char *bytes, size_t n)
{
    const char *end = bytes + n, *at = bytes;
    bool is_found = false;
    size_t n_spelt;
    while ((at = credential_find(secrets, bytes, at, end, &n_spelt)) != NULL) {
        memset(bytes + (at - bytes), '*', n_spelt);
        at += n_spelt;
        is_found = true;
    }
    return is_found;
}

struct sl_str sl_mask_text(const struct sl_secrets *secrets, struct sl_str text, struct sl_arena *arena)
{
    size_t n_spelt;
    if (text.n < secrets->shortest || !text.n || !credential_find(secrets, text.p, text.p, text.p + text.n, &n_spelt)) {
        return text;
    }
    struct sl_str copy = sl_arena_dup(arena, text);
    if (copy.p) {
        SL_IGNORE(!sl_mask_bytes(secrets, (char *)(uintptr_t)copy.p, copy.n)); /* the text has one */
    }
    return copy;
}
