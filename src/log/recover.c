/* SPDX-License-Identifier: Apache-2.0 */
#include "log/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "log/seal.h"
#include "log/state.h"

/* A larger file of newest rows is none of ours. */
#define ACTIVE_FILE_MAX ((size_t)SL_ACTIVE_BYTES + 4096)

struct names {
    uint64_t *v;
    uint32_t n, cap;
};

struct recovery {
    struct sl_rlog *log;
    struct sl_block **blocks;
    uint32_t n, cap;
    uint64_t end;  /* the number behind the last row */
    bool is_short; /* of memory */
    struct names segments, actives;
};

static int name_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Makes room for one more item behind the n that `v` has; NULL: no memory, and `v` stays. */
static void *room(void *v, uint32_t n, uint32_t *io_cap, size_t size)
{
    if (n < *io_cap) {
        return v;
    }
    uint32_t cap = SL_MAX(*io_cap * 2, 64u);
    void *more = realloc(v, cap * size);
    *io_cap = more ? cap : *io_cap;
    return more;
}

static int name_add(struct names *names, struct sl_str hex)
{
    uint64_t number;
    if (hex.n != 16 || sl_parse_hex64(hex, &number) < 0 || number >= UINT64_MAX / 2) {
        return 0; /* not ours */
    }
    uint64_t *v = room(names->v, names->n, &names->cap, sizeof(*v));
    if (!v) {
        return SL_E_NOMEM;
    }
    names->v = v;
    names->v[names->n++] = number;
    return 0;
}

static int names_read(struct recovery *rec, struct sl_err *err)
{
    static const struct sl_str before = SL_STR_INIT("active-"), after = SL_STR_INIT(".seg");
    DIR *dir = opendir(rec->log->dir);
    if (!dir) {
        return sl_fail(err, SL_E_IO, "cannot read the folder %s: %s", rec->log->dir, strerror(errno));
    }
    int r = 0;
    for (const struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
        struct sl_str name = sl_str_c(entry->d_name);
        if (sl_str_has_suffix(name, after)) {
            r = name_add(&rec->segments, sl_str_sub(name, 0, name.n - after.n));
        } else if (sl_str_has_prefix(name, before)) {
            r = name_add(&rec->actives, sl_str_sub(name, before.n, name.n));
        }
    }
    closedir(dir);
    if (rec->segments.n) {
        qsort(rec->segments.v, rec->segments.n, sizeof(uint64_t), name_cmp);
    }
    if (rec->actives.n) {
        qsort(rec->actives.v, rec->actives.n, sizeof(uint64_t), name_cmp);
    }
    return r < 0 ? sl_fail_nomem(err) : 0;
}

/* Takes the block. */
static void on_block(void *arg, struct sl_block *block)
{
    struct recovery *rec = arg;
    struct sl_block **v = room(rec->blocks, rec->n, &rec->cap, sizeof(struct sl_block *));
    rec->blocks = v ? v : rec->blocks;
    rec->is_short |= !v;
    if (!v || block->first_row < rec->end) { /* the same rows twice: a copied file */
        sl_block_unref(block);
        return;
    }
    rec->blocks[rec->n++] = block;
    rec->end = block->first_row + block->n_rows;
}

static int segment_recover(struct recovery *rec, uint64_t first_row, struct sl_err *err)
{
    struct sl_segment *segment = sl_segment_new(rec->log->dir, first_row);
    if (!segment || sl_rlog_add_segment(rec->log, segment) < 0) {
        return sl_fail_nomem(err);
    }
    struct sl_segment_faults faults;
    struct sl_err cause = { 0 };
    int r = sl_segment_read(segment, on_block, rec, &faults, &cause);
    if (rec->is_short || r == SL_E_NOMEM) {
        return sl_fail_nomem(err);
    }
    if (r < 0) {
        sl_log(SL_LOG_ERROR, "requests", "%s: its rows are left out", cause.text);
        segment->is_closed = true;
    } else if (faults.n_bytes || faults.n_rows) {
        sl_log(SL_LOG_ERROR, "requests",
               "%s is damaged: %llu bytes are no rows of the request log, and %llu rows cannot be read; all others can",
               segment->path, (unsigned long long)faults.n_bytes, (unsigned long long)faults.n_rows);
    }
    return 0;
}

/* --- rows that were not sealed --- */

struct gathering {
    struct sl_str *rows; /* in the file's bytes */
    uint32_t n, cap, n_bad;
    bool is_short;
};

static void on_row(void *arg, struct sl_str bytes)
{
    struct gathering *g = arg;
    struct sl_rlog_row row;
    struct sl_str *rows = room(g->rows, g->n, &g->cap, sizeof(*rows));
    if (!rows) {
        g->is_short = true;
        return;
    }
    g->rows = rows;
    if (sl_rlog_row_read(bytes, &row) < 0) {
        g->n_bad++;
    } else {
        g->rows[g->n++] = bytes;
    }
}

