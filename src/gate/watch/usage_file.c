/* SPDX-License-Identifier: Apache-2.0 */
/* A record is its length, a CRC of what follows, a letter, and what the letter stands for: N and a node's name, R and a
 * row, F and a mark. Numbers are as the machine has them: no other machine reads the file. */
#include "gate/watch/usage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/watch/sheet.h"
#include "log/crc.h"
#include "store/usage.h"

#define FILE_NAME "usage.spool"
#define HEAD      8 /* of a record */
/* A file that is longer, and twice as long as when it was new, is renewed. */
#define LONG     (4u << 20)
#define FILE_MAX (1u << 30)

struct sl_usage_file {
    char path[4200], temporary[4200];
    char *node;
    int fd;                /* -1: there is no file */
    struct sl_buf noted;   /* records that are not in the file yet */
    uint64_t len, len_new; /* of the file; as it was when it was renewed */
    bool is_behind;        /* rows are missing in the file */
    bool was_told;         /* the operator knows that it fails */
};

int sl_usage_file_new(const char *dir, const char *node, struct sl_usage_file **ret)
{
    struct sl_usage_file *file = calloc(1, sizeof(*file));
    if (!file) {
        return SL_E_NOMEM;
    }
    file->fd = -1;
    sl_buf_init(&file->noted, FILE_MAX);
    snprintf(file->path, sizeof(file->path), "%s/" FILE_NAME, dir);
    snprintf(file->temporary, sizeof(file->temporary), "%s/" FILE_NAME ".new", dir);
    file->node = strdup(node);
    if (!file->node) {
        sl_usage_file_free(file);
        return SL_E_NOMEM;
    }
    *ret = file;
    return 0;
}

void sl_usage_file_free(struct sl_usage_file *file)
{
    if (!file) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    sl_buf_done(&file->noted);
    free(file->node);
    free(file);
}

/* --- records --- */

static void record_begin(struct sl_buf *out, char letter, size_t *ret_at)
{
    static const char head[HEAD];
    *ret_at = out->len;
    sl_buf_add(out, head, sizeof(head));
    sl_buf_add_char(out, letter);
}

static void record_end(struct sl_buf *out, size_t at)
{
    if (sl_buf_status(out) < 0) {
        return;
    }
    char *head = out->p + at;
    uint32_t n = (uint32_t)(out->len - at - HEAD), crc = sl_crc32c(0, head + HEAD, n);
    memcpy(head, &n, sizeof(n));
    memcpy(head + sizeof(n), &crc, sizeof(crc));
}

static void node_put(struct sl_buf *out, const char *node)
{
    size_t at;
    record_begin(out, 'N', &at);
    sl_buf_add_c(out, node);
    record_end(out, at);
}

static void mark_put(struct sl_buf *out, uint64_t mark)
{
    size_t at;
    record_begin(out, 'F', &at);
    sl_buf_add(out, &mark, sizeof(mark));
    record_end(out, at);
}

static void row_put(struct sl_buf *out, const struct sl_usage_row *row)
{
    size_t at;
    uint32_t n_sums = SL_USAGE_SUM_COUNT;
    record_begin(out, 'R', &at);
    sl_buf_add(out, &row->at_sec, sizeof(row->at_sec));
    sl_buf_add(out, &row->span_sec, sizeof(row->span_sec));
    sl_buf_add(out, &n_sums, sizeof(n_sums));
    sl_buf_add(out, row->sums, sizeof(row->sums));
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        uint32_t n = (uint32_t)row->of[i].n;
        sl_buf_add(out, &n, sizeof(n));
        sl_buf_add_str(out, row->of[i]);
    }
    record_end(out, at);
}

static void sheet_put(struct sl_buf *out, const struct sl_sheet *sheet)
{
    const struct sl_usage_row *row;
    for (size_t i = 0; (row = sl_sheet_each(sheet, &i)) != NULL;) {
        row_put(out, row);
    }
}

/* --- reading --- */

/* False: it is shorter. */
static bool take(struct sl_str *io, void *out, size_t n)
{
    if (io->n < n) {
        return false;
    }
    memcpy(out, io->p, n);
    *io = sl_str_sub(*io, n, io->n);
    return true;
}

