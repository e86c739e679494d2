/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger: sums of calls by route, target, group, key, principal, model and time. Each worker has a tally; the
 * store's thread takes all of them twice a second and writes them in one transaction with a mark. Without a store, or
 * while it fails, the sums stay here, in a sheet of bounded size.
 *
 *   worker: tally ──> open sheet ──> frozen sheet and its mark ──> one transaction ──> usage in the store
 *
 * A frozen sheet does not change until its mark was seen in the store, so that a transaction whose end nobody knows
 * counts once. With a store that may be away, the sheets are in a file, too (usage_file.h). */
#ifndef SL_GATE_LEDGER_H
#define SL_GATE_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

struct sl_ledger;
struct sl_sheet;
struct sl_store;
struct sl_tally;
struct sl_usage_query;

/* The most rows in memory before they are squeezed together (sheet.h). */
#define SL_LEDGER_ROWS_MAX 32768

SL_MUST int sl_ledger_new(struct sl_ledger **ret);
/* Frees the tallies, too. Accepts NULL. */
void sl_ledger_free(struct sl_ledger *ledger);
/* Keeps what the store has not in a file of the directory, and takes up what a process before this one left there.
 * `node` is its name in the store. Call it before the first tick. Without the file serving goes on. */
void sl_ledger_keep(struct sl_ledger *ledger, const char *dir, const char *node);
/* True: such a file has what waits. */
bool sl_ledger_is_kept(const struct sl_ledger *ledger);
/* A tally for one more worker. */
SL_MUST int sl_ledger_join(struct sl_ledger *ledger, struct sl_tally **ret);

/* For on_tick of struct sl_store_cbs. After a failure the next tick writes the same again, and the one after it the
 * rest. */
SL_MUST int sl_ledger_tick(struct sl_ledger *ledger, struct sl_store *store, bool was_lost, struct sl_err *err);
/* Takes the tallies when nothing can be written. Call it about twice a second, on any thread but a worker's. */
void sl_ledger_hold(struct sl_ledger *ledger);
/* What the query asks for, up to this moment. It takes long: never on a loop's thread. `store` NULL: there is none.
 * SL_E_LIMIT, SL_E_IO. */
SL_MUST int sl_ledger_ask(struct sl_ledger *ledger, struct sl_store *store, const struct sl_usage_query *query,
                          struct sl_sheet *ret, struct sl_err *err);

struct sl_ledger_look {
    uint64_t n_waiting; /* calls that only this memory knows */
    uint64_t n_other;   /* counted under SL_USAGE_OTHER in place of their own principal */
    uint64_t n_lost;    /* counted nowhere, because there was no memory */
};
/* Any thread. */
void sl_ledger_look(const struct sl_ledger *ledger, struct sl_ledger_look *ret);

#endif
