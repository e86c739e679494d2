/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers, by its id, which upstream made each response, and for which principal: so a later call can find it there.
 * Only the principal who got it can. Number and age are bounded; the oldest are dropped first. Any thread. */
#ifndef SL_GATE_MADE_H
#define SL_GATE_MADE_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_made;

/* Responses with longer ids are not remembered. */
#define SL_MADE_ID_MAX 128
/* How long one is remembered. */
#define SL_MADE_USEC (24 * 3600000000ull)

/* The upstream that made it, and the caller. */
struct sl_made_by {
    struct sl_str route, target; /* `target` is "" when the route had only one */
};

struct sl_made_record {
    struct sl_str id, principal;
    struct sl_made_by by;
    uint64_t end_wall_usec;
};

SL_MUST int sl_made_new(size_t max, struct sl_made **ret);
void sl_made_free(struct sl_made *made);
/* When there are more, the oldest are dropped at the next sl_made_put. */
void sl_made_set_max(struct sl_made *made, size_t max);
size_t sl_made_max(struct sl_made *made);
size_t sl_made_count(struct sl_made *made);

/* Remembers a response. When its upstream has used the id before, the new record replaces the old one; another upstream
 * may have the same id for a response of its own, and both stay, up to 16 of one id. When there is no memory, nothing
 * is remembered. */
void sl_made_put(struct sl_made *made, struct sl_str id, const struct sl_made_by *by, struct sl_str principal,
                 uint64_t now_wall_usec);
/* The newest response with that id that the principal may read. SL_E_NOTFOUND: there is none. SL_E_FOREIGN: only other
 * principals have one; never tell this to a client. */
SL_MUST int sl_made_find(struct sl_made *made, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                         struct sl_arena *arena, struct sl_made_by *ret);

/* Visits the records that are new since the last walk, or with `all` every record. The lock is held: only copy. */
void sl_made_each(struct sl_made *made, bool all, void (*on_record)(void *arg, const struct sl_made_record *record),
                  void *arg);
/* Restores a record from before a restart; call this in the order in which they were made. */
void sl_made_restore(struct sl_made *made, const struct sl_made_record *record);

#endif
