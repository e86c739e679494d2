/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns the file, and its queue:
 *
 *   submit ──> queue ──> BEGIN ─ a savepoint for each job ─ COMMIT (one sync) ──> change events ──> answers */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/dir.h"
#include "store/sql/batch.h"
#include "store/sqlite/priv.h"

/* Above this many pages (4 KiB each) the WAL is written back … */
#define WAL_PAGES 1000
/* … and above this many by force, because a long read keeps the ordinary way from resetting it. */
#define WAL_PAGES_FORCE 16000
/* How long a transaction is held open for the writers of the last one: they have just been answered and are about to
 * ask again. Without this, two halves of a crowd take turns, and each sync serves only one half. */
#define GATHER_USEC 300
#define TICK_USEC   (SL_USEC_PER_SEC / 2)
#define RETRY_USEC  SL_USEC_PER_SEC

/* --- opening --- */

/* True: the path has no database yet. */
static bool is_missing(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Makes the file private from the start; SQLite's other files get the same mode. */
static void file_make(const char *dir, const char *path)
{
    char key[4300];
    bool is_new = is_missing(path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return; /* SQLite reports why */
    }
    close(fd);
    snprintf(key, sizeof(key), "%s/" SL_DIR_KEY, dir);
    bool had_one = !is_missing(key); /* a first start makes the key after the database */
    if (is_new) {
        sl_log(had_one ? SL_LOG_WARNING : SL_LOG_INFO, "store", "a new, empty database was made: %s%s", path,
               had_one ? "; there is a secret key, so there was another one before: if it is missing, restore a backup"
                       : "");
    }
}

/* Opens directory, lock, database and key. A person must repair SL_E_BUSY, SL_E_KEY and SL_E_INVAL; other errors may
 * pass by themselves. */
static int files_open(struct sl_sqlite *store, struct sl_err *err)
{
    int r = 0;
    if (store->lock_fd < 0) {
        r = sl_dir_make(store->dir, err);
        r = r < 0 ? r : sl_dir_lock(store->dir, &store->lock_fd, err);
    }
    r = r < 0 ? r : sl_dir_regular_or_refuse(store->path, true, err);
    if (r == 0) {
        file_make(store->dir, store->path);
    }
    store->is_readonly = false;
    r = r < 0 ? r : sl_db_open(&store->db, store->path, err);
    if (r == SL_E_IO && sl_db_open_readonly(&store->db, store->path, false, NULL) == 0) {
        store->is_readonly = true;
        store->broken = *err;
        r = 0;
    }
    if (r == 0) {
        /* This also runs when the file is opened again: after a rotation whose commit failed, only the file shows
         * whether it happened. */
        struct sl_seal seal = { 0 };
        r = sl_store_key_find(store->dir, &store->db, !store->is_readonly, &seal, err);
        if (r == 0) {
            pthread_mutex_lock(&store->jobs.lock);
            store->seal = seal;
            pthread_mutex_unlock(&store->jobs.lock);
        }
        sl_seal_done(&seal);
    }
    if (r < 0) {
        sl_db_close(&store->db);
    } else {
        sl_place_note(&store->place, store->path);
    }
    return r;
}

static void store_free(struct sl_sqlite *store)
{
    sl_db_close(&store->db);
    sl_seal_done(&store->seal);
    sl_seal_done(&store->next);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    sl_jobs_done(&store->jobs);
    pthread_cond_destroy(&store->wake);
    free(store->dir);
    free(store->path);
    free(store);
}

static int sqlite_open(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err)
{
    struct sl_sqlite *store = calloc(1, sizeof(*store));
    if (!store) {
        return sl_fail_nomem(err);
    }
    store->base.ops = &sl_store_sqlite;
    store->cbs = conf->cbs;
    store->lock_fd = -1;
    store->base.sql = &store->db.base;
    store->db.base.seal = &store->seal;
    store->db.base.describe = conf->cbs.describe;
    sl_jobs_init(&store->jobs);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&store->wake, &attr);
    pthread_condattr_destroy(&attr);
    store->dir = strdup(conf->dir);
    int r = store->dir && asprintf(&store->path, "%s/" SL_DIR_DB, conf->dir) >= 0 ? 0 : sl_fail_nomem(err);
    if (r == 0) {
        struct sl_err cause = { 0 };
        r = files_open(store, &cause);
        *ret_is_ok = r == 0 && !store->is_readonly;
        if (r < 0 || store->is_readonly) {
            sl_fail(err, r, "%s", cause.text);
            store->broken = cause;
            store->base.is_failing = true;
            store->retry_usec = sl_clock_usec() + RETRY_USEC;
            /* The file does not exist and cannot be written, so nothing is stored. */
            store->base.was_read = is_missing(store->path);
            r = r == SL_E_BUSY || r == SL_E_KEY || r == SL_E_INVAL ? r : 0;
        }
    }
    if (r < 0) {
        store_free(store);
        return r;
    }
    *ret = &store->base;
    return 0;
}

