/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_FLEET_CONF_H
#define SL_GATE_FLEET_CONF_H

#include "base/str.h"

struct sl_tls_ctx;

/* Where the counters are. Borrowed. */
struct sl_fleet_conf {
    struct sl_str host;
    uint16_t port;
    uint32_t db;
    struct sl_str user, password; /* n 0: none */
    struct sl_str ns;             /* the namespace; other gateways on the same server have another one */
    uint64_t deadline_usec;       /* how long a call waits at most */
    struct sl_tls_ctx *tls;       /* NULL: none */
};

#endif
