/* SPDX-License-Identifier: Apache-2.0 */
/* A file of sealed blocks. Only its end grows; it is deleted whole. Shared between threads, reference-counted. */
#ifndef SL_LOG_SEGMENT_H
#define SL_LOG_SEGMENT_H

#include "log/block.h"

struct sl_segment {
    atomic_uint refs;
    char *path;
    /* Of the thread that writes. */
    uint64_t bytes;
    int64_t oldest_usec, newest_usec; /* of its rows */
    bool is_closed;                   /* its end is damaged: nothing is added */
};

/* A list of blocks, oldest first, which does not change. */
struct sl_blocks {
    atomic_uint refs;
    uint32_t n;
    struct sl_block *v[]; /* each is held by the list */
};

struct sl_segment *sl_segment_new(const char *dir, uint64_t first_row);
void sl_segment_unref(struct sl_segment *segment);

/* What reading found that is no block. */
struct sl_segment_faults {
    uint64_t n_bytes; /* between blocks, and at the end */
    uint64_t n_rows;  /* of blocks whose directory is damaged */
};

/* Reads the blocks' heads and directories: calls fn for each, which takes the block. Call it once, for a new object. */
SL_MUST int sl_segment_read(struct sl_segment *segment, void (*fn)(void *arg, struct sl_block *block), void *arg,
                            struct sl_segment_faults *ret_faults, struct sl_err *err);
/* Adds a block, which is on disk then. */
SL_MUST int sl_segment_add(struct sl_segment *segment, struct sl_str block, struct sl_block **ret, struct sl_err *err);

struct sl_block *sl_block_ref(struct sl_block *block);
void sl_block_unref(struct sl_block *block);

/* Reads a section. SL_E_DAMAGED, SL_E_IO. `out` has the section's bytes. */
SL_MUST int sl_block_read(const struct sl_block *block, int fd, const struct sl_section *section, char *out);
/* True: all of its sections are as they were written. */
bool sl_block_is_sound(const struct sl_block *block);

#endif
