/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: parts of counters with another home (limit_home.h) that a worker may give to calls without asking. A counter
 * for which many calls ask gets one with the next answer: the home counts it as used, so that the sum of all nodes
 * stays exact. It is small when little is left (gate/fleet/script.c), lives for a short time, and what is left of it
 * then is given back. A call takes from its leases only when it has one of each of its counters. It needs none of a
 * counter of which it takes nothing: that one must have room, by what the home has said a moment ago. */
#ifndef SL_GATE_LIMIT_LEASE_H
#define SL_GATE_LIMIT_LEASE_H

#include "base/err.h"
#include "base/list.h"
#include "gate/policy/limit_call.h"
#include "gate/policy/limit_pin.h"

struct sl_limiter;

/* A lease may be used for so long. */
#define SL_LEASE_USEC (200 * 1000)
/* Look after leases so often. */
#define SL_LEASE_LOOK_USEC (100 * 1000)
/* A counter is hot when so many calls of one worker have asked for it within SL_LEASE_LOOK_USEC. */
#define SL_LEASE_HOT 100

/* The leases of one worker: its own thread's. */
SL_LIST_HEAD(sl_limit_leases);

/* As sl_limiter_take, from leases. False: there are none, or not enough, and nothing was taken. */
SL_MUST bool sl_limiter_take_leased(struct sl_limiter *limiter, const struct sl_limit_call *call,
                                    const struct sl_limit_home_at *at, struct sl_limit_held *held, uint32_t *ret_n_held,
                                    struct sl_limit_view *ret_view);
/* Looks after the leases: returns how many changes the home has to be told, at most `max`; call it again when it is
 * `max`. `is_end`: all leases end now. */
uint32_t sl_limiter_leases_look(struct sl_limiter *limiter, struct sl_limit_leases *leases, uint32_t worker,
                                uint64_t now_usec, bool is_end, struct sl_limit_change *out, uint32_t max);
/* The home cannot be told: all leases end, and the worker's shares have what they used. */
void sl_limiter_leases_drop(struct sl_limiter *limiter, struct sl_limit_leases *leases, uint32_t worker);

#endif