static int rows_load(struct sl_sqlite *store, struct sl_err *err)
{
    const struct sl_store_cbs *cbs = &store->cbs;
    if (!store->db.handle || !cbs->on_load) {
        return 0;
    }
    cbs->on_load_begin(cbs->events_arg);
    struct sl_bad_rows bad = { .on_bad = sl_bad_row_tell };
    int r = sl_store_load_rows(&store->db.base, cbs->on_load, cbs->events_arg, &bad, err);
    cbs->on_load_end(cbs->events_arg, r == 0);
    if (r == 0) {
        atomic_store(&store->base.change, store->db.base.change);
        atomic_store_explicit(&store->base.was_read, true, memory_order_release);
    }
    return r;
}

/* --- the thread --- */

/* Opens again after a failure, at most once a second. */
static bool db_ready(struct sl_sqlite *store)
{
    uint64_t now = sl_clock_usec();
    if ((store->db.handle && !store->is_readonly) || now < store->retry_usec) {
        return store->db.handle;
    }
    struct sl_err err = { 0 };
    sl_db_close(&store->db);
    int r = sl_place_prepare(&store->place, store->path, &err);
    r = r < 0 ? r : files_open(store, &err);
    if (r == 0 && store->is_readonly) {
        store->retry_usec = now + RETRY_USEC;
        return true;
    }
    /* What the failure left in the log may now be part of the file, so everything is reported again. */
    r = r < 0 ? r : rows_load(store, &err);
    if (r < 0) {
        store->broken = err;
        store->retry_usec = now + RETRY_USEC;
        sl_db_close(&store->db);
        return false;
    }
    return true;
}

static void db_works(struct sl_sqlite *store)
{
    if (store->base.is_failing) {
        sl_log(SL_LOG_INFO, "store", "the store in %s works again", store->dir);
    }
    store->base.is_failing = false;
}

static void db_broken(struct sl_sqlite *store, const struct sl_err *err)
{
    if (!store->base.is_failing) {
        sl_log(SL_LOG_ERROR, "store",
               "%s. Until it works again calls that change routes, limits or keys are answered with 503%s", err->text,
               store->base.was_read ? ", counters are not kept, and usage waits in memory; /ready says so, with 200"
                                    : ", what it may hold is answered with 503, and so is /ready");
    }
    store->base.is_failing = true;
    if (sl_db_is_broken(&store->db)) {
        store->broken = *err;
        store->retry_usec = sl_clock_usec() + RETRY_USEC;
        sl_db_close(&store->db);
    }
}

/* Checks that the data was written to the file at the path. Else the file is opened again. */
static int place_check(struct sl_sqlite *store, struct sl_err *err)
{
    int r = sl_place_check(&store->place, store->path, err);
    if (r < 0) {
        store->db.fault = SQLITE_CANTOPEN;
        if (store->lock_fd >= 0) {
            close(store->lock_fd); /* the folder may be another one, too */
            store->lock_fd = -1;
        }
    }
    return r;
}

/* Runs all writes of the batch in one transaction. <0: none of them is in the file. */
static int batch_write(struct sl_sqlite *store, struct sl_store_job *jobs, struct sl_err *err)
{
    struct sl_sqlite_db *db = &store->db;
    uint64_t change = db->base.change;
    int r = place_check(store, err);
    r = r < 0 ? r : sl_db_exec(&db->base, "BEGIN IMMEDIATE", err);
    r = r < 0 ? r : sl_sql_batch_run(&db->base, jobs, err);
    if (r == 0 && db->base.change != change) {
        r = sl_sql_change_write(&db->base, err);
    }
    r = r < 0 ? r : sl_db_exec(&db->base, "COMMIT", err);
    r = r < 0 ? r : place_check(store, err);
    if (r < 0) {
        db->base.change = change;
        if (db->handle && !sqlite3_get_autocommit(db->handle)) {
            SL_IGNORE(sl_db_exec(&db->base, "ROLLBACK", NULL) < 0); /* the first failure is the one to report */
        }
    }
    sl_store_rotate_settle(store, r == 0);
    return r < 0 ? SL_E_IO : 0;
}

