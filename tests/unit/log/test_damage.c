/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the request log that were cut anywhere, or have a turned bit: what is found is what was written, and no more
 * is lost than the damaged block. */
#include "help.h"

#include "log/block.h"

/* Three sealed blocks and a file of rows that are not sealed, as a process that was killed leaves them. */
#define BLOCKS 3
#define EACH   12
#define LAST   9

static char dir[64];
static struct {
    char name[64];
    char *bytes;
    size_t n;
} files[8];
static unsigned n_files;

static void file_keep(const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0 && n_files < SL_ARRAY_LEN(files));
    snprintf(files[n_files].name, sizeof(files[0].name), "%s", name);
    files[n_files].n = (size_t)st.st_size;
    files[n_files].bytes = malloc(files[n_files].n + 1);
    assert_int_equal(read(fd, files[n_files].bytes, files[n_files].n), st.st_size);
    close(fd);
    n_files++;
}

static void rows_add(uint64_t *io_n, uint64_t n)
{
    struct sl_rlog *log = log_open(dir, 1);
    rows_push(log, *io_n, *io_n + n);
    *io_n += n;
    sl_rlog_close(log);
}

static int files_make(void **state)
{
    (void)state;
    dir_make(dir);
    uint64_t n = 0;
    for (int i = 0; i < BLOCKS; i++) { /* each start seals what the one before left */
        rows_add(&n, EACH);
    }
    rows_add(&n, LAST);
    DIR *d = opendir(dir);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] != '.') {
            file_keep(entry->d_name);
        }
    }
    closedir(d);
    assert_int_equal(n_files, 2); /* all blocks are in one file */
    dir_remove(dir);
    return 0;
}

static int files_free(void **state)
{
    (void)state;
    while (n_files) {
        free(files[--n_files].bytes);
    }
    return 0;
}

/* Writes the files again; file `which` has these bytes. */
static void files_write(unsigned which, const char *bytes, size_t n)
{
    assert_int_equal(mkdir(dir, 0700), 0);
    for (unsigned i = 0; i < n_files; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        const char *p = i == which ? bytes : files[i].bytes;
        size_t len = i == which ? n : files[i].n;
        assert_true(fd >= 0 && write(fd, p, len) == (ssize_t)len);
        close(fd);
    }
}

/* Opens what is there. Every row that is found is one that was written; returns how many are lost. */
static size_t lost_of(void)
{
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct found found;
    struct sl_rlog *log = log_open(dir, 1);
    scan_all(log, &query, 0, &found, NULL);
    assert_false(found.is_wrong);
    for (size_t i = 1; i < found.n; i++) {
        assert_true(found.numbers[i] < found.numbers[i - 1]);
    }
    size_t lost = BLOCKS * EACH + LAST - found.n;
    free(found.numbers);
    /* It goes on: a new row is found at once and after the next start. */
    uint64_t end = sl_rlog_end(log);
    struct made_row made;
    row_make(&made, end);
    sl_rlog_push(sl_rlog_ring(log, 0), &made.row, sl_clock_usec());
    sl_rlog_close(log);
    log = log_open(dir, 1);
    assert_int_equal(sl_rlog_end(log), end + 1);
    sl_rlog_close(log);
    dir_remove(dir);
    return lost;
}

static unsigned segment_file(void)
{
    return strstr(files[0].name, ".seg") ? 0 : 1;
}

static void nothing_is_lost_without_damage(void **state)
{
    (void)state;
    files_write(UINT32_MAX, NULL, 0);
    assert_int_equal(lost_of(), 0);
}

static void the_newest_rows_cut_anywhere(void **state)
{
    (void)state;
    unsigned which = 1 - segment_file();
    size_t last = LAST;
    for (size_t n = 0; n <= files[which].n; n += 3) {
        files_write(which, files[which].bytes, n);
        size_t lost = lost_of();
        assert_true(lost <= last); /* a longer file has no fewer rows */
        last = lost;
    }
    assert_true(last <= 1);
}

static void blocks_cut_anywhere(void **state)
{
    (void)state;
    unsigned which = segment_file();
    size_t last = BLOCKS * EACH;
    for (size_t n = 0; n <= files[which].n; n += 61) {
        files_write(which, files[which].bytes, n);
        size_t lost = lost_of();
        assert_true(lost <= last && lost % EACH == 0);
        last = lost;
    }
}

/* `step`: which bits. */
static void bits_turn(unsigned which, size_t from, size_t to, size_t step, size_t most_lost)
{
    char *bytes = malloc(files[which].n);
    memcpy(bytes, files[which].bytes, files[which].n);
    size_t n_lossy = 0;
    for (size_t bit = from * 8; bit < to * 8; bit += step) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        files_write(which, bytes, files[which].n);
        size_t lost = lost_of();
        assert_true(lost <= most_lost);
        n_lossy += lost > 0;
        bytes[bit / 8] = files[which].bytes[bit / 8];
    }
    assert_true(n_lossy > 0);
    free(bytes);
}

static void a_bit_of_the_newest_rows(void **state)
{
    (void)state;
    unsigned which = 1 - segment_file();
    bits_turn(which, 0, 24, 1, LAST);            /* its head */
    bits_turn(which, 24, files[which].n, 11, 1); /* one row */
}

static void a_bit_of_a_block(void **state)
{
    (void)state;
    unsigned which = segment_file();
    bits_turn(which, 0, SL_BLOCK_HEAD, 1, EACH);
    bits_turn(which, SL_BLOCK_HEAD, files[which].n, 97, EACH);
}

/* The process ended when a block was written, but its rows' file was not deleted yet. */
static void rows_that_are_sealed_come_once(void **state)
{
    (void)state;
    unsigned which = 1 - segment_file();
    uint64_t n = 0;
    files_write(UINT32_MAX, NULL, 0);
    struct sl_rlog *log = log_open(dir, 1); /* seals them */
    n = sl_rlog_end(log);
    sl_rlog_close(log);
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, files[which].name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, files[which].bytes, files[which].n) == (ssize_t)files[which].n);
    close(fd);
    log = log_open(dir, 1);
    assert_int_equal(sl_rlog_end(log), n);
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct found found;
    scan_all(log, &query, 0, &found, NULL);
    assert_int_equal(found.n, BLOCKS * EACH + LAST);
    free(found.numbers);
    sl_rlog_close(log);
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_without_damage),
        cmocka_unit_test(the_newest_rows_cut_anywhere),
        cmocka_unit_test(blocks_cut_anywhere),
        cmocka_unit_test(a_bit_of_the_newest_rows),
        cmocka_unit_test(a_bit_of_a_block),
        cmocka_unit_test(rows_that_are_sealed_come_once),
    };
    return cmocka_run_group_tests(tests, files_make, files_free);
}
