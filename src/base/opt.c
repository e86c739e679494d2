/* SPDX-License-Identifier: Apache-2.0 */
#include "base/opt.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/near.h"
#include "base/num.h"
#include "base/secret.h"

void sl_problems_init(struct sl_problems *problems, struct sl_arena *arena)
{
    *problems = (struct sl_problems){ .arena = arena };
}

struct sl_str sl_opt_key_shown(struct sl_str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (strchr(":= \t\n", key.p[i])) {
            return sl_str_sub(key, 0, i);
        }
    }
    return sl_str_sub(key, 0, 64);
}

/* Replaces `text[at..at+n)` by "***". */
static void stars_put(char *text, size_t at, size_t n)
{
    size_t len = strlen(text);
    size_t stars = SL_MIN(n, (size_t)3);
    memset(text + at, '*', stars);
    memmove(text + at + stars, text + at + n, len - at - n + 1);
}

/* Hides secrets in a message: those that the file names as secrets, and texts in the form of an API key. */
static void secrets_hide(const struct sl_problems *problems, char *text)
{
    for (uint32_t i = 0; i < problems->n_hidden; i++) {
        struct sl_str hidden = problems->hidden[i];
        char *at;
        while ((at = memmem(text, strlen(text), hidden.p, hidden.n)) != NULL) {
            stars_put(text, (size_t)(at - text), hidden.n);
        }
    }
    for (char *at = text; (at = strstr(at, "sk-")) != NULL; at++) {
        size_t n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
        bool begins = at == text || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", at[-1]);
        if (begins && n >= 8) {
            stars_put(text, (size_t)(at - text), n);
        }
    }
}

void sl_bind_problem(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos, const char *path,
                     const char *fmt, ...)
{
    struct sl_problems *problems = bind->problems;
    problems->n_errors += severity == SL_PROBLEM_ERROR; /* counted even if there is no memory to keep it */
    if (problems->n == SL_PROBLEMS_MAX) {
        problems->n_left_out++;
        return;
    }
    if (problems->n == problems->cap) {
        uint32_t cap = problems->cap ? problems->cap * 2 : 8;
        struct sl_problem *v = SL_ARENA_ARRAY(problems->arena, struct sl_problem, cap);
        if (!v) {
            return;
        }
        if (problems->n) {
            memcpy(v, problems->v, problems->n * sizeof(*v));
        }
        problems->v = v;
        problems->cap = cap;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    secrets_hide(problems, text);
    problems->v[problems->n++] = (struct sl_problem){
        severity,
        pos,
        sl_arena_dup(problems->arena, sl_str_c(path ? path : bind->path)),
        sl_arena_dup(problems->arena, sl_str_c(text)),
    };
}

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

static void *field_of(void *obj, const struct sl_opt *row)
{
    return (char *)obj + row->offset;
}

/* Appends ".key" to the path; returns the length to go back to. */
static size_t path_enter(struct sl_bind *bind, const char *key)
{
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, "%s%s", before ? "." : "", key);
    return before;
}

static void path_leave(struct sl_bind *bind, size_t before)
{
    bind->path[before] = '\0';
}

static void nearest_walk(const struct sl_opt *table, struct sl_str key, const char **io_best, size_t *io_distance)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        if (row->type == SL_OPT_ROWS) {
            nearest_walk(row->sub, key, io_best, io_distance);
            continue;
        }
        size_t d = row->flags & SL_OPT_HIDDEN ? SL_NAME_FAR : sl_name_distance(key, row->key);
        if (d < *io_distance) {
            *io_best = row->key;
            *io_distance = d;
        }
    }
}

const char *sl_opt_nearest(const struct sl_opt *table, struct sl_str key)
{
    const char *best = NULL;
    size_t distance = SL_NAME_FAR;
    nearest_walk(table, key, &best, &distance);
    return best;
}

/* --- scalars --- */

