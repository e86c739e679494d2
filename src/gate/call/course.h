/* SPDX-License-Identifier: Apache-2.0 */
/* A call's way over the targets of its route, where there are several: which it asks now, which come after it, and what
 * came of each. The plan has one, and asks it; it sends nothing. */
#ifndef SL_GATE_COURSE_H
#define SL_GATE_COURSE_H

#include "base/attr.h"
#include "gate/call/bond.h"
#include "gate/config/per_route.h"
#include "gate/policy/next.h"
#include "gate/policy/pool.h"
#include "llm/core/error.h"

struct sl_headers;
struct sl_xchg;

/* One attempt, for the log. */
struct sl_try {
    struct sl_str told; /* how it begins in the log */
    const char *why;    /* "first", "retry", "fallback" or "hedge" */
    bool is_beaten;     /* another attempt of the call was faster */
    int status;         /* the upstream's; 0: none came */
    enum sl_error_type error_type;
    struct sl_str error; /* what the upstream said, or what is said of it */
    uint64_t start_usec, connect_start_usec, connected_usec, head_usec, end_usec;
};

/* Attempts are bounded; more than so many are not listed. */
#define SL_TRIES_MAX 20

/* A target that was passed over, since it cannot serve the call. */
struct sl_passed_over {
    struct sl_str name, why;
};

/* Of these, too, more are not listed. */
#define SL_PASSED_MAX 8

struct sl_tries {
    struct sl_try v[SL_TRIES_MAX];
    uint32_t n;
    struct sl_passed_over passed[SL_PASSED_MAX];
    uint32_t n_passed;
};

/* The attempt that the course is about. */
struct sl_course_at {
    uint32_t target;                             /* of the exchange's `at` */
    struct sl_str name, told;                    /* as the target is told, and in the log */
    const struct sl_upstream_timeouts *timeouts; /* of the target */
    struct sl_upstream_timeouts own_timeouts;
    enum sl_begun running; /* an attempt at it is counted */
    bool is_noted;         /* in the record */
    uint64_t end_usec;     /* when it was counted as ended */
    const char *why;
};

struct sl_course {
    struct sl_xchg *x;
    struct sl_course_at at;
    uint64_t *passed;
    uint64_t *passed_before; /* as it was when it asked for a place; NULL: nobody waits where it is */
    uint32_t n_repeats;
    struct sl_step next; /* after a failure */
    struct sl_bond bond;
    struct sl_llm_error error; /* the last failure, for who is told it after all; no type: none yet */
    struct sl_str error_text;
    uint32_t n_unfit; /* targets that could not be asked this, and what they said */
    struct sl_str unfit;
    struct sl_llm_error unfit_error; /* the first one's */
};

/* When a call's time is over, with a course or without: the route's, or the caller's own. */
uint64_t sl_course_end_usec(const struct sl_xchg *x);

/* On the exchange's arena. NULL: no memory. */
struct sl_course *sl_course_new(struct sl_xchg *x);
enum sl_entered {
    SL_ENTERED,
    SL_ENTERED_NOT,
    SL_ENTERED_WAITS, /* first it waits for a place: the route has a queue */
};
/* The target is asked: the first one, or what `next` says. NOT: none can be, *ret_error says why. */
SL_MUST enum sl_entered sl_course_enter(struct sl_course *course, struct sl_llm_error *ret_error);
/* It waits no longer, or cannot: is there a place at another route? Then the course is there. */
SL_MUST bool sl_course_beyond(struct sl_course *course);
/* The place that a queue gave is its own now. */
void sl_course_take(struct sl_course *course, uint32_t target, enum sl_begun begun);
/* What is known of a failed attempt beside its error. */
struct sl_failed {
    bool may_repeat;    /* the same target may be asked again */
    uint64_t wait_usec; /* before that */
    uint64_t rest_usec; /* it asks everybody to wait for so long; 0: it does not */
};
/* The attempt at it failed, and nothing went to the client. True: `next` says what comes then. */
SL_MUST bool sl_course_failed(struct sl_course *course, const struct sl_llm_error *error,
                              const struct sl_failed *failed);
/* The same target comes next, whatever the policy says: it refused what is not of the call. */
void sl_course_again(struct sl_course *course);
/* The failure is what the client is told: where only this target could be asked, it says so. */
void sl_course_bound_tell(const struct sl_course *course, struct sl_llm_error *io_error);
/* The target cannot serve this call. False: no other is left, *io_error is what the client is told. */
SL_MUST bool sl_course_pass(struct sl_course *course, struct sl_llm_error *io_error);
/* It is known how the attempt ended, and the client is about to hear: who has the reply finds it counted. Its place is
 * given back; once. */
void sl_course_count(struct sl_course *course, enum sl_error_type type);
/* The same, and the attempt is over: noted. Nothing happens when none was begun. */
void sl_course_leave(struct sl_course *course, enum sl_error_type type);
/* Another attempt of the call was faster: as leave, and it says nothing of the target but how long it took at least. */
void sl_course_beaten(struct sl_course *course);
/* Is there another target, one that can be asked at once? */
SL_MUST bool sl_course_can_hedge(struct sl_course *course);
/* It is asked besides; `at` is about it. False: there is none after all. */
SL_MUST bool sl_course_hedge(struct sl_course *course);
/* It has won: the conversation is bound to it. */
void sl_course_hedged(struct sl_course *course);
/* It was not asked: its place is given back. */
void sl_course_unask(struct sl_course *course);
/* A failure while another attempt of the call runs: that one may do better. False: nobody else may be asked. */
SL_MUST bool sl_course_yield(struct sl_course *course, const struct sl_llm_error *error,
                             const struct sl_failed *failed);
/* What an upstream with these headers (NULL: it has none) asks everybody to wait; some say it in the body. */
void sl_course_rest(struct sl_course *course, uint32_t target, const struct sl_headers *headers);
uint64_t sl_course_rest_usec(const struct sl_course *course, const struct sl_headers *headers, uint64_t told_sec);
/* The first byte of its answer came (of a stream), or the last one. */
void sl_course_measure(struct sl_course *course, uint64_t now_usec);

#endif
