/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a text that is not JSON a second time, more slowly, to find what Python's decoder says of it. It has one state
 * for what may come next, and one bit for each open container. */
#include "llm/mlflow/jsonfault.h"

#include "json/json.h"

enum want { WANT_VALUE, WANT_FIRST_VALUE, WANT_KEY, WANT_FIRST_KEY, WANT_COLON, WANT_COMMA, WANT_NOTHING };

struct scan {
    struct sl_str s;
    size_t at;
    enum want want;
    unsigned depth;
    bool has_constant; /* there is a number that Python knows and JSON does not: the first is at `constant_at` */
    size_t constant_at;
    bool is_object[SL_JSON_DEPTH_MAX + 1];
};

static const char expecting_value[] = "Expecting value";
static const char expecting_key[] = "Expecting property name enclosed in double quotes";
static const char expecting_comma[] = "Expecting ',' delimiter";

static void space_skip(struct scan *sc)
{
    while (sc->at < sc->s.n && strchr(" \t\n\r", sc->s.p[sc->at]) && sc->s.p[sc->at]) {
        sc->at++;
    }
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Starts at the opening quote. NULL: the whole string was read; else the fault, and `at` is its place. */
static const char *string_skip(struct scan *sc)
{
    size_t begin = sc->at;
    for (size_t i = begin + 1; i < sc->s.n; i++) {
        unsigned char c = (unsigned char)sc->s.p[i];
        if (c == '"') {
            sc->at = i + 1;
            return NULL;
        }
        if (c < 0x20) {
            sc->at = i;
            return "Invalid control character at";
        }
        if (c != '\\') {
            continue;
        }
        if (++i == sc->s.n) {
            break;
        }
        if (sc->s.p[i] == 'u') {
            bool is_right = i + 5 < sc->s.n;
            for (size_t k = 1; is_right && k <= 4; k++) {
                is_right = is_hex(sc->s.p[i + k]);
            }
            if (!is_right) {
                sc->at = i;
                return "Invalid \\uXXXX escape";
            }
            i += 4;
        } else if (!strchr("\"\\/bfnrt", sc->s.p[i]) || !sc->s.p[i]) {
            sc->at = i - 1;
            return "Invalid \\escape";
        }
    }
    sc->at = begin;
    return "Unterminated string starting at";
}

static size_t digits_skip(struct sl_str s, size_t at)
{
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') {
        at++;
    }
    return at;
}

/* Reads the longest number; false when the text does not begin like one. */
static bool number_skip(struct scan *sc)
{
    struct sl_str s = sc->s;
    size_t at = sc->at;
    if (at < s.n && s.p[at] == '-') {
        at++;
    }
    if (at == s.n || s.p[at] < '0' || s.p[at] > '9') {
        return false;
    }
    at = s.p[at] == '0' ? at + 1 : digits_skip(s, at);
    if (at + 1 < s.n && s.p[at] == '.' && digits_skip(s, at + 1) > at + 1) {
        at = digits_skip(s, at + 1);
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        size_t exp = at + 1;
        if (exp < s.n && (s.p[exp] == '-' || s.p[exp] == '+')) {
            exp++;
        }
        if (digits_skip(s, exp) > exp) {
            at = digits_skip(s, exp);
        }
    }
    sc->at = at;
    return true;
}

static bool word_skip(struct scan *sc)
{
    static const struct sl_str words[] = { SL_STR_INIT("null"), SL_STR_INIT("true"),     SL_STR_INIT("false"),
                                           SL_STR_INIT("NaN"),  SL_STR_INIT("Infinity"), SL_STR_INIT("-Infinity") };
    struct sl_str rest = sl_str_sub(sc->s, sc->at, sc->s.n);
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_has_prefix(rest, words[i])) {
            if (i > 2 && !sc->has_constant) {
                sc->has_constant = true;
                sc->constant_at = sc->at;
            }
            sc->at += words[i].n;
            return true;
        }
    }
    return false;
}

static void value_ended(struct scan *sc)
{
    sc->want = sc->depth ? WANT_COMMA : WANT_NOTHING;
}

static const char *value_take(struct scan *sc)
{
    char c = sc->at < sc->s.n ? sc->s.p[sc->at] : '\0';
    if (c == '{' || c == '[') {
        if (sc->depth == SL_JSON_DEPTH_MAX) {
            return "Nested too deeply";
        }
        sc->is_object[++sc->depth] = c == '{';
        sc->want = c == '{' ? WANT_FIRST_KEY : WANT_FIRST_VALUE;
        sc->at++;
        return NULL;
    }
    const char *fault = NULL;
    if (c == '"') {
        fault = string_skip(sc);
    } else if (!number_skip(sc) && !word_skip(sc)) {
        fault = expecting_value;
    }
    value_ended(sc);
    return fault;
}

static const char *key_take(struct scan *sc, char c)
{
    if (c == '}' && sc->want == WANT_FIRST_KEY) {
        sc->at++;
        sc->depth--;
        value_ended(sc);
        return NULL;
    }
    if (c != '"') {
        return expecting_key;
    }
    sc->want = WANT_COLON;
    return string_skip(sc);
}

static const char *comma_take(struct scan *sc, char c)
{
    bool is_object = sc->is_object[sc->depth];
    if (c == (is_object ? '}' : ']')) {
        sc->at++;
        sc->depth--;
        value_ended(sc);
        return NULL;
    }
    if (c != ',') {
        return expecting_comma;
    }
    sc->at++;
    sc->want = is_object ? WANT_KEY : WANT_VALUE;
    return NULL;
}

/* Reads one token. Returns a fault, or NULL to go on. */
static const char *step(struct scan *sc)
{
    char c = sc->at < sc->s.n ? sc->s.p[sc->at] : '\0';
    switch (sc->want) {
    case WANT_FIRST_VALUE:
        if (c == ']') {
            sc->at++;
            sc->depth--;
            value_ended(sc);
            return NULL;
        }
        return value_take(sc);
    case WANT_VALUE:
        return value_take(sc);
    case WANT_KEY:
    case WANT_FIRST_KEY:
        return key_take(sc, c);
    case WANT_COLON:
        if (c != ':') {
            return "Expecting ':' delimiter";
        }
        sc->at++;
        sc->want = WANT_VALUE;
        return NULL;
    case WANT_COMMA:
        return comma_take(sc, c);
    case WANT_NOTHING:
        return "Extra data";
    }
    return NULL;
}

static size_t chars_count(struct sl_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

const char *sl_mf_json_fault(struct sl_str text, size_t *ret_char)
{
    struct scan sc = { .s = text, .want = WANT_VALUE };
    const char *fault = NULL;
    while (!fault) {
        space_skip(&sc);
        if (sc.want == WANT_NOTHING && sc.at == text.n) {
            if (!sc.has_constant) {
                fault = "Too many values"; /* it is JSON after all, but exceeds a limit */
            } else if (text.n > SL_MF_CONSTANTS_MAX) {
                fault = expecting_value;
                sc.at = sc.constant_at;
            }
            break;
        }
        fault = step(&sc);
    }
    *ret_char = chars_count(sl_str_sub(text, 0, sc.at));
    return fault;
}
