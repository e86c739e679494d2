/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file: whatever it holds, it is bound or refused with at least one error that has a text. No file and
 * no environment is read. */
#include <stdint.h>
#include <stdlib.h>

#include "conf/tree.h"
#include "gate/route.h"
#include "gate/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_problems problems;
    sl_problems_init(&problems, &arena);
    struct sl_val *root = NULL;
    int r = sl_conf_parse("fuzz.yaml", sl_str_make((const char *)data, size), &arena, &problems, &root);
    SL_ASSERT(r == 0 || problems.n_errors > 0);
    struct sl_settings *settings = r == 0 ? sl_settings_new() : NULL;
    if (settings) {
        struct sl_bind bind = { .arena = &settings->arena, .problems = &problems };
        uint32_t before = problems.n_errors;
        r = sl_opt_bind(&bind, sl_settings_opts, root, settings);
        SL_ASSERT((r < 0) == (problems.n_errors > before));
        const struct sl_val *list = sl_val_find(root, "endpoints");
        for (uint32_t i = 0; list && list->kind == SL_VAL_LIST && i < list->n && i < 8; i++) {
            struct sl_route *route;
            before = problems.n_errors;
            if (sl_route_bind(&bind, list->items[i].val, settings, &route) == 0) {
                SL_ASSERT(route->name.n > 0 && route->n_targets == 1);
                sl_route_unref(route);
            } else {
                SL_ASSERT(problems.n_errors > before);
            }
        }
        sl_settings_unref(settings);
    }
    for (uint32_t i = 0; i < problems.n; i++) {
        SL_ASSERT(problems.v[i].text.n > 0);
    }
    sl_arena_done(&arena);
    return 0;
}
