/* SPDX-License-Identifier: Apache-2.0 */
/* Changes whose askers want to know that all nodes have them: what the nodes say of themselves is looked at until all
 * have said it, or the time is over. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/postgres/priv.h"

#define LOOK_USEC 25000

void sl_pg_wait_take(struct sl_pg *store, struct sl_store_job **list)
{
    uint64_t now = sl_clock_usec();
    for (struct sl_store_job **at = list; *at;) {
        struct sl_store_job *job = *at;
        if (!job->waits || job->r < 0 || !job->has_event) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        job->next = store->waiting;
        job->wait_until_usec = now + SL_STORE_WAIT_USEC;
        store->waiting = job;
        store->look_usec = now;
    }
}

static void note(struct sl_store_job *job, struct sl_str name)
{
    size_t n = job->pending ? strlen(job->pending) : 0;
    char *text = realloc(job->pending, n + name.n + 2);
    if (!text) {
        job->pends_on_any = true;
        return;
    }
    memcpy(text + n, name.p, name.n);
    memcpy(text + n + name.n, "\n", 2);
    job->pending = text;
}

static void notes_forget(struct sl_pg *store)
{
    for (struct sl_store_job *job = store->waiting; job; job = job->next) {
        free(job->pending);
        job->pending = NULL;
        job->pends_on_any = false;
    }
}

/* Other nodes that live and have not the last of these changes. */
static int others_look(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "SELECT name, change FROM sluice.nodes WHERE name <> ? AND change < ? AND seen_usec > " SL_PG_NOW
        " - " SL_PG_GONE " ORDER BY name",
        err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->node));
    sl_db_bind_int(stmt, 2, (int64_t)store->applied);
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        for (struct sl_store_job *job = store->waiting; job; job = job->next) {
            if ((uint64_t)sl_db_column_int(stmt, 1) < job->event.number) {
                note(job, sl_db_column_str(stmt, 0));
            }
        }
    }
    return r;
}

void sl_pg_wait_look(struct sl_pg *store, bool is_end)
{
    uint64_t now = sl_clock_usec();
    struct sl_err err = { 0 };
    if (!store->waiting || (now < store->look_usec && !is_end)) {
        return;
    }
    store->look_usec = now + LOOK_USEC;
    notes_forget(store);
    if (!store->conn.conn || store->conn.is_lost || others_look(store, &err) < 0) {
        notes_forget(store);
        for (struct sl_store_job *job = store->waiting; job; job = job->next) {
            job->pends_on_any = true;
        }
    }
    for (struct sl_store_job **at = &store->waiting; *at;) {
        struct sl_store_job *job = *at;
        bool pends = job->pending || job->pends_on_any;
        if (pends && now < job->wait_until_usec && !is_end) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        job->on_done(job); /* now it belongs to the asker */
    }
}
