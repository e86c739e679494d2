/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/restarts.h"

#include <stdio.h>

#include "base/opt.h"
#include "gate/config/load.h"
#include "gate/config/settings.h"

static void on_restart(void *arg, const char *path)
{
    struct sl_restarts *restarts = arg;
    if (restarts->n < SL_RESTARTS_MAX) {
        snprintf(restarts->paths[restarts->n++], sizeof(restarts->paths[0]), "%s", path);
    }
}

void sl_restarts_find(struct sl_restarts *ret, const struct sl_conf_source *source, const struct sl_settings *settings)
{
    ret->n = 0;
    if (source && source->boot) {
        sl_opt_each_restart(sl_settings_rows(), source->boot, settings, on_restart, ret);
    }
}

bool sl_restarts_have(const struct sl_restarts *restarts, struct sl_str path)
{
    for (uint32_t i = 0; i < restarts->n; i++) {
        struct sl_str at = sl_str_c(restarts->paths[i]);
        if (sl_str_has_prefix(path, at) && (path.n == at.n || path.p[at.n] == '.' || path.p[at.n] == '[')) {
            return true;
        }
    }
    return false;
}
