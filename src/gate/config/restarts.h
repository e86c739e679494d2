/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that have another value than the one in force, because they take a restart. */
#ifndef SL_GATE_RESTARTS_H
#define SL_GATE_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct sl_conf_source;
struct sl_settings;

/* There are fewer such settings. */
#define SL_RESTARTS_MAX 64

struct sl_restarts {
    char paths[SL_RESTARTS_MAX][128];
    uint32_t n;
};

/* Those of `settings`. `source` NULL, or without the settings of the start: none. */
void sl_restarts_find(struct sl_restarts *ret, const struct sl_conf_source *source, const struct sl_settings *settings);
/* True: the path is one of them, or below one. */
bool sl_restarts_have(const struct sl_restarts *restarts, struct sl_str path);

#endif