static int number_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, uint64_t *ret)
{
    uint64_t max = row->max ? row->max : row->type == SL_OPT_U32 ? UINT32_MAX : UINT64_MAX;
    bool is_right = val->kind == SL_VAL_NUMBER || val->kind == SL_VAL_STRING;
    int r = is_right ? sl_parse_whole(val->text, row->min, max, ret) : SL_E_INVAL;
    if (r == 0) {
        return 0;
    }
    if (r == SL_E_RANGE) {
        unsigned long long from = row->min, to = row->max;
        return to ? FAIL(bind, val, "must be from %llu to %llu", from, to)
                  : FAIL(bind, val, "must be at least %llu", from);
    }
    if (is_right && row->max) {
        return FAIL(bind, val, "must be a whole number from %llu to %llu, not \"%.*s\"", (unsigned long long)row->min,
                    (unsigned long long)row->max, SL_STR_ARG(sl_str_sub(val->text, 0, 64)));
    }
    return FAIL(bind, val, "must be a whole number, not %s", sl_val_kind_name(val->kind));
}

static int unit_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, uint64_t *ret)
{
    bool is_time = row->type == SL_OPT_USEC;
    const char *what = is_time ? "a duration like 30s (ms, s, m, h, d)" : "a size like 8MiB (B, KiB, MiB, GiB)";
    uint64_t v = 0, unused;
    int r = SL_E_INVAL;
    if (val->kind == SL_VAL_NUMBER || val->kind == SL_VAL_STRING) {
        if (sl_parse_u64(val->text, 0, UINT64_MAX, &unused) == 0) {
            return FAIL(bind, val, "\"%.*s\" needs a unit: %s", SL_STR_ARG(val->text), what);
        }
        r = is_time ? sl_parse_duration(val->text, &v) : sl_parse_size(val->text, &v);
    }
    if (r == SL_E_INVAL) {
        return FAIL(bind, val, "must be %s", what);
    }
    if (r < 0 || v < row->min || (row->max && v > row->max)) {
        char low[32], high[32];
        (is_time ? sl_format_duration : sl_format_size)(row->min, low);
        (is_time ? sl_format_duration : sl_format_size)(row->max ? row->max : (uint64_t)INT64_MAX, high);
        return FAIL(bind, val, "must be from %s to %s", low, high);
    }
    *ret = v;
    return 0;
}

static int share_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, uint32_t *ret)
{
    struct sl_str text = val->text;
    uint64_t percent;
    bool is_said = val->kind <= SL_VAL_STRING && text.n > 1 && text.p[text.n - 1] == '%';
    if (!is_said || sl_parse_u64(sl_str_sub(text, 0, text.n - 1), row->min, row->max, &percent) < 0) {
        return FAIL(bind, val, "must be a share from %llu%% to %llu%%, as in 20%%", (unsigned long long)row->min,
                    (unsigned long long)row->max);
    }
    *ret = (uint32_t)percent;
    return 0;
}

bool sl_bind_is_text(const struct sl_bind *bind, const struct sl_val *val)
{
    bool is_body = !bind->resolve && !val->pos.file && !bind->is_lax;
    return val->kind == SL_VAL_STRING || (!is_body && val->kind < SL_VAL_STRING);
}

static int text_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_str *ret)
{
    if (!sl_bind_is_text(bind, val)) {
        return FAIL(bind, val, "must be a string, not %s", sl_val_kind_name(val->kind));
    }
    *ret = sl_arena_dup(bind->arena, val->text);
    return ret->p ? 0 : FAIL(bind, val, "out of memory");
}

static int path_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_str *ret)
{
    if (!bind->resolve && !val->pos.file) { /* of a body */
        return FAIL(bind, val, "names a file, which only the operator's configuration can do");
    }
    int r = text_bind(bind, val, ret);
    const char *slash = r == 0 && val->pos.file ? strrchr(val->pos.file, '/') : NULL;
    if (r == 0 && ret->n && ret->p[0] != '/' && slash) {
        *ret = sl_arena_printf(bind->arena, "%.*s/%.*s", (int)(slash - val->pos.file), val->pos.file,
                               SL_STR_ARG(val->text));
        return ret->p ? 0 : FAIL(bind, val, "out of memory");
    }
    return r;
}

