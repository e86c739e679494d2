/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and folders for the tests of the request log. */
#ifndef LOG_HELP_H
#define LOG_HELP_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "log/rlog.h"
#include "log/scan.h"

#define T0  1700000000000000 /* microseconds */
#define SEC 1000000ll

/* A row and room for its texts. Everything follows from its number. */
struct made_row {
    struct sl_rlog_row row;
    char texts[SL_RLOG_TEXTS][64];
};

/* A word, or a word and a number. */
#define NO_NUMBER UINT64_MAX
SL_UNUSED static void text_set(struct made_row *made, enum sl_rlog_text text, const char *word, uint64_t n)
{
    size_t size = sizeof(made->texts[text]);
    int len = n == NO_NUMBER ? snprintf(made->texts[text], size, "%s", word)
                             : snprintf(made->texts[text], size, "%s%llu", word, (unsigned long long)n);
    made->row.texts[text] = sl_str_make(made->texts[text], (size_t)len);
}

/* Row `n` of the tests: mostly good calls of a few routes, some errors, some callers with ids of their own, or
 * with the id of the row before. */
SL_UNUSED static void row_make(struct made_row *made, uint64_t n)
{
    sl_rlog_row_clear(&made->row);
    int64_t *numbers = made->row.numbers;
    uint64_t h = (n + 1) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
    numbers[SL_RLOG_TIME] = T0 + (int64_t)n * 1000 -
                            (int64_t)(h % 5000); /* they begin in another order than they end */
    numbers[SL_RLOG_NODE] = 7;
    numbers[SL_RLOG_COUNTER] = (int64_t)(n & 0xffffff);
    numbers[SL_RLOG_DURATION] = (int64_t)(h % 100000) + (n % 1000 == 0 ? 60 * SEC : 0);
    numbers[SL_RLOG_FIRST_BYTE] = numbers[SL_RLOG_DURATION] / 2;
    numbers[SL_RLOG_N_ATTEMPTS] = 1;
    numbers[SL_RLOG_INPUT] = n % 3 ? (int64_t)(h % 5000) : -1;
    numbers[SL_RLOG_OUTPUT] = (int64_t)(h % 700);
    numbers[SL_RLOG_COST] = n % 5 ? (int64_t)(h % 1000000007) : -1;
    numbers[SL_RLOG_BYTES_OUT] = (int64_t)(h >> 40);
    text_set(made, SL_RLOG_ROUTE, "route-", h % 4);
    text_set(made, SL_RLOG_MODEL, "model-", h % 7);
    text_set(made, SL_RLOG_PROVIDER, "openai", NO_NUMBER);
    text_set(made, SL_RLOG_PRINCIPAL, "principal-", h % 400);
    text_set(made, SL_RLOG_PATH, "/v1/chat/completions", NO_NUMBER);
    text_set(made, SL_RLOG_STATUS, "", n % 50 == 7 ? 429 : n % 50 == 9 ? 502 : 200);
    text_set(made, SL_RLOG_STREAM, h & 64 ? "true" : "false", NO_NUMBER);
    if (h % 3) {
        text_set(made, SL_RLOG_GROUP, h % 3 == 1 ? "acme" : "acme/", h % 3 == 1 ? NO_NUMBER : h % 5);
    }
    if (n % 50 == 9) {
        text_set(made, SL_RLOG_ERROR_TYPE, "provider_server_error", NO_NUMBER);
        text_set(made, SL_RLOG_ERROR, "it answered ", h % 1000);
    }
    if (n % 4 == 1) {
        text_set(made, SL_RLOG_REQUEST_ID, "caller-", n);
    }
    if (n % 40 == 3) {
        struct made_row before;
        char hex[SL_RLOG_ID_HEX + 1] = "";
        row_make(&before, n - 1);
        struct sl_rlog_id id = sl_rlog_row_id(&before.row);
        sl_rlog_id_format(&id, hex);
        text_set(made, SL_RLOG_REQUEST_ID, hex, NO_NUMBER);
    }
}

SL_UNUSED static bool rows_equal(const struct sl_rlog_row *a, const struct sl_rlog_row *b)
{
    bool are = memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0;
    for (size_t i = 0; i < SL_RLOG_TEXTS && are; i++) {
        are = sl_str_eq(a->texts[i], b->texts[i]);
    }
    return are;
}

