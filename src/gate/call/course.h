/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a call over the targets of its routes: which target is asked now, which come next, and the result of each.
 * It belongs to the plan, which asks it; it sends nothing itself. */
#ifndef SL_GATE_COURSE_H
#define SL_GATE_COURSE_H

#include "base/attr.h"
#include "gate/call/bond.h"
#include "gate/call/charge.h"
#include "gate/call/tries.h"
#include "gate/call/unfit.h"
#include "gate/config/per_route.h"
#include "gate/policy/next.h"
#include "gate/policy/pool.h"
#include "llm/core/error.h"

struct sl_headers;
struct sl_xchg;

/* The attempt that the course is at. */
struct sl_course_at {
    uint32_t target;                             /* index in the targets of the exchange's `at` */
    struct sl_str name, told;                    /* the target's name as it is shown; the beginning of the log entry */
    const struct sl_upstream_timeouts *timeouts; /* of the target */
    struct sl_upstream_timeouts own_timeouts;
    enum sl_begun running; /* the attempt counts in the pool */
    bool is_noted;         /* in the record */
    uint64_t end_usec;     /* when it stopped counting */
    struct sl_str why;     /* SL_TRY_WHY */
};

struct sl_course {
    struct sl_xchg *x;
    struct sl_course_at at;
    uint64_t *passed; /* `few` for up to 64 targets */
    uint64_t few;
    uint64_t *passed_before; /* `passed` before it asked for a place; NULL: this route has no queue */
    uint32_t n_repeats;
    struct sl_step next; /* after a failure */
    struct sl_bond bond;
    struct sl_llm_error error; /* the last failure, in case the client must see it; no type: none yet */
    struct sl_str error_text;
    struct sl_unfit unfit;
    sl_charge_fn *on_counted; /* after SL_ENTERED_ASKS; the owner's */
    void *arg;                /* for on_counted */
    struct sl_tries tries;
};

/* What is left of the route's time for the whole call. It begins with the first attempt: the wait in a queue before it
 * has a bound of its own. Also for a call without a course. */
uint64_t sl_course_left_usec(const struct sl_xchg *x, uint64_t now_usec);
/* When the call's time is over: that of the route or the caller. Also for a call without a course. */
uint64_t sl_course_end_usec(const struct sl_xchg *x);

/* On the exchange's arena. NULL: no memory. */
struct sl_course *sl_course_new(struct sl_xchg *x);
enum sl_entered {
    SL_ENTERED,
    SL_ENTERED_NOT,
    SL_ENTERED_WAITS, /* it must wait for a place: the route has a queue */
    SL_ENTERED_ASKS, /* it has a place at another route, and `on_counted` will say whether that route's limits let it */
};
/* Chooses a target and takes a place: the first target, or the one of `next`. SL_ENTERED_NOT: no target can be asked,
 * and *ret_error says why. */
SL_MUST enum sl_entered sl_course_enter(struct sl_course *course, struct sl_llm_error *ret_error);
/* Goes on to another route, and takes a place there. Call this when the call cannot wait, or waits no longer.
 * SL_ENTERED, SL_ENTERED_ASKS or SL_ENTERED_NOT. */
SL_MUST enum sl_entered sl_course_beyond(struct sl_course *course);
/* The error for the client when nothing can be entered. */
void sl_course_none(struct sl_course *course, struct sl_llm_error *ret_error);
/* Takes the place that a queue gave. */
void sl_course_take(struct sl_course *course, uint32_t target, enum sl_begun begun);
/* What is known about a failed attempt, beside its error. */
struct sl_failed {
    bool may_repeat;    /* the same target may be asked again */
    uint64_t wait_usec; /* the wait before that */
    uint64_t rest_usec; /* the target takes no calls for this time; 0: it did not ask for that */
};
/* The attempt failed, and nothing was sent to the client. True: `next` is the next step. */
SL_MUST bool sl_course_failed(struct sl_course *course, const struct sl_llm_error *error,
                              const struct sl_failed *failed);
/* The same target comes next, whatever the policy says: it refused something that the gateway had added. */
void sl_course_again(struct sl_course *course);
/* Before the client gets the failure: adds that no other target could be asked, if that is so. */
void sl_course_bound_tell(const struct sl_course *course, struct sl_llm_error *io_error);
/* The target cannot serve this call. False: no other target is left, and *io_error is the error for the client. */
SL_MUST bool sl_course_pass(struct sl_course *course, struct sl_llm_error *io_error);
/* Counts the end of the attempt and gives its place back, once. Call it before the client gets the end, so that a
 * client that has its reply finds the attempt counted. */
void sl_course_count(struct sl_course *course, enum sl_error_type type);
/* The same, and the attempt is over: adds it to the list of attempts. Does nothing when none began. */
void sl_course_leave(struct sl_course *course, enum sl_error_type type);
/* Another attempt of the call was faster. Like sl_course_leave, but the target's result does not count; only the time
 * that it took so far does. */
void sl_course_beaten(struct sl_course *course);
/* True: another target can be asked at once. */
SL_MUST bool sl_course_can_hedge(struct sl_course *course);
/* Asks another target too; `at` is the new attempt then. False: no target can be asked now. */
SL_MUST bool sl_course_hedge(struct sl_course *course);
/* The hedge won: the conversation is bound to its target. */
void sl_course_hedged(struct sl_course *course);
/* The target was not asked after all: gives its place back. */
void sl_course_unask(struct sl_course *course);
/* An attempt failed while another one of the call runs, which may succeed. False: this failure must not be followed by
 * another attempt. */
SL_MUST bool sl_course_yield(struct sl_course *course, const struct sl_llm_error *error,
                             const struct sl_failed *failed);
/* Keeps calls from a target for as long as its reply asked for (`headers` NULL: it has none). The second function gives
 * that time; `told_sec` is from the body. */
void sl_course_rest(struct sl_course *course, uint32_t target, const struct sl_headers *headers);
uint64_t sl_course_rest_usec(const struct sl_course *course, const struct sl_headers *headers, uint64_t told_sec);
/* Records the time to the first byte of its answer (for a stream), or to the last one. */
void sl_course_measure(struct sl_course *course, uint64_t now_usec);

#endif
