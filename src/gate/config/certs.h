/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the certificates that a configuration names: the listener's, and those that routes show to their upstreams.
 * Each file is told once. */
#ifndef SL_GATE_CERTS_H
#define SL_GATE_CERTS_H

#include "base/map.h"

struct sl_route;
struct sl_settings;

/* All zero but for `fn` and `arg` at first. */
struct sl_certs {
    /* `path` lives as long as the settings or the route. `expiry`: of the file's first certificate to end, in unix
     * seconds. */
    void (*fn)(void *arg, const char *path, uint64_t expiry);
    void *arg;
    struct sl_map seen;
};

void sl_certs_server(struct sl_certs *certs, const struct sl_settings *settings);
void sl_certs_route(struct sl_certs *certs, const struct sl_route *route);
void sl_certs_done(struct sl_certs *certs);

#endif
