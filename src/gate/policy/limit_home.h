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

/* The name of a counter: a digest of what identifies it. */
#define SL_LIMIT_HOME_NAME 24
/* At most this many pins for one call. */
#define SL_LIMIT_PINS_MAX (SL_LIMIT_OWNERS_MAX * SL_LIMITS_MAX)

/* Who asks, and when. */
struct sl_limit_home_at {
    uint32_t worker;
    uint32_t n_nodes; /* that live, this one included */
    uint64_t now_usec;
    int64_t offset_usec;
};

/* A rule of a call and its counter. The texts live as long as the pin. */
struct sl_limit_pin {
    struct sl_counter *counter;
    const char *name; /* SL_LIMIT_HOME_NAME bytes */
    uint64_t cap, amount, period_usec;
    uint64_t end_usec[2]; /* with a zone: ends of the period that is now and of the next, on the home's clock; else 0 */
    uint32_t shard;
    enum sl_limit_kind kind;
    bool is_session;
    bool is_twin; /* an earlier pin has the same counter; its cap is the smaller one of both */
};

/* What the home says about a counter. */
struct sl_limit_answer {
    uint64_t start_usec; /* 0: no window is open */
    uint64_t end_usec;   /* on this node's clock; UINT64_MAX: it has no end */
    uint64_t used, reserved;
    uint64_t own; /* what this worker has added, this call included; UINT64_MAX: not said */
};

/* What becomes of a reservation. */
struct sl_limit_change {
    char name[SL_LIMIT_HOME_NAME];
    uint64_t start_usec, reserved, used;
};

/* What this node knows of a counter. */
struct sl_limit_share {
    struct sl_counter *counter; /* pinned until sl_limiter_share_back */
    const char *name;
    uint32_t shard;
    uint64_t start_usec, end_usec; /* the latter on this node's clock; 0: no window is known */
    uint64_t used, reserved;       /* the worker's own part */
    uint64_t floor;                /* what all nodes together had used for certain, as far as this one knows */
    uint64_t period_usec;
    bool is_session;
};

/* From now on counters of this limiter have another home, and this many workers have shares. Before any call. */
void sl_limiter_leave_home(struct sl_limiter *limiter, uint32_t n_workers);

/* Pins the counters of all rules of the call; `pins` has room for all of them. SL_E_LIMIT: a limit refuses the call, as
 * the home has said before (*ret_view), and nothing is pinned. SL_E_NOMEM: nothing is pinned. */
SL_MUST int sl_limiter_pin(struct sl_limiter *limiter, const struct sl_limit_call *call,
                           const struct sl_limit_home_at *at, struct sl_limit_pin *pins, uint32_t *ret_n,
                           struct sl_limit_view *ret_view);
/* The home has decided the same call; `answers` has one for each pin that is no twin. What the call holds stays pinned
 * until it is settled; all other pins are given back. */
void sl_limiter_answered(struct sl_limiter *limiter, const struct sl_limit_call *call,
                         const struct sl_limit_home_at *at, const struct sl_limit_pin *pins, uint32_t n,
                         const struct sl_limit_answer *answers, bool is_taken, struct sl_limit_held *held,
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
void sl_limiter_unpin(struct sl_limiter *limiter, const struct sl_limit_pin *pins, uint32_t n);

/* As sl_limiter_settle; `out` has room for n_held changes, which the home has to be told. */
void sl_limiter_settle_away(struct sl_limiter *limiter, uint32_t worker, const struct sl_limit_held *held,
                            uint32_t n_held, const uint64_t used[SL_LIMIT_KINDS], struct sl_limit_change *out);

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