/* A version before this one had fewer sums. */
static bool sums_take(struct sl_str *io, int64_t *ret)
{
    uint32_t n = 0;
    memset(ret, 0, sizeof(int64_t) * SL_USAGE_SUM_COUNT);
    return take(io, &n, sizeof(n)) && n <= SL_USAGE_SUM_COUNT && take(io, ret, n * sizeof(*ret));
}

static bool row_take(struct sl_str rest, struct sl_usage_row *ret)
{
    bool is_whole = take(&rest, &ret->at_sec, sizeof(ret->at_sec)) &&
                    take(&rest, &ret->span_sec, sizeof(ret->span_sec)) && sums_take(&rest, ret->sums);
    for (int i = 0; i < SL_USAGE_OF_COUNT && is_whole; i++) {
        uint32_t n = 0;
        is_whole = take(&rest, &n, sizeof(n)) && n <= rest.n;
        ret->of[i] = is_whole ? sl_str_sub(rest, 0, n) : SL_STR_NONE;
        rest = is_whole ? sl_str_sub(rest, n, rest.n) : rest;
    }
    return is_whole && rest.n == 0;
}

/* The next record; false: there is none, or it is damaged. */
static bool record_take(struct sl_str *io, char *ret_letter, struct sl_str *ret)
{
    struct sl_str rest = *io;
    uint32_t n = 0, crc = 0;
    if (!take(&rest, &n, sizeof(n)) || !take(&rest, &crc, sizeof(crc)) || !n || n > rest.n ||
        sl_crc32c(0, rest.p, n) != crc) {
        return false;
    }
    *ret_letter = rest.p[0];
    *ret = sl_str_sub(rest, 1, n);
    *io = sl_str_sub(rest, n, rest.n);
    return true;
}

/* SL_E_FOREIGN: a record that this version does not know; it is whole. */
static int record_give(char letter, struct sl_str content, const struct sl_usage_file_cbs *cbs)
{
    struct sl_usage_row row;
    uint64_t mark = 0;
    if (letter == 'N') {
        return cbs->on_node(cbs->arg, content);
    }
    if (letter == 'R') {
        return row_take(content, &row) ? cbs->on_row(cbs->arg, &row) : SL_E_FOREIGN;
    }
    return letter == 'F' && content.n == sizeof(mark) && take(&content, &mark, sizeof(mark))
               ? cbs->on_mark(cbs->arg, mark)
               : SL_E_FOREIGN;
}

/* `io`: then what is behind the last record that was given. */
static int records_give(const struct sl_usage_file *file, struct sl_str *io, const struct sl_usage_file_cbs *cbs,
                        struct sl_err *err)
{
    struct sl_str content;
    char letter;
    int r = 0;
    while (r == 0 && record_take(io, &letter, &content)) {
        r = record_give(letter, content, cbs);
    }
    if (r < 0) {
        sl_fail(err, r, "%s %s", file->path,
                r == SL_E_FOREIGN ? "was written by a newer version"
                : r == SL_E_NOMEM ? "does not fit into the memory"
                                  : "has records that do not go together");
    }
    return r;
}

static int file_read(struct sl_usage_file *file, struct sl_buf *out, struct sl_err *err)
{
    struct stat st;
    file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file->fd < 0) {
        return errno == ENOENT ? 0 : sl_fail(err, SL_E_IO, "cannot open %s: %s", file->path, strerror(errno));
    }
    if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) || sl_buf_reserve(out, (size_t)st.st_size) < 0) {
        return sl_fail(err, SL_E_IO, "cannot read %s", file->path);
    }
    ssize_t n = 1;
    while (out->len < (size_t)st.st_size && n > 0) {
        n = pread(file->fd, out->p + out->len, (size_t)st.st_size - out->len, (off_t)out->len);
        out->len += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? sl_fail(err, SL_E_IO, "cannot read %s: %s", file->path, strerror(errno)) : 0;
}

