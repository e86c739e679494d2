/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns the connection:
 *
 *   submit ──> queue ──> BEGIN, lock the change number ─ a savepoint for each job ─ COMMIT ──> events ──> answers
 *   NOTIFY of another node, or a second is over ──> what is new in the change log ──> events
 *
 * While the database is away, what was read stays in force, and jobs are answered with SL_E_IO. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/random.h"
#include "store/dir.h"
#include "store/postgres/priv.h"
#include "store/sql/batch.h"

#define TICK_USEC   (SL_USEC_PER_SEC / 2)
#define POLL_USEC   SL_USEC_PER_SEC
#define RETRY_USEC  SL_USEC_PER_SEC
#define LISTEN_USEC (5 * SL_USEC_PER_SEC)
/* How often a transaction is run again that another one overtook. */
#define ATTEMPTS   3
#define AGAIN_USEC 50000

/* --- opening --- */

void sl_pg_mark_name(const char *node, char *out, size_t cap)
{
    snprintf(out, cap, "usage_mark:%s", node);
}

static int own_rows_make(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(
        db, "INSERT INTO sluice.meta (key, value) VALUES (?, 0) ON CONFLICT (key) DO NOTHING", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->mark));
    return sl_db_run(db, stmt, err);
}

/* Behind a pooler the session is not ours, and notifications come to nobody. */
static int listen_here(struct sl_pg *store, struct sl_err *err)
{
    bool is_pooled = false;
    store->hears = false;
    int r = store->notify_url ? 0 : sl_pg_is_pooled(&store->conn, &is_pooled, err);
    if (r == 0 && !store->notify_url && !is_pooled) {
        r = sl_pg_script(&store->conn, "LISTEN sluice", err);
        store->hears = r == 0;
    }
    return r;
}

/* SL_E_IO may pass by itself; a person must repair the rest. */
static int conn_open(struct sl_pg *store, struct sl_err *err)
{
    int r = sl_pg_open(&store->conn, store->url, err);
    store->conn.base.seal = &store->seal;
    store->conn.base.describe = store->cbs.describe;
    store->conn.base.node = store->node;
    store->conn.base.mark = store->mark;
    store->conn.base.name = "the database";
    r = r < 0 ? r : sl_pg_migrate(&store->conn, err);
    r = r < 0 ? r : sl_pg_keys_settle(store, err);
    r = r < 0 ? r : sl_pg_key_check(&store->conn, &store->seal, err);
    r = r < 0 ? r : sl_pg_node_say(store, err);
    r = r < 0 ? r : own_rows_make(store, err);
    r = r < 0 ? r : listen_here(store, err);
    if (r < 0) {
        sl_pg_close(&store->conn);
    }
    return r;
}

/* Accepts NULL. */
static void url_free(char *url)
{
    if (url) {
        sl_wipe(url, strlen(url));
        free(url);
    }
}

static void store_free(struct sl_pg *store)
{
    sl_pg_close(&store->conn);
    sl_pg_close(&store->listen);
    sl_seal_done(&store->seal);
    sl_seal_done(&store->other);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    if (store->wake_fd >= 0) {
        close(store->wake_fd);
    }
    sl_jobs_done(&store->jobs);
    sl_wipe(store->unkept.p, store->unkept.cap);
    sl_buf_done(&store->unkept);
    sl_pg_usage_done_rows(store);
    url_free(store->url);
    url_free(store->notify_url);
    free(store->dir);
    free(store->node);
    free(store);
}

static int names_copy(struct sl_pg *store, const struct sl_store_conf *conf, struct sl_err *err)
{
    store->url = strdup(conf->url);
    store->notify_url = conf->notify_url ? strdup(conf->notify_url) : NULL;
    store->node = strdup(conf->node);
    store->dir = conf->dir ? strdup(conf->dir) : NULL;
    store->max_stale_usec = conf->max_stale_usec;
    store->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!store->url || !store->node || (conf->dir && !store->dir) || (conf->notify_url && !store->notify_url)) {
        return sl_fail_nomem(err);
    }
    sl_random_bytes(&store->instance, sizeof(store->instance));
    sl_pg_mark_name(store->node, store->mark, sizeof(store->mark));
    return store->wake_fd < 0 ? sl_fail(err, SL_E_IO, "cannot make an event: %s", strerror(errno)) : 0;
}

