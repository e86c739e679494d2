/* SPDX-License-Identifier: Apache-2.0 */
/* What the request log costs: writing, disk, pages, filters, counts. Works on a directory of its own, in this process:
 *   bench_requests DIR ROWS       fills DIR and measures; before that 50,000 rows a second come for some seconds
 * Prints one line of JSON. The rows are made here: calls with one attempt and without ids of callers. Times are of a
 * second run, so that the files are in the page cache. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "log/rlog.h"
#include "log/scan.h"

/* Rows that are pushed before the log's thread must have them. */
#define STEP    2000
#define WORKERS 4
#define T0      1700000000000000ull

static struct sl_rng rng = { { 1, 2 } };

static uint64_t pick(uint64_t n)
{
    return sl_rng_next(&rng) % n;
}

/* Few values are common, many are rare. */
static uint64_t pick_skewed(uint64_t n)
{
    return pick(1 + pick(n));
}

static struct sl_str word(char out[64], const char *name, uint64_t n)
{
    return sl_str_make(out, (size_t)snprintf(out, 64, "%s-%llu", name, (unsigned long long)n));
}

/* Milliseconds to minutes, most about two seconds. */
static int64_t duration(void)
{
    double u = ((double)pick(1u << 30) + 1) / (1u << 30), v = (double)pick(1u << 30) / (1u << 30);
    return (int64_t)(2e6 * exp(0.9 * sqrt(-2 * log(u)) * cos(6.283185307 * v)));
}

struct texts {
    char v[SL_RLOG_TEXTS][64];
};

static void row_make(struct sl_rlog_row *row, struct texts *texts, uint64_t n)
{
    static const char *const providers[] = { "openai", "anthropic", "bedrock", "gemini" };
    bool is_bad = pick(50) == 0, is_stream = pick(2);
    int64_t *numbers = row->numbers;
    sl_rlog_row_clear(row);
    numbers[SL_RLOG_TIME] = (int64_t)(T0 + n * 1000 + pick(1000));
    numbers[SL_RLOG_NODE] = 0x12345678;
    numbers[SL_RLOG_COUNTER] = (int64_t)(n % 4 << 24 | (n / 4 & 0xffffff)); /* four workers */
    numbers[SL_RLOG_DURATION] = duration();
    numbers[SL_RLOG_BODY] = (int64_t)pick(40);
    numbers[SL_RLOG_CONNECT] = pick(20) ? -1 : (int64_t)pick(40000);
    numbers[SL_RLOG_UPSTREAM] = numbers[SL_RLOG_DURATION] - 60 - (int64_t)pick(100);
    numbers[SL_RLOG_HEAD] = numbers[SL_RLOG_UPSTREAM] / (is_stream ? 4 : 1);
    numbers[SL_RLOG_FIRST_BYTE] = numbers[SL_RLOG_HEAD] + 60 + (int64_t)pick(50);
    numbers[SL_RLOG_UPSTREAM_STATUS] = is_bad ? 500 : 200;
    numbers[SL_RLOG_N_ATTEMPTS] = 1;
    numbers[SL_RLOG_INPUT] = (int64_t)pick_skewed(20000);
    numbers[SL_RLOG_OUTPUT] = (int64_t)pick_skewed(2000);
    numbers[SL_RLOG_CACHED] = pick(3) ? 0 : numbers[SL_RLOG_INPUT] / 2;
    numbers[SL_RLOG_COST] = numbers[SL_RLOG_INPUT] * 2500 + numbers[SL_RLOG_OUTPUT] * 10000;
    numbers[SL_RLOG_BYTES_IN] = numbers[SL_RLOG_INPUT] * 4 + 400 + (int64_t)pick(64);
    numbers[SL_RLOG_BYTES_OUT] = numbers[SL_RLOG_OUTPUT] * (is_stream ? 180 : 4) + 900 + (int64_t)pick(64);
    uint64_t route = pick_skewed(12), key = pick_skewed(300);
    row->texts[SL_RLOG_ROUTE] = word(texts->v[SL_RLOG_ROUTE], "route", route);
    row->texts[SL_RLOG_MODEL] = word(texts->v[SL_RLOG_MODEL], "model", route * 2 + pick(2));
    row->texts[SL_RLOG_PROVIDER] = sl_str_c(providers[route % 4]);
    row->texts[SL_RLOG_KEY] = word(texts->v[SL_RLOG_KEY], "key", key);
    row->texts[SL_RLOG_PRINCIPAL] = word(texts->v[SL_RLOG_PRINCIPAL], "team", key / 3);
    row->texts[SL_RLOG_CLIENT] = word(texts->v[SL_RLOG_CLIENT], "10.0.0", pick(200));
    row->texts[SL_RLOG_PATH] = pick(4) ? SL_STR("/v1/chat/completions") : SL_STR("/v1/messages");
    row->texts[SL_RLOG_STATUS] = is_bad ? (pick(2) ? SL_STR("502") : SL_STR("429")) : SL_STR("200");
    row->texts[SL_RLOG_STREAM] = is_stream ? SL_STR("true") : SL_STR("false");
    if (is_bad) {
        row->texts[SL_RLOG_ERROR_TYPE] = SL_STR("provider_server_error");
        row->texts[SL_RLOG_MESSAGE] = SL_STR("the upstream answered with an error (status 500)");
    }
}

