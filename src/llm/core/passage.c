/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/passage.h"

#include "base/arena.h"
#include "llm/core/errbody.h"
#include "llm/core/language.h"
#include "wire/uri.h"

#define RULE_MAX        512
#define PATH_MAX_PASSED 2048 /* rules are tried at each slash of the path */

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };

/* --- rules --- */

/* Splits a rule into method and path, with any number of blanks between them. */
static struct sl_str rule_split(struct sl_str rule, struct sl_str *ret_path)
{
    ptrdiff_t space = sl_str_find_char(rule, ' ', 0);
    *ret_path = space < 0 ? SL_STR_NONE : sl_str_trim(sl_str_sub(rule, (size_t)space, rule.n));
    return space < 0 ? rule : sl_str_sub(rule, 0, (size_t)space);
}

static bool is_method(struct sl_str word)
{
    for (const char *const *at = methods; *at; at++) {
        if (sl_str_eq_c(word, *at)) {
            return true;
        }
    }
    return false;
}

const char *sl_passage_rule_fault(struct sl_str rule)
{
    struct sl_str path, method = rule_split(rule, &path);
    if (rule.n > RULE_MAX) {
        return "is too long";
    }
    if (!path.n) {
        return "must be a method and a path, like GET /files/*";
    }
    if (!is_method(method)) {
        return "must begin with GET, POST, PUT, PATCH or DELETE";
    }
    if (path.p[0] != '/' || path.n == 1) {
        return "must name a path that begins with /";
    }
    if (sl_str_find_char(path, '?', 0) >= 0 || sl_str_find_char(path, '#', 0) >= 0 ||
        sl_str_find_char(path, '%', 0) >= 0) {
        return "must name a path alone: no query, no fragment and nothing encoded";
    }
    if (sl_passage_path_fault(path)) {
        return "must not have an empty segment, . or .. in its path";
    }
    ptrdiff_t all = sl_str_find(path, SL_STR("**"), 0);
    if (all >= 0 && !((size_t)all + 2 == path.n && path.p[all - 1] == '/')) {
        return "may have ** as its last segment only";
    }
    return all == 1 ? "would let every path pass: name what shall" : NULL;
}

bool sl_passage_rule_is(struct sl_str rule, struct sl_str method)
{
    struct sl_str path;
    return sl_str_eq(rule_split(rule, &path), method);
}

struct sl_str sl_passage_rule_path(struct sl_str rule)
{
    struct sl_str path;
    SL_IGNORE(!rule_split(rule, &path).p);
    return path;
}

bool sl_passage_fits(struct sl_str pattern, struct sl_str path)
{
    size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
    if (sl_str_has_suffix(pattern, SL_STR("/**"))) {
        size_t last = path.n;
        while (last > 0 && path.p[last - 1] != '/') {
            last--;
        }
        /* The part before the two stars must fit the part of the path before some '/'; the longest is tried first. */
        for (; last > 1; last--) {
            if (path.p[last - 1] == '/' && path.n > last &&
                sl_passage_fits(sl_str_sub(pattern, 0, pattern.n - 3), sl_str_sub(path, 0, last - 1))) {
                return true;
            }
        }
        return false;
    }
    while (k < path.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            from = k;
        } else if (i < pattern.n && pattern.p[i] == path.p[k]) {
            i++;
            k++;
        } else if (star != SIZE_MAX && path.p[from] != '/') {
            i = star + 1; /* the star takes one more character */
            k = ++from;
        } else {
            return false;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*') {
        i++;
    }
    return i == pattern.n && path.n && path.p[path.n - 1] != '/';
}

/* --- paths --- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* Some servers cut off everything from ';' before they look for dots. */
static bool is_dots(struct sl_str segment)
{
    ptrdiff_t cut = sl_str_find_char(segment, ';', 0);
    segment = cut < 0 ? segment : sl_str_sub(segment, 0, (size_t)cut);
    return sl_str_eq_c(segment, "") || sl_str_eq_c(segment, ".") || sl_str_eq_c(segment, "..");
}

