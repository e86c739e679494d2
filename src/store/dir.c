/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "base/num.h"
#include "base/secret.h"

#define KEY_ENV      "SLUICE_SECRET_KEY"
#define NEXT_ENV     "SLUICE_SECRET_KEY_NEW"
#define KEY_FILE_MAX 4096

int sl_dir_resolve(const char *given, struct sl_arena *arena, struct sl_str *ret, bool *ret_is_asked,
                   struct sl_err *err)
{
    *ret_is_asked = given && *given;
    struct sl_str dir = SL_STR_NONE;
    if (*ret_is_asked) {
        if (strcmp(given, "none") == 0) {
            *ret = SL_STR_NONE;
            return 0;
        }
        dir = sl_arena_dup(arena, sl_str_c(given));
    } else {
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        if (state && state[0] == '/') {
            dir = sl_arena_printf(arena, "%s/sluice", state);
        } else if (home && home[0] == '/') {
            dir = sl_arena_printf(arena, "%s/.local/state/sluice", home);
        } else {
            return sl_fail(err, SL_E_NOTFOUND, "none of --data, SLUICE_DATA, XDG_STATE_HOME and HOME says where");
        }
    }
    if (!dir.p) {
        return sl_fail_nomem(err);
    }
    *ret = dir;
    return 0;
}

int sl_dir_make(const char *dir, struct sl_err *err)
{
    char path[4096];
    size_t n = strlen(dir);
    if (n == 0 || n >= sizeof(path)) {
        return sl_fail(err, SL_E_INVAL, "the data directory's name must have 1 to %zu bytes", sizeof(path) - 1);
    }
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        char c = path[i];
        path[i] = '\0';
        struct stat st;
        int why = mkdir(path, 0700) < 0 ? errno : 0;
        if (why && why != EEXIST && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))) {
            return sl_fail(err, SL_E_IO, "cannot make the data directory %s: %s", path, strerror(why));
        }
        path[i] = c;
    }
    struct stat st;
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return sl_fail(err, SL_E_IO, "%s is not a directory", dir);
    }
    if (st.st_mode & S_IWOTH) {
        sl_log(SL_LOG_WARNING, "store", "everyone may write in the data directory %s (mode %04o): chmod 700 it", dir,
               (unsigned)st.st_mode & 07777);
    }
    return 0;
}

static int path_of(const char *dir, const char *name, char *out, size_t cap, struct sl_err *err)
{
    int n = snprintf(out, cap, "%s/%s", dir, name);
    return n < 0 || (size_t)n >= cap ? sl_fail(err, SL_E_INVAL, "the data directory's name is too long") : 0;
}

int sl_dir_regular_or_refuse(const char *path, bool may_link, struct sl_err *err)
{
    struct stat st;
    if ((may_link ? stat(path, &st) : lstat(path, &st)) < 0 || S_ISREG(st.st_mode)) {
        return 0; /* the code that opens it reports that it is missing */
    }
    const char *what = S_ISLNK(st.st_mode)    ? "a symbolic link"
                       : S_ISFIFO(st.st_mode) ? "a named pipe"
                       : S_ISDIR(st.st_mode)  ? "a directory"
                                              : "no regular file";
    return sl_fail(err, SL_E_INVAL, "%s is %s, where a regular file must be", path, what);
}

int sl_dir_lock(const char *dir, int *ret_fd, struct sl_err *err)
{
    char path[4200], text[32] = "";
    int r = path_of(dir, SL_DIR_LOCK, path, sizeof(path), err);
    if (r < 0) {
        return r;
    }
    r = sl_dir_regular_or_refuse(path, false, err);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int why = fd < 0 ? errno : 0;
    bool is_readonly = why == EROFS || why == EACCES;
    if (is_readonly) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    if (fd < 0) {
        return sl_fail(err, SL_E_IO, "cannot open %s: %s", path, strerror(why));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        close(fd);
        if (code != EWOULDBLOCK) {
            return sl_fail(err, SL_E_IO, "cannot lock %s: %s", path, strerror(code));
        }
        uint64_t pid = 0;
        struct sl_str digits = sl_str_make(text, n > 0 ? strcspn(text, "\n") : 0);
        if (sl_parse_u64(digits, 1, INT32_MAX, &pid) < 0) {
            return sl_fail(err, SL_E_BUSY, "the data directory %s is in use by another sluice", dir);
        }
        return sl_fail(err, SL_E_BUSY,
                       "the data directory %s is in use by the sluice with process id %llu: stop it, or choose another "
                       "directory with --data",
                       dir, (unsigned long long)pid);
    }
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (!is_readonly) {
        /* The lock works without the process id; a full disk must not keep the gateway from serving. */
        SL_IGNORE(ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n);
    }
    *ret_fd = fd;
    return 0;
}