static int dir_take(struct sl_pg *store, const char *dir, struct sl_err *err)
{
    int r = dir ? sl_dir_make(dir, err) : 0;
    return r < 0 || !dir ? r : sl_dir_lock(dir, &store->lock_fd, err);
}

static int pg_open(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err)
{
    struct sl_pg *store = calloc(1, sizeof(*store));
    if (!store) {
        return sl_fail_nomem(err);
    }
    store->base.ops = &sl_store_postgres;
    store->base.sql = &store->conn.base;
    store->cbs = conf->cbs;
    store->lock_fd = store->wake_fd = -1;
    sl_jobs_init(&store->jobs);
    sl_buf_init(&store->unkept, SL_PG_NOTED_MAX);
    sl_pg_usage_init_rows(store);
    int r = names_copy(store, conf, err);
    r = r < 0 ? r : dir_take(store, conf->dir, err);
    r = r < 0 ? r : sl_pg_keys_take(store, err);
    if (r == 0) {
        r = conn_open(store, err);
        *ret_is_ok = r == 0;
        if (r == SL_E_IO || r == SL_E_EXISTS) {
            store->broken = *err;
            store->base.is_failing = true;
            store->retry_usec = sl_clock_usec() + RETRY_USEC;
            r = 0;
        }
    }
    if (r < 0) {
        store_free(store);
        return r;
    }
    *ret = &store->base;
    return 0;
}

static int pg_load(struct sl_store *base, struct sl_err *err)
{
    struct sl_pg *store = sl_pg_of(base);
    if (!store->conn.conn) {
        sl_pg_stand_in(store);
        return 0;
    }
    int r = sl_pg_catch_up(store, err);
    if (r < 0 && r != SL_E_KEY) { /* the thread opens it again, and loads then */
        sl_pg_stand_in(store);
        store->broken = *err;
        store->base.is_failing = true;
        store->retry_usec = sl_clock_usec() + RETRY_USEC;
        sl_pg_close(&store->conn);
    }
    return r;
}

/* --- the thread --- */

/* Nodes that lost the same database come back one after the other. */
static uint64_t retry_at(uint64_t usec)
{
    uint32_t random;
    sl_random_bytes(&random, sizeof(random));
    return sl_clock_usec() + usec + random % (usec / 4);
}

static void works(struct sl_pg *store)
{
    if (store->base.is_failing) {
        sl_log(SL_LOG_INFO, "store", "the database at %s works again", store->conn.host);
    }
    store->base.is_failing = false;
}

static void broken(struct sl_pg *store, const struct sl_err *err)
{
    if (!store->base.is_failing) {
        sl_log(SL_LOG_ERROR, "store",
               "%s. Until it works again calls that change routes, limits or keys are answered with 503%s", err->text,
               store->base.was_read
                   ? ", and usage waits in memory; serving goes on with what is known; /ready says so, "
                     "with 200"
                   : ", what it may hold is answered with 503, and so is /ready");
    }
    store->base.is_failing = true;
    store->broken = *err;
    if (store->conn.is_lost) {
        store->retry_usec = retry_at(RETRY_USEC);
        sl_pg_close(&store->conn);
    }
}

/* Opens again after a failure, and brings into force what was missed. */
static bool conn_ready(struct sl_pg *store)
{
    if (store->conn.conn && store->conn.is_lost) {
        sl_pg_close(&store->conn);
    }
    if (store->conn.conn || sl_clock_usec() < store->retry_usec) {
        return store->conn.conn;
    }
    struct sl_err err = { 0 };
    int r = conn_open(store, &err);
    r = r < 0 ? r : sl_pg_catch_up(store, &err);
    if (r < 0) {
        store->conn.is_lost = true;
        broken(store, &err);
        return false;
    }
    return true;
}

/* One attempt. <0: none of the writes is in the database, or nobody knows (*ret_is_unknown). *ret_may_again: another
 * transaction was in the way. */
