/* SPDX-License-Identifier: Apache-2.0 */
/* A call's way on to other routes (`fallback.routes`), when the targets of its own are used up. The call stays one of
 * the route that was called: its rights, its limits, its time. Another route's own limits hold besides. */
#ifndef SL_GATE_DETOUR_H
#define SL_GATE_DETOUR_H

#include "gate/config/beyond.h"

struct sl_metric_labels;
struct sl_target;
struct sl_traffic;
struct sl_xchg;

struct sl_detours {
    struct sl_beyond to;                    /* held */
    struct sl_traffic *made[SL_BEYOND_MAX]; /* of those that have one target, for this call */
    uint32_t next, end;                     /* those that may be entered yet */
    /* measure's: the labels of the target that is asked there */
    const struct sl_target *labelled;
    const struct sl_metric_labels *labels;
};

/* On the exchange's arena; its route has traffic. SL_E_NOMEM. */
SL_MUST int sl_detours_make(struct sl_xchg *x);
void sl_detours_done(struct sl_xchg *x);
/* Is there one that would take the call? */
bool sl_detours_left(const struct sl_xchg *x);
/* The next one is where targets are asked from now on (`x->at`). False: there is none. */
SL_MUST bool sl_detours_enter(struct sl_xchg *x);
/* There is a place for the call at `x->at`: that route's limits count it. False: they are reached. */
SL_MUST bool sl_detours_count(const struct sl_xchg *x);
/* Only that one may be entered; SL_NO_TARGET: none. */
void sl_detours_pin(struct sl_xchg *x, uint32_t index);

/* Is it at another route than the one that was called? */
bool sl_detour_is_on(const struct sl_xchg *x);
/* The name of a target of `x->at`, as it is told: `other/model` at another route. */
struct sl_str sl_detour_name(const struct sl_xchg *x, uint32_t target);
struct sl_str sl_detours_name(const struct sl_xchg *x, uint32_t index, uint32_t target);
/* How an attempt at it begins in the log. */
struct sl_str sl_detour_told(const struct sl_xchg *x, uint32_t target, struct sl_str name);
/* Its print, by which a conversation finds it again. */
uint64_t sl_detour_print(const struct sl_xchg *x, uint32_t target);
/* The target of another route with that print, or that is told under that name (p != NULL). *ret_index is for
 * pin. SL_NO_TARGET: it is none. */
uint32_t sl_detours_find(const struct sl_xchg *x, uint64_t print, struct sl_str name, uint32_t *ret_index);

#endif
