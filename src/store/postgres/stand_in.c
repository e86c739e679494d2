/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a copy of what is in force in the data directory, and puts it in force when a start finds no database. */
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/postgres/priv.h"

/* A copy is written this long after the one before, at least, and takes the thread no more than a twentieth of its
 * time. */
#define KEEP_USEC    (5 * SL_USEC_PER_SEC)
#define KEEP_SHARE   20
#define CONFIRM_USEC (30 * SL_USEC_PER_SEC)

/* --- reading --- */

struct standing {
    const struct sl_store_cbs *cbs;
    bool is_loaded; /* the load is over, and changes follow */
};

static void on_kept(void *arg, const struct sl_store_event *event, bool is_later)
{
    struct standing *standing = arg;
    const struct sl_store_cbs *cbs = standing->cbs;
    if (!is_later) {
        cbs->on_load(cbs->events_arg, event);
        return;
    }
    if (!standing->is_loaded) {
        standing->is_loaded = true;
        cbs->on_load_end(cbs->events_arg, true);
    }
    cbs->on_events(cbs->events_arg, &event, 1);
}

/* A copy may be older than the last rotation of the key. */
static int either_read(struct sl_pg *store, uint64_t max_stale_usec, sl_keep_fn *on_event, void *arg,
                       struct sl_kept_at *ret, struct sl_err *err)
{
    int r = sl_keep_read(store->dir, &store->seal, max_stale_usec, on_event, arg, ret, err);
    return r == SL_E_KEY && store->other.is_set
               ? sl_keep_read(store->dir, &store->other, max_stale_usec, on_event, arg, ret, err)
               : r;
}

void sl_pg_stand_in(struct sl_pg *store)
{
    const struct sl_store_cbs *cbs = &store->cbs;
    struct standing standing = { .cbs = cbs };
    struct sl_kept_at at = { 0 };
    struct sl_err err = { 0 };
    if (!store->dir || !cbs->on_load || store->is_loaded) {
        return;
    }
    cbs->on_load_begin(cbs->events_arg);
    int r = either_read(store, store->max_stale_usec, on_kept, &standing, &at, &err);
    if (!standing.is_loaded) {
        cbs->on_load_end(cbs->events_arg, r == 0);
    }
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

/* --- writing --- */

static void notes_forget(struct sl_pg *store)
{
    sl_wipe(store->unkept.p, store->unkept.cap);
    sl_buf_done(&store->unkept);
    sl_buf_init(&store->unkept, SL_PG_NOTED_MAX);
}

void sl_pg_note(struct sl_pg *store, const struct sl_store_event *event)
{
    if (store->dir) {
        sl_keep_note(&store->unkept, event);
    }
}

static void failure_tell(const struct sl_err *err)
{
    sl_log(SL_LOG_WARNING, "store", "no copy could be kept for a start without the database: %s", err->text);
}

/* A copy that is whole is there now. */
static void kept_set(struct sl_pg *store, uint64_t number)
{
    store->kept = number;
    store->has_kept = true;
    notes_forget(store);
}

struct loading {
    const struct sl_store_cbs *cbs;
    struct sl_keep *keep;
};

static void on_load(void *arg, const struct sl_store_event *event)
{
    struct loading *loading = arg;
    loading->cbs->on_load(loading->cbs->events_arg, event);
    if (loading->keep) {
        sl_keep_add(loading->keep, event);
    }
}

int sl_pg_load_kept(struct sl_pg *store, struct sl_kept_at at, struct sl_err *err)
{
    const struct sl_store_cbs *cbs = &store->cbs;
    struct sl_bad_rows bad = { .on_bad = sl_bad_row_tell };
    struct loading loading = { .cbs = cbs };
    struct sl_err why = { 0 };
    int kept = store->dir ? sl_keep_begin(store->dir, &store->seal, at, &loading.keep, &why) : 0;
    cbs->on_load_begin(cbs->events_arg);
    int r = sl_store_load_rows(&store->conn.base, on_load, &loading, &bad, err);
    cbs->on_load_end(cbs->events_arg, r == 0);
    if (loading.keep) {
        kept = sl_keep_end(loading.keep, r == 0, &why);
    }
    if (r == 0) {
        kept_set(store, at.number);
        store->has_kept = store->dir && kept == 0;
        store->keep_usec = sl_clock_usec() + KEEP_USEC;
    }
    if (r == 0 && kept < 0) {
        failure_tell(&why);
    }
    return r;
}

static void on_bad(void *arg, const char *what, struct sl_str name, const char *why)
{
    (void)arg; /* the load has told the operator */
    (void)what;
    (void)name;
    (void)why;
}

/* From the database. */
static int copy_write(struct sl_pg *store, uint64_t *ret_number, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_bad_rows bad = { .on_bad = on_bad };
    struct sl_keep *keep = NULL;
    struct sl_kept_at at = { 0 };
    int r = sl_pg_begin_read(store, err);
    r = r < 0 ? r : sl_pg_last_change(&store->conn, &at.number, &at.token, err);
    r = r < 0 ? r : sl_keep_begin(store->dir, &store->seal, at, &keep, err);
    if (r == 0) {
        r = sl_store_load_rows(db, sl_keep_add, keep, &bad, err);
        int end = sl_keep_end(keep, r == 0, err);
        r = r < 0 ? r : end;
    }
    sl_pg_rollback(&store->conn);
    *ret_number = at.number;
    return r;
}

/* From the last copy and what was noted since. */
static int copy_extend(struct sl_pg *store, struct sl_err *err)
{
    struct sl_keep *keep = NULL;
    struct sl_kept_at before, at = { store->applied, store->token };
    if (sl_buf_status(&store->unkept) < 0) {
        return sl_fail(err, SL_E_LIMIT, "too many changes since the last copy");
    }
    int r = sl_keep_begin(store->dir, &store->seal, at, &keep, err);
    if (r < 0) {
        return r;
    }
    r = either_read(store, 0, sl_keep_again, keep, &before, err);
    if (r == 0) {
        sl_keep_add_noted(keep, sl_buf_str(&store->unkept));
    }
    int end = sl_keep_end(keep, r == 0, err);
    if (r == 0 && end == 0) {
        sl_keep_confirm(store->dir, store->known_usec);
    }
    return r < 0 ? r : end;
}

void sl_pg_keep(struct sl_pg *store, bool is_last)
{
    struct sl_err err = { 0 };
    uint64_t now = sl_clock_usec(), number = store->applied;
    bool can_read = store->conn.conn && !store->conn.is_lost && !store->base.is_failing;
    if (!store->dir || !store->is_loaded || (!can_read && !store->has_kept)) {
        return;
    }
    if (store->has_kept && store->kept == store->applied) {
        if (can_read && now >= store->confirm_usec) {
            sl_keep_confirm(store->dir, store->known_usec);
            store->confirm_usec = now + CONFIRM_USEC;
        }
        return;
    }
    if (!is_last && now < store->keep_usec) {
        return;
    }
    int r = can_read ? copy_write(store, &number, &err) : SL_E_IO;
    if (r < 0 && store->has_kept) {
        number = store->applied;
        r = copy_extend(store, &err);
    }
    uint64_t took = sl_clock_usec() - now;
    store->keep_usec = now + SL_MAX(took * KEEP_SHARE, KEEP_USEC);
    if (r == 0) {
        kept_set(store, number);
    } else {
        failure_tell(&err);
    }
}
