/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admin_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "base/secret.h"
#include "gate/config/keyring.h"
#include "store/dir.h"

#define KEY_FILE_MAX 4096

static int key_make(struct sl_str text, struct sl_key **ret, struct sl_err *err)
{
    struct sl_key_spec spec = { .name = SL_STR("admin"), .role = SL_ROLE_ADMIN, .is_of_file = true };
    sl_key_hash(text, spec.hash);
    *ret = sl_key_new(&spec);
    return *ret ? 0 : sl_fail_nomem(err);
}

static int key_from(struct sl_str text, const char *where, struct sl_key **ret, struct sl_err *err)
{
    if (text.n < SL_KEY_OWN_MIN) {
        return sl_fail(err, SL_E_INVAL,
                       "the admin key in %s is too short to be safe: at least %d characters are needed", where,
                       SL_KEY_OWN_MIN);
    }
    return key_make(text, ret, err);
}

/* Returns 0 or errno; a disk that takes only a part is full. */
static int line_write(int fd, struct sl_str text)
{
    struct iovec parts[] = { { (char *)(uintptr_t)text.p, text.n }, { (char *)(uintptr_t) "\n", 1 } };
    ssize_t done = writev(fd, parts, 2);
    return done < 0 ? errno : (size_t)done < text.n + 1 ? ENOSPC : fsync(fd) < 0 ? errno : 0;
}

/* Written under another name and then renamed, so that a crash never leaves half a key. */
static int file_make(const char *path, struct sl_str token, struct sl_err *err)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary)) {
        return sl_fail(err, SL_E_INVAL, "the path of the data directory is too long");
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int why = fd < 0 || fchmod(fd, 0600) < 0 ? errno : 0;
    why = why ? why : line_write(fd, token);
    if (fd >= 0) {
        close(fd);
    }
    if (!why && rename(temporary, path) < 0) {
        why = errno;
    }
    if (why) {
        unlink(temporary);
        return sl_fail(err, SL_E_IO, "cannot make the admin key %s: %s", path, strerror(why));
    }
    return 0;
}

static int file_read(const char *path, int fd, struct sl_key **ret, struct sl_err *err)
{
    char text[KEY_FILE_MAX];
    ssize_t got = read(fd, text, sizeof(text));
    struct stat st;
    if (got < 0) {
        return sl_fail(err, SL_E_IO, "cannot read the admin key %s: %s", path, strerror(errno));
    }
    if (fstat(fd, &st) == 0 && st.st_mode & 077) {
        sl_log(SL_LOG_WARNING, "auth", "%s can be read by others: chmod 600 it", path);
    }
    size_t n = (size_t)got;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        n--;
    }
    int r = key_from(sl_str_make(text, n), path, ret, err);
    sl_wipe(text, sizeof(text));
    return r;
}

static int file_open(const char *data, struct sl_key **ret, struct sl_err *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/admin.key", data);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return sl_fail(err, SL_E_INVAL, "the path of the data directory is too long");
    }
    int r = sl_dir_regular_or_refuse(path, true, err);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int why = errno;
    if (fd >= 0) {
        r = file_read(path, fd, ret, err);
        close(fd);
        return r;
    }
    if (why != ENOENT) {
        return sl_fail(err, SL_E_IO, "cannot read the admin key %s: %s", path, strerror(why));
    }
    char token[SL_KEY_TOKEN_SIZE];
    sl_key_make_token(token);
    r = file_make(path, sl_str_c(token), err);
    if (r == 0) {
        r = key_make(sl_str_c(token), ret, err);
        sl_log(SL_LOG_INFO, "auth", "made an admin key: it is in %s", path);
    }
    sl_wipe(token, sizeof(token));
    return r;
}

int sl_admin_key_open(const struct sl_settings *settings, const char *data, struct sl_key **ret, struct sl_err *err)
{
    *ret = NULL;
    const char *given = sl_env_secret("SLUICE_ADMIN_KEY");
    const struct sl_auth_settings *auth = &settings->auth;
    if (auth->mode != SL_AUTH_KEYS) {
        if (given && *given && auth->mode == SL_AUTH_ABSENT) {
            sl_log(SL_LOG_WARNING, "auth",
                   "SLUICE_ADMIN_KEY is set, but there is no auth section: everyone may call (auth: {} asks for keys)");
        }
        return 0;
    }
    if (auth->has_admin_key) {
        return 0;
    }
    if (given && *given) {
        return key_from(sl_str_c(given), "SLUICE_ADMIN_KEY", ret, err);
    }
    if (data) {
        return file_open(data, ret, err);
    }
    if (auth->ring->by_hash.n == 0) {
        return sl_fail(err, SL_E_INVAL,
                       "auth is configured, but there is no key: set SLUICE_ADMIN_KEY, auth.admin_key or auth.keys, or "
                       "use a data directory, where an admin key can be made");
    }
    return 0;
}
