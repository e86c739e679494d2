/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/draw.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/opt.h"
#include "conf/files.h"
#include "gate/config/masked.h"
#include "gate/config/overrides.h"
#include "gate/config/picture.h"
#include "gate/config/settings.h"
#include "gate/config/split.h"
#include "json/write.h"

#define VALUE_MAX  (1u << 20)
#define PATH_BYTES 512

struct draw {
    struct sl_picture *picture;
    const struct sl_conf_files *files;
    struct sl_buf text; /* of one value */
    int r;
};

static void item_add(struct draw *draw, struct sl_picture_items *to, const struct sl_picture_item *item)
{
    struct sl_arena *arena = &draw->picture->arena;
    if (to->n == to->cap) {
        uint32_t cap = to->cap ? to->cap * 2 : 32;
        struct sl_picture_item *more = realloc(to->v, cap * sizeof(*more));
        if (!more) {
            draw->r = SL_E_NOMEM;
            return;
        }
        to->v = more;
        to->cap = cap;
    }
    struct sl_picture_item *added = &to->v[to->n];
    *added = *item;
    added->path = sl_arena_dup(arena, item->path);
    added->value = sl_arena_dup(arena, item->value);
    draw->r = added->path.p && added->value.p ? draw->r : SL_E_NOMEM;
    to->n += added->path.p && added->value.p;
}

/* The value in draw->text; one that is too long is not shown. */
static struct sl_str drawn(struct draw *draw)
{
    draw->r = draw->text.status == SL_E_NOMEM ? SL_E_NOMEM : draw->r;
    return sl_buf_status(&draw->text) < 0 ? SL_STR("\"(too long to be shown)\"") : sl_buf_str(&draw->text);
}

/* --- settings --- */

static void rows_draw(struct draw *draw, const struct sl_opt *rows, const struct sl_val *map, const char *prefix);

static void value_draw(struct draw *draw, const struct sl_opt *row, const struct sl_val *val, struct sl_pos pos,
                       const char *path)
{
    struct sl_jw w;
    sl_buf_reset(&draw->text);
    sl_jw_init(&w, &draw->text);
    sl_masked_write(&w, draw->files, row, val);
    item_add(
        draw, &draw->picture->settings,
        &(struct sl_picture_item){ .path = sl_str_c(path), .value = drawn(draw), .from = "file", .line = pos.line });
}

/* The name of a list's item, if all of them have one. */
static struct sl_str name_of(const struct sl_val *item)
{
    const struct sl_val *name = sl_val_find(item, "name");
    return name && name->kind != SL_VAL_NULL && name->kind < SL_VAL_LIST ? name->text : SL_STR_NONE;
}

static bool has_names(const struct sl_val *list)
{
    bool has = list->kind == SL_VAL_LIST && list->n;
    for (uint32_t i = 0; has && i < list->n; i++) {
        has = name_of(list->items[i].val).p != NULL;
    }
    return has;
}

/* A list of keys or groups is many things, each defined at its own place. */
static void list_draw(struct draw *draw, const struct sl_opt *row, const struct sl_val *list, const char *path)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct sl_val one = *list;
        struct sl_str parts[] = { sl_str_c(path), SL_STR("["), name_of(list->items[i].val),
                                  sl_str_make("]", 2) }; /* with a NUL */
        struct sl_str name = sl_arena_join(&draw->picture->arena, parts, SL_ARRAY_LEN(parts));
        draw->r = name.p ? draw->r : SL_E_NOMEM;
        one.items = &list->items[i];
        one.n = 1;
        value_draw(draw, row, &one, list->items[i].val->pos, name.p ? name.p : path);
    }
}

static void row_draw(struct draw *draw, const struct sl_opt *row, const struct sl_val_item *item, const char *path)
{
    bool is_map = (row->type == SL_OPT_MAP || row->type == SL_OPT_CUSTOM) && row->sub && item->val->kind == SL_VAL_MAP;
    bool is_dictionary = is_map && item->val->n && !sl_opt_find(row->sub, item->val->items[0].key);
    if (item->val->kind == SL_VAL_NULL) {
        return; /* the default */
    }
    if (is_map && !is_dictionary && item->val->n) {
        rows_draw(draw, row->sub, item->val, path);
    } else if (row->type == SL_OPT_CUSTOM && has_names(item->val)) {
        list_draw(draw, row, item->val, path);
    } else {
        value_draw(draw, row, item->val, item->key_pos, path);
    }
}

static void rows_draw(struct draw *draw, const struct sl_opt *rows, const struct sl_val *map, const char *prefix)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const struct sl_opt *row = sl_opt_find(rows, map->items[i].key);
        char path[PATH_BYTES];
        if (row) {
            snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", row->key);
            row_draw(draw, row, &map->items[i], path);
        }
    }
}

/* --- what does not stand in the file --- */