static void batch_read(struct sl_sqlite *store, struct sl_store_job *jobs)
{
    for (struct sl_store_job *job = jobs; job; job = job->next) {
        if (!job->is_write && !store->db.handle) {
            job->r = sl_fail(&job->err, SL_E_IO, "%s", store->broken.text);
        } else if (!job->is_write) {
            sl_sql_job_run(&store->db.base, job);
        }
    }
}

static void batch_run(struct sl_sqlite *store, struct sl_store_job *jobs)
{
    uint32_t n_writes = sl_jobs_count_writes(jobs);
    struct sl_err err = { 0 };
    if (!db_ready(store)) {
        sl_jobs_fail(jobs, false, &store->broken);
    } else if (store->is_readonly) {
        sl_jobs_fail(jobs, true, &store->broken);
        batch_read(store, jobs);
    } else {
        if (n_writes && batch_write(store, jobs, &err) < 0) {
            sl_jobs_fail(jobs, true, &err);
            db_broken(store, &err);
        } else if (n_writes) {
            db_works(store);
            atomic_store(&store->base.change, store->db.base.change);
            sl_jobs_report(jobs, &store->cbs);
        }
        batch_read(store, jobs);
    }
    SL_IGNORE(!sl_jobs_answer(&store->jobs, jobs)); /* the queue is looked at again in any case */
}

/* Runs between batches, so that no writer waits longer for it than for a sync. */
static void wal_trim(struct sl_sqlite *store)
{
    struct sl_sqlite_db *db = &store->db;
    int pages = 0, done = 0;
    if (!db->handle) {
        return;
    }
    /* A failure shows again at the next commit. */
    SL_IGNORE(sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done) != SQLITE_OK);
    if (pages > WAL_PAGES_FORCE) {
        SL_IGNORE(sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) != SQLITE_OK);
    }
}

static int on_wal_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    int *ret = arg;
    *ret = pages;
    return SQLITE_OK;
}

static void wait_tell(struct sl_sqlite *store)
{
    if (store->cbs.on_wait) {
        store->cbs.on_wait(store->cbs.tick_arg);
    }
}

static void tick(struct sl_sqlite *store, bool is_last)
{
    uint64_t now = sl_clock_usec();
    if (!store->cbs.on_tick || (!is_last && now < store->tick_usec && !store->db.base.is_tick_due)) {
        return;
    }
    store->db.base.is_tick_due = false;
    store->tick_usec = now + TICK_USEC;
    struct sl_err err = { 0 };
    if (!db_ready(store) || store->is_readonly) {
        wait_tell(store);
        return;
    }
    struct sl_sqlite_db *db = &store->db;
    uint64_t change = db->base.change;
    int r = sl_db_exec(&db->base, "BEGIN IMMEDIATE", &err);
    if (r < 0) {
        wait_tell(store);
    }
    r = r < 0 ? r : store->cbs.on_tick(store->cbs.tick_arg, &store->base, store->was_tick_lost, &err);
    if (r == 0 && store->base.is_failing) {
        /* A transaction that writes nothing works on a full disk, too, and SQLite does not write a page that did not
         * change. */
        db->base.change++;
        r = sl_sql_change_write(&db->base, &err);
    }
    r = r < 0 ? r : sl_db_exec(&db->base, "COMMIT", &err);
    r = r < 0 ? r : place_check(store, &err);
    store->was_tick_lost = r < 0;
    if (r < 0) {
        db->base.change = change;
        if (db->handle && !sqlite3_get_autocommit(db->handle)) {
            SL_IGNORE(sl_db_exec(&db->base, "ROLLBACK", NULL) < 0);
        }
        db_broken(store, &err);
    } else {
        db_works(store);
    }
}

static void wait_until(struct sl_sqlite *store, uint64_t usec)
{
    struct timespec at = { .tv_sec = (time_t)(usec / SL_USEC_PER_SEC),
                           .tv_nsec = (long)(usec % SL_USEC_PER_SEC) * 1000 };
    pthread_cond_timedwait(&store->wake, &store->jobs.lock, &at);
}

/* Waits for jobs and takes them. NULL with *ret_is_over: closing, and no job is left; NULL without it: a tick is
 * due. */