/* A new folder's name. */
SL_UNUSED static void dir_make(char out[64])
{
    /* In memory where that can be: the log syncs often. */
    strcpy(out, access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-log-XXXXXX" : "/tmp/sluice-log-XXXXXX");
    assert_non_null(mkdtemp(out));
}

SL_UNUSED static void dir_remove(const char *dir)
{
    char path[512];
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        unlink(path);
    }
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

#define LONG_USEC (36500ull * 86400 * 1000000)

SL_UNUSED static struct sl_rlog *log_open(const char *dir, unsigned n_rings)
{
    struct sl_rlog *log = NULL;
    struct sl_err err = { 0 };
    const struct sl_rlog_conf conf = { dir, LONG_USEC, 1ull << 40, n_rings };
    int r = sl_rlog_open(&conf, &log, &err);
    if (r < 0) {
        fail_msg("%s", err.text);
    }
    return log;
}

/* Waits until the log has written so many rows: its thread says when there are more. */
struct waiter {
    struct sl_rlog_watch watch;
    struct sl_rlog *log;
    pthread_mutex_t lock;
    pthread_cond_t more;
};

SL_UNUSED static void on_more(void *arg)
{
    struct waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    pthread_cond_signal(&waiter->more);
    pthread_mutex_unlock(&waiter->lock);
}

SL_UNUSED static void wait_written(struct sl_rlog *log, uint64_t n)
{
    struct waiter waiter = { .log = log, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };
    struct sl_rlog_counts counts;
    waiter.watch = (struct sl_rlog_watch){ .fn = on_more, .arg = &waiter };
    sl_rlog_watch(log, &waiter.watch);
    pthread_mutex_lock(&waiter.lock);
    for (sl_rlog_count(log, &counts); counts.n_written < n; sl_rlog_count(log, &counts)) {
        pthread_cond_wait(&waiter.more, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    sl_rlog_unwatch(log, &waiter.watch);
}

/* Pushes rows [from, to) and waits for them in steps that fit a ring. */
SL_UNUSED static void rows_push(struct sl_rlog *log, uint64_t from, uint64_t to)
{
    struct sl_rlog_counts before;
    sl_rlog_count(log, &before);
    for (uint64_t n = from; n < to;) {
        uint64_t end = SL_MIN(to, n + 1500);
        for (; n < end; n++) {
            struct made_row made;
            row_make(&made, n);
            sl_rlog_push(sl_rlog_ring(log, 0), &made.row, sl_clock_usec());
        }
        wait_written(log, before.n_written + (n - from));
    }
}

/* What a scan found. */
struct found {
    uint64_t *numbers;
    size_t n, cap, max;
    bool is_wrong; /* a row is not what row_make made; its counter says which that is */
};

SL_UNUSED static bool on_found(void *arg, uint64_t number, const struct sl_rlog_row *row)
{
    struct found *found = arg;
    struct made_row made;
    row_make(&made, (uint64_t)row->numbers[SL_RLOG_COUNTER]);
    found->is_wrong |= !rows_equal(row, &made.row);
    if (found->n == found->cap) {
        found->cap = SL_MAX(found->cap * 2, (size_t)1024);
        found->numbers = realloc(found->numbers, found->cap * sizeof(uint64_t));
        assert_non_null(found->numbers);
    }
    found->numbers[found->n++] = number;
    return !found->max || found->n % found->max != 0;
}

/* All rows that a query finds, newest first, in slices and pages of `max` (0: no pages). */
SL_UNUSED static void scan_all(struct sl_rlog *log, const struct sl_rlog_query *query, size_t max,
                               struct found *ret_found, uint64_t *ret_damaged)
{
    struct sl_rlog_scan scan = { .log = log, .query = query, .before = UINT64_MAX };
    *ret_found = (struct found){ .max = max };
    while (!scan.is_done) {
        assert_int_equal(sl_rlog_scan_rows(&scan, 0, on_found, ret_found), 0); /* one block a slice */
    }
    if (ret_damaged) {
        *ret_damaged = scan.n_damaged;
    }
}

#endif
