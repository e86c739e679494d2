/* SPDX-License-Identifier: Apache-2.0 */
/* The request log as a whole: rows are written, sealed, found, counted and deleted. */
#include "help.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

/* More than a block, so that some are sealed. */
#define ROWS 40000

static struct sl_rlog *shared;
static char shared_dir[64];

static int shared_open(void **state)
{
    (void)state;
    dir_make(shared_dir);
    shared = log_open(shared_dir, 1);
    rows_push(shared, 0, ROWS);
    return 0;
}

static int shared_close(void **state)
{
    (void)state;
    sl_rlog_close(shared);
    dir_remove(shared_dir);
    return 0;
}

/* Which rows a query should find, by the rows themselves. */
static size_t expect(const struct sl_rlog_query *query, uint64_t *out)
{
    size_t n = 0;
    for (uint64_t i = ROWS; i-- > 0;) {
        struct made_row made;
        row_make(&made, i);
        if (sl_rlog_query_fits(query, &made.row)) {
            out[n++] = i;
        }
    }
    return n;
}

static void query_check(const struct sl_rlog_query *query, size_t page)
{
    static uint64_t wanted[ROWS];
    struct found found;
    uint64_t n_damaged;
    size_t n = expect(query, wanted);
    scan_all(shared, query, page, &found, &n_damaged);
    assert_false(found.is_wrong);
    assert_int_equal(n_damaged, 0);
    assert_int_equal(found.n, n);
    assert_memory_equal(found.numbers, wanted, n * sizeof(wanted[0]));
    free(found.numbers);
}

static void is(struct sl_rlog_query *query, enum sl_rlog_text text, const char *value)
{
    assert_true(sl_rlog_query_is(query, text, sl_str_c(value)));
}

static void rows_are_sealed(void **state)
{
    (void)state;
    struct sl_rlog_view view;
    sl_rlog_view_take(shared, &view);
    assert_int_equal(view.blocks->n, ROWS / SL_BLOCK_ROWS);
    assert_int_equal(view.n_active, ROWS % SL_BLOCK_ROWS);
    assert_int_equal(sl_rlog_view_end(&view), ROWS);
    sl_rlog_view_drop(&view);
}

static void filters_find_what_fits(void **state)
{
    (void)state;
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    query_check(&query, 0);
    query_check(&query, 777); /* in pages */
    is(&query, SL_RLOG_ROUTE, "route-2");
    query_check(&query, 100);
    is(&query, SL_RLOG_STATUS, "502");
    is(&query, SL_RLOG_STREAM, "true");
    is(&query, SL_RLOG_MODEL, "model-3");
    query_check(&query, 0);
    query.from_usec = T0 + 7 * SEC;
    query.to_usec = T0 + 25 * SEC;
    query.min_duration_usec = 20000;
    query_check(&query, 3);
}

static void a_status_may_have_any_digit(void **state)
{
    (void)state;
    static const char *const statuses[] = { "4xx", "5xx", "xxx", "42x", "200", "7xx" };
    for (size_t i = 0; i < SL_ARRAY_LEN(statuses); i++) {
        struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
        is(&query, SL_RLOG_STATUS, statuses[i]);
        query_check(&query, 0);
    }
}

static void filters_that_fit_nothing(void **state)
{
    (void)state;
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    is(&query, SL_RLOG_ROUTE, "no such route");
    query_check(&query, 0);
    query = SL_RLOG_QUERY_ALL;
    is(&query, SL_RLOG_KEY, "no row has a key");
    query_check(&query, 0);
    query = SL_RLOG_QUERY_ALL;
    is(&query, SL_RLOG_KEY, ""); /* all have none */
    query_check(&query, 0);
    static const char *const groups[] = { "", "acme", "acme/3", "acm" };
    for (size_t i = 0; i < SL_ARRAY_LEN(groups); i++) {
        query = SL_RLOG_QUERY_ALL;
        is(&query, SL_RLOG_GROUP, groups[i]);
        query_check(&query, 0);
    }
    query = SL_RLOG_QUERY_ALL;
    is(&query, SL_RLOG_ERROR_TYPE, "");
    query_check(&query, 0);
    query = SL_RLOG_QUERY_ALL;
    query.from_usec = T0 + ROWS * 1000ll + SEC;
    query_check(&query, 0);
    query = SL_RLOG_QUERY_ALL;
    query.min_duration_usec = 50 * SEC;
    query_check(&query, 0);
}