static struct sl_store_job *batch_take(struct sl_sqlite *store, bool *ret_is_over)
{
    struct sl_jobs *queue = &store->jobs;
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->is_closing && (!store->cbs.on_tick || sl_clock_usec() < store->tick_usec)) {
        if (store->cbs.on_tick) {
            wait_until(store, store->tick_usec);
        } else {
            pthread_cond_wait(&store->wake, &queue->lock);
        }
    }
    uint64_t until = sl_clock_usec() + GATHER_USEC;
    while (queue->first && queue->n < queue->last_writes && !queue->is_closing && sl_clock_usec() < until) {
        wait_until(store, until);
    }
    struct sl_store_job *jobs = sl_jobs_take(queue);
    *ret_is_over = queue->is_closing && !jobs;
    pthread_mutex_unlock(&queue->lock);
    return jobs;
}

static void *thread_main(void *arg)
{
    struct sl_sqlite *store = arg;
    int wal_pages = 0;
    for (bool is_over = false; !is_over;) {
        if (store->db.handle) {
            sqlite3_wal_hook(store->db.handle, on_wal_commit, &wal_pages);
        }
        struct sl_store_job *jobs = batch_take(store, &is_over);
        if (jobs) {
            batch_run(store, jobs);
        }
        tick(store, is_over);
        if (wal_pages > WAL_PAGES) {
            wal_trim(store);
            wal_pages = 0;
        }
    }
    tick(store, true); /* the last one may have left something for the next */
    if (store->db.handle) {
        /* After a clean end there is only one file; after a failure the WAL stays, which is as good. */
        SL_IGNORE(sqlite3_wal_checkpoint_v2(store->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
                  SQLITE_OK);
    }
    sl_db_close(&store->db);
    return NULL;
}

static int sqlite_load(struct sl_store *base, struct sl_err *err)
{
    struct sl_sqlite *store = sl_sqlite_of(base);
    int r = rows_load(store, err);
    if (r < 0 && r != SL_E_KEY) { /* the thread opens it again, and loads then */
        store->broken = *err;
        store->base.is_failing = true;
        store->retry_usec = sl_clock_usec() + RETRY_USEC;
        sl_db_close(&store->db);
    }
    return r;
}

static int sqlite_start(struct sl_store *base, struct sl_err *err)
{
    struct sl_sqlite *store = sl_sqlite_of(base);
    store->tick_usec = sl_clock_usec() + TICK_USEC;
    if (pthread_create(&store->thread, NULL, thread_main, store) != 0) {
        return sl_fail(err, SL_E_NOMEM, "cannot start the store's thread");
    }
    store->is_started = true;
    return 0;
}

static void sqlite_close(struct sl_store *base)
{
    struct sl_sqlite *store = sl_sqlite_of(base);
    if (store->is_started) {
        pthread_mutex_lock(&store->jobs.lock);
        store->jobs.is_closing = true;
        pthread_cond_signal(&store->wake);
        pthread_mutex_unlock(&store->jobs.lock);
        pthread_join(store->thread, NULL);
    }
    store_free(store);
}

static int sqlite_submit(struct sl_store *base, struct sl_store_job *job)
{
    struct sl_sqlite *store = sl_sqlite_of(base);
    bool wake = false;
    int r = sl_jobs_put(&store->jobs, job, &wake);
    if (wake) {
        pthread_cond_signal(&store->wake);
    }
    return r;
}

static void sqlite_seal(struct sl_store *base, struct sl_seal *ret)
{
    struct sl_sqlite *store = sl_sqlite_of(base);
    pthread_mutex_lock(&store->jobs.lock);
    *ret = store->seal;
    pthread_mutex_unlock(&store->jobs.lock);
}

const struct sl_store_ops sl_store_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .load = sqlite_load,
    .start = sqlite_start,
    .close = sqlite_close,
    .submit = sqlite_submit,
    .seal = sqlite_seal,
    .answers_put = sl_sql_answers_put,
    .answers_expire = sl_sql_answers_expire,
    .answers_load = sl_sql_answers_load,
    .counter_put = sl_sql_counter_put,
    .counters_expire = sl_sql_counters_expire,
    .key_used = sl_sql_key_used,
    .usage_put = sl_sql_usage_put,
    .usage_mark = sl_sql_usage_mark,
    .usage_marked = sl_sql_usage_marked,
    .usage_thin = sl_sql_usage_thin,
    .usage_open = sl_sqlite_usage_open,
    .usage_begin = sl_sqlite_usage_begin,
    .usage_run = sl_sqlite_usage_run,
    .usage_close = sl_sqlite_usage_close,
    .counters_load = sl_sql_counters_load,
    .end_open = sl_sqlite_end_open,
    .end_close = sl_sqlite_end_close,
    .check = sl_sqlite_check,
    .backup = sl_sqlite_backup,
    .rotate = sl_sqlite_rotate,
};
