/* SPDX-License-Identifier: Apache-2.0 */
/* Counters whose home is elsewhere, so that several nodes count with them (gate/fleet). The limiter has a copy of what
 * the home said last, and beside it what each worker of this node has added in the window: its share. The shares are
 * what the node knows for certain. They are compared with the home's after each new connection, so that calls whose
 * answer was lost, and counts that the home has lost, end up right.
 *
 * A window is named by the time at which it began, on the home's clock. All other times here are on this node's clock;
 * `offset_usec` leads from this one to the home's.
 *
 * A call first pins its counters: they stay in the table. Then either the home's answer is noted, or the call is
 * decided without the home, or the pins are given back. Any thread. */
#ifndef SL_GATE_LIMIT_HOME_H
#define SL_GATE_LIMIT_HOME_H

#include "gate/policy/limit.h"
#include "gate/policy/limit_pin.h"

/* From now on counters of this limiter have another home, and this many workers have shares. Before any call. */
void sl_limiter_leave_home(struct sl_limiter *limiter, uint32_t n_workers);

/* Pins the counters of all rules of the call; `pins` has room for all of them. SL_E_LIMIT: a limit refuses the call, as
 * the home has said before (*ret_view), and nothing is pinned. SL_E_NOMEM: nothing is pinned. */
SL_MUST int sl_limiter_pin(struct sl_limiter *limiter, const struct sl_limit_call *call,
                           const struct sl_limit_home_at *at, struct sl_limit_pin *pins, uint32_t *ret_n,
                           struct sl_limit_view *ret_view);
/* The home has decided the same call; `answers` has one for each pin that is no twin. What the call holds stays pinned
 * until it is settled; all other pins are given back. A lease that is left in `answers` could not be taken. */
void sl_limiter_answered(struct sl_limiter *limiter, const struct sl_limit_call *call,
                         const struct sl_limit_home_at *at, const struct sl_limit_pin *pins, uint32_t n,
                         struct sl_limit_answer *answers, bool is_taken, struct sl_limit_held *held,
                         uint32_t *ret_n_held, struct sl_limit_view *ret_view);
/* The home cannot be asked: decides by `on_loss` of each rule, and gives back all pins that the call does not hold. 0;
 * SL_E_LIMIT: refused by a limit; SL_E_IO: refused, because a limit of the call is closed. */
SL_MUST int sl_limiter_take_alone(struct sl_limiter *limiter, const struct sl_limit_call *call,
                                  const struct sl_limit_home_at *at, const struct sl_limit_pin *pins, uint32_t n,
                                  struct sl_limit_held *held, uint32_t *ret_n_held, struct sl_limit_view *ret_view);
/* The home may have counted a call of these pins whose answer is lost: the worker's shares have to be compared. */
void sl_limiter_doubt(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_pin *pins, uint32_t n);
/* The same pins once more. */
void sl_limiter_pin_again(struct sl_limiter *limiter, const struct sl_limit_pin *pins, uint32_t n);
void sl_limiter_unpin(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_pin *pins, uint32_t n);

/* As sl_limiter_settle; `out` has room for n_held changes. Returns how many of them the home has to be told: what was
 * taken from a lease is told later. `now_usec`: on the loop's clock. */
uint32_t sl_limiter_settle_away(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_held *held,
                                uint32_t n_held, const uint64_t used[SL_LIMIT_KINDS], uint64_t now_usec,
                                struct sl_limit_change *out);

/* Called under a shard's lock. */
typedef void sl_limit_share_fn(void *arg, const struct sl_limit_share *share);
/* Visits and pins the counters to which the worker has added something, and with `has_floors` all with an open
 * window. */
void sl_limiter_each_share(struct sl_limiter *limiter, uint32_t worker, bool has_floors, uint64_t now_usec,
                           sl_limit_share_fn *fn, void *arg);
/* Gives a share back. `answer` NULL: the home was not reached; else the home has the share now. */
void sl_limiter_share_back(struct sl_limiter *limiter, const struct sl_limit_share *share,
                           const struct sl_limit_answer *answer);

#endif
