/* SPDX-License-Identifier: Apache-2.0 */
/* The counters that one call asks for, one for each rule that holds for it. Private to the limiter: limit.c, and
 * limit_home.c for counters with another home. */
#ifndef SL_GATE_LIMIT_CLAIMS_H
#define SL_GATE_LIMIT_CLAIMS_H

#include "base/err.h"
#include "gate/policy/limit_call.h"
#include "gate/policy/limit_shard.h"

/* The counter that one rule asks for, whether it was found or not. */
struct sl_claim {
    struct sl_counter_id id;
    struct sl_limit_shard *shard;
    struct sl_counter *counter;
    uint32_t first;   /* index of the owner's first claim */
    bool is_shared;   /* its principal has no room, and uses the shared counter */
    bool has_no_room; /* there is no counter, and none may be made: it refuses the call */
};

struct sl_claims {
    struct sl_limiter *limiter;
    const struct sl_limit_call *call;
    uint64_t now;
    uint64_t mask; /* the shards */
    uint32_t n;
    struct sl_claim v[SL_LIMIT_OF_CALL_MAX];
};

void sl_claims_make(struct sl_claims *claims, struct sl_limiter *limiter, const struct sl_limit_call *call,
                    uint64_t now);
/* Locks the shards, and finds the counters that exist. There is room for all others: where there was none, the call
 * uses the owner's shared counter, or is refused (has_no_room). */
void sl_claims_lock(struct sl_claims *claims);

/* --- under the locks --- */

/* False: a counter is missing. */
bool sl_claims_find(struct sl_claims *claims);
/* True: a claim has no room. */
bool sl_claims_lack_room(const struct sl_claims *claims);
/* Adds what is missing. SL_E_NOMEM. */
SL_MUST int sl_claims_add(struct sl_claims *claims);
/* True: an earlier rule of the same owner has the same counter. */
bool sl_claims_has_before(const struct sl_claims *claims, uint32_t i);
/* True: the counter has no room for so much, or there is no room for a counter. */
bool sl_claim_is_refusing(const struct sl_claim *claim, uint64_t need, uint64_t now);
/* `is_taken`: the call has what it needs. */
void sl_claims_view(const struct sl_claims *claims, bool is_taken, struct sl_limit_view *ret);

#endif
