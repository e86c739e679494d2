/* SPDX-License-Identifier: Apache-2.0 */
/* A data directory as one end of a copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir.h"
#include "store/sqlite/priv.h"
#include "store/tool.h"

struct end {
    struct sl_sqlite_db db;
    struct sl_seal seal;
    char path[4200];
    int lock_fd;
    bool is_new;
};

/* The rows of a directory with a key file are under that key, whatever the environment has for the other end. */
static int key_take(const char *dir, bool is_target, struct sl_seal *ret, struct sl_err *err)
{
    int r = is_target ? SL_E_NOTFOUND : sl_dir_file_key(dir, ret, err);
    return r == SL_E_NOTFOUND ? sl_dir_key(dir, is_target, ret, err) : r;
}

static int file_take(struct end *end, const char *dir, bool is_target, struct sl_err *err)
{
    struct stat st;
    bool is_there = stat(end->path, &st) == 0;
    if (!is_target) {
        return is_there ? 0 : sl_fail(err, SL_E_NOTFOUND, "%s: %s", end->path, strerror(errno));
    }
    if (is_there) {
        return sl_fail(err, SL_E_EXISTS, "%s has a store already: name another directory with --data", dir);
    }
    int fd = open(end->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return sl_fail(err, SL_E_IO, "cannot make %s: %s", end->path, strerror(errno));
    }
    close(fd);
    end->is_new = true;
    return 0;
}

static int end_open(struct end *end, const struct sl_store_end *conf, bool is_target, struct sl_err *err)
{
    int r = is_target ? sl_dir_make(conf->dir, err) : 0;
    snprintf(end->path, sizeof(end->path), "%s/" SL_DIR_DB, conf->dir);
    r = r < 0 ? r : file_take(end, conf->dir, is_target, err);
    r = r < 0 ? r : sl_dir_lock(conf->dir, &end->lock_fd, err);
    r = r < 0 ? r : sl_db_open(&end->db, end->path, err);
    r = r < 0 ? r : key_take(conf->dir, is_target, &end->seal, err);
    return r < 0 ? r : sl_db_exec(&end->db.base, is_target ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

int sl_sqlite_end_open(const struct sl_store_end *conf, bool is_target, struct sl_db **ret, struct sl_err *err)
{
    struct end *end = calloc(1, sizeof(*end));
    if (!end) {
        return sl_fail_nomem(err);
    }
    end->lock_fd = -1;
    end->db.base.seal = &end->seal;
    int r = end_open(end, conf, is_target, err);
    if (r < 0) {
        SL_IGNORE(sl_sqlite_end_close(&end->db.base, false, NULL) < 0); /* the first failure is the one to report */
        return r;
    }
    *ret = &end->db.base;
    return 0;
}

int sl_sqlite_end_close(struct sl_db *base, bool is_whole, struct sl_err *err)
{
    struct sl_sqlite_db *db = SL_CONTAINER_OF(base, struct sl_sqlite_db, base);
    struct end *end = SL_CONTAINER_OF(db, struct end, db);
    int r = is_whole ? sl_db_exec(base, "COMMIT", err) : 0;
    sl_db_close(db); /* what was not committed is gone */
    if (end->is_new && (r < 0 || !is_whole)) {
        unlink(end->path);
    }
    if (end->lock_fd >= 0) {
        close(end->lock_fd);
    }
    sl_seal_done(&end->seal);
    free(end);
    return r;
}
