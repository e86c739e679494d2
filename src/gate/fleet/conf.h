/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_FLEET_CONF_H
#define SL_GATE_FLEET_CONF_H

#include <stdbool.h>

#include "base/str.h"

struct sl_tls_ctx;

struct sl_fleet_place {
    struct sl_str host;
    uint16_t port;
};

/* Where the counters are. Borrowed. */
struct sl_fleet_conf {
    const struct sl_fleet_place *places; /* one server, or a list: Sentinels, or nodes of a cluster */
    uint32_t n_places;
    bool is_list;
    struct sl_str master; /* the name that Sentinels have for the server; n 0: the only one that they watch */
    uint32_t db;
    struct sl_str user, password; /* n 0: none */
    struct sl_str ns;             /* the namespace; other gateways on the same server have another one */
    uint64_t deadline_usec;       /* how long a call waits for an answer */
    uint64_t wait_usec;           /* how long calls wait for a server that is away or slow, from its loss on */
    struct sl_tls_ctx *tls;       /* NULL: none */
};

#endif
