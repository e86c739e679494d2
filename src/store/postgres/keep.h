/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of what is in force, sealed under the secret key in the data directory: with it a node starts while the
 * database is away. */
#ifndef SL_STORE_POSTGRES_KEEP_H
#define SL_STORE_POSTGRES_KEEP_H

#include "store/sql/rows.h"

/* Where in the change log a copy stands. */
struct sl_kept_at {
    uint64_t number;
    int64_t token;
};

struct sl_keep; /* a copy that is being written */

/* `is_later`: a change that was made after the load. */
typedef void sl_keep_fn(void *arg, const struct sl_store_event *event, bool is_later);

/* Begins a new copy in the directory; `seal` stays the caller's. */
SL_MUST int sl_keep_begin(const char *dir, const struct sl_seal *seal, struct sl_kept_at at, struct sl_keep **ret,
                          struct sl_err *err);
/* Adds an event of a load; a failure shows at the end. */
void sl_keep_add(void *keep, const struct sl_store_event *event);
/* Adds an event of another copy. */
sl_keep_fn sl_keep_again;
/* Notes a change that a copy will need; it has secrets in it. */
void sl_keep_note(struct sl_buf *noted, const struct sl_store_event *event);
/* Adds the changes that were noted after what the copy has. */
void sl_keep_add_noted(struct sl_keep *keep, struct sl_str noted);
/* Replaces the old copy by this one, if it `is_whole`. Frees it either way. */
SL_MUST int sl_keep_end(struct sl_keep *keep, bool is_whole, struct sl_err *err);
/* The copy is as new as the database was then. Without one it does nothing. */
void sl_keep_confirm(const char *dir, uint64_t wall_usec);

/* Reports a copy that was confirmed within `max_stale_usec` (0: whenever): a load, then the later changes.
 * SL_E_NOTFOUND: there is none; SL_E_STALE: it is too old; SL_E_KEY, SL_E_DAMAGED, SL_E_IO. Nothing is reported before
 * the whole copy was found to be sound. */
SL_MUST int sl_keep_read(const char *dir, const struct sl_seal *seal, uint64_t max_stale_usec, sl_keep_fn *on_event,
                         void *arg, struct sl_kept_at *ret, struct sl_err *err);

#endif
