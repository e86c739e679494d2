/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/entry.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/near.h"
#include "base/word.h"

void sl_entry_problem(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos, const char *key,
                      const char *fmt, ...)
{
    char text[512], path[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(path, sizeof(path), "%s%s%s", bind->path, *key ? "." : "", key);
    sl_bind_problem(bind, severity, pos, path, "%s", text);
}

/* Reports an unknown member; a strict binder refuses it. */
static int key_unknown(struct sl_bind *bind, const struct sl_val_item *item, const char *const *names,
                       const char *where)
{
    const char *near = sl_name_nearest(item->key, names);
    char path[320];
    snprintf(path, sizeof(path), "%s%s%s", bind->path, *where ? "." : "", where);
    sl_bind_problem(bind, bind->is_lax ? SL_PROBLEM_WARNING : SL_PROBLEM_ERROR, item->key_pos, path,
                    "unknown key \"%.*s\"%s%s%s%s", SL_STR_ARG(sl_opt_key_shown(item->key)),
                    bind->is_lax ? " is ignored" : "", near ? ": did you mean \"" : "", near ? near : "",
                    near ? "\"?" : "");
    return bind->is_lax ? 0 : SL_E_INVAL;
}

int sl_entry_keys(struct sl_bind *bind, const struct sl_val *map, const char *const *names, const char *where)
{
    int result = 0;
    for (uint32_t i = 0; i < map->n; i++) {
        const char *const *name = names;
        while (*name && !sl_str_eq_c(map->items[i].key, *name)) {
            name++;
        }
        int r = *name ? 0 : key_unknown(bind, &map->items[i], names, where);
        result = r < 0 ? r : result;
    }
    return result;
}

bool sl_route_is_name(struct sl_str s)
{
    size_t n = 0;
    for (uint32_t c; s.n; n++) {
        if (!sl_utf8_next(&s, &c) || !(sl_is_word(c) || c == '-' || c == '.')) {
            return false;
        }
    }
    return n >= 1 && n <= 255;
}
