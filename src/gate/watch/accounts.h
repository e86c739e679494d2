/* SPDX-License-Identifier: Apache-2.0 */
/* How much of their limits the owners of limits have used: groups, keys, and routes. */
#ifndef SL_GATE_ACCOUNTS_H
#define SL_GATE_ACCOUNTS_H

#include "base/str.h"

struct sl_limiter;
struct sl_snapshot;

/* The fullest of an owner's limits of one kind, which counts all of its calls together. */
struct sl_account {
    struct sl_str owner; /* "group/acme/search", "key/key-7", "route/chat"; borrowed for the call */
    const char *kind;
    uint64_t used, reserved;
    uint32_t scale; /* they are in units of 1 / scale: dollars are counted in nano-dollars */
    uint64_t share; /* millionths of the cap that are used */
};

/* Calls `fn` for the limits of up to metrics.max_accounts owners: groups by their paths, keys, then routes. Any thread,
 * but no loop: each limit takes a short lock. */
void sl_accounts_each(const struct sl_snapshot *snapshot, struct sl_limiter *limiter,
                      void (*fn)(void *arg, const struct sl_account *account), void *arg);

#endif
