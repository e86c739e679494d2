/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/path.h"

#include "wire/headers.h"
#include "wire/uri.h"

static const struct {
    const char *name;
    unsigned bit;
} methods[] = {
    { "GET", SL_GET },     { "HEAD", SL_HEAD },     { "POST", SL_POST },
    { "PUT", SL_PUT },     { "DELETE", SL_DELETE }, { "OPTIONS", SL_OPTIONS },
    { "PATCH", SL_PATCH }, { "TRACE", SL_TRACE },   { "CONNECT", SL_CONNECT },
};

static unsigned method_parse(struct sl_str method)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (sl_str_eq_c(method, methods[i].name)) {
            return methods[i].bit;
        }
    }
    return SL_OTHER;
}

/* How many bytes the path and the pattern have in common at the front, at most up to a "{}". Few bytes are enough for
 * most rows. */
static size_t common_prefix(struct sl_str path, const char *pattern)
{
    size_t n = 0;
    while (n < path.n && pattern[n] == path.p[n] && pattern[n] != '{' && pattern[n]) {
        n++;
    }
    return n;
}

/* True: the path fits the pattern. ret_args gets the segment for each "{}" (not empty, no slash); it has room for
 * SL_PATH_ARGS. */
static bool pattern_fits(const char *pattern, struct sl_str path, struct sl_str *ret_args)
{
    size_t before = common_prefix(path, pattern);
    if (pattern[before] != '{') {
        return pattern[before] == '\0' && path.n == before;
    }
    if (strcmp(pattern + before, "{**}") == 0) {
        ret_args[0] = sl_str_sub(path, before, path.n);
        return ret_args[0].n > 0;
    }
    struct sl_str after = sl_str_c(pattern + before + 2);
    if (sl_str_eq_c(after, "/**")) {
        ptrdiff_t slash = sl_str_find_char(path, '/', before);
        if (slash <= (ptrdiff_t)before || (size_t)slash + 1 == path.n) {
            return false;
        }
        ret_args[0] = sl_str_sub(path, before, (size_t)slash);
        return true;
    }
    if (SL_UNLIKELY(strstr(after.p, "{}"))) {
        ptrdiff_t slash = sl_str_find_char(path, '/', before);
        ret_args[0] = slash > (ptrdiff_t)before ? sl_str_sub(path, before, (size_t)slash) : SL_STR_NONE;
        return ret_args[0].p && pattern_fits(after.p, sl_str_sub(path, (size_t)slash, path.n), &ret_args[1]);
    }
    if (path.n <= before + after.n || !sl_str_has_suffix(path, after)) {
        return false;
    }
    struct sl_str arg = sl_str_sub(path, before, path.n - after.n);
    if (sl_str_find_char(arg, '/', 0) >= 0) {
        return false;
    }
    ret_args[0] = arg;
    return true;
}

const struct sl_path *sl_path_next(const struct sl_path_table *table, struct sl_path_iter *it)
{
    while (table->lists[it->list]) {
        const struct sl_path *row = &table->lists[it->list][it->row];
        if (row->pattern) {
            it->row++;
            return row;
        }
        *it = (struct sl_path_iter){ it->list + 1, 0 };
    }
    return NULL;
}

const struct sl_path *sl_path_find(const struct sl_path_table *table, struct sl_str method, struct sl_str target,
                                   struct sl_arena *arena, struct sl_path_match *ret_match, int *ret_r)
{
    struct sl_path_match *m = ret_match;
    *m = (struct sl_path_match){ .method = method_parse(method) };
    *ret_r = sl_target_parse(target, &m->path, &m->query, NULL);
    return *ret_r < 0 ? NULL : sl_path_look(table, arena, m, ret_r);
}