static int enum_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, int *ret)
{
    char names[256] = "";
    for (int i = 0; row->names[i]; i++) {
        if (val->kind <= SL_VAL_STRING && sl_str_eq_c(val->text, row->names[i])) {
            *ret = i;
            return 0;
        }
        size_t n = strlen(names);
        snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "", row->names[i]);
    }
    if (val->kind > SL_VAL_STRING) {
        return FAIL(bind, val, "must be one of %s, not %s", names, sl_val_kind_name(val->kind));
    }
    const char *near = sl_name_nearest(val->text, row->names);
    return FAIL(bind, val, "must be one of %s, not \"%.*s\"%s%s%s", names, SL_STR_ARG(sl_str_sub(val->text, 0, 64)),
                near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int list_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_strs *ret)
{
    struct sl_strs strs = { 0 };
    uint32_t n = val->kind == SL_VAL_LIST ? val->n : 1;
    strs.v = SL_ARENA_ARRAY(bind->arena, struct sl_str, n ? n : 1);
    if (!strs.v) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_val *item = val->kind == SL_VAL_LIST ? val->items[i].val : val;
        int r = text_bind(bind, item, &strs.v[strs.n++]);
        if (r < 0) {
            return r;
        }
    }
    *ret = strs;
    return 0;
}

static int bool_bind(struct sl_bind *bind, const struct sl_val *val, bool *ret)
{
    bool is_right = val->kind == SL_VAL_BOOL || val->kind == SL_VAL_STRING;
    return is_right && sl_parse_bool(val->text, ret) == 0 ? 0 : FAIL(bind, val, "must be true or false");
}

static int double_bind(struct sl_bind *bind, const struct sl_val *val, double *ret)
{
    return val->kind == SL_VAL_NUMBER && sl_parse_double(val->text, ret) == 0 ? 0 : FAIL(bind, val, "must be a number");
}

static int map_bind(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj);

static int row_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *obj)
{
    void *field = field_of(obj, row);
    uint64_t v = 0;
    int r = 0;
    switch (row->type) {
    case SL_OPT_BOOL:
        return bool_bind(bind, val, field);
    case SL_OPT_U32:
        r = number_bind(bind, row, val, &v);
        if (r == 0) {
            *(uint32_t *)field = (uint32_t)v;
        }
        return r;
    case SL_OPT_U64:
        return number_bind(bind, row, val, field);
    case SL_OPT_DOUBLE:
        return double_bind(bind, val, field);
    case SL_OPT_USEC:
    case SL_OPT_BYTES:
        return unit_bind(bind, row, val, field);
    case SL_OPT_SHARE:
        return share_bind(bind, row, val, field);
    case SL_OPT_STR:
    case SL_OPT_URL:
        r = text_bind(bind, val, field);
        return r == 0 && row->check ? row->check(bind, row, val, field) : r;
    case SL_OPT_PATH:
        r = path_bind(bind, val, field);
        return r == 0 && row->check ? row->check(bind, row, val, field) : r;
    case SL_OPT_ENUM:
        return enum_bind(bind, row, val, field);
    case SL_OPT_STR_LIST:
        r = list_bind(bind, val, field);
        return r == 0 && row->check ? row->check(bind, row, val, field) : r;
    case SL_OPT_SECRET:
        r = sl_opt_secret_bind(bind, val, field);
        return r == 0 && row->check ? row->check(bind, row, val, field) : r;
    case SL_OPT_MAP:
        return row->check && val->kind != SL_VAL_MAP ? row->check(bind, row, val, field)
                                                     : map_bind(bind, row->sub, val, field);
    case SL_OPT_CUSTOM:
        return row->check(bind, row, val, field);
    case SL_OPT_ROWS: /* it has no key */
        break;
    }
    return SL_E_INVAL;
}

/* --- maps --- */

/* Finds the row of a key, and moves *io_obj to the struct that has its field. */
static const struct sl_opt *row_find(const struct sl_opt *table, struct sl_str key, void **io_obj)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        if (row->type == SL_OPT_ROWS) {
            void *obj = *io_obj ? field_of(*io_obj, row) : NULL;
            const struct sl_opt *found = row_find(row->sub, key, &obj);
            if (found) {
                *io_obj = obj;
                return found;
            }
        } else if (sl_str_eq_c(key, row->key)) {
            return row;
        }
    }
    return NULL;
}

const char *sl_opt_required(const struct sl_opt *table)
{
    const char *key = NULL;
    for (const struct sl_opt *row = table; !key && row->key; row++) {
        key = row->type == SL_OPT_ROWS ? sl_opt_required(row->sub) : row->flags & SL_OPT_REQUIRED ? row->key : NULL;
    }
    return key;
}

