/* SPDX-License-Identifier: Apache-2.0 */
/* A neutral tree of values, for configuration files and JSON bodies. `conf` fills it from YAML, `gate` from a body; the
 * binder (base/opt.h) reads it, so that an endpoint of a file and create_route have the same rules and texts. All of it
 * is on one arena. */
#ifndef SL_BASE_VAL_H
#define SL_BASE_VAL_H

#include "base/str.h"

enum sl_val_kind { SL_VAL_NULL, SL_VAL_BOOL, SL_VAL_NUMBER, SL_VAL_STRING, SL_VAL_LIST, SL_VAL_MAP };

/* The place of a value. For a body, `file` is NULL, and line and column are 0. */
struct sl_pos {
    const char *file;
    uint32_t line, col; /* from 1 */
};

struct sl_val_item;

struct sl_val {
    enum sl_val_kind kind;
    struct sl_pos pos;
    struct sl_str text;        /* scalars: the text (a string decoded; a number or bool as written) */
    struct sl_val_item *items; /* lists and maps, in order */
    uint32_t n;
};

struct sl_val_item {
    struct sl_str key; /* for maps */
    struct sl_pos key_pos;
    struct sl_val *val;
};

const char *sl_val_kind_name(enum sl_val_kind kind); /* "a list", "a number", … for messages */
/* The member of a map, or NULL (also for NULL and other kinds). */
struct sl_val *sl_val_find(const struct sl_val *map, const char *key);
SL_INLINE bool sl_val_is_nothing(const struct sl_val *val)
{
    return !val || val->kind == SL_VAL_NULL;
}

#endif