const struct sl_path *sl_path_look(const struct sl_path_table *table, struct sl_arena *arena, struct sl_path_match *m,
                                   int *ret_r)
{
    *ret_r = 0;
    m->arg = m->arg2 = m->rest = SL_STR_NONE;
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(table, &it)) != NULL;) {
        struct sl_str args[SL_PATH_ARGS] = { SL_STR_NONE, SL_STR_NONE };
        if (!(row->methods & m->method) || !pattern_fits(row->pattern, m->path, args)) {
            continue;
        }
        if (args[0].p) {
            *ret_r = sl_percent_decode(args[0], arena, &m->arg);
            *ret_r = *ret_r < 0 || !args[1].p ? *ret_r : sl_percent_decode(args[1], arena, &m->arg2);
            if (*ret_r < 0) {
                return NULL;
            }
            if (!row->takes_slash && sl_str_find_char(m->arg, '/', 0) >= 0) {
                continue; /* MLflow decodes first, and then these are two segments */
            }
            const char *end = args[0].p + args[0].n;
            m->rest = sl_str_make(end, (size_t)(m->path.p + m->path.n - end));
        }
        return row;
    }
    return NULL;
}

unsigned sl_path_methods(const struct sl_path_table *table, struct sl_str path, struct sl_arena *arena,
                         bool (*has_route)(void *arg, struct sl_str name), void *arg)
{
    unsigned found = 0;
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(table, &it)) != NULL;) {
        struct sl_str args[SL_PATH_ARGS] = { SL_STR_NONE, SL_STR_NONE }, name;
        if (!pattern_fits(row->pattern, path, args)) {
            continue;
        }
        if (args[0].p) {
            if (sl_percent_decode(args[0], arena, &name) < 0 ||
                (!row->takes_slash && sl_str_find_char(name, '/', 0) >= 0)) {
                continue;
            }
            if (!row->handle && !row->follows && !has_route(arg, name)) {
                continue;
            }
        }
        found |= row->methods;
    }
    return found;
}

static bool is_for_pages(const struct sl_path *row)
{
    return !row->handle || (row->access == SL_ACCESS_QUERY && !(row->methods & ~(unsigned)(SL_GET | SL_HEAD)));
}

unsigned sl_path_page_methods(const struct sl_path_table *table, struct sl_str path)
{
    unsigned found = 0;
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(table, &it)) != NULL;) {
        struct sl_str args[SL_PATH_ARGS];
        if (is_for_pages(row) && pattern_fits(row->pattern, path, args)) {
            found |= row->methods;
        }
    }
    return found;
}

bool sl_path_is_for_pages(const struct sl_path_table *table, const struct sl_path *row, struct sl_str path)
{
    if (row) {
        return is_for_pages(row);
    }
    struct sl_path_iter it = { 0 };
    bool is_there = false;
    for (const struct sl_path *other; !is_there && (other = sl_path_next(table, &it)) != NULL;) {
        struct sl_str args[SL_PATH_ARGS];
        is_there = pattern_fits(other->pattern, path, args);
    }
    return !is_there || sl_path_page_methods(table, path);
}

/* True: the path is `prefix`, or has more segments after it. */
static bool is_below(struct sl_str path, struct sl_str prefix)
{
    return prefix.n == 0 || ((path.n == prefix.n || (path.n > prefix.n && path.p[prefix.n] == '/')) &&
                             memcmp(path.p, prefix.p, prefix.n) == 0);
}

struct sl_str sl_path_cut(struct sl_str path, struct sl_str prefix)
{
    return prefix.n && is_below(path, prefix) ? sl_str_sub(path, prefix.n, path.n) : SL_STR_NONE;
}

static bool has_header(const struct sl_headers *headers, const char *name)
{
    return !name || (headers && sl_headers_get(headers, name).p);
}

static bool has_ending(struct sl_str path, const struct sl_str *endings)
{
    for (; endings && endings->p; endings++) {
        if (sl_str_has_suffix(path, *endings)) {
            return true;
        }
    }
    return endings == NULL;
}

const struct sl_dialect *sl_path_dialect(const struct sl_path_table *table, struct sl_str path,
                                         const struct sl_headers *headers)
{
    const struct sl_path_prefix *row = table->prefixes;
    while (!is_below(path, row->prefix) || !has_header(headers, row->header) || !has_ending(path, row->endings)) {
        row++;
    }
    return row->dialect;
}

void sl_methods_format(unsigned set, char out[SL_METHODS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (set & methods[i].bit) {
            size_t len = strlen(methods[i].name);
            if (n) {
                memcpy(out + n, ", ", 2);
                n += 2;
            }
            memcpy(out + n, methods[i].name, len);
            n += len;
        }
    }
    out[n] = '\0';
}
