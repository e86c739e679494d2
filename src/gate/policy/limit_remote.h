/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a counter with another home. Private to limit_home.c and limit_lease.c; under its shard's lock. */
#ifndef SL_GATE_LIMIT_REMOTE_H
#define SL_GATE_LIMIT_REMOTE_H

#include "gate/policy/limit_claims.h"
#include "gate/policy/limit_pin.h"

/* A larger number cannot be told to a home that counts in doubles. */
#define TOLD_MAX ((uint64_t)1 << 52)

/* What one worker has added in the window. */
struct own {
    uint64_t used, reserved; /* `reserved` is a part of `used`; both with what the lease has left */
    struct sl_limit_lease *lease;
    uint32_t heat_msec, heat; /* how many calls have asked for it since then */
    bool is_touched;          /* the home may have something of this worker */
};

struct sl_remote {
    char name[SL_LIMIT_HOME_NAME];
    uint64_t start_usec;  /* names the window that the shares belong to; 0: none */
    uint64_t other_usec;  /* an earlier name of that window: it was opened without the home; 0: none */
    uint64_t end_usec[2]; /* as in the pin */
    uint64_t said_usec;   /* when the home has said what the counter's copy is */
    uint64_t leased;      /* what the leases of this node have left: not in the counter's copy */
    uint64_t floor;       /* what was used for certain before `is_unsure` */
    bool is_unsure;       /* leases were out when the home was asked last, so what it says may become less */
    bool is_alone;        /* the last call was decided without the home */
    uint64_t alone_left;  /* then: how much the node lets pass, by its share */
    struct own own[];
};

SL_INLINE bool sl_remote_is_held(enum sl_limit_kind kind)
{
    return kind != SL_LIMIT_REQUESTS;
}

/* Tells the operator what was reached: on each node that sees it. */
SL_INLINE void sl_remote_watch(struct sl_limiter *limiter, struct sl_counter *c, uint64_t cap)
{
    struct sl_limit_shard *shard = &limiter->shards[sl_limit_shard_of(c->hash)];
    if (SL_UNLIKELY(c->cap != cap)) {
        sl_counter_set_cap(shard, c, cap);
    }
    sl_counter_watch(shard, c);
}

/* --- limit_lease.c --- */

/* Decides for which of these pins a lease is wanted, too. */
void sl_leases_want(const struct sl_limit_home_at *at, struct sl_limit_pin *pins, uint32_t n);
/* The pin is over, and with it the question for a lease. */
void sl_lease_unask(const struct sl_limit_pin *pin, uint32_t worker);
/* The home has granted so much beyond the call. False: there is no lease any more to take it. */
SL_MUST bool sl_lease_grant(const struct sl_limit_home_at *at, const struct sl_limit_pin *pin,
                            const struct sl_limit_answer *answer);
/* True: the change is noted, and will be told later, together with others. */
SL_MUST bool sl_lease_settle(struct sl_counter *c, uint32_t worker, uint64_t now_usec,
                             const struct sl_limit_change *change);
/* A new window began: what the lease had was of the old one. */
void sl_lease_void(struct own *own);

#endif
