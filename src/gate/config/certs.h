/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when the certificates of a configuration expire: the listener's, and those that routes show to their upstreams.
 * Each file is told once. */
#ifndef SL_GATE_CERTS_H
#define SL_GATE_CERTS_H

#include "base/map.h"

struct sl_config;
struct sl_tls_ctx;

/* All zero but for `fn` and `arg` at first. */
struct sl_certs {
    /* `path` is the one that was given. `expiry`: of the file's first certificate to end, in unix seconds. */
    void (*fn)(void *arg, const char *path, uint64_t expiry);
    void *arg;
    struct sl_map seen;
};

/* `path` ends with a NUL and lives until sl_certs_done. Nothing is told where it is empty, or `tls` is NULL. */
void sl_certs_look(struct sl_certs *certs, struct sl_str path, const struct sl_tls_ctx *tls);
/* Looks at those that the routes of a file show to their upstreams. */
void sl_certs_look_routes(struct sl_certs *certs, const struct sl_config *config);
void sl_certs_done(struct sl_certs *certs);

#endif