const char *sl_passage_path_fault(struct sl_str path)
{
    struct sl_str rest = sl_str_sub(path, 1, path.n), segment;
    if (!path.n || path.p[0] != '/' || path.p[path.n - 1] == '/') {
        return "it must name a path of the provider's, without a slash at its end";
    }
    if (path.n > PATH_MAX_PASSED) {
        return "it is too long";
    }
    char plain[PATH_MAX_PASSED];
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c == '%') {
            int high = i + 2 < path.n ? hex(path.p[i + 1]) : -1, low = i + 2 < path.n ? hex(path.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return "a % in it encodes nothing";
            }
            c = (unsigned char)(high * 16 + low);
            if (memchr("./%?#;", c, 6)) {
                return "an encoded dot, slash, semicolon, question mark, # or percent sign may not stand in it";
            }
        }
        if (c < 0x20 || c == 0x7f || c == '\\' || path.p[i] == ' ') {
            return "a control character, a blank or a backslash may not stand in it";
        }
        plain[n++] = (char)c;
        i += path.p[i] == '%' ? 2 : 0;
    }
    if (!sl_str_is_utf8(sl_str_make(plain, n))) {
        return "what it encodes must be UTF-8"; /* a longer encoding of a dot would be a dot for some servers */
    }
    while (sl_str_next(&rest, '/', &segment)) {
        if (is_dots(segment)) {
            return "an empty segment, . or .. may not stand in it";
        }
    }
    return NULL;
}

struct sl_str sl_passage_path(const struct sl_uri *base, struct sl_str path, struct sl_arena *arena)
{
    struct sl_str root = base->path;
    while (root.n && root.p[root.n - 1] == '/') {
        root.n--;
    }
    while (root.n && root.p[root.n - 1] != '/') {
        root.n--;
    }
    root.n -= root.n > 0; /* with the slash in front of the removed segment */
    struct sl_str both[] = { root, path };
    return sl_arena_join(arena, both, 2);
}

struct sl_str sl_passage_behind(const struct sl_uri *base, struct sl_str full)
{
    struct sl_str root = base->path;
    while (root.n && root.p[root.n - 1] == '/') {
        root.n--;
    }
    bool is_below = sl_str_has_prefix(full, root) && full.n > root.n && full.p[root.n] == '/';
    return is_below ? sl_str_sub(full, root.n, full.n) : SL_STR_NONE;
}

/* --- queries --- */

/* Google's names may have a '$' in front. */
static bool is_of_a_key(struct sl_str name)
{
    static const char *const names[] = {
        "key",        "api_key",        "api-key",          "apikey",
        "x-api-key",  "x-goog-api-key", "access_token",     "oauth_token",
        "auth_token", "authorization",  "subscription-key", "ocp-apim-subscription-key",
        NULL
    };
    name = sl_str_has_prefix(name, SL_STR("$")) ? sl_str_sub(name, 1, name.n) : name;
    for (const char *const *at = names; *at; at++) {
        if (sl_str_case_eq(name, sl_str_c(*at))) {
            return true;
        }
    }
    return false;
}

/* True: a part of the query between two '&' has a key. Some servers also split at ';'. */
static bool part_has_key(struct sl_str part, struct sl_arena *arena)
{
    struct sl_str piece, name;
    while (sl_str_next(&part, ';', &piece)) {
        ptrdiff_t equals = sl_str_find_char(piece, '=', 0);
        struct sl_str raw = equals < 0 ? piece : sl_str_sub(piece, 0, (size_t)equals);
        if (sl_percent_decode(raw, arena, &name) < 0 || is_of_a_key(name)) {
            return true;
        }
    }
    return false;
}

struct sl_str sl_passage_query(struct sl_str query, struct sl_arena *arena)
{
    char *p = sl_arena_bytes(arena, query.n + 1);
    size_t n = 0;
    for (struct sl_str rest = query, part; p && sl_str_next(&rest, '&', &part);) {
        if (part_has_key(part, arena)) {
            continue;
        }
        if (n) {
            p[n++] = '&';
        }
        memcpy(p + n, part.p, part.n);
        n += part.n;
    }
    return p ? sl_str_make(p, n) : SL_STR_NONE;
}

const struct sl_language sl_language_raw = {
    .name = "raw",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .read_error = sl_errbody_classify,
};
