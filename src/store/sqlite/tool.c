/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/dir.h"
#include "store/sqlite/priv.h"

/* How many damaged rows `db check` names. */
#define DAMAGE_NAMES 5

/* Checking and copying write nothing, so opening for reading is enough where the place cannot be written. */
static int db_open(const char *dir, struct sl_sqlite_db *db, struct sl_err *err)
{
    char path[4200];
    struct stat st;
    struct sl_err cause = { 0 };
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    if (stat(path, &st) < 0) {
        return sl_fail(err, SL_E_NOTFOUND, "%s: %s", path, strerror(errno));
    }
    int r = sl_dir_regular_or_refuse(path, true, &cause);
    r = r < 0 ? r : sl_db_open(db, path, &cause);
    if (r == SL_E_IO) {
        struct sl_err why = { 0 };
        r = sl_db_open_readonly(db, path, true, &why);
        return r < 0 ? sl_fail(err, r, "%s; nor can it only be read: %s", cause.text, why.text) : 0;
    }
    return r < 0 ? sl_fail(err, r, "%s", cause.text) : 0;
}

static int integrity_check(struct sl_db *db, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "PRAGMA integrity_check(1)", err);
    int r = stmt ? sl_db_row(db, stmt, err) : err->code;
    if (r == 1) {
        struct sl_str text = sl_db_column_str(stmt, 0);
        r = sl_str_eq_c(text, "ok") ? 0 : sl_fail(err, SL_E_DAMAGED, "the database is damaged: %.*s", SL_STR_ARG(text));
        sl_db_reset(stmt);
    }
    return r;
}

struct seen {
    const struct sl_store_looker *looker;
    struct sl_store_report report;
};

static void on_row(void *arg, const struct sl_store_event *event)
{
    struct seen *seen = arg;
    seen->report.n_routes += event->kind == SL_STORE_ROUTE_PUT;
    seen->report.n_limits += event->kind == SL_STORE_LIMITS_PUT;
    if (seen->looker && event->kind == SL_STORE_ROUTE_PUT) {
        seen->looker->on_route(seen->looker->arg, event->route);
    }
}

/* The first few names, for one line. */
struct damage {
    char text[400];
    unsigned n;
};

static void on_bad(void *arg, const char *what, struct sl_str name, const char *why)
{
    struct damage *damage = arg;
    size_t n = strlen(damage->text);
    if (damage->n++ < DAMAGE_NAMES) {
        snprintf(damage->text + n, sizeof(damage->text) - n, "%s%s '%.*s' (%s)", n ? "; " : "", what,
                 SL_STR_ARG(sl_str_sub(name, 0, 64)), why);
    }
}

/* Finds audit rows whose texts are not what was written. */
static int audit_check(struct sl_db *db, struct sl_bad_rows *bad, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "SELECT id FROM audit WHERE id < 1 OR NOT (before IS NULL OR (typeof(before) = "
        "'text' AND json_valid(before))) OR NOT (after IS NULL OR (typeof(after) = 'text' "
        "AND json_valid(after))) ORDER BY id",
        err);
    int r = stmt ? 1 : err->code;
    while (r > 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        char id[32];
        snprintf(id, sizeof(id), "%lld", (long long)sl_db_column_int(stmt, 0));
        sl_bad_rows_add(bad, "audit row", sl_str_c(id), "before or after is no JSON");
    }
    return r;
}

static int rows_check(struct sl_db *db, struct seen *seen, struct sl_err *err)
{
    struct damage damage = { .n = 0 };
    struct sl_bad_rows bad = { .on_bad = on_bad, .arg = &damage };
    int r = sl_store_load_rows(db, on_row, seen, &bad, err);
    r = r < 0 ? r : audit_check(db, &bad, err);
    return r == 0 && bad.n ? sl_fail(err, SL_E_DAMAGED, "%u row%s damaged: %s%s", bad.n, bad.n == 1 ? " is" : "s are",
                                     damage.text, bad.n > DAMAGE_NAMES ? "; …" : "")
                           : r;
}

