/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gateway itself keeps, for providers that keep none. Each is a whole answer with its conversation.
 * The route's time and bytes bound them, and so does half of the memory for all routes together; the oldest are dropped
 * first. Any thread. */
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
    struct sl_str items;  /* the items of the conversation, the answer's own at the end, as the inside of a JSON list */
    size_t n_asked;       /* how many bytes of `items` come before the answer's own */
};

/* `memory` must outlive it. */
SL_MUST int sl_kept_new(struct sl_budget *memory, struct sl_kept **ret);
void sl_kept_free(struct sl_kept *kept);
/* Keeps an answer until `end`; all answers of its route may have `max_bytes`. An answer that does not fit is not
 * kept. */
void sl_kept_put(struct sl_kept *kept, const struct sl_kept_answer *answer, uint64_t end_wall_usec, size_t max_bytes,
                 uint64_t now_wall_usec);
/* Copies the answer to the arena. SL_E_NOTFOUND: there is none, or it belongs to another principal; SL_E_NOMEM. */
SL_MUST int sl_kept_find(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                         struct sl_arena *arena, struct sl_kept_answer *ret);
/* SL_E_NOTFOUND, as above. */
SL_MUST int sl_kept_drop(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec);
/* The bytes of all kept answers. */
size_t sl_kept_bytes(struct sl_kept *kept);

#endif
