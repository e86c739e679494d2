/* SPDX-License-Identifier: Apache-2.0 */
/* What limits a call has, what it takes from them before its first attempt, and what it has used when it ends. The
 * counting itself is in policy (admit.h, limit.h). */
#ifndef SL_GATE_CHARGE_H
#define SL_GATE_CHARGE_H

#include <stdbool.h>

#include "base/attr.h"

struct sl_charge;
struct sl_limit_view;
struct sl_llm_error;
struct sl_route;
struct sl_xchg;

/* The route is known: finds the limits that hold for the call; x->charge stays NULL if there are none. SL_E_NOMEM. */
SL_MUST int sl_charge_begin(struct sl_xchg *x);
/* What a limit has decided: 0; SL_E_LIMIT: it refuses the call; SL_E_IO: the shared counters cannot be reached, and a
 * limit is closed then; SL_E_NOMEM. */
typedef void sl_charge_fn(void *arg, int r);
/* The call is known, and has limits: takes what it needs. As above; SL_E_AGAIN: `fn` follows, unless the exchange ends
 * before. */
SL_MUST int sl_charge_take(struct sl_xchg *x, sl_charge_fn *fn, void *arg);
/* The error for the client of a call that got SL_E_LIMIT or SL_E_IO. */
void sl_charge_error(const struct sl_xchg *x, int r, struct sl_llm_error *ret_error);
/* Who has decided, for the metrics. */
const char *sl_charge_source(const struct sl_xchg *x);
/* The exchange has ended: books what it used, and gives back what it holds. May be called again. */
void sl_charge_settle(struct sl_xchg *x);

/* True: the call has limits; *ret_view is what they say now. */
bool sl_charge_view(const struct sl_xchg *x, struct sl_limit_view *ret_view);
/* The limits as the call found them when it was admitted or refused; NULL: nobody looked. */
const struct sl_limit_view *sl_charge_seen(const struct sl_charge *charge);

/* The limits of another route that the call may go on to. True: they would let it pass. */
SL_MUST bool sl_charge_may_go(struct sl_xchg *x, const struct sl_route *route);
/* The call goes on to that route: takes what it needs there too. As sl_charge_take. What it took of a route that it had
 * gone on to before is given back. */
SL_MUST int sl_charge_go(struct sl_xchg *x, const struct sl_route *route, sl_charge_fn *fn, void *arg);

#endif