int sl_sqlite_check(const char *dir, const struct sl_store_looker *looker, struct sl_store_report *ret,
                    struct sl_err *err)
{
    struct sl_seal seal = { 0 };
    struct sl_sqlite_db db = { .base.seal = &seal };
    struct seen seen = { .looker = looker, .report.schema = sl_db_n_migrations };
    int r = db_open(dir, &db, err);
    r = r < 0 ? r : integrity_check(&db.base, err);
    if (r == 0) {
        r = sl_store_key_find(dir, &db, false, &seal, err);
    }
    r = r < 0 ? r : rows_check(&db.base, &seen, err);
    sl_db_close(&db);
    sl_seal_done(&seal);
    if (r == 0) {
        *ret = seen.report;
    }
    return r;
}

int sl_sqlite_backup(const char *dir, const char *file, struct sl_err *err)
{
    struct sl_sqlite_db db = { 0 };
    sqlite3 *to = NULL;
    int r = db_open(dir, &db, err);
    if (r < 0) {
        return r;
    }
    int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int why = errno;
    if (fd < 0) {
        sl_db_close(&db);
        return sl_fail(err, SL_E_IO, "cannot make %s: %s", file, strerror(why));
    }
    close(fd);
    int code = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_backup *backup = code == SQLITE_OK ? sqlite3_backup_init(to, "main", db.handle, "main") : NULL;
    if (backup) {
        /* All pages at once in one read transaction: a writer does not wait for it, nor make it start again. */
        code = sqlite3_backup_step(backup, -1);
        int end = sqlite3_backup_finish(backup);
        code = code == SQLITE_DONE ? end : code;
    } else if (code == SQLITE_OK) {
        code = sqlite3_errcode(to);
    }
    if (code != SQLITE_OK) {
        r = sl_fail(err, SL_E_IO, "the backup to %s failed: %s", file, sqlite3_errstr(code));
        unlink(file);
    }
    sqlite3_close(to);
    sl_db_close(&db);
    return r;
}

/* --- another secret key --- */

struct rotation {
    struct sl_store_rotate_job base;
    sem_t done;
};

static void on_rotated(struct sl_store_job *base)
{
    struct sl_store_rotate_job *job = SL_CONTAINER_OF(base, struct sl_store_rotate_job, base);
    sem_post(&SL_CONTAINER_OF(job, struct rotation, base)->done);
}

static int rotation_run(struct sl_store *store, uint64_t *ret_routes, struct sl_err *err)
{
    struct rotation rotation;
    sl_store_rotate_job_init(&rotation.base);
    struct sl_store_job *job = &rotation.base.base;
    rotation.base.now_usec = sl_clock_wall_usec();
    job->who = (struct sl_store_who){ .principal = SL_STR("sluice secret rotate"),
                                      .key = SL_STR(""),
                                      .request_id = SL_STR("") };
    job->on_done = on_rotated;
    sem_init(&rotation.done, 0, 0);
    int r = sl_store_start(store, err);
    if (r == 0 && (r = sl_store_submit(store, job)) == 0) {
        while (sem_wait(&rotation.done) < 0) {
        }
        r = job->r < 0 ? sl_fail(err, job->r, "%s", job->err.text) : 0;
        *ret_routes = rotation.base.n_routes;
    }
    sem_destroy(&rotation.done);
    return r;
}

int sl_sqlite_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err)
{
    const struct sl_store_conf conf = { .dir = dir };
    struct sl_store *store = NULL;
    char path[4200];
    struct stat st;
    bool is_ok = false;
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    if (stat(path, &st) < 0) {
        return sl_fail(err, SL_E_NOTFOUND, "%s: %s", path, strerror(errno));
    }
    int r = sl_store_open(&conf, &store, &is_ok, err);
    if (r == 0) {
        r = is_ok ? rotation_run(store, ret_routes, err) : SL_E_IO;
        sl_store_close(store);
    }
    return r;
}
