/* SPDX-License-Identifier: Apache-2.0 */
/* The targets that cannot serve a call, and why: for the choice of another one, for the log, and for the client if no
 * target is left. */
#ifndef SL_GATE_UNFIT_H
#define SL_GATE_UNFIT_H

#include "llm/core/error.h"

struct sl_arena;
struct sl_tries;

struct sl_unfit {
    uint32_t n;                /* targets, at all routes */
    uint64_t *here;            /* a bit for each that is of the call's own route; NULL: none */
    struct sl_str text;        /* their names and reasons */
    struct sl_llm_error error; /* of the first; with all names and reasons, where these differ */
};

/* Adds a target by its name, also to the log's list. Texts are on the arena, or live as long. */
void sl_unfit_add(struct sl_unfit *unfit, struct sl_arena *arena, struct sl_tries *tries, struct sl_str name,
                  const struct sl_llm_error *error);
/* The target is one of the n_targets of the call's own route. */
void sl_unfit_add_here(struct sl_unfit *unfit, struct sl_arena *arena, uint32_t target, uint32_t n_targets);
bool sl_unfit_is_here(const struct sl_unfit *unfit, uint32_t target);

#endif