/* Puts it in place of what the file says. */
static void other_put(struct draw *draw, const char *path, const char *from, const char *name, struct sl_str value)
{
    struct sl_jw w;
    sl_buf_reset(&draw->text);
    sl_jw_init(&w, &draw->text);
    sl_jw_str(&w, value);
    struct sl_picture_items *settings = &draw->picture->settings;
    const struct sl_picture_item item = { .path = sl_str_c(path), .value = drawn(draw), .from = from, .name = name };
    for (uint32_t i = 0; i < settings->n; i++) {
        if (sl_str_eq_c(settings->v[i].path, path)) {
            settings->v[i--] = settings->v[--settings->n];
        }
    }
    item_add(draw, settings, &item);
}

static void others_draw(struct draw *draw, const struct sl_settings *settings, const struct sl_config_overrides *over)
{
    const struct sl_picture_items *said = &draw->picture->settings;
    char workers[24];
    if (over->listen.p) {
        other_put(draw, "server.listen", "command line", "--listen", over->listen);
    }
    if (over->workers >= 0) {
        snprintf(workers, sizeof(workers), "%lld", (long long)over->workers);
        other_put(draw, "server.workers", "command line", "--workers", sl_str_c(over->workers ? workers : "auto"));
    }
    if (over->total_sec && !sl_picture_find(said, SL_STR("upstream.timeouts.total"))) {
        struct sl_str total = sl_arena_printf(&draw->picture->arena, "%ss", over->total_sec);
        other_put(draw, "upstream.timeouts.total", "environment", over->total_name, total);
    }
    if (over->counters && settings->counters.redis.p && !sl_picture_find(said, SL_STR("counters.redis"))) {
        struct sl_str name = sl_arena_printf(&draw->picture->arena, "$%s", over->counters_name);
        other_put(draw, "counters.redis", "environment", over->counters_name, name); /* it may have a password */
    }
    if (settings->auth.mode == SL_AUTH_KEYS && !settings->auth.has_admin_key && sl_env_secret("SLUICE_ADMIN_KEY")) {
        other_put(draw, "auth.admin_key", "environment", "SLUICE_ADMIN_KEY", SL_STR("$SLUICE_ADMIN_KEY"));
    }
    if (settings->auth.mode == SL_AUTH_NONE && !sl_picture_find(said, SL_STR("auth"))) {
        other_put(draw, "auth", "environment", "SLUICE_AUTH", SL_STR("none"));
    }
}

/* --- routes --- */

static void routes_draw(struct draw *draw, const struct sl_val *list)
{
    for (uint32_t i = 0; list && list->kind == SL_VAL_LIST && i < list->n; i++) {
        const struct sl_val *entry = list->items[i].val;
        struct sl_jw w;
        sl_buf_reset(&draw->text);
        sl_jw_init(&w, &draw->text);
        sl_masked_entry_write(&w, draw->files, entry);
        item_add(draw, &draw->picture->routes,
                 &(struct sl_picture_item){
                     .path = name_of(entry), .value = drawn(draw), .from = "file", .line = entry->pos.line });
    }
}

static void files_draw(struct draw *draw)
{
    struct sl_picture *picture = draw->picture;
    uint32_t n = draw->files ? draw->files->n : 0;
    picture->files = SL_ARENA_ARRAY(&picture->arena, struct sl_picture_file, n + 1);
    for (uint32_t i = 0; picture->files && i < n; i++) {
        struct sl_picture_file *file = &picture->files[picture->n_files++];
        *file = (struct sl_picture_file){ sl_arena_dup(&picture->arena, draw->files->v[i].path),
                                          draw->files->v[i].print };
        draw->r = file->path.p ? draw->r : SL_E_NOMEM;
    }
    draw->r = picture->files ? draw->r : SL_E_NOMEM;
}

/* --- the whole --- */

int sl_picture_new(const struct sl_val *root, const struct sl_settings *settings,
                   const struct sl_config_overrides *over, const struct sl_conf_files *files, struct sl_picture **ret)
{
    struct draw draw = { .picture = calloc(1, sizeof(*draw.picture)), .files = files };
    if (!draw.picture) {
        return SL_E_NOMEM;
    }
    sl_arena_init(&draw.picture->arena, NULL);
    sl_buf_init(&draw.text, VALUE_MAX);
    const struct sl_val *endpoints = sl_val_find(root, "endpoints"), *routes = sl_val_find(root, "routes");
    rows_draw(&draw, sl_settings_rows(), root, "");
    others_draw(&draw, settings, over);
    routes_draw(&draw, endpoints ? endpoints : routes);
    routes_draw(&draw, endpoints && sl_split_are(routes) ? routes : NULL);
    files_draw(&draw);
    sl_buf_done(&draw.text);
    if (draw.r < 0) {
        sl_picture_free(draw.picture);
        return draw.r;
    }
    *ret = draw.picture;
    return 0;
}
