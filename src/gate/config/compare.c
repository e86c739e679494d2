/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/compare.h"

#include "base/map.h"
#include "gate/config/picture.h"

struct compare {
    void (*fn)(void *arg, const struct sl_change *change);
    void *arg;
};

static void tell(const struct compare *compare, enum sl_change_of of, const struct sl_picture_item *before,
                 const struct sl_picture_item *after)
{
    compare->fn(compare->arg, &(struct sl_change){ of, before, after });
}

static int items_index(const struct sl_picture_items *items, struct sl_map *ret)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < items->n; i++) {
        r = sl_map_put(ret, items->v[i].path, &items->v[i]);
        r = r == SL_E_EXISTS ? 0 : r;
    }
    return r;
}

static int items_compare(const struct compare *compare, enum sl_change_of of, const struct sl_picture_items *before,
                         const struct sl_picture_items *after)
{
    struct sl_map known = { 0 };
    int r = items_index(before, &known);
    for (uint32_t i = 0; r == 0 && i < after->n; i++) {
        const struct sl_picture_item *was = sl_map_remove(&known, after->v[i].path);
        if (!was || !sl_str_eq(was->value, after->v[i].value)) {
            tell(compare, of, was, &after->v[i]);
        }
    }
    for (uint32_t i = 0; r == 0 && i < before->n; i++) {
        if (sl_map_find(&known, before->v[i].path) == &before->v[i]) {
            tell(compare, of, &before->v[i], NULL);
        }
    }
    sl_map_done(&known);
    return r;
}

/* Key files, certificates and price tables. */
static void file_compare(const struct compare *compare, const struct sl_picture *before,
                         const struct sl_picture_file *file)
{
    for (uint32_t i = 0; i < before->n_files; i++) {
        if (sl_str_eq(before->files[i].path, file->path) && before->files[i].print != file->print) {
            const struct sl_picture_item item = { .path = file->path, .value = SL_STR("null"), .name = file->path.p };
            tell(compare, SL_CHANGE_OF_FILE, &item, &item);
        }
    }
}

int sl_pictures_compare(const struct sl_picture *before, const struct sl_picture *after, struct sl_str file,
                        void (*fn)(void *arg, const struct sl_change *change), void *arg)
{
    const struct compare compare = { fn, arg };
    int r = items_compare(&compare, SL_CHANGE_OF_SETTING, &before->settings, &after->settings);
    r = r < 0 ? r : items_compare(&compare, SL_CHANGE_OF_ROUTE, &before->routes, &after->routes);
    for (uint32_t i = 0; r == 0 && i < after->n_files; i++) {
        if (!sl_str_eq(after->files[i].path, file)) {
            file_compare(&compare, before, &after->files[i]);
        }
    }
    return r;
}
