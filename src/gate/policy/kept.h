/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gateway keeps itself, for providers that keep none: each whole, with the conversation that it ends.
 * Bounded by the time and the bytes that its route allows, and by half of the memory of all; the oldest go first. Any
 * thread. */
#ifndef SL_GATE_KEPT_H
#define SL_GATE_KEPT_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_budget;
struct sl_kept;

struct sl_kept_answer {
    struct sl_str id, route, principal;
    struct sl_str answer; /* JSON, as the client got it */
    struct sl_str items;  /* of the conversation, the answer's own at the end: the inside of a list */
    size_t n_asked;       /* bytes of them that came before the answer's own */
};

/* `memory` outlives it. */
SL_MUST int sl_kept_new(struct sl_budget *memory, struct sl_kept **ret);
void sl_kept_free(struct sl_kept *kept);
/* For so long, and so many bytes of this route together. What finds no room is not kept. */
void sl_kept_put(struct sl_kept *kept, const struct sl_kept_answer *answer, uint64_t end_wall_usec, size_t max_bytes,
                 uint64_t now_wall_usec);
/* Copies on the arena. SL_E_NOTFOUND: there is none, or it is somebody else's; SL_E_NOMEM. */
SL_MUST int sl_kept_find(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                         struct sl_arena *arena, struct sl_kept_answer *ret);
/* SL_E_NOTFOUND, as above. */
SL_MUST int sl_kept_drop(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec);
/* All bytes. */
size_t sl_kept_bytes(struct sl_kept *kept);

#endif
