/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/budget.h"

/* For file systems without nameless files: the file has a name for a moment. */
static int named_open(const char *folder)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/sluice-XXXXXX", folder);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        SL_IGNORE(unlink(path) < 0);
    }
    return fd;
}

int sl_spool_open(struct sl_spool *spool, struct sl_str folder, struct sl_budget *budget, struct sl_err *err)
{
    char path[4096]; /* PATH_MAX: no system call takes a longer one */
    if (folder.n >= sizeof(path)) {
        return sl_fail(err, SL_E_LIMIT, "the path has %zu bytes, and may have at most %zu", folder.n, sizeof(path) - 1);
    }
    snprintf(path, sizeof(path), "%.*s", SL_STR_ARG(folder));
    int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        fd = named_open(path);
    }
    if (fd < 0) {
        return sl_fail(err, SL_E_IO, "%s: %s", path, strerror(errno));
    }
    *spool = (struct sl_spool){ .fd = fd, .budget = budget };
    return 0;
}

int sl_spool_add(struct sl_spool *spool, struct sl_str bytes, struct sl_err *err)
{
    if (!sl_budget_take(spool->budget, bytes.n)) {
        return sl_fail(err, SL_E_BUDGET, "no more may be kept in temporary files");
    }
    for (size_t at = 0; at < bytes.n;) {
        ssize_t n = pwrite(spool->fd, bytes.p + at, bytes.n - at, (off_t)(spool->n + at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            sl_budget_give(spool->budget, bytes.n);
            return sl_fail(err, SL_E_IO, "writing to a temporary file: %s", strerror(n ? errno : ENOSPC));
        }
        at += (size_t)n;
    }
    spool->n += bytes.n;
    return 0;
}

int sl_spool_read(const struct sl_spool *spool, uint64_t at, char *out, size_t n, struct sl_err *err)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = pread(spool->fd, out + got, n - got, (off_t)(at + got));
        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            return sl_fail(err, SL_E_IO, "reading a temporary file: %s", r ? strerror(errno) : "it ended early");
        }
        got += (size_t)r;
    }
    return 0;
}

void sl_spool_close(struct sl_spool *spool)
{
    if (spool->fd >= 0) {
        close(spool->fd);
        sl_budget_give(spool->budget, (size_t)spool->n);
    }
    *spool = SL_SPOOL_INIT;
}
