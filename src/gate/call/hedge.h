/* SPDX-License-Identifier: Apache-2.0 */
/* One more attempt beside a call's first one, at another target, when its first token does not come. It only listens
 * until one of both has said something: then it is stopped, or the plan takes it in the first one's place. */
#ifndef SL_GATE_CALL_HEDGE_H
#define SL_GATE_CALL_HEDGE_H

#include <stdbool.h>

#include "base/attr.h"

struct sl_attempt;
struct sl_attempt_events;
struct sl_course;
struct sl_hedge;

struct sl_hedge_owner {
    void *user;
    const struct sl_attempt_events *events; /* told once it was taken */
    void (*on_won)(void *user);             /* its first token came: the owner stops the other one and takes it */
};

/* The call's first attempt begins. On the exchange's arena; NULL: there will be none. */
struct sl_hedge *sl_hedge_arm(struct sl_course *course, const struct sl_hedge_owner *owner);
/* Is its attempt under way? */
bool sl_hedge_runs(const struct sl_hedge *hedge);
/* It is the call's only attempt from now on: the record and the course are its own. */
struct sl_attempt *sl_hedge_take(struct sl_hedge *hedge);
/* Behind that: what it has heard already. */
void sl_hedge_tell(struct sl_hedge *hedge);
/* The other one was faster, or nobody waits any more. */
void sl_hedge_stop(struct sl_hedge *hedge);

#endif
