/* SPDX-License-Identifier: Apache-2.0 */
/* The whole configuration of one file, checked: settings and routes. */
#ifndef SL_GATE_CONFIG_H
#define SL_GATE_CONFIG_H

#include <stdio.h>

#include "gate/route.h"
#include "gate/settings.h"

struct sl_config {
    struct sl_settings *settings;
    struct sl_route **routes; /* in the file's order */
    uint32_t n_routes;
    struct sl_opt_strs files; /* every file it names: itself, key files, certificates */
};

/* Flags and environment win over the file. */
struct sl_config_overrides {
    struct sl_str listen; /* p == NULL: the file's */
    int64_t workers;      /* -1: the file's; 0: auto */
};

/* `path` NULL: the embedded default. Every problem goes to `problems` (errors and warnings); SL_E_INVAL when there was
 * an error. `arena` holds texts of problems and the list of files. */
SL_MUST int sl_config_load(const char *path, const struct sl_config_overrides *over, struct sl_arena *arena,
                           struct sl_problems *problems, struct sl_config **ret);
void sl_config_free(struct sl_config *config);

/* "file:line:col: error: path: text" a line. */
void sl_problems_print(const struct sl_problems *problems, FILE *out);

extern const char sl_config_default[];

#endif
