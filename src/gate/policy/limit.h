/* SPDX-License-Identifier: Apache-2.0 */
/* The limiter counts what calls use: requests, tokens, money, and how many run at a time. It knows owners of limits and
 * principals as texts, and time as a number; it knows nothing of HTTP, of the configuration or of a clock.
 *
 * A counter is identified by its owner (with the incarnation), whose calls it counts (the owner's, a principal's, a
 * session's), its kind, and its period. Its window opens at the first counted call and lasts one period of wall time;
 * with a zone it ends with the day, month or year of the calendar there. The cap is not part of the identity, so a
 * changed limit keeps its count; a changed period starts at zero. Counters outlive every reload: no snapshot owns
 * anything here.
 *
 * Requests and concurrency are taken. Tokens and money are reserved, because nobody knows yet what a call will use, and
 * settled when it ends. A call belongs to the window in which it was admitted: what it used is booked there, and to
 * none when that window is over. So a cap is passed by no more than what the calls that ran when it was reached used
 * beyond their reservations.
 *
 * All counters of one call are taken together or not at all, under the locks of their shards (always locked in index
 * order): of N concurrent calls against C exactly C pass, over all threads. Any thread may call any function here. */
#ifndef SL_GATE_LIMIT_H
#define SL_GATE_LIMIT_H

#include "base/err.h"
#include "gate/policy/limit_call.h"

struct sl_counter;
struct sl_limiter;

/* Takes what the call needs from each counter, or nothing from any (ret_view->is_refused). `held` has room for all
 * n_held of the owners; *ret_n_held says how many the call holds, for sl_limiter_settle. SL_E_NOMEM: nothing was
 * taken. */
SL_MUST int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                            struct sl_limit_held *held, uint32_t *ret_n_held, struct sl_limit_view *ret_view);
/* The same view, but takes nothing. */
void sl_limiter_peek(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                     struct sl_limit_view *ret_view);
/* The call has ended and used so much of each kind: gives its places back, and puts what it used in the place of what
 * it reserved. Once for each sl_limiter_take that took something. */
void sl_limiter_settle(struct sl_limiter *limiter, const struct sl_limit_held *held, uint32_t n_held,
                       const uint64_t used[SL_LIMIT_KINDS]);

#endif
