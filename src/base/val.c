/* SPDX-License-Identifier: Apache-2.0 */
#include "base/val.h"

const char *sl_val_kind_name(enum sl_val_kind kind)
{
    static const char *const names[] = { "null", "a boolean", "a number", "a string", "a list", "a map" };
    return (size_t)kind < SL_ARRAY_LEN(names) ? names[kind] : "?";
}

struct sl_val *sl_val_find(const struct sl_val *map, const char *key)
{
    if (!map || map->kind != SL_VAL_MAP) {
        return NULL;
    }
    struct sl_str want = sl_str_c(key);
    for (uint32_t i = 0; i < map->n; i++) {
        if (sl_str_eq(map->items[i].key, want)) {
            return map->items[i].val;
        }
    }
    return NULL;
}
