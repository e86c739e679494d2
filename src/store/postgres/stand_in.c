/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a copy of what is in force in the data directory, and puts it in force when a start finds no database. */
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/postgres/keep.h"
#include "store/postgres/priv.h"

/* A copy is written this long after the one before, at least, and takes the thread no more than a twentieth of its
 * time. */
#define KEEP_USEC    (5 * SL_USEC_PER_SEC)
#define KEEP_SHARE   20
#define CONFIRM_USEC (30 * SL_USEC_PER_SEC)

void sl_pg_stand_in(struct sl_pg *store)
{
    const struct sl_store_cbs *cbs = &store->cbs;
    struct sl_kept_at at = { 0 };
    struct sl_err err = { 0 };
    if (!store->dir || !cbs->on_load || store->is_loaded) {
        return;
    }
    cbs->on_load_begin(cbs->events_arg);
    int r = sl_keep_read(store->dir, &store->seal, store->max_stale_usec, cbs->on_load, cbs->events_arg, &at, &err);
    cbs->on_load_end(cbs->events_arg, r == 0);
    if (r < 0) {
        sl_log(r == SL_E_NOTFOUND ? SL_LOG_INFO : SL_LOG_ERROR, "store", "no kept copy stands in: %s", err.text);
        return;
    }
    sl_log(SL_LOG_WARNING, "store", "the copy in %s stands in for the database: it has all changes up to number %llu",
           store->dir, (unsigned long long)at.number);
    store->applied = store->kept = at.number;
    store->token = at.token;
    store->is_loaded = store->has_kept = true;
    atomic_store(&store->base.change, at.number);
    atomic_store_explicit(&store->base.was_read, true, memory_order_release);
}

static void on_bad(void *arg, const char *what, struct sl_str name, const char *why)
{
    (void)arg; /* the load has told the operator */
    (void)what;
    (void)name;
    (void)why;
}

/* In a transaction that sees one moment. */
static int copy_write(struct sl_pg *store, uint64_t *ret_number, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_bad_rows bad = { .on_bad = on_bad };
    struct sl_keep *keep = NULL;
    struct sl_kept_at at = { 0 };
    int r = sl_pg_last_change(&store->conn, &at.number, &at.token, err);
    r = r < 0 ? r : sl_keep_begin(store->dir, &store->seal, at, &keep, err);
    if (r < 0) {
        return r;
    }
    r = sl_store_load_rows(db, sl_keep_add, keep, &bad, err);
    int end = sl_keep_end(keep, r == 0, err);
    *ret_number = at.number;
    return r < 0 ? r : end;
}

void sl_pg_keep(struct sl_pg *store, bool is_last)
{
    struct sl_err err = { 0 };
    uint64_t now = sl_clock_usec(), number = 0;
    if (!store->dir || !store->is_loaded || !store->conn.conn || store->conn.is_lost || store->base.is_failing) {
        return;
    }
    if (store->has_kept && store->kept == store->applied) {
        if (now >= store->confirm_usec) {
            sl_keep_confirm(store->dir);
            store->confirm_usec = now + CONFIRM_USEC;
        }
        return;
    }
    if (!is_last && now < store->keep_usec) {
        return;
    }
    int r = sl_pg_script(&store->conn, SL_PG_BEGIN_READ, &err);
    r = r < 0 ? r : copy_write(store, &number, &err);
    sl_pg_rollback(&store->conn);
    uint64_t took = sl_clock_usec() - now;
    store->keep_usec = now + SL_MAX(took * KEEP_SHARE, KEEP_USEC);
    store->kept = number;
    store->has_kept = r == 0;
    if (r < 0) {
        sl_log(SL_LOG_WARNING, "store", "no copy could be kept for a start without the database: %s", err.text);
    }
}
