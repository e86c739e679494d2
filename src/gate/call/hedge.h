/* SPDX-License-Identifier: Apache-2.0 */
/* A hedge: a second attempt at another target, while the first one runs but its first token does not come. When one of
 * the two has an answer, the hedge is stopped, or the plan takes it in place of the first attempt. */
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
    const struct sl_attempt_events *events; /* called after it was taken */
    void (*on_won)(void *user); /* its first token came: the owner must stop the other attempt and take this one */
};

/* Call this when the call's first attempt begins. On the exchange's arena; NULL: there will be no hedge. */
struct sl_hedge *sl_hedge_arm(struct sl_course *course, const struct sl_hedge_owner *owner);
/* True: its attempt is running. */
bool sl_hedge_runs(const struct sl_hedge *hedge);
/* Makes the hedge the call's only attempt: the record and the course are about it from now on. */
struct sl_attempt *sl_hedge_take(struct sl_hedge *hedge);
/* After sl_hedge_take: passes on what it has received already. */
void sl_hedge_tell(struct sl_hedge *hedge);
/* The other attempt was faster, or the call is over. */
void sl_hedge_stop(struct sl_hedge *hedge);

#endif
