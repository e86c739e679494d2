/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <stdio.h>

static bool differ(struct compare *cmp, const char *why)
{
    cmp->why = why;
    return false;
}

static bool is_volatile(const struct compare *cmp)
{
    for (struct sl_json_iter it = sl_json_each(cmp->volatiles); sl_json_next(&it);) {
        if (sl_json_str_eq(it.val, sl_str_c(cmp->path))) {
            return true;
        }
    }
    return false;
}

static bool compare_texts(struct compare *cmp, struct sl_json_val got, struct sl_json_val want)
{
    struct sl_str a, b;
    if (sl_json_text(got, cmp->arena, &a) < 0 || sl_json_text(want, cmp->arena, &b) < 0) {
        return differ(cmp, "no memory");
    }
    return sl_str_eq(a, b) || differ(cmp, "another text");
}

/* JSON inside a string. Pieces of a stream's arguments are no JSON alone: then the texts are compared. */
static bool compare_arguments(struct compare *cmp, struct sl_json_val got, struct sl_json_val want)
{
    struct sl_json a, b;
    struct sl_str x, y;
    sl_json_init(&a, NULL);
    sl_json_init(&b, NULL);
    bool is_json = sl_json_text(got, cmp->arena, &x) == 0 && sl_json_text(want, cmp->arena, &y) == 0 &&
                   sl_json_parse(&a, x) == 0 && sl_json_parse(&b, y) == 0;
    bool is_equal = is_json ? compare_vals(cmp, sl_json_root(&a), sl_json_root(&b)) : compare_texts(cmp, got, want);
    sl_json_done(&a);
    sl_json_done(&b);
    return is_equal;
}

static bool compare_members(struct compare *cmp, struct sl_json_val got, struct sl_json_val want)
{
    size_t len = strlen(cmp->path);
    for (struct sl_json_iter it = sl_json_each(want); sl_json_next(&it);) {
        struct sl_str name;
        if (sl_json_text(it.key, cmp->arena, &name) < 0) {
            return differ(cmp, "no memory");
        }
        snprintf(cmp->path + len, sizeof(cmp->path) - len, "/%.*s", (int)name.n, name.p);
        struct sl_json_val mine = sl_json_get_str(got, name);
        if (!sl_json_is_present(mine)) {
            return differ(cmp, "missing");
        }
        bool is_text = sl_json_is(mine, SL_JSON_STRING) && sl_json_is(it.val, SL_JSON_STRING);
        bool is_arguments = is_text && sl_str_eq(name, SL_STR("arguments"));
        if (!(is_arguments ? compare_arguments : compare_vals)(cmp, mine, it.val)) {
            return false;
        }
        cmp->path[len] = '\0';
    }
    for (struct sl_json_iter it = sl_json_each(got); sl_json_next(&it);) {
        struct sl_str name;
        if (sl_json_text(it.key, cmp->arena, &name) < 0 || !sl_json_is_present(sl_json_get_str(want, name))) {
            snprintf(cmp->path + len, sizeof(cmp->path) - len, "/%.*s", (int)name.n, name.p);
            return differ(cmp, "not wanted");
        }
    }
    return sl_json_count(got) == sl_json_count(want) || differ(cmp, "a member stands there twice");
}

static bool compare_elements(struct compare *cmp, struct sl_json_val got, struct sl_json_val want)
{
    if (sl_json_count(got) != sl_json_count(want)) {
        return differ(cmp, "another number of elements");
    }
    size_t len = strlen(cmp->path);
    struct sl_json_iter a = sl_json_each(got), b = sl_json_each(want);
    while (sl_json_next(&a) && sl_json_next(&b)) {
        snprintf(cmp->path + len, sizeof(cmp->path) - len, "/%u", a.index);
        if (!compare_vals(cmp, a.val, b.val)) {
            return false;
        }
        cmp->path[len] = '\0';
    }
    return true;
}

bool compare_vals(struct compare *cmp, struct sl_json_val got, struct sl_json_val want)
{
    if (is_volatile(cmp)) {
        return true;
    }
    if (sl_json_tok(got)->kind != sl_json_tok(want)->kind) {
        return differ(cmp, "another type");
    }
    switch ((enum sl_json_kind)sl_json_tok(want)->kind) {
    case SL_JSON_NUMBER: {
        double a, b;
        bool is_equal = sl_json_double(got, &a) == 0 && sl_json_double(want, &b) == 0 && a == b;
        return is_equal || differ(cmp, "another number");
    }
    case SL_JSON_STRING:
        return compare_texts(cmp, got, want);
    case SL_JSON_ARRAY:
        return compare_elements(cmp, got, want);
    case SL_JSON_OBJECT:
        return compare_members(cmp, got, want);
    case SL_JSON_NULL:
    case SL_JSON_FALSE:
    case SL_JSON_TRUE:
        break;
    }
    return true;
}