const struct sl_opt *sl_opt_find(const struct sl_opt *table, struct sl_str key)
{
    void *obj = NULL;
    return row_find(table, key, &obj);
}

static int unknown_key(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val_item *item)
{
    const char *near = sl_opt_nearest(table, item->key);
    sl_bind_problem(bind, bind->is_lax ? SL_PROBLEM_WARNING : SL_PROBLEM_ERROR, item->key_pos, NULL,
                    "unknown key \"%.*s\"%s%s%s%s", SL_STR_ARG(sl_opt_key_shown(item->key)),
                    bind->is_lax ? " is ignored" : "", near ? ": did you mean \"" : "", near ? near : "",
                    near ? "\"?" : "");
    return bind->is_lax ? 0 : SL_E_INVAL;
}

static bool is_given(const struct sl_val *map, const char *key)
{
    const struct sl_val *val = sl_val_find(map, key);
    return val && val->kind != SL_VAL_NULL;
}

static int map_bind(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj)
{
    int result = 0;
    if (map && map->kind != SL_VAL_MAP && map->kind != SL_VAL_NULL) {
        return FAIL(bind, map, "must be a map, not %s", sl_val_kind_name(map->kind));
    }
    for (uint32_t i = 0; map && i < map->n; i++) {
        const struct sl_val_item *item = &map->items[i];
        void *owner = obj;
        const struct sl_opt *row = row_find(table, item->key, &owner);
        int r = 0;
        if (!row) {
            r = unknown_key(bind, table, item);
        } else if (item->val->kind != SL_VAL_NULL) { /* null: the default */
            size_t before = path_enter(bind, row->key);
            r = row_bind(bind, row, item->val, owner);
            path_leave(bind, before);
        }
        result = r < 0 ? r : result;
    }
    for (const struct sl_opt *row = table; row->key; row++) {
        if (row->flags & SL_OPT_REQUIRED && !is_given(map, row->key) && !(row->unless && is_given(map, row->unless))) {
            struct sl_pos pos = map ? map->pos : (struct sl_pos){ 0 };
            size_t before = path_enter(bind, row->key);
            sl_bind_problem(bind, SL_PROBLEM_ERROR, pos, NULL, "missing");
            path_leave(bind, before);
            result = SL_E_INVAL;
        }
    }
    return result;
}

void sl_opt_defaults(const struct sl_opt *table, void *obj, struct sl_bind *bind)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        if (row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS) {
            sl_opt_defaults(row->sub, field_of(obj, row), bind);
        } else if (row->def) {
            struct sl_val val = { .kind = SL_VAL_STRING, .text = sl_str_c(row->def) };
            int r = row_bind(bind, row, &val, obj);
            SL_ASSERT(r == 0); /* the row itself refuses its default */
        }
    }
}

int sl_opt_bind(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj)
{
    sl_opt_defaults(table, obj, bind);
    return map_bind(bind, table, map, obj) < 0 ? SL_E_INVAL : 0;
}

int sl_opt_bind_over(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj)
{
    return map_bind(bind, table, map, obj) < 0 ? SL_E_INVAL : 0;
}

void sl_opt_done(const struct sl_opt *table, void *obj)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        if (row->type == SL_OPT_SECRET) {
            sl_secret_done(field_of(obj, row));
        } else if (row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS) {
            sl_opt_done(row->sub, field_of(obj, row));
        }
    }
}

/* --- two bound objects --- */

static bool strs_are_same(const struct sl_strs *a, const struct sl_strs *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++) {
        same = sl_str_eq(a->v[i], b->v[i]);
    }
    return same;
}

static bool row_is_same(const struct sl_opt *row, const void *a, const void *b)
{
    switch (row->type) {
    case SL_OPT_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case SL_OPT_U32:
    case SL_OPT_SHARE:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case SL_OPT_U64:
    case SL_OPT_USEC:
    case SL_OPT_BYTES:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case SL_OPT_DOUBLE:
        return memcmp(a, b, sizeof(double)) == 0;
    case SL_OPT_STR:
    case SL_OPT_PATH:
    case SL_OPT_URL:
        return sl_str_eq(*(const struct sl_str *)a, *(const struct sl_str *)b);
    case SL_OPT_ENUM:
        return *(const int *)a == *(const int *)b;
    case SL_OPT_STR_LIST:
        return strs_are_same(a, b);
    case SL_OPT_SECRET:
        return sl_str_eq(sl_secret_reveal(a), sl_secret_reveal(b));
    case SL_OPT_MAP: /* their rows are checked one by one */
    case SL_OPT_ROWS:
    case SL_OPT_CUSTOM:
        return !row->same || row->same(a, b);
    }
    return true;
}

