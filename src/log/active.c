/* SPDX-License-Identifier: Apache-2.0 */
#include "log/active.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/crc.h"

#define HEAD  24
#define FRAME 8

static const char magic[8] = "SLRACT1";

static uint32_t row_crc(uint32_t salt, const char *p, size_t n)
{
    return sl_crc32c(sl_crc32c(0, &salt, 4), p, n);
}

static void head_write(const struct sl_active *active, char out[HEAD])
{
    memcpy(out, magic, 8);
    memcpy(out + 8, &active->first_row, 8);
    memcpy(out + 16, &active->salt, 4);
    uint32_t crc = sl_crc32c(0, out, 20);
    memcpy(out + 20, &crc, 4);
}

static void active_free(struct sl_active *active)
{
    if (active->fd >= 0) {
        close(active->fd);
    }
    free(active->path);
    free(active->bytes);
    free(active->ends);
    free(active);
}

struct sl_active *sl_active_ref(struct sl_active *active)
{
    atomic_fetch_add_explicit(&active->refs, 1, memory_order_relaxed);
    return active;
}

void sl_active_unref(struct sl_active *active)
{
    if (active && atomic_fetch_sub_explicit(&active->refs, 1, memory_order_acq_rel) == 1) {
        active_free(active);
    }
}

int sl_active_new(const char *dir, uint64_t first_row, uint32_t salt, struct sl_active **ret, struct sl_err *err)
{
    struct sl_active *active = calloc(1, sizeof(*active));
    if (!active) {
        return sl_fail_nomem(err);
    }
    active->refs = 1;
    active->first_row = first_row;
    active->salt = salt;
    active->fd = -1;
    active->oldest_usec = INT64_MAX;
    active->bytes = malloc(SL_ACTIVE_BYTES);
    active->ends = malloc(SL_BLOCK_ROWS * sizeof(*active->ends));
    if (!active->bytes || !active->ends ||
        asprintf(&active->path, "%s/active-%016llx", dir, (unsigned long long)first_row) < 0) {
        active_free(active);
        return sl_fail_nomem(err);
    }
    active->fd = open(active->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    char head[HEAD];
    head_write(active, head);
    ssize_t n = active->fd < 0 ? -1 : pwrite(active->fd, head, HEAD, 0);
    if (n != HEAD) {
        int why = n < 0 ? errno : ENOSPC;
        int r = sl_fail(err, SL_E_IO, "cannot write %s: %s", active->path, strerror(why));
        if (active->fd >= 0) {
            unlink(active->path);
        }
        active_free(active);
        return r;
    }
    active->file_at = HEAD;
    *ret = active;
    return 0;
}

bool sl_active_has_room(const struct sl_active *active)
{
    return active->n_added < SL_BLOCK_ROWS && SL_ACTIVE_BYTES - active->len >= FRAME + SL_RLOG_ROW_MAX;
}

char *sl_active_room(struct sl_active *active, size_t n)
{
    SL_ASSERT(n <= SL_RLOG_ROW_MAX && sl_active_has_room(active));
    return active->bytes + active->len + FRAME;
}

void sl_active_added(struct sl_active *active, size_t n)
{
    char *frame = active->bytes + active->len;
    uint32_t length = (uint32_t)n, crc = row_crc(active->salt, frame + FRAME, n);
    memcpy(frame, &length, 4);
    memcpy(frame + 4, &crc, 4);
    active->len += FRAME + n;
    active->ends[active->n_added++] = (uint32_t)active->len;
}

/* The file may have a part of them now; the next write goes over it. */
static int rows_lose(struct sl_active *active, uint32_t *ret_lost)
{
    uint32_t n_rows = atomic_load_explicit(&active->n_rows, memory_order_relaxed);
    *ret_lost = active->n_added - n_rows;
    active->n_added = n_rows;
    active->len = active->written;
    SL_IGNORE(ftruncate(active->fd, (off_t)active->file_at) < 0); /* else the reader finds half a row at its end */
    return SL_E_IO;
}

int sl_active_write(struct sl_active *active, uint32_t *ret_lost, struct sl_err *err)
{
    size_t at = active->written;
    *ret_lost = 0;
    while (at < active->len) {
        ssize_t n = pwrite(active->fd, active->bytes + at, active->len - at,
                           (off_t)(active->file_at + (at - active->written)));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            sl_fail(err, SL_E_IO, "cannot write %s: %s", active->path, strerror(n < 0 ? errno : ENOSPC));
            return rows_lose(active, ret_lost);
        }
        at += (size_t)n;
    }
    active->file_at += active->len - active->written;
    active->written = active->len;
    atomic_store_explicit(&active->n_rows, active->n_added, memory_order_release);
    return 0;
}

struct sl_str sl_active_row(const struct sl_active *active, uint32_t i)
{
    size_t from = (i ? active->ends[i - 1] : 0) + FRAME;
    return sl_str_make(active->bytes + from, active->ends[i] - from);
}

/* The row at `at`; n == 0: there is none. */
static struct sl_str frame_at(struct sl_str file, size_t at, uint32_t salt)
{
    uint32_t n, crc;
    if (file.n - at < FRAME) {
        return SL_STR_NONE;
    }
    memcpy(&n, file.p + at, 4);
    memcpy(&crc, file.p + at + 4, 4);
    if (n == 0 || n > SL_RLOG_ROW_MAX || n > file.n - at - FRAME || row_crc(salt, file.p + at + FRAME, n) != crc) {
        return SL_STR_NONE;
    }
    return sl_str_make(file.p + at + FRAME, n);
}

int sl_active_read(struct sl_str file, uint64_t *ret_first_row, void (*fn)(void *arg, struct sl_str row), void *arg,
                   size_t *ret_bad)
{
    uint32_t salt, crc;
    *ret_bad = 0;
    if (file.n < HEAD || memcmp(file.p, magic, 8) != 0) {
        return SL_E_DAMAGED;
    }
    memcpy(&crc, file.p + 20, 4);
    if (sl_crc32c(0, file.p, 20) != crc) {
        return SL_E_DAMAGED;
    }
    memcpy(ret_first_row, file.p + 8, 8);
    memcpy(&salt, file.p + 16, 4);
    if (*ret_first_row >= UINT64_MAX / 2) {
        return SL_E_DAMAGED;
    }
    size_t at = HEAD;
    while (at < file.n) {
        struct sl_str row = frame_at(file, at, salt);
        if (row.n) {
            fn(arg, row);
            at += FRAME + row.n;
        } else { /* the next row is looked for byte by byte */
            (*ret_bad)++;
            at++;
        }
    }
    return 0;
}