static void either_id_finds_the_row(void **state)
{
    (void)state;
    static const uint64_t rows[] = { 1, 4, 5, 16383, 16384, 16385, 30001, ROWS - 3, ROWS - 1 };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct made_row made;
        char hex[SL_RLOG_ID_HEX];
        row_make(&made, rows[i]);
        struct sl_rlog_id id = sl_rlog_row_id(&made.row);
        sl_rlog_id_format(&id, hex);
        struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
        query.id = sl_str_make(hex, sizeof(hex));
        query_check(&query, 0);
        query.id = made.row.texts[SL_RLOG_REQUEST_ID].n ? made.row.texts[SL_RLOG_REQUEST_ID] : SL_STR("caller-2");
        query_check(&query, 0);
    }
}

static void an_id_of_ours_is_told_from_a_callers(void **state)
{
    (void)state;
    static const uint64_t rows[] = { 2, 16402, 39962 }; /* two of them are sealed */
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct made_row made;
        row_make(&made, rows[i] + 1);
        struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
        query.id = made.row.texts[SL_RLOG_REQUEST_ID];
        struct found found;
        uint64_t n_damaged;
        for (int is_own = 0; is_own <= 1; is_own++) {
            query.is_own_id = is_own;
            scan_all(shared, &query, 0, &found, &n_damaged);
            assert_int_equal(found.n, is_own ? 1 : 2);
            assert_int_equal(found.numbers[found.n - 1], rows[i]);
            free(found.numbers);
        }
    }
}

static void facets_check(const struct sl_rlog_query *query)
{
    static uint64_t wanted[ROWS];
    size_t n = expect(query, wanted);
    struct sl_rlog_facets facets;
    static const enum sl_rlog_text texts[] = { SL_RLOG_STATUS, SL_RLOG_PRINCIPAL, SL_RLOG_ERROR_TYPE, SL_RLOG_KEY };
    sl_rlog_facets_init(&facets);
    for (; facets.n < SL_ARRAY_LEN(texts); facets.n++) {
        facets.v[facets.n].text = texts[facets.n];
    }
    struct sl_rlog_scan scan = { .log = shared, .query = query, .before = UINT64_MAX };
    while (!scan.is_done) {
        assert_int_equal(sl_rlog_scan_count(&scan, 0, &facets), 0);
    }
    assert_int_equal(facets.n_rows, n);
    for (uint32_t f = 0; f < facets.n; f++) {
        uint64_t all = 0;
        for (size_t i = 0; i < n; i++) { /* takes one away for each row */
            struct made_row made;
            row_make(&made, wanted[i]);
            struct sl_rlog_facet_count *count = sl_map_find(&facets.v[f].counts, made.row.texts[texts[f]]);
            assert_non_null(count);
            assert_true(count->n-- > 0);
        }
        size_t at = 0;
        for (struct sl_rlog_facet_count *count; (count = sl_map_each(&facets.v[f].counts, &at)) != NULL;) {
            all += count->n;
        }
        assert_int_equal(all, 0);
    }
    sl_rlog_facets_done(&facets);
}

static void facets_are_exact(void **state)
{
    (void)state;
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    facets_check(&query);
    query.from_usec = T0 + 20 * SEC;
    facets_check(&query);
    is(&query, SL_RLOG_MODEL, "model-5");
    facets_check(&query);
    is(&query, SL_RLOG_STATUS, "5xx");
    facets_check(&query);
}

/* They follow each other whether they are sealed or not. */
static void new_rows_come_in_order(void **state)
{
    (void)state;
    static const uint64_t starts[] = { 0, 5, SL_BLOCK_ROWS - 1, SL_BLOCK_ROWS, ROWS - 5, ROWS };
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    for (size_t s = 0; s < SL_ARRAY_LEN(starts); s++) {
        struct found found = { .max = 3000 };
        uint64_t from = starts[s];
        while (from < ROWS) {
            assert_int_equal(sl_rlog_scan_from(shared, &query, &from, on_found, &found), 0);
        }
        assert_false(found.is_wrong);
        assert_int_equal(found.n, ROWS - starts[s]);
        for (size_t i = 0; i < found.n; i++) {
            assert_int_equal(found.numbers[i], starts[s] + i);
        }
        free(found.numbers);
    }
}