static int batch_try(struct sl_pg *store, struct sl_store_job *jobs, bool *ret_is_unknown, bool *ret_may_again,
                     struct sl_err *err)
{
    struct sl_pg_conn *conn = &store->conn;
    int64_t token = 0;
    *ret_is_unknown = false;
    int r = sl_pg_script(conn, SL_PG_BEGIN, err);
    r = r < 0 ? r : sl_pg_changes_begin(store, err);
    r = r < 0 ? r : sl_sql_batch_run(&conn->base, jobs, err);
    r = r < 0 ? r : sl_pg_changes_write(store, jobs, &token, err);
    if (r == 0) {
        r = sl_pg_script(conn, "COMMIT", err);
        *ret_is_unknown = r < 0 && conn->is_lost;
    }
    *ret_may_again = r < 0 && conn->may_again; /* the rollback has an outcome of its own */
    sl_pg_rotate_end(store, r == 0);
    if (r == 0) {
        store->applied = conn->base.change;
        store->token = token;
        atomic_store(&store->base.change, store->applied);
    } else {
        sl_pg_rollback(conn);
    }
    return r < 0 ? SL_E_IO : 0;
}

static int batch_write(struct sl_pg *store, struct sl_store_job *jobs, struct sl_err *err)
{
    bool is_unknown = false, may_again = true;
    int r = SL_E_IO;
    for (int i = 0; i < ATTEMPTS && r < 0 && may_again; i++) {
        if (i > 0) {
            usleep(AGAIN_USEC); /* else it takes the lock again before the other one wakes up */
        }
        r = batch_try(store, jobs, &is_unknown, &may_again, err);
    }
    if (r < 0 && is_unknown) {
        struct sl_err cause = *err;
        sl_fail(err, r, "%.*s; the change may have been made all the same: look before you make it again",
                (int)(sizeof(cause.text) - 100), cause.text);
    }
    return r;
}

static void batch_read(struct sl_pg *store, struct sl_store_job *jobs)
{
    struct sl_err err = { 0 };
    if (!store->conn.conn || sl_pg_begin_read(store, &err) < 0) {
        struct sl_err *why = err.code ? &err : &store->broken;
        for (struct sl_store_job *job = jobs; job; job = job->next) {
            job->r = job->is_write ? job->r : sl_fail(&job->err, SL_E_IO, "%s", why->text);
        }
        if (err.code) {
            broken(store, &err);
        }
        return;
    }
    for (struct sl_store_job *job = jobs; job; job = job->next) {
        if (!job->is_write) {
            sl_sql_job_run(&store->conn.base, job);
            err = job->r == SL_E_IO ? job->err : err;
        }
    }
    sl_pg_rollback(&store->conn);
    if (err.code) {
        broken(store, &err);
    }
}

static void wake(struct sl_pg *store)
{
    const uint64_t one = 1;
    SL_IGNORE(write(store->wake_fd, &one, sizeof(one)) < 0);
}

static void changes_note(struct sl_pg *store, const struct sl_store_job *jobs)
{
    store->known_usec = sl_clock_wall_usec();
    for (const struct sl_store_job *job = jobs; job; job = job->next) {
        if (job->is_write && job->r == 0 && job->has_event) {
            sl_pg_note(store, &job->event);
        }
    }
}

static void batch_run(struct sl_pg *store, struct sl_store_job *jobs)
{
    struct sl_err err = { 0 };
    uint32_t n = 0, n_writes = sl_jobs_count_writes(jobs);
    for (const struct sl_store_job *job = jobs; job; job = job->next) {
        n++;
    }
    if (!conn_ready(store)) {
        sl_jobs_fail(jobs, false, &store->broken);
    } else {
        if (n_writes && batch_write(store, jobs, &err) < 0) {
            sl_jobs_fail(jobs, true, &err);
            broken(store, &err);
        } else if (n_writes) {
            works(store);
            sl_jobs_report(jobs, &store->cbs);
            changes_note(store, jobs);
        }
        if (n > n_writes) {
            batch_read(store, jobs);
        }
    }
    sl_pg_wait_take(store, &jobs);
    if (sl_jobs_answer(&store->jobs, jobs)) {
        wake(store);
    }
}

