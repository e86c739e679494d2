/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: the step between a valid call and its first attempt. It gets the owners whose limits hold for the call,
 * and what the call is expected to use. It takes everything that the call costs, or refuses the call. An admitted call
 * is settled exactly once. The caller of sl_admit tells the client.
 *
 * The counters' home is this process, or elsewhere (limit_home.h): then the answer may come later. */
#ifndef SL_GATE_ADMIT_H
#define SL_GATE_ADMIT_H

#include "gate/policy/limit.h"

struct sl_admission;

enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_ASKED, SL_TICKET_OPEN, SL_TICKET_SETTLED };

/* Who has decided. */
enum sl_limit_source {
    SL_LIMIT_SOURCE_LOCAL,  /* this process */
    SL_LIMIT_SOURCE_SHARED, /* the counters that all nodes share */
    SL_LIMIT_SOURCE_LEASE,  /* this process, by what it has from them for such calls */
    SL_LIMIT_SOURCE_ALONE,  /* this process, because these could not be reached */
};

/* A home elsewhere, as one worker sees it. */
struct sl_counter_home {
    /* 0, SL_E_LIMIT or SL_E_NOMEM as sl_admit; SL_E_IO: the home cannot be reached, and a limit is closed then;
     * SL_E_AGAIN: sl_admission_answer follows, from the loop. */
    int (*take)(struct sl_counter_home *home, struct sl_admission *admission, uint64_t now_wall_usec);
    /* Nobody waits for that answer any more. */
    void (*forget)(struct sl_counter_home *home, struct sl_admission *admission);
    void (*settle)(struct sl_counter_home *home, const struct sl_limit_held *held, uint32_t n_held,
                   const uint64_t used[SL_LIMIT_KINDS]);
};

struct sl_admission {
    struct sl_limiter *limiter;
    struct sl_counter_home *home; /* NULL: this process */
    struct sl_limit_call call;    /* its owners are `owners` */
    const struct sl_limits *owners[SL_LIMIT_OWNERS_MAX];
    uint32_t n_rules;    /* of all owners */
    uint32_t n_held_max; /* room that `held` needs */
    bool has_view;
    enum sl_ticket_state state;
    enum sl_limit_source source;
    uint64_t wall_usec;         /* when the call was taken or refused */
    struct sl_limit_held *held; /* the caller's */
    uint32_t n_held;
    struct sl_limit_view view; /* the limits at that moment */
    void *asking;              /* the home's, while it is asked */
    /* After SL_E_AGAIN: what sl_admit would have returned. The caller's. */
    void (*on_answer)(struct sl_admission *admission, int r);
    void *user; /* for on_answer */
};

/* Nothing holds yet. The rest of the call is the caller's to fill before sl_admit. */
void sl_admission_init(struct sl_admission *admission, struct sl_limiter *limiter, struct sl_str principal);
/* Adds the limits of one more owner, in the order in which they are asked; without rules it does nothing. */
void sl_admission_add(struct sl_admission *admission, const struct sl_limits *limits);

/* At least one owner, and room for what is held. 0: the call is admitted. SL_E_LIMIT: refused; the view says by which
 * limit and for how long. SL_E_NOMEM. With another home also SL_E_IO: refused, because the home cannot be reached;
 * SL_E_AGAIN: on_answer follows, unless sl_admission_stop is called first. */
SL_MUST int sl_admit(struct sl_admission *admission, uint64_t now_wall_usec);
/* For the home: what it has decided, after SL_E_AGAIN. It calls back. */
void sl_admission_answer(struct sl_admission *admission, int r, uint64_t now_wall_usec);
/* Nobody waits for the answer any more. Does nothing unless it is due. */
void sl_admission_stop(struct sl_admission *admission);
/* Call this once for each admitted call, when it has ended: what it used of each kind. */
void sl_admission_settle(struct sl_admission *admission, const uint64_t used[SL_LIMIT_KINDS]);
/* The limits at `now`: as the admission saw them, or read anew when there was none. */
void sl_admission_view(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_limit_view *ret_view);

#endif
