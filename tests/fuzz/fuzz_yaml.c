/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file: whatever it has, it is bound, or refused with at least one error that has a text. No file and
 * no environment is read. */
#include <stdint.h>
#include <stdio.h>

#include "gate/config/config.h"
#include "gate/config/snapshot.h"
#include "base/opt.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_config *config = NULL;
    sl_arena_init(&arena, NULL);
    sl_problems_init(&problems, &arena);
    struct sl_str text = sl_str_make((const char *)data, size);
    int r = sl_config_load_text("fuzz.yaml", sl_arena_dup(&arena, text), &arena, &problems, &config);
    SL_ASSERT((r < 0) == (problems.n_errors > 0));
    for (uint32_t i = 0; i < problems.n; i++) {
        char line[SL_PROBLEM_LINE_MAX];
        SL_ASSERT(problems.v[i].text.n > 0);
        sl_problem_format(&problems.v[i], true, line, sizeof(line));
    }
    if (r == 0) {
        struct sl_snapshot *snapshot;
        SL_ASSERT(config->settings->server.n_listen > 0);
        for (uint32_t i = 0; i < config->n_routes; i++) {
            SL_ASSERT(config->routes[i]->name.n > 0 && config->routes[i]->n_targets == 1);
        }
        r = sl_snapshot_new(config->settings, config->routes, config->n_routes, &snapshot);
        SL_ASSERT(r == 0);
        sl_config_free(config); /* the snapshot holds what it needs */
        sl_snapshot_unref(snapshot);
    }
    sl_arena_done(&arena);
    return 0;
}