static void a_log_is_read_again(void **state)
{
    (void)state;
    char dir[64];
    dir_make(dir);
    uint64_t n = 0;
    for (int round = 0; round < 5; round++) { /* each leaves rows that are not sealed */
        struct sl_rlog *log = log_open(dir, 1);
        struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
        struct found found;
        scan_all(log, &query, 0, &found, NULL);
        assert_int_equal(found.n, n);
        assert_false(found.is_wrong);
        free(found.numbers);
        rows_push(log, n, n + 20 + (uint64_t)round * 9000);
        n += 20 + (uint64_t)round * 9000;
        sl_rlog_close(log);
    }
    dir_remove(dir);
}

static unsigned segments_of(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        n += strstr(entry->d_name, ".seg") != NULL;
    }
    closedir(d);
    return n;
}

/* Calls of set_bounds are looked at by the log's thread, which says when it wrote a row: then it has tidied before. */
static void bounds_set(struct sl_rlog *log, uint64_t keep_usec, uint64_t max_bytes, uint64_t *io_n)
{
    sl_rlog_set_bounds(log, keep_usec, max_bytes);
    for (int i = 0; i < 2; i++) {
        rows_push(log, *io_n, *io_n + 1);
        (*io_n)++;
    }
}

static void old_rows_are_deleted_by_size(void **state)
{
    (void)state;
    char dir[64];
    dir_make(dir);
    struct sl_rlog *log = log_open(dir, 1);
    sl_rlog_set_bounds(log, LONG_USEC, 32 << 20); /* files of the least size */
    uint64_t n = 200000;
    rows_push(log, 0, n);
    bounds_set(log, LONG_USEC, 4 << 20, &n);
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct found found;
    scan_all(log, &query, 0, &found, NULL);
    assert_false(found.is_wrong);
    assert_true(found.n > 20000 && found.n < n);
    for (size_t i = 0; i < found.n; i++) { /* the newest are there, without a hole */
        assert_int_equal(found.numbers[i], n - 1 - i);
    }
    assert_true(segments_of(dir) <= 4);
    free(found.numbers);
    sl_rlog_close(log);
    dir_remove(dir);
}

/* The rows of the tests are years old. */
static void old_rows_are_deleted_by_age(void **state)
{
    (void)state;
    char dir[64];
    dir_make(dir);
    struct sl_rlog *log = log_open(dir, 1);
    uint64_t n = SL_BLOCK_ROWS + 100;
    rows_push(log, 0, n);
    assert_int_equal(segments_of(dir), 1);
    bounds_set(log, 86400 * SEC, 1ull << 40, &n);
    assert_int_equal(segments_of(dir), 0);
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct found found;
    scan_all(log, &query, 0, &found, NULL);
    assert_int_equal(found.n, n - SL_BLOCK_ROWS);
    assert_int_equal(found.numbers[found.n - 1], SL_BLOCK_ROWS); /* numbers stay */
    free(found.numbers);
    sl_rlog_close(log);
    dir_remove(dir);
}

static void a_full_disk_loses_rows_and_counts_them(void **state)
{
    (void)state;
    char dir[64];
    struct rlimit before, small;
    struct sl_rlog_counts counts;
    dir_make(dir);
    struct sl_rlog *log = log_open(dir, 1);
    rows_push(log, 0, 100);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 30000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (uint64_t i = 100; i < 1100; i++) {
        struct made_row made;
        row_make(&made, i);
        sl_rlog_push(sl_rlog_ring(log, 0), &made.row, sl_clock_usec());
    }
    do { /* nobody says that rows were lost: it is only counted */
        sched_yield();
        sl_rlog_count(log, &counts);
    } while (counts.n_written + counts.n_dropped < 1100);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(counts.n_dropped > 0);
    uint64_t kept = counts.n_written;
    rows_push(log, kept, kept + 50); /* it works again */
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct found found;
    scan_all(log, &query, 0, &found, NULL);
    assert_int_equal(found.n, kept + 50);
    free(found.numbers);
    sl_rlog_close(log);
    log = log_open(dir, 1);
    scan_all(log, &query, 0, &found, NULL);
    assert_int_equal(found.n, kept + 50);
    free(found.numbers);
    sl_rlog_close(log);
    dir_remove(dir);
}

struct producer {
    pthread_t thread;
    struct sl_rlog_ring *ring;
    uint64_t n;
};

