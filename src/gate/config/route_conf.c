/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_conf.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/config/per_route.h"
#include "gate/config/route_own.h"

#define MSEC SL_USEC_PER_MSEC
#define DAY  (86400 * SL_USEC_PER_SEC)

#define TIME(key_, field_, def_, help_)                                                                             \
    {                                                                                                               \
        key_, SL_OPT_USEC, offsetof(struct sl_upstream_timeouts, field_), def_, MSEC, 7 * DAY, SL_OPT_RELOAD, NULL, \
            NULL, NULL, help_                                                                                       \
    }
static const struct sl_opt timeout_rows[] = {
    TIME("connect", connect_usec, "5s", "resolving, connecting and TLS; beyond it 504"),
    TIME("first_byte", first_byte_usec, NULL,
         "from the request's last byte to the reply's first; beyond it 504. Where it is not said: 600s, or what the "
         "path's clients wait for (docs/upstreams.md)"),
    TIME("idle", idle_usec, "120s", "between two pieces of a reply"),
    TIME("total", total_usec, "1h", "the whole call, retries included"),
    { NULL },
};

const struct sl_opt sl_route_conf_rows[] = {
    { "timeouts", SL_OPT_MAP, offsetof(struct sl_route_conf, timeouts), NULL, 0, 0, SL_OPT_RELOAD, NULL, timeout_rows,
      NULL, "of the upstream's side; a route may have its own" },
    { "retries", SL_OPT_U32, offsetof(struct sl_route_conf, retries), "1", 0, 10, SL_OPT_RELOAD, NULL, NULL, NULL,
      "further attempts after a failed connection, 503 or 529, before the first byte to the client" },
    { NULL },
};

/* Both, in one map. */
struct said {
    struct sl_route_conf conf;
    struct sl_route_own own;
};

static const struct sl_opt said_rows[] = {
    { "", SL_OPT_ROWS, offsetof(struct said, conf), NULL, 0, 0, 0, NULL, sl_route_conf_rows, NULL, NULL },
    { "", SL_OPT_ROWS, offsetof(struct said, own), NULL, 0, 0, 0, NULL, sl_route_own_rows, NULL, NULL },
    { NULL },
};

int sl_route_conf_bind(struct sl_bind *bind, const struct sl_val *map, struct sl_route_conf *io_conf,
                       struct sl_route_own *io_own, uint64_t *ret_said)
{
    struct said said = { *io_conf, *io_own };
    size_t before = strlen(bind->path);
    snprintf(bind->path + before, sizeof(bind->path) - before, ".sluice");
    bool was_lax = bind->is_lax;
    bind->is_lax = false;
    int r = sl_opt_bind_over(bind, said_rows, map, &said);
    *io_conf = said.conf;
    *io_own = said.own;
    bind->is_lax = was_lax;
    bind->path[before] = '\0';
    *ret_said = sl_opt_said(sl_route_conf_rows, map);
    return r;
}

void sl_route_conf_fill(struct sl_route_conf *conf, uint64_t said, const struct sl_route_conf *settings)
{
    sl_opt_fill(sl_route_conf_rows, said, settings, conf);
}

bool sl_route_conf_is_same(const struct sl_route_conf *a, const struct sl_route_conf *b)
{
    return sl_opt_are_same(sl_route_conf_rows, a, b);
}