static void listener_ready(struct sl_pg *store)
{
    uint64_t now = sl_clock_usec();
    struct sl_err err = { 0 };
    if (store->listen.conn && store->listen.is_lost) {
        sl_pg_close(&store->listen);
    }
    if (!store->notify_url || store->listen.conn || now < store->listen_retry_usec) {
        return;
    }
    int r = sl_pg_open(&store->listen, store->notify_url, &err);
    r = r < 0 ? r : sl_pg_script(&store->listen, "LISTEN sluice", &err);
    if (r < 0) {
        sl_pg_close(&store->listen);
        store->listen_retry_usec = retry_at(LISTEN_USEC);
        if (!store->was_deaf) {
            sl_log(SL_LOG_WARNING, "store",
                   "store.notify_url: %s. Changes of other nodes are seen once a second until it works", err.text);
        }
    }
    store->was_deaf = r < 0;
}

/* Looks for changes of other nodes, when a notification came or a second is over. */
static void changes_look(struct sl_pg *store)
{
    struct sl_err err = { 0 };
    listener_ready(store);
    bool is_told = sl_pg_was_notified(&store->conn);
    is_told = sl_pg_was_notified(&store->listen) || is_told; /* both are read */
    if (!is_told && sl_clock_usec() < store->poll_usec) {
        return;
    }
    if (conn_ready(store) && sl_pg_catch_up(store, &err) < 0) {
        broken(store, &err);
    }
    store->poll_usec = sl_clock_usec() + POLL_USEC;
    sl_pg_keep(store, false);
}

/* Tells other nodes how far this one is, and looks how far they are. */
static void nodes_look(struct sl_pg *store)
{
    struct sl_err err = { 0 };
    if (store->conn.conn && !store->conn.is_lost && sl_clock_usec() >= sl_pg_node_due(store)) {
        int r = sl_pg_node_say(store, &err);
        store->conn.is_lost |= r == SL_E_BUSY; /* until the name is free */
        if (r < 0) {
            broken(store, &err);
        }
    }
    sl_pg_wait_look(store, false);
}

static int tick_write(struct sl_pg *store, struct sl_err *err)
{
    int r = store->cbs.on_tick(store->cbs.tick_arg, &store->base, store->was_tick_lost, err);
    if (r == 0 && store->base.is_failing) {
        /* whether writing works again */
        r = sl_pg_tick_begin(store, err);
        r = r < 0 ? r : sl_db_exec(&store->conn.base, "UPDATE meta SET value = value + 1 WHERE key = 'tick'", err);
    }
    return r < 0 ? r : sl_pg_tick_end(store, err);
}

static void tick(struct sl_pg *store, bool is_last)
{
    uint64_t now = sl_clock_usec();
    struct sl_err err = { 0 };
    if (!store->cbs.on_tick || (!is_last && now < store->tick_usec && !store->conn.base.is_tick_due)) {
        return;
    }
    store->conn.base.is_tick_due = false;
    store->tick_usec = now + TICK_USEC;
    store->n_ticks++;
    if (!conn_ready(store)) {
        if (store->cbs.on_wait) {
            store->cbs.on_wait(store->cbs.tick_arg);
        }
        return;
    }
    bool was_failing = store->base.is_failing;
    int r = tick_write(store, &err);
    bool may_again = r < 0 && store->conn.may_again; /* the rollback has an outcome of its own */
    store->was_tick_lost = r < 0;
    if (r < 0) {
        store->in_tick = false;
        sl_pg_rollback(&store->conn);
    }
    if (may_again) {
        store->tick_usec = now;
    } else if (r < 0) {
        broken(store, &err);
    } else if (was_failing) {
        works(store);
    }
}

static struct sl_store_job *batch_take(struct sl_pg *store, bool *ret_is_over)
{
    uint64_t told;
    SL_IGNORE(read(store->wake_fd, &told, sizeof(told)) < 0);
    pthread_mutex_lock(&store->jobs.lock);
    struct sl_store_job *jobs = sl_jobs_take(&store->jobs);
    *ret_is_over = store->jobs.is_closing && !jobs;
    pthread_mutex_unlock(&store->jobs.lock);
    return jobs;
}