static double cpu_sec(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double thread_sec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const struct sl_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static struct sl_rlog *open_log(const char *dir)
{
    struct sl_rlog *log;
    struct sl_err err = { 0 };
    const struct sl_rlog_conf conf = { dir, 36500ull * 86400 * 1000000, 1ull << 40, WORKERS };
    if (sl_rlog_open(&conf, &log, &err) < 0) {
        die("open", &err);
    }
    return log;
}

/* CPU of all threads but this one: the log's. */
static double writer_sec(void)
{
    return cpu_sec() - thread_sec();
}

/* Rows come at a rate, a few each millisecond. *ret_dropped: how many the log did not keep. Returns the share of a core
 * that its thread took. */
static double drive(struct sl_rlog *log, uint64_t rate, uint64_t n_sec, uint64_t *ret_dropped)
{
    static struct sl_rlog_row rows[STEP];
    static struct texts texts[STEP];
    for (uint64_t i = 0; i < STEP; i++) {
        row_make(&rows[i], &texts[i], i);
    }
    struct sl_rlog_counts before, after;
    sl_rlog_count(log, &before);
    double cpu = writer_sec();
    uint64_t start = sl_clock_usec(), n = 0, want;
    while ((want = (sl_clock_usec() - start) * rate / 1000000) < rate * n_sec) {
        for (; n < want; n++) {
            sl_rlog_push(sl_rlog_ring(log, n % WORKERS), &rows[n % STEP], sl_clock_usec());
        }
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    do {
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        sl_rlog_count(log, &after);
    } while (after.n_written + after.n_dropped - before.n_written - before.n_dropped < n);
    *ret_dropped = after.n_dropped - before.n_dropped;
    return (writer_sec() - cpu) * 1e6 / (double)(sl_clock_usec() - start);
}

/* Fills the log. *ret_push: CPU of the pushing thread for one row, without making it. */
static void fill(struct sl_rlog *log, uint64_t n_rows, double *ret_writer_usec, double *ret_push_nsec)
{
    static struct sl_rlog_row rows[STEP];
    static struct texts texts[STEP];
    double pushed = 0, writer = writer_sec(), before;
    struct sl_rlog_counts first;
    sl_rlog_count(log, &first);
    for (uint64_t n = 0; n < n_rows;) {
        uint64_t step = n_rows - n < STEP ? n_rows - n : STEP;
        for (uint64_t i = 0; i < step; i++) {
            row_make(&rows[i], &texts[i], n + i);
        }
        before = thread_sec();
        for (uint64_t i = 0; i < step; i++) {
            sl_rlog_push(sl_rlog_ring(log, 0), &rows[i], sl_clock_usec());
        }
        pushed += thread_sec() - before;
        n += step;
        struct sl_rlog_counts counts;
        do {
            nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
            sl_rlog_count(log, &counts);
        } while (counts.n_written + counts.n_dropped - first.n_written - first.n_dropped < n);
    }
    *ret_push_nsec = pushed * 1e9 / (double)n_rows;
    *ret_writer_usec = (writer_sec() - writer) * 1e6 / (double)n_rows;
}

static uint64_t bytes_of(const char *dir, const char *end)
{
    uint64_t bytes = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *entry; d && (entry = readdir(d)) != NULL;) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (sl_str_has_suffix(sl_str_c(entry->d_name), sl_str_c(end)) && stat(path, &st) == 0) {
            bytes += (uint64_t)st.st_size;
        }
    }
    closedir(d);
    return bytes;
}

struct page {
    uint32_t n, max;
};

static bool on_row(void *arg, uint64_t number, const struct sl_rlog_row *row)
{
    struct page *page = arg;
    (void)number;
    (void)row;
    return ++page->n < page->max;
}

/* Milliseconds for a page; of two runs the second. */
static double page_msec(struct sl_rlog *log, const struct sl_rlog_query *query, uint64_t before, uint32_t max,
                        uint32_t *ret_n)
{
    double msec = 0;
    for (int run = 0; run < 2; run++) {
        struct page page = { .max = max };
        struct sl_rlog_scan scan = { .log = log, .query = query, .before = before };
        uint64_t start = sl_clock_usec();
        while (!scan.is_done && page.n < max) {
            if (sl_rlog_scan_rows(&scan, sl_clock_usec() + 20000, on_row, &page) < 0) {
                exit(1);
            }
        }
        msec = (double)(sl_clock_usec() - start) / 1000;
        *ret_n = page.n;
    }
    return msec;
}