static void *producer_run(void *arg)
{
    struct producer *producer = arg;
    for (uint64_t i = 0; i < producer->n; i++) {
        struct made_row made;
        row_make(&made, i);
        sl_rlog_push(producer->ring, &made.row, sl_clock_usec());
        if (i % 100 == 99) {
            sched_yield();
        }
    }
    return NULL;
}

static bool on_any(void *arg, uint64_t number, const struct sl_rlog_row *row)
{
    uint64_t *last = arg;
    assert_true(number < *last);
    assert_int_equal(row->numbers[SL_RLOG_NODE], 7);
    *last = number;
    return true;
}

/* Four workers write while somebody reads: each row is there once, or is counted as dropped. */
static void many_write_and_one_reads(void **state)
{
    (void)state;
    enum { WORKERS = 4, EACH = 10000 };
    char dir[64];
    dir_make(dir);
    struct sl_rlog *log = log_open(dir, WORKERS);
    struct producer producers[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        producers[i] = (struct producer){ .ring = sl_rlog_ring(log, i), .n = EACH };
        assert_int_equal(pthread_create(&producers[i].thread, NULL, producer_run, &producers[i]), 0);
    }
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    struct sl_rlog_counts counts;
    do {
        uint64_t last = UINT64_MAX;
        struct sl_rlog_scan scan = { .log = log, .query = &query, .before = UINT64_MAX };
        while (!scan.is_done) {
            assert_int_equal(sl_rlog_scan_rows(&scan, 0, on_any, &last), 0);
        }
        sl_rlog_count(log, &counts);
    } while (counts.n_written + counts.n_dropped < WORKERS * EACH);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    assert_int_equal(sl_rlog_end(log), counts.n_written);
    sl_rlog_close(log);
    dir_remove(dir);
}

static void a_full_ring_drops_and_counts(void **state)
{
    (void)state;
    struct sl_rlog_ring ring = { 0 };
    assert_int_equal(sl_rlog_ring_init(&ring, NULL), 0);
    uint64_t n = 0;
    struct made_row made;
    for (row_make(&made, n); sl_rlog_ring_put(&ring, &made.row, n); row_make(&made, n)) {
        n++;
    }
    assert_true(n > 3000);
    assert_int_equal(ring.ring.n_dropped, 1);
    for (uint64_t i = 0; i < n; i++) { /* the others are whole, the one that wraps too */
        char bytes[SL_RLOG_ROW_MAX];
        struct sl_rlog_row row;
        uint32_t len = sl_rlog_ring_look(&ring).n;
        sl_rlog_ring_take(&ring, bytes, len);
        row_make(&made, i);
        assert_int_equal(sl_rlog_row_read(sl_str_make(bytes, len), &row), 0);
        assert_true(rows_equal(&row, &made.row));
        row_make(&made, n + i);
        if (i % 2 && i < 4000) { /* rows have different lengths: two make room for one */
            assert_true(sl_rlog_ring_put(&ring, &made.row, n));
        }
    }
    sl_rlog_ring_done(&ring);
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
    (void)state;
    struct sl_rlog *log = NULL;
    struct sl_err err = { 0 };
    const struct sl_rlog_conf conf = { "/sys/sluice-test/requests", LONG_USEC, 1ull << 40, 1 };
    assert_int_equal(sl_rlog_open(&conf, &log, &err), SL_E_IO);
    assert_non_null(strstr(err.text, "/sys/sluice-test/requests"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sealed),
        cmocka_unit_test(filters_find_what_fits),
        cmocka_unit_test(a_status_may_have_any_digit),
        cmocka_unit_test(filters_that_fit_nothing),
        cmocka_unit_test(either_id_finds_the_row),
        cmocka_unit_test(an_id_of_ours_is_told_from_a_callers),
        cmocka_unit_test(facets_are_exact),
        cmocka_unit_test(new_rows_come_in_order),
        cmocka_unit_test(a_log_is_read_again),
        cmocka_unit_test(old_rows_are_deleted_by_size),
        cmocka_unit_test(old_rows_are_deleted_by_age),
        cmocka_unit_test(a_full_disk_loses_rows_and_counts_them),
        cmocka_unit_test(a_full_ring_drops_and_counts),
        cmocka_unit_test(many_write_and_one_reads),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_said),
    };
    return cmocka_run_group_tests(tests, shared_open, shared_close);
}