/* Until a job comes, a notification, or the time of what is due next. */
static void wait_next(struct sl_pg *store)
{
    struct pollfd fds[3] = { { .fd = store->wake_fd, .events = POLLIN } };
    nfds_t n = 1;
    struct sl_pg_conn *const conns[] = { store->hears ? &store->conn : NULL, &store->listen };
    for (size_t i = 0; i < SL_ARRAY_LEN(conns); i++) {
        if (conns[i] && conns[i]->conn && !conns[i]->is_lost) {
            fds[n++] = (struct pollfd){ .fd = conns[i]->pq->PQsocket(conns[i]->conn), .events = POLLIN };
        }
    }
    uint64_t now = sl_clock_usec(), due = SL_MIN(store->tick_usec, store->poll_usec);
    due = store->conn.conn && !store->conn.is_lost ? SL_MIN(due, sl_pg_node_due(store)) : due;
    due = store->waiting ? SL_MIN(due, store->look_usec) : due;
    SL_IGNORE(poll(fds, n, now < due ? (int)((due - now + 999) / 1000) : 0) < 0);
}

static void *thread_main(void *arg)
{
    struct sl_pg *store = arg;
    for (bool is_over = false; !is_over;) {
        wait_next(store);
        struct sl_store_job *jobs = batch_take(store, &is_over);
        if (jobs) {
            batch_run(store, jobs);
        }
        changes_look(store);
        nodes_look(store);
        tick(store, is_over);
    }
    sl_pg_wait_look(store, true);
    tick(store, true); /* the last one may have left something for the next */
    sl_pg_keep(store, true);
    sl_pg_node_leave(store);
    return NULL;
}

static int pg_start(struct sl_store *base, struct sl_err *err)
{
    struct sl_pg *store = sl_pg_of(base);
    store->tick_usec = store->poll_usec = sl_clock_usec() + TICK_USEC;
    if (pthread_create(&store->thread, NULL, thread_main, store) != 0) {
        return sl_fail(err, SL_E_NOMEM, "cannot start the store's thread");
    }
    store->is_started = true;
    return 0;
}

static void pg_close(struct sl_store *base)
{
    struct sl_pg *store = sl_pg_of(base);
    if (store->is_started) {
        pthread_mutex_lock(&store->jobs.lock);
        store->jobs.is_closing = true;
        pthread_mutex_unlock(&store->jobs.lock);
        wake(store);
        pthread_join(store->thread, NULL);
    }
    store_free(store);
}

static int pg_submit(struct sl_store *base, struct sl_store_job *job)
{
    struct sl_pg *store = sl_pg_of(base);
    bool is_needed = false;
    int r = sl_jobs_put(&store->jobs, job, &is_needed);
    if (is_needed) {
        wake(store);
    }
    return r;
}

static void pg_seal(struct sl_store *base, struct sl_seal *ret)
{
    struct sl_pg *store = sl_pg_of(base);
    pthread_mutex_lock(&store->jobs.lock);
    *ret = store->seal;
    pthread_mutex_unlock(&store->jobs.lock);
}

const struct sl_store_ops sl_store_postgres = {
    .name = "postgres",
    .is_shared = true,
    .open = pg_open,
    .load = pg_load,
    .start = pg_start,
    .close = pg_close,
    .submit = pg_submit,
    .seal = pg_seal,
    .answers_put = sl_pg_answers_put,
    .answers_expire = sl_pg_answers_expire,
    .answers_load = sl_pg_answers_load,
    .counter_put = sl_pg_counter_put,
    .counters_expire = sl_pg_counters_expire,
    .counters_load = sl_pg_counters_load,
    .key_used = sl_pg_key_used,
    .usage_put = sl_pg_usage_put,
    .usage_mark = sl_pg_usage_mark,
    .usage_marked = sl_pg_usage_marked,
    .usage_thin = sl_pg_usage_thin,
    .usage_open = sl_pg_usage_open,
    .usage_begin = sl_pg_usage_begin,
    .usage_run = sl_pg_usage_run,
    .usage_close = sl_pg_usage_close,
    .end_open = sl_pg_end_open,
    .end_close = sl_pg_end_close,
    .migrate = sl_pg_migrate_at,
    .url_check = sl_pg_url_check,
    .look = sl_pg_look,
};
