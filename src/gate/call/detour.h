/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a call to other routes (`fallback.routes`), when no target of its own is left. It stays a call of its own
 * route, with that route's rights, limits and time. The limits of the other route apply too. */
#ifndef SL_GATE_DETOUR_H
#define SL_GATE_DETOUR_H

#include "gate/call/charge.h"
#include "gate/config/beyond.h"

struct sl_metric_labels;
struct sl_target;
struct sl_traffic;
struct sl_xchg;

struct sl_detours {
    struct sl_beyond to;                    /* held */
    struct sl_traffic *made[SL_BEYOND_MAX]; /* for routes with one target and no traffic; made for this call */
    uint32_t next, end;                     /* the routes from `next` to `end` may still be entered */
    /* For measure.c: the labels of that route's target. */
    const struct sl_target *labelled;
    const struct sl_metric_labels *labels;
};

/* On the exchange's arena; the call's route must have traffic. SL_E_NOMEM. */
SL_MUST int sl_detours_make(struct sl_xchg *x);
void sl_detours_done(struct sl_xchg *x);
/* True: a route is left that would take the call. */
bool sl_detours_left(struct sl_xchg *x);
/* Goes to the next route: its targets are asked from now on (`x->at`). False: there is none. */
SL_MUST bool sl_detours_enter(struct sl_xchg *x);
/* Counts the call at the limits of the route at `x->at`, when it has a place there: as sl_charge_take. */
SL_MUST int sl_detours_count(struct sl_xchg *x, sl_charge_fn *fn, void *arg);
/* Only this route may be entered; SL_NO_TARGET: none. */
void sl_detours_pin(struct sl_xchg *x, uint32_t index);

/* True: the call is at another route than the one that was called. */
bool sl_detour_is_on(const struct sl_xchg *x);
/* The name of a target of `x->at` as it is shown: `other/model` if that is another route. */
struct sl_str sl_detour_name(const struct sl_xchg *x, uint32_t target);
struct sl_str sl_detours_name(const struct sl_xchg *x, uint32_t index, uint32_t target);
/* How an attempt at it begins in the log. */
struct sl_str sl_detour_told(const struct sl_xchg *x, uint32_t target, struct sl_str name);
/* The print by which a conversation finds the target again. */
uint64_t sl_detour_print(const struct sl_xchg *x, uint32_t target);
/* Finds the target of another route by its print, or by the name that is shown (p != NULL). *ret_index is for
 * sl_detours_pin. SL_NO_TARGET: there is none. */
uint32_t sl_detours_find(const struct sl_xchg *x, uint64_t print, struct sl_str name, uint32_t *ret_index);

#endif