static int key_read(const char *path, struct sl_seal *ret, struct sl_err *err)
{
    char text[KEY_FILE_MAX];
    int r = sl_dir_regular_or_refuse(path, true, err);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? SL_E_NOTFOUND
                               : sl_fail(err, SL_E_IO, "cannot read the secret key %s: %s", path, strerror(errno));
    }
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_mode & 077) {
        sl_log(SL_LOG_WARNING, "store", "the secret key %s may be read by others (mode %03o): chmod 600 it", path,
               (unsigned)st.st_mode & 0777);
    }
    ssize_t n = read(fd, text, sizeof(text));
    int why = errno;
    close(fd);
    if (n < 0) {
        return sl_fail(err, SL_E_IO, "cannot read the secret key %s: %s", path, strerror(why));
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' ')) {
        n--;
    }
    struct sl_err cause = { 0 };
    r = sl_seal_set(ret, sl_str_make(text, (size_t)n), &cause);
    sl_wipe(text, sizeof(text));
    return r < 0 ? sl_fail(err, SL_E_INVAL, "%s: %s", path, cause.text) : 0;
}

/* Returns 0 or errno. */
static int dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int why = fsync(fd) < 0 ? errno : 0;
    close(fd);
    return why;
}

/* Returns 0 or errno; a disk that takes only a part is full. */
static int file_write(int fd, const char *text, size_t n)
{
    ssize_t done = write(fd, text, n);
    return done < 0 ? errno : (size_t)done < n ? ENOSPC : fsync(fd) < 0 ? errno : 0;
}

/* Writes under another name first, so that a crash leaves a whole key or none. */
static int key_make(const char *dir, const char *path, struct sl_seal *ret, struct sl_err *err)
{
    char text[SL_SEAL_KEY_BYTES * 2 + 2], temp[4300];
    snprintf(temp, sizeof(temp), "%s.new", path);
    int r = sl_seal_make(ret, text);
    if (r < 0) {
        return sl_fail(err, r, "cannot make a secret key");
    }
    text[SL_SEAL_KEY_BYTES * 2] = '\n';
    unlink(temp);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int why = fd < 0 ? errno : file_write(fd, text, sizeof(text) - 1);
    sl_wipe(text, sizeof(text));
    if (fd >= 0) {
        close(fd);
    }
    if (!why && rename(temp, path) < 0) {
        why = errno;
    }
    why = why ? why : dir_sync(dir);
    if (why) {
        unlink(temp);
        return sl_fail(err, SL_E_IO, "cannot write the secret key %s: %s", path, strerror(why));
    }
    return 0;
}

static int env_read(const char *name, struct sl_seal *ret, struct sl_err *err)
{
    const char *given = sl_env_secret(name);
    struct sl_err cause = { 0 };
    if (!given || !*given) {
        return SL_E_NOTFOUND;
    }
    int r = sl_seal_set(ret, sl_str_c(given), &cause);
    return r < 0 ? sl_fail(err, r, "%s: %s", name, cause.text) : 0;
}

static bool key_is_of_env(void)
{
    const char *given = sl_env_secret(KEY_ENV);
    return given && *given;
}

const char *sl_dir_key_variable(void)
{
    return key_is_of_env() ? KEY_ENV : NULL;
}

/* For a file of the data directory. */
static int file_key(const char *dir, const char *name, bool may_make, struct sl_seal *ret, struct sl_err *err)
{
    char path[4200];
    int r = path_of(dir, name, path, sizeof(path), err);
    r = r < 0 ? r : key_read(path, ret, err);
    if (r != SL_E_NOTFOUND) {
        return r;
    }
    return may_make ? key_make(dir, path, ret, err) : sl_fail(err, SL_E_NOTFOUND, "the secret key %s is missing", path);
}

int sl_dir_key(const char *dir, bool may_make, struct sl_seal *ret, struct sl_err *err)
{
    int r = env_read(KEY_ENV, ret, err);
    return r == SL_E_NOTFOUND ? file_key(dir, SL_DIR_KEY, may_make, ret, err) : r;
}

int sl_dir_file_key(const char *dir, struct sl_seal *ret, struct sl_err *err)
{
    return file_key(dir, SL_DIR_KEY, false, ret, err);
}

int sl_dir_next_key(const char *dir, bool may_make, struct sl_seal *ret, struct sl_err *err)
{
    if (!key_is_of_env()) {
        return file_key(dir, SL_DIR_NEXT, may_make, ret, err);
    }
    int r = env_read(NEXT_ENV, ret, err);
    return r == SL_E_NOTFOUND
               ? sl_fail(err, r,
                         "the secret key comes from " KEY_ENV ", which only you can change: start again, or run "
                         "`sluice secret rotate` while the gateway is stopped, with the new key in " NEXT_ENV)
               : r;
}

int sl_dir_next_adopt(const char *dir, struct sl_err *err)
{
    char from[4200], to[4200];
    if (key_is_of_env()) {
        return 0;
    }
    int r = path_of(dir, SL_DIR_NEXT, from, sizeof(from), err);
    r = r < 0 ? r : path_of(dir, SL_DIR_KEY, to, sizeof(to), err);
    int why = r < 0 ? 0 : rename(from, to) < 0 ? errno : dir_sync(dir);
    if (why) {
        r = sl_fail(err, SL_E_IO, "cannot rename %s to %s: %s", from, to, strerror(why));
    }
    return r;
}

void sl_dir_next_drop(const char *dir)
{
    char path[4200];
    if (path_of(dir, SL_DIR_NEXT, path, sizeof(path), NULL) == 0) {
        unlink(path);
    }
}
