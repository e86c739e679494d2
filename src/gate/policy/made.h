/* SPDX-License-Identifier: Apache-2.0 */
/* Which answer, by its id, was made by whose upstream, and for whom: so that it can be asked for again there, by who
 * got it and by nobody else. Bounded by number and by age; the oldest go first. Any thread. */
#ifndef SL_GATE_MADE_H
#define SL_GATE_MADE_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_made;

/* Longer ids are not noted. */
#define SL_MADE_ID_MAX 128
/* So long one is known. */
#define SL_MADE_USEC (24 * 3600000000ull)

/* Whose upstream it was. */
struct sl_made_by {
    struct sl_str route, target; /* target "": the route had one */
};

struct sl_made_record {
    struct sl_str id, principal;
    struct sl_made_by by;
    uint64_t end_wall_usec;
};

SL_MUST int sl_made_new(size_t max, struct sl_made **ret);
void sl_made_free(struct sl_made *made);
/* What is over it goes at the next one that is noted. */
void sl_made_set_max(struct sl_made *made, size_t max);
size_t sl_made_max(struct sl_made *made);
size_t sl_made_count(struct sl_made *made);

/* Notes one. Of an id that its upstream has given before, the new one holds; another upstream may have the same id for
 * an answer of its own, and takes nothing away. Without memory it is not noted. */
void sl_made_put(struct sl_made *made, struct sl_str id, const struct sl_made_by *by, struct sl_str principal,
                 uint64_t now_wall_usec);
/* The newest that is theirs. SL_E_NOTFOUND: there is none; SL_E_FOREIGN: there is one of somebody else, which nobody is
 * to be told. */
SL_MUST int sl_made_find(struct sl_made *made, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                         struct sl_arena *arena, struct sl_made_by *ret);

/* What was noted since the last walk; `all`: whatever there is. Under the lock: only copies. */
void sl_made_each(struct sl_made *made, bool all, void (*on_record)(void *arg, const struct sl_made_record *record),
                  void *arg);
/* From before a restart: in the order in which they were noted. */
void sl_made_restore(struct sl_made *made, const struct sl_made_record *record);

#endif
