/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_conf.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/config/per_route.h"
#include "gate/config/route_own.h"
#include "gate/config/traffic_conf.h"

const struct sl_opt sl_route_conf_rows[] = {
    { "timeouts", SL_OPT_MAP, offsetof(struct sl_route_conf, timeouts), NULL, 0, 0, SL_OPT_RELOAD, NULL,
      sl_timeout_rows, NULL, "of the upstream's side; a route may have its own" },
    { "retries", SL_OPT_U32, offsetof(struct sl_route_conf, retries), "1", 0, 10, SL_OPT_RELOAD, NULL, NULL, NULL,
      "further attempts after a failed connection, 503 or 529, before the first byte to the client" },
    { NULL },
};

/* All settings of the map, in one struct. */
struct said {
    struct sl_route_conf conf;
    struct sl_route_own own;
    struct sl_traffic_conf traffic;
};

static const struct sl_opt said_rows[] = {
    { "", SL_OPT_ROWS, offsetof(struct said, conf), NULL, 0, 0, 0, NULL, sl_route_conf_rows, NULL, NULL },
    { "", SL_OPT_ROWS, offsetof(struct said, own), NULL, 0, 0, 0, NULL, sl_route_own_rows, NULL, NULL },
    { "", SL_OPT_ROWS, offsetof(struct said, traffic), NULL, 0, 0, 0, NULL, sl_traffic_rows, NULL, NULL },
    { "", SL_OPT_ROWS, offsetof(struct said, traffic), NULL, 0, 0, 0, NULL, sl_alone_rows, NULL, NULL },
    { NULL },
};

int sl_route_conf_bind(struct sl_bind *bind, const struct sl_val *map, struct sl_route_conf *io_conf,
                       struct sl_route_own *io_own, struct sl_traffic_conf *ret_traffic, uint64_t *ret_said)
{
    struct said said = { .conf = *io_conf, .own = *io_own };
    sl_traffic_defaults(&said.traffic, bind);
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, ".sluice");
    bool was_lax = bind->is_lax;
    bind->is_lax = false;
    int r = sl_opt_bind_over(bind, said_rows, map, &said);
    if (r == 0) {
        sl_route_conf_look(bind, NULL, map, &said.conf);
    }
    *io_conf = said.conf;
    *io_own = said.own;
    *ret_traffic = said.traffic;
    bind->is_lax = was_lax;
    bind->path[before] = '\0';
    *ret_said = sl_opt_said(sl_route_conf_rows, map);
    return r;
}

void sl_route_conf_look(struct sl_bind *bind, const char *path, const struct sl_val *map,
                        const struct sl_route_conf *conf)
{
    const char *key;
    const struct sl_val *said = sl_timeouts_beyond(sl_val_find(map, "timeouts"), &conf->timeouts, &key);
    if (said) {
        char total[32];
        sl_format_duration(conf->timeouts.total_usec, total);
        sl_bind_problem(bind, SL_PROBLEM_WARNING, said->pos, path,
                        "timeouts.%s is longer than timeouts.total (%s), which ends the call first", key, total);
    }
}

void sl_route_conf_fill(struct sl_route_conf *conf, uint64_t said, const struct sl_route_conf *settings)
{
    sl_opt_fill(sl_route_conf_rows, said, settings, conf);
}

bool sl_route_conf_is_same(const struct sl_route_conf *a, const struct sl_route_conf *b)
{
    return sl_opt_are_same(sl_route_conf_rows, a, b);
}
