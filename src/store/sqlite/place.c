/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define PATH_MAX_BYTES 4300

static struct sl_place_file file_at(const char *path, const char *end)
{
    char name[PATH_MAX_BYTES];
    struct stat st;
    snprintf(name, sizeof(name), "%s%s", path, end);
    return stat(name, &st) == 0 ? (struct sl_place_file){ st.st_dev, st.st_ino } : (struct sl_place_file){ 0 };
}

static bool is_known(struct sl_place_file file)
{
    return file.dev || file.ino;
}

static bool is_same(struct sl_place_file a, struct sl_place_file b)
{
    return a.dev == b.dev && a.ino == b.ino;
}

void sl_place_note(struct sl_place *place, const char *path)
{
    place->db = file_at(path, "");
    place->log = file_at(path, "-wal");
}

static int file_check(struct sl_place_file file, const char *path, const char *end, struct sl_err *err)
{
    struct sl_place_file now = file_at(path, end);
    if (!is_known(file) || is_same(file, now)) {
        return 0;
    }
    return sl_fail(err, SL_E_IO, "%s%s was %s while it is in use: what is written to it would be lost", path, end,
                   is_known(now) ? "replaced" : "removed");
}

int sl_place_check(const struct sl_place *place, const char *path, struct sl_err *err)
{
    int r = file_check(place->db, path, "", err);
    return r < 0 ? r : file_check(place->log, path, "-wal", err);
}

int sl_place_prepare(struct sl_place *place, const char *path, struct sl_err *err)
{
    struct sl_place_file now = file_at(path, "");
    if (!is_known(place->db) || is_same(place->db, now)) {
        return 0;
    }
    if (!is_known(now)) {
        return sl_fail(
            err, SL_E_IO,
            "%s was removed while it is in use: put it back, or a backup; a restart begins with an empty one", path);
    }
    if (is_known(place->log) && is_same(place->log, file_at(path, "-wal"))) {
        char from[PATH_MAX_BYTES], to[PATH_MAX_BYTES];
        snprintf(from, sizeof(from), "%s-wal", path);
        snprintf(to, sizeof(to), "%s-wal.old", path);
        if (rename(from, to) < 0) {
            return sl_fail(err, SL_E_IO, "%s belongs to the database that was replaced, and cannot be renamed: %s",
                           from, strerror(errno));
        }
        snprintf(from, sizeof(from), "%s-shm", path);
        SL_IGNORE(unlink(from) < 0); /* an index of that log; without it, SQLite makes a new one */
    }
    sl_log(SL_LOG_WARNING, "store", "%s was replaced while it was in use: all of it is read anew", path);
    place->db = place->log = (struct sl_place_file){ 0 };
    return 0;
}