/* Reads a whole file; the caller frees it. */
static int file_read(const char *path, struct sl_str *ret, struct sl_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return sl_fail(err, SL_E_IO, "cannot read %s: %s", path, strerror(why));
    }
    size_t size = SL_MIN((size_t)st.st_size, ACTIVE_FILE_MAX), n = 0;
    char *bytes = malloc(size + 1);
    ssize_t done = 1;
    while (bytes && n < size && done > 0) {
        done = read(fd, bytes + n, size - n);
        n += done > 0 ? (size_t)done : 0;
    }
    close(fd);
    if (!bytes) {
        return sl_fail_nomem(err);
    }
    *ret = sl_str_make(bytes, n);
    return 0;
}

/* Seals the rows from number `first_row` on. */
static int rows_seal(struct recovery *rec, uint64_t first_row, const struct gathering *g, struct sl_err *err)
{
    first_row = SL_MAX(first_row, rec->end);
    for (uint32_t at = 0; at < g->n;) {
        uint32_t n = SL_MIN(g->n - at, (uint32_t)SL_BLOCK_ROWS);
        struct sl_block *block;
        int r = sl_rlog_seal_rows(rec->log, first_row + at, g->rows + at, n, &block, err);
        if (r < 0) {
            return r;
        }
        on_block(rec, block);
        at += n;
    }
    return rec->is_short ? sl_fail_nomem(err) : 0;
}

/* True: these rows are in a block already, because the process ended before it deleted their file. A block that was not
 * whole on disk then is dropped. */
static bool is_sealed(struct recovery *rec, uint64_t first_row)
{
    struct sl_block *last = rec->n ? rec->blocks[rec->n - 1] : NULL;
    if (!last || last->first_row != first_row || sl_block_is_sound(last)) {
        return first_row < rec->end;
    }
    sl_log(SL_LOG_ERROR, "requests", "the last block of %s is damaged; its rows are read from the file before it",
           last->segment->path);
    last->segment->is_closed = true;
    rec->end = first_row;
    rec->n--;
    sl_block_unref(last);
    return false;
}

static int active_recover(struct recovery *rec, uint64_t name, struct sl_err *err)
{
    char path[4200];
    struct sl_str file;
    struct sl_err cause = { 0 };
    snprintf(path, sizeof(path), "%s/active-%016llx", rec->log->dir, (unsigned long long)name);
    if (is_sealed(rec, name)) {
        unlink(path);
        return 0;
    }
    int r = file_read(path, &file, &cause);
    if (r < 0) {
        sl_log(SL_LOG_ERROR, "requests", "%s: its rows are left out", cause.text);
        rec->end = SL_MAX(rec->end, name + 1); /* a file of that name cannot be made */
        return r == SL_E_NOMEM ? sl_fail_nomem(err) : 0;
    }
    struct gathering g = { 0 };
    uint64_t first_row;
    size_t n_bad;
    r = sl_active_read(file, &first_row, on_row, &g, &n_bad);
    if (r < 0 || n_bad || g.n_bad) {
        sl_log(SL_LOG_ERROR, "requests", "%s is damaged: %zu of its %zu bytes are no rows; %u rows are kept", path,
               r < 0 ? file.n : n_bad, file.n, g.n);
    }
    r = g.is_short ? sl_fail_nomem(err) : r < 0 ? 0 : rows_seal(rec, name, &g, err);
    if (r == 0) {
        unlink(path);
    }
    free(g.rows);
    free((void *)(uintptr_t)file.p);
    return r;
}

/* Gives the list to the log. */
static int blocks_give(struct recovery *rec, struct sl_err *err)
{
    struct sl_blocks *blocks = malloc(sizeof(*blocks) + rec->n * sizeof(struct sl_block *));
    if (!blocks) {
        return sl_fail_nomem(err);
    }
    atomic_init(&blocks->refs, 1);
    blocks->n = rec->n;
    if (rec->n) {
        memcpy(blocks->v, rec->blocks, rec->n * sizeof(struct sl_block *));
    }
    rec->n = 0;
    rec->log->blocks = blocks;
    return 0;
}

int sl_rlog_recover(struct sl_rlog *log, uint64_t *ret_end, struct sl_err *err)
{
    struct recovery rec = { .log = log };
    int r = names_read(&rec, err);
    for (uint32_t i = 0; i < rec.segments.n && r == 0; i++) {
        r = segment_recover(&rec, rec.segments.v[i], err);
    }
    for (uint32_t i = 0; i < rec.actives.n && r == 0; i++) {
        r = active_recover(&rec, rec.actives.v[i], err);
    }
    *ret_end = rec.end;
    r = r < 0 ? r : blocks_give(&rec, err);
    while (rec.n) {
        sl_block_unref(rec.blocks[--rec.n]);
    }
    free(rec.blocks);
    free(rec.segments.v);
    free(rec.actives.v);
    return r;
}