struct restart {
    void (*fn)(void *arg, const char *path);
    void *arg;
    char path[256];
};

static void restart_walk(struct restart *restart, const struct sl_opt *table, const char *a, const char *b)
{
    size_t before = strlen(restart->path);
    for (const struct sl_opt *row = table; row->key; row++) {
        const char *x = a + row->offset, *y = b + row->offset;
        snprintf(restart->path + before, sizeof(restart->path) - before, "%s%s", before && *row->key ? "." : "",
                 row->key);
        if (row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS) {
            restart_walk(restart, row->sub, x, y);
        } else if (!(row->flags & SL_OPT_RELOAD) && !row_is_same(row, x, y)) {
            restart->fn(restart->arg, restart->path);
        }
        restart->path[before] = '\0';
    }
}

void sl_opt_each_restart(const struct sl_opt *table, const void *a, const void *b,
                         void (*fn)(void *arg, const char *path), void *arg)
{
    struct restart restart = { fn, arg, "" };
    restart_walk(&restart, table, a, b);
}

bool sl_opt_are_same(const struct sl_opt *table, const void *a, const void *b)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
        bool has_rows = row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS;
        if (has_rows ? !sl_opt_are_same(row->sub, x, y) : !row_is_same(row, x, y)) {
            return false;
        }
    }
    return true;
}

/* --- an object over another one --- */

static uint64_t said_walk(const struct sl_opt *table, const struct sl_val *map, unsigned *io_index)
{
    uint64_t said = 0;
    for (const struct sl_opt *row = table; row->key; row++) {
        const struct sl_val *val = row->type == SL_OPT_ROWS ? map : sl_val_find(map, row->key);
        if (row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS) {
            said |= said_walk(row->sub, val, io_index);
            continue;
        }
        SL_ASSERT(*io_index < 64);
        said |= val && val->kind != SL_VAL_NULL ? (uint64_t)1 << *io_index : 0;
        ++*io_index;
    }
    return said;
}

uint64_t sl_opt_said(const struct sl_opt *table, const struct sl_val *map)
{
    unsigned index = 0;
    return said_walk(table, map, &index);
}

static size_t field_size(const struct sl_opt *row)
{
    static const size_t sizes[] = {
        [SL_OPT_BOOL] = sizeof(bool),
        [SL_OPT_U32] = sizeof(uint32_t),
        [SL_OPT_U64] = sizeof(uint64_t),
        [SL_OPT_DOUBLE] = sizeof(double),
        [SL_OPT_USEC] = sizeof(uint64_t),
        [SL_OPT_BYTES] = sizeof(uint64_t),
        [SL_OPT_SHARE] = sizeof(uint32_t),
        [SL_OPT_STR] = sizeof(struct sl_str),
        [SL_OPT_PATH] = sizeof(struct sl_str),
        [SL_OPT_URL] = sizeof(struct sl_str),
        [SL_OPT_ENUM] = sizeof(int),
        [SL_OPT_STR_LIST] = sizeof(struct sl_strs),
        [SL_OPT_CUSTOM] = 0,
    };
    size_t size = row->type == SL_OPT_CUSTOM ? row->size : sizes[row->type];
    SL_ASSERT(size); /* a secret has only one owner, and a custom row must give its size */
    return size;
}

static void fill_walk(const struct sl_opt *table, uint64_t said, const void *from, void *to, unsigned *io_index)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        const char *x = (const char *)from + row->offset;
        if (row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS) {
            fill_walk(row->sub, said, x, field_of(to, row), io_index);
            continue;
        }
        if (!(said & (uint64_t)1 << (*io_index)++)) {
            memcpy(field_of(to, row), x, field_size(row));
        }
    }
}

void sl_opt_fill(const struct sl_opt *table, uint64_t said, const void *from, void *to)
{
    unsigned index = 0;
    fill_walk(table, said, from, to, &index);
}
