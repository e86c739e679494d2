/* SPDX-License-Identifier: Apache-2.0 */
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much is read at once where a block's head is looked for. */
#define SEARCH_BYTES 65536

struct sl_segment *sl_segment_new(const char *dir, uint64_t first_row)
{
    struct sl_segment *segment = calloc(1, sizeof(*segment));
    if (!segment || asprintf(&segment->path, "%s/%016llx.seg", dir, (unsigned long long)first_row) < 0) {
        free(segment);
        return NULL;
    }
    segment->refs = 1;
    segment->oldest_usec = INT64_MAX;
    segment->newest_usec = INT64_MIN;
    return segment;
}

static struct sl_segment *segment_ref(struct sl_segment *segment)
{
    atomic_fetch_add_explicit(&segment->refs, 1, memory_order_relaxed);
    return segment;
}

void sl_segment_unref(struct sl_segment *segment)
{
    if (segment && atomic_fetch_sub_explicit(&segment->refs, 1, memory_order_acq_rel) == 1) {
        free(segment->path);
        free(segment);
    }
}

struct sl_block *sl_block_ref(struct sl_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

void sl_block_unref(struct sl_block *block)
{
    if (block && atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1) {
        sl_segment_unref(block->segment);
        free(block);
    }
}

static void block_join(struct sl_segment *segment, struct sl_block *block, uint64_t at)
{
    block->at = at;
    block->segment = segment_ref(segment);
    segment->oldest_usec = SL_MIN(segment->oldest_usec, block->min_time_usec);
    segment->newest_usec = SL_MAX(segment->newest_usec, block->max_time_usec);
}

static bool read_all(int fd, char *out, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t done = pread(fd, out, n, (off_t)at);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        out += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

/* Where the next head is that is whole; UINT64_MAX: nowhere. Blocks begin at multiples of 8. */
static uint64_t head_find(int fd, uint64_t at, uint64_t size)
{
    char bytes[SEARCH_BYTES];
    struct sl_block_head head;
    while (size - at >= SL_BLOCK_HEAD) {
        size_t n = (size_t)SL_MIN(size - at, (uint64_t)sizeof(bytes));
        if (!read_all(fd, bytes, n, at)) {
            return UINT64_MAX;
        }
        size_t i = 0;
        for (; n - i >= SL_BLOCK_HEAD; i += 8) {
            if (sl_block_head_read(bytes + i, &head)) {
                return at + i;
            }
        }
        at += i;
    }
    return UINT64_MAX;
}

/* Reads the block with this head at `at`. */
static int block_load(int fd, uint64_t at, const struct sl_block_head *head, struct sl_block **ret)
{
    size_t n = sl_block_front(head);
    char *bytes = malloc(n);
    int r = !bytes ? SL_E_NOMEM : read_all(fd, bytes, n, at) ? sl_block_open(sl_str_make(bytes, n), ret) : SL_E_IO;
    free(bytes);
    return r;
}

int sl_segment_read(struct sl_segment *segment, void (*fn)(void *arg, struct sl_block *block), void *arg,
                    struct sl_segment_faults *ret_faults, struct sl_err *err)
{
    struct stat st;
    int fd = open(segment->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return sl_fail(err, SL_E_IO, "cannot read %s: %s", segment->path, strerror(why));
    }
    uint64_t size = (uint64_t)st.st_size, at = 0;
    int r = 0;
    *ret_faults = (struct sl_segment_faults){ 0 };
    while (at < size && r == 0) {
        char bytes[SL_BLOCK_HEAD];
        struct sl_block_head head;
        bool has_head = size - at >= SL_BLOCK_HEAD && read_all(fd, bytes, SL_BLOCK_HEAD, at) &&
                        sl_block_head_read(bytes, &head);
        if (!has_head || head.bytes > size - at) {
            uint64_t next = has_head ? head_find(fd, at + 8, size) : head_find(fd, at, size);
            next = SL_MIN(next, size);
            ret_faults->n_bytes += next - at;
            segment->is_closed |= next == size;
            at = next;
            continue;
        }
        struct sl_block *block;
        r = block_load(fd, at, &head, &block);
        if (r == 0) {
            block->refs = 1;
            block_join(segment, block, at);
            fn(arg, block);
        } else if (r == SL_E_DAMAGED) {
            ret_faults->n_rows += head.n_rows;
            r = 0;
        }
        at += head.bytes;
    }
    segment->bytes = size;
    if (segment->newest_usec == INT64_MIN) { /* no row says how old it is */
        segment->oldest_usec = segment->newest_usec = (int64_t)st.st_mtime * 1000000;
    }
    close(fd);
    return r < 0 ? sl_fail(err, r, "cannot read %s: %s", segment->path, sl_err_name(r)) : 0;
}

/* 0 or errno. */
static int append(const struct sl_segment *segment, int fd, struct sl_str bytes)
{
    for (size_t at = 0; at < bytes.n;) {
        ssize_t n = pwrite(fd, bytes.p + at, bytes.n - at, (off_t)(segment->bytes + at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : ENOSPC;
        }
        at += (size_t)n;
    }
    return fdatasync(fd) < 0 ? errno : 0;
}

int sl_segment_add(struct sl_segment *segment, struct sl_str bytes, struct sl_block **ret, struct sl_err *err)
{
    struct sl_block *block;
    int r = sl_block_open(bytes, &block);
    if (r < 0) {
        return sl_fail(err, r, "cannot seal rows of the request log: %s", sl_err_name(r));
    }
    int fd = open(segment->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int why = fd < 0 ? errno : append(segment, fd, bytes);
    if (why) {
        if (fd >= 0) {
            SL_IGNORE(ftruncate(fd, (off_t)segment->bytes) < 0); /* else the next block goes over it */
            close(fd);
        }
        free(block);
        return sl_fail(err, SL_E_IO, "cannot write %s: %s", segment->path, strerror(why));
    }
    close(fd);
    block->refs = 1;
    block_join(segment, block, segment->bytes);
    segment->bytes += bytes.n;
    *ret = block;
    return 0;
}

int sl_block_read(const struct sl_block *block, int fd, const struct sl_section *section, char *out)
{
    if (!read_all(fd, out, section->n, block->at + section->at)) {
        return SL_E_IO;
    }
    return sl_section_check(section, sl_str_make(out, section->n));
}

bool sl_block_is_sound(const struct sl_block *block)
{
    int fd = open(block->segment->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_sound = fd >= 0;
    for (uint32_t i = 0; i < block->n_sections && is_sound; i++) {
        const struct sl_section *section = &block->sections[i];
        char *bytes = malloc(section->n + 1);
        is_sound = bytes && sl_block_read(block, fd, section, bytes) == 0;
        free(bytes);
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_sound;
}
