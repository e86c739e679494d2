/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/picture.h"

#include <stdlib.h>

void sl_picture_free(struct sl_picture *picture)
{
    if (picture) {
        free(picture->settings.v);
        free(picture->routes.v);
        sl_arena_done(&picture->arena);
        free(picture);
    }
}

const struct sl_picture_item *sl_picture_find(const struct sl_picture_items *items, struct sl_str path)
{
    for (uint32_t i = 0; i < items->n; i++) {
        if (sl_str_eq(items->v[i].path, path)) {
            return &items->v[i];
        }
    }
    return NULL;
}
