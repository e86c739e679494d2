/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the request log: bytes of any kind are read without a fault. Checksums are set right first, because
 * otherwise they would refuse everything. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/active.h"
#include "log/block_form.h"
#include "log/columns.h"
#include "log/crc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_row(void *arg, struct sl_str bytes)
{
    struct sl_rlog_row row;
    (void)arg;
    SL_IGNORE(sl_rlog_row_read(bytes, &row) < 0);
}

/* Makes the checksums of sections, directory and head those of the bytes. */
static void sums_set(char *bytes, size_t n)
{
    uint32_t n_sections, crc;
    memcpy(&n_sections, bytes + 12, 4);
    n_sections = (uint32_t)SL_MIN((size_t)n_sections, (n - SL_BLOCK_HEAD) / SL_SECTION_ENTRY);
    for (uint32_t i = 0; i < n_sections; i++) {
        char *entry = bytes + SL_BLOCK_HEAD + (size_t)i * SL_SECTION_ENTRY;
        uint32_t at, len;
        memcpy(&at, entry + 4, 4);
        memcpy(&len, entry + 8, 4);
        if (at <= n && len <= n - at && at >= SL_BLOCK_HEAD + (size_t)n_sections * SL_SECTION_ENTRY) {
            crc = sl_crc32c(0, bytes + at, len);
            memcpy(entry + 12, &crc, 4);
        }
    }
    crc = sl_crc32c(0, bytes + SL_BLOCK_HEAD, (size_t)n_sections * SL_SECTION_ENTRY);
    memcpy(bytes, "SLRBLK1", 8);
    memcpy(bytes + 28, &crc, 4);
    crc = sl_crc32c(0, bytes, 60);
    memcpy(bytes + 60, &crc, 4);
}

static void block_try(char *bytes, size_t n)
{
    struct sl_block *block;
    sums_set(bytes, n);
    if (sl_block_open(sl_str_make(bytes, n), &block) < 0) {
        return;
    }
    int fd = memfd_create("block", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, bytes, n) == (ssize_t)n) {
        struct sl_columns columns;
        struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
        static uint8_t fits[SL_BLOCK_ROWS];
        uint32_t n_fits;
        bool is_all;
        query.from_usec = 1;
        query.min_duration_usec = 5;
        query.id = SL_STR("an id");
        SL_IGNORE(!sl_rlog_query_is(&query, SL_RLOG_ROUTE, SL_STR("chat")));
        if (sl_columns_init(&columns, block, fd) == 0) {
            struct sl_rlog_row row;
            for (uint32_t i = 0; i < SL_MIN(block->n_rows, 64u); i++) {
                SL_IGNORE(sl_columns_row(&columns, i, &row) < 0);
            }
            SL_IGNORE(sl_columns_select(&columns, &query, fits, &n_fits, &is_all) < 0);
            sl_columns_done(&columns);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    if (!bytes) {
        return 0;
    }
    if (size) {
        memcpy(bytes, data, size);
    }
    uint64_t first_row;
    size_t n_bad;
    on_row(NULL, sl_str_make(bytes, size));
    SL_IGNORE(sl_active_read(sl_str_make(bytes, size), &first_row, on_row, NULL, &n_bad) < 0);
    if (size >= SL_BLOCK_HEAD) {
        block_try(bytes, size);
    }
    free(bytes);
    return 0;
}