int sl_usage_file_read(struct sl_usage_file *file, const struct sl_usage_file_cbs *cbs, struct sl_err *err)
{
    struct sl_buf text = SL_BUF_INIT(FILE_MAX);
    int r = file_read(file, &text, err);
    struct sl_str rest = sl_buf_str(&text);
    r = r < 0 ? r : records_give(file, &rest, cbs, err);
    if (r == 0 && rest.n) {
        sl_log(SL_LOG_WARNING, "store", "%s is cut off or damaged: its last %zu bytes are not counted", file->path,
               rest.n);
        if (ftruncate(file->fd, (off_t)(text.len - rest.n)) < 0) {
            r = sl_fail(err, SL_E_IO, "cannot write %s: %s", file->path, strerror(errno));
        }
    }
    file->len = text.len - rest.n;
    sl_buf_done(&text);
    return r;
}

/* --- writing --- */

static void failure_tell(struct sl_usage_file *file, const char *path, int why)
{
    if (!file->was_told) {
        sl_log(SL_LOG_WARNING, "store",
               "%s cannot be written (%s): if this process is killed while the database is away, the usage that waits "
               "is lost",
               path, strerror(why));
    }
    file->was_told = true;
}

/* 0, or an errno. */
static int all_write(int fd, struct sl_str text, uint64_t at)
{
    while (text.n) {
        ssize_t n = pwrite(fd, text.p, text.n, (off_t)at);
        if (n <= 0) {
            return n < 0 ? errno : ENOSPC;
        }
        at += (uint64_t)n;
        text = sl_str_sub(text, (size_t)n, text.n);
    }
    return 0;
}

void sl_usage_file_note(struct sl_usage_file *file, const struct sl_usage_row *row)
{
    row_put(&file->noted, row);
}

bool sl_usage_file_write(struct sl_usage_file *file)
{
    if (file->is_behind) {
        return false;
    }
    if (!file->noted.len && sl_buf_status(&file->noted) == 0) {
        return true;
    }
    int why = sl_buf_status(&file->noted) < 0 ? ENOMEM
              : file->fd < 0                  ? EBADF
                                              : all_write(file->fd, sl_buf_str(&file->noted), file->len);
    if (why) {
        return false; /* what it has now behind its end is cut off, or written over */
    }
    file->len += file->noted.len;
    sl_buf_reset(&file->noted);
    return file->len < LONG || file->len < 2 * file->len_new;
}

/* Closes the file; its rows are not to be counted again. */
static void file_drop(struct sl_usage_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    file->fd = -1;
    file->len = file->len_new = 0;
    unlink(file->path);
}

/* Returns 0 or an errno. */
static int file_replace(struct sl_usage_file *file, struct sl_str text)
{
    int fd = open(file->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int why = fd < 0 ? errno : all_write(fd, text, 0);
    if (!why && rename(file->temporary, file->path) < 0) {
        why = errno;
    }
    if (why) {
        if (fd >= 0) {
            close(fd);
            unlink(file->temporary);
        }
        return why;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    file->fd = fd;
    file->len = file->len_new = text.n;
    return 0;
}

void sl_usage_file_renew(struct sl_usage_file *file, const struct sl_sheet *frozen, uint64_t mark,
                         const struct sl_sheet *open, bool is_frozen)
{
    struct sl_buf text = SL_BUF_INIT(FILE_MAX);
    sl_buf_reset(&file->noted);
    if (!frozen->rows.n && !open->rows.n) {
        if (file->fd >= 0) {
            file_drop(file);
        }
        file->is_behind = false;
        return;
    }
    node_put(&text, file->node);
    if (frozen->rows.n) {
        sheet_put(&text, frozen);
        mark_put(&text, mark);
    }
    sheet_put(&text, open);
    int why = sl_buf_status(&text) < 0 ? ENOMEM : file_replace(file, sl_buf_str(&text));
    if (why) {
        failure_tell(file, file->temporary, why);
        if (is_frozen) {
            file_drop(file);
        }
    } else {
        file->was_told = false;
    }
    file->is_behind = why != 0;
    sl_buf_done(&text);
}