static double facets_msec(struct sl_rlog *log, const struct sl_rlog_query *query, uint64_t *ret_n)
{
    double msec = 0;
    for (int run = 0; run < 2; run++) {
        struct sl_rlog_facets facets;
        sl_rlog_facets_init(&facets);
        facets.n = 2;
        facets.v[0].text = SL_RLOG_STATUS;
        facets.v[1].text = SL_RLOG_ROUTE;
        struct sl_rlog_scan scan = { .log = log, .query = query, .before = UINT64_MAX };
        uint64_t start = sl_clock_usec();
        while (!scan.is_done) {
            if (sl_rlog_scan_count(&scan, sl_clock_usec() + 20000, &facets) < 0) {
                exit(1);
            }
        }
        msec = (double)(sl_clock_usec() - start) / 1000;
        *ret_n = facets.n_rows;
        sl_rlog_facets_done(&facets);
    }
    return msec;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "bench_requests DIR ROWS\n");
        return 2;
    }
    uint64_t n_rows = strtoull(argv[2], NULL, 10), start, n_facets;
    double writer_usec, push_nsec;
    uint32_t n;
    struct sl_rlog *log = open_log(argv[1]);
    uint64_t n_driven_dropped;
    double share = drive(log, 50000, 3, &n_driven_dropped);
    fill(log, n_rows, &writer_usec, &push_nsec);
    struct sl_rlog_counts counts;
    sl_rlog_count(log, &counts);
    sl_rlog_close(log);
    start = sl_clock_usec();
    log = open_log(argv[1]);
    printf("{\"at_50000_core\":%.3f,\"at_50000_dropped\":%llu,", share, (unsigned long long)n_driven_dropped);
    printf("\"rows\":%llu,\"dropped\":%llu,\"push_nsec\":%.0f,\"writer_usec\":%.2f,\"open_msec\":%.1f,"
           "\"bytes_a_row\":%.1f",
           (unsigned long long)n_rows, (unsigned long long)counts.n_dropped, push_nsec, writer_usec,
           (double)(sl_clock_usec() - start) / 1000, (double)bytes_of(argv[1], ".seg") / (double)counts.n_written);
    struct sl_rlog_query query = SL_RLOG_QUERY_ALL;
    printf(",\"page_newest_msec\":%.1f", page_msec(log, &query, UINT64_MAX, 100, &n));
    printf(",\"page_middle_msec\":%.1f", page_msec(log, &query, n_rows / 2, 100, &n));
    printf(",\"page_oldest_msec\":%.1f", page_msec(log, &query, 100, 100, &n));
    printf(",\"facets_msec\":%.1f", facets_msec(log, &query, &n_facets));
    sl_rlog_query_is(&query, SL_RLOG_ROUTE, SL_STR("route-3"));
    sl_rlog_query_is(&query, SL_RLOG_STATUS, SL_STR("5xx"));
    sl_rlog_query_is(&query, SL_RLOG_STREAM, SL_STR("true"));
    sl_rlog_query_is(&query, SL_RLOG_PRINCIPAL, SL_STR("team-40"));
    double rare = page_msec(log, &query, UINT64_MAX, 100, &n);
    printf(",\"four_filters_msec\":%.1f,\"four_filters_rows\":%u", rare, n);
    double facets = facets_msec(log, &query, &n_facets);
    printf(",\"four_filters_facets_msec\":%.1f,\"four_filters_all\":%llu", facets, (unsigned long long)n_facets);
    query = SL_RLOG_QUERY_ALL;
    sl_rlog_query_is(&query, SL_RLOG_ROUTE, SL_STR("route-3"));
    facets = facets_msec(log, &query, &n_facets);
    printf(",\"one_filter_facets_msec\":%.1f", facets);
    query = SL_RLOG_QUERY_ALL;
    query.min_duration_usec = 3600ll * 1000000; /* no row took so long, but every block must be looked at by its head */
    printf(",\"slowest_msec\":%.1f", page_msec(log, &query, UINT64_MAX, 100, &n));
    query.min_duration_usec = 60ll * 1000000;
    rare = page_msec(log, &query, UINT64_MAX, 1000000, &n);
    printf(",\"slow_msec\":%.1f,\"slow_rows\":%u", rare, n);
    query = SL_RLOG_QUERY_ALL;
    query.id = SL_STR("no-such-id");
    printf(",\"missing_id_msec\":%.1f", page_msec(log, &query, UINT64_MAX, 100, &n));
    printf("}\n");
    sl_rlog_close(log);
    return 0;
}
