/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the upstreams of routes whether they answer, and whether they take the credential: by a list of models
 * where the provider has one, else by connecting. No call costs anything. */
#ifndef SL_DAEMON_PROBE_H
#define SL_DAEMON_PROBE_H

#include <stdbool.h>

#include "base/err.h"

struct sl_route;
struct sl_settings;

struct sl_probed {
    const struct sl_route *route;
    uint32_t target;
    bool is_asked;    /* for its list of models; else it was only connected to */
    bool is_answered; /* connected, and answered if it was asked */
    int status;       /* of the answer; 0: none */
    bool is_page;     /* of HTML, which no list of models is */
    uint64_t usec;    /* how long it took */
    bool has_clock;
    int64_t ahead_sec; /* by how much its clock is ahead of ours */
    char why[256];     /* why it did not answer */
};

/* Asks each upstream once: targets with the same address and the same credential are one. Each has `timeout_usec`. The
 * caller frees *ret. SL_E_NOMEM, SL_E_IO. */
SL_MUST int sl_probe_all(const struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                         uint64_t timeout_usec, struct sl_probed **ret, uint32_t *ret_n, struct sl_err *err);

#endif
