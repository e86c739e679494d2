/* SPDX-License-Identifier: Apache-2.0 */
/* Asks all upstreams of some routes: gate/call/probe.h. */
#ifndef SL_DAEMON_PROBE_H
#define SL_DAEMON_PROBE_H

#include "gate/call/probe.h"

struct sl_err;
struct sl_settings;

/* Asks each upstream once: targets with the same address and the same credential are one. Each has `timeout_usec`. The
 * caller frees *ret. SL_E_NOMEM, SL_E_IO. */
SL_MUST int sl_probe_all(const struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                         uint64_t timeout_usec, struct sl_probed **ret, uint32_t *ret_n, struct sl_err *err);

#endif
