/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/body_val.h"

#include "base/arena.h"
#include "base/val.h"
#include "json/write.h"

#define DEPTH_MAX   64
#define MEMBERS_MAX 1024 /* of one container: names are compared one by one */

static int val_make(struct sl_json_val json, struct sl_arena *arena, uint32_t depth, struct sl_val **ret);

/* Sets or replaces a member: a map has each name once. */
static struct sl_val_item *item_for(struct sl_val *map, struct sl_str key)
{
    for (uint32_t i = 0; i < map->n; i++) {
        if (sl_str_eq(map->items[i].key, key)) {
            return &map->items[i];
        }
    }
    map->items[map->n].key = key;
    return &map->items[map->n++];
}

static int container_make(struct sl_json_val json, struct sl_arena *arena, uint32_t depth, struct sl_val *val)
{
    uint32_t n = sl_json_count(json);
    if (n > MEMBERS_MAX) {
        return SL_E_LIMIT;
    }
    val->text = sl_json_raw(json);
    val->items = SL_ARENA_ARRAY(arena, struct sl_val_item, n + 1);
    if (!val->items) {
        return SL_E_NOMEM;
    }
    struct sl_json_iter it = sl_json_each(json);
    while (sl_json_next(&it)) {
        struct sl_val_item *item;
        if (it.is_object) {
            struct sl_str key;
            int r = sl_json_text(it.key, arena, &key);
            if (r < 0) {
                return r;
            }
            item = item_for(val, key);
        } else {
            item = &val->items[val->n++];
        }
        int r = val_make(it.val, arena, depth + 1, &item->val);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int val_make(struct sl_json_val json, struct sl_arena *arena, uint32_t depth, struct sl_val **ret)
{
    static const enum sl_val_kind kinds[] = {
        [SL_JSON_NULL] = SL_VAL_NULL,     [SL_JSON_FALSE] = SL_VAL_BOOL,    [SL_JSON_TRUE] = SL_VAL_BOOL,
        [SL_JSON_NUMBER] = SL_VAL_NUMBER, [SL_JSON_STRING] = SL_VAL_STRING, [SL_JSON_ARRAY] = SL_VAL_LIST,
        [SL_JSON_OBJECT] = SL_VAL_MAP,
    };
    struct sl_val *val = SL_ARENA_NEW(arena, struct sl_val);
    if (!val) {
        return SL_E_NOMEM;
    }
    if (depth > DEPTH_MAX) {
        return SL_E_LIMIT;
    }
    val->kind = kinds[sl_json_tok(json)->kind];
    *ret = val;
    if (val->kind >= SL_VAL_LIST) {
        return container_make(json, arena, depth, val);
    }
    if (val->kind == SL_VAL_STRING) {
        return sl_json_text(json, arena, &val->text);
    }
    val->text = val->kind == SL_VAL_NULL ? SL_STR("") : sl_json_raw(json);
    return 0;
}

int sl_body_val(struct sl_json_val json, struct sl_arena *arena, struct sl_val **ret)
{
    return val_make(json, arena, 0, ret);
}

void sl_body_val_write(struct sl_jw *w, const struct sl_val *val)
{
    switch (val->kind) {
    case SL_VAL_NULL:
        sl_jw_null(w);
        break;
    case SL_VAL_STRING:
        sl_jw_str(w, val->text);
        break;
    case SL_VAL_BOOL:
    case SL_VAL_NUMBER:
        sl_jw_raw(w, val->text);
        break;
    case SL_VAL_LIST:
    case SL_VAL_MAP:
        (val->kind == SL_VAL_MAP ? sl_jw_object : sl_jw_array)(w);
        for (uint32_t i = 0; i < val->n; i++) {
            if (val->kind == SL_VAL_MAP) {
                sl_jw_key_str(w, val->items[i].key);
            }
            sl_body_val_write(w, val->items[i].val);
        }
        sl_jw_end(w);
        break;
    }
}
