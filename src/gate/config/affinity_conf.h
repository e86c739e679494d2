/* SPDX-License-Identifier: Apache-2.0 */
/* `affinity` of a route: by what a conversation finds its target again. */
#ifndef SL_GATE_AFFINITY_CONF_H
#define SL_GATE_AFFINITY_CONF_H

#include "base/opt.h"

enum sl_affinity_by {
    SL_AFFINITY_AUTO, /* what the call says of its conversation */
    SL_AFFINITY_OFF,
    SL_AFFINITY_HEADER, /* a header's value */
};

struct sl_affinity_conf {
    int by;               /* enum sl_affinity_by */
    struct sl_str header; /* of SL_AFFINITY_HEADER */
    uint64_t ttl_usec;    /* since the last call */
};

/* Over struct sl_affinity_conf. */
extern const struct sl_opt sl_affinity_rows[];

/* A row's check for a field of that struct: a map, or what `by` is alone. */
SL_MUST int sl_affinity_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
void sl_affinity_defaults(struct sl_affinity_conf *conf, struct sl_bind *bind);

#endif
