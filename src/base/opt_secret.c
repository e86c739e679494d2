/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for secrets: in the operator's file they are references, in a body literals. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/opt.h"
#include "base/secret.h"
#include "base/word.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)
#define WARN(bind, val, ...) sl_bind_problem((bind), SL_PROBLEM_WARNING, (val)->pos, NULL, __VA_ARGS__)

/* "/etc/key", "./key", "~/key". Base64 may begin with '/', but hardly has a whole word of small letters between two of
 * them. */
static bool looks_like_path(struct sl_str s)
{
    static const char *const starts[] = { "./", "../", "~/" };
    for (size_t i = 0; i < SL_ARRAY_LEN(starts); i++) {
        if (sl_str_has_prefix(s, sl_str_c(starts[i]))) {
            return true;
        }
    }
    size_t n = 1;
    while (s.n && s.p[0] == '/' && n < s.n && s.p[n] >= 'a' && s.p[n] <= 'z') {
        n++;
    }
    return n > 3 && n < s.n && s.p[n] == '/';
}

/* True: it looks like the path of a file that does not exist. Base64 has '/' too, but no '.', and does not begin with
 * an existing folder. */
static bool is_path_of_nothing(struct sl_str s)
{
    ptrdiff_t slash = -1;
    char folder[256];
    for (ptrdiff_t at = sl_str_find_char(s, '/', 0); at >= 0; at = sl_str_find_char(s, '/', (size_t)at + 1)) {
        slash = at;
    }
    struct sl_str name = sl_str_sub(s, (size_t)(slash + 1), s.n);
    for (size_t i = 0; i < s.n; i++) {
        if (!sl_is_word((unsigned char)s.p[i]) && !strchr("/.-~", s.p[i])) {
            return false;
        }
    }
    if (slash < 0 || s.n >= sizeof(folder)) {
        return sl_str_has_suffix(s, SL_STR(".key")) || sl_str_has_suffix(s, SL_STR(".txt")) ||
               sl_str_has_suffix(s, SL_STR(".pem"));
    }
    snprintf(folder, sizeof(folder), "%.*s", (int)SL_MAX(slash, (ptrdiff_t)1), s.p);
    struct stat st;
    return s.p[0] == '~' || sl_str_find_char(name, '.', 0) >= 0 || (stat(folder, &st) == 0 && S_ISDIR(st.st_mode));
}

void sl_opt_secret_look(struct sl_bind *bind, const struct sl_val *val, struct sl_str text)
{
    char first = text.n ? text.p[0] : 'x', last = text.n ? text.p[text.n - 1] : 'x';
    if (sl_char_is_blank(first) || sl_char_is_blank(last)) {
        WARN(bind, val, "the secret %s with a blank or a line's end, which is a part of it",
             sl_char_is_blank(first) ? "begins" : "ends");
    } else if (text.n > 1 && first == last && (first == '"' || first == '\'')) {
        WARN(bind, val, "the secret stands in quotes, which are a part of it: take them away");
    } else if (bind->resolve && val->kind == SL_VAL_STRING && sl_str_eq(val->text, text) && is_path_of_nothing(text)) {
        WARN(bind, val,
             "it looks like a key file's path, but there is no such file here: the text itself is the secret; "
             "{ file: PATH } says that it is a file, beside this one");
    }
}

int sl_opt_secret_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_secret *ret)
{
    struct sl_err err = { 0 };
    if (bind->resolve) {
        if (bind->resolve(bind->resolve_arg, val, ret, &err) < 0) {
            return FAIL(bind, val, "%s", err.text);
        }
        sl_opt_secret_look(bind, val, sl_secret_reveal(ret));
        return 0;
    }
    if (val->kind == SL_VAL_MAP || val->kind == SL_VAL_LIST) {
        return FAIL(bind, val, "must be the secret itself: only the operator's file can use references");
    }
    if (!sl_bind_is_text(bind, val)) {
        return FAIL(bind, val, "must be a string, not %s", sl_val_kind_name(val->kind));
    }
    if (val->text.n && val->text.p[0] == '$') {
        return FAIL(bind, val, "must be the secret itself: only the operator's file can use environment variables");
    }
    if (looks_like_path(val->text)) {
        return FAIL(bind, val, "must be the secret itself: only the operator's file can use files");
    }
    return sl_secret_set(ret, val->text) < 0 ? FAIL(bind, val, "out of memory") : 0;
}
