/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger in the file: rows add up, a reader sees one moment, old rows become fewer and keep their sums. */
#include "../help.h"

#include "store/sqlite/db.h"
#include "store/reprice.h"
#include "store/usage.h"

#define DAY0 (1800000000 / SL_USAGE_DAY * SL_USAGE_DAY)

static struct sl_store *store;

static int setup(void **state)
{
    const struct sl_store_conf conf = { .dir = dir };
    struct sl_err err = { 0 };
    bool is_ok = false;
    assert_int_equal(dir_setup(state), 0);
    if (sl_store_open(&conf, &store, &is_ok, &err) < 0 || !is_ok) {
        fail_msg("%s", err.text);
    }
    return 0;
}

static int teardown(void **state)
{
    sl_store_close(store);
    return dir_teardown(state);
}

static void sql_run(const char *sql)
{
    char path[100], *why = NULL;
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s", why);
    }
    sqlite3_close(db);
}

static struct sl_usage_row row_of(uint64_t at_sec, const char *route, const char *key, const char *principal)
{
    struct sl_usage_row row = { .at_sec = at_sec, .span_sec = SL_USAGE_MINUTE };
    for (size_t i = 0; i < SL_USAGE_OF_COUNT; i++) {
        row.of[i] = SL_STR("");
    }
    row.of[SL_USAGE_ROUTE] = sl_str_c(route);
    row.of[SL_USAGE_KEY] = sl_str_c(key);
    row.of[SL_USAGE_PRINCIPAL] = sl_str_c(principal);
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        row.sums[i] = i + 1;
    }
    return row;
}

/* True: it was counted as one of the others. */
static bool put(uint64_t at_sec, const char *route, const char *key, const char *principal)
{
    struct sl_usage_row row = row_of(at_sec, route, key, principal);
    struct sl_err err = { 0 };
    bool is_other;
    if (sl_store_usage_put(store, &row, &is_other, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return is_other;
}

static void thin(uint64_t now_sec)
{
    struct sl_err err = { 0 };
    if (sl_store_usage_thin(store, now_sec, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static char answer[65536];

/* The rows of one answer: those of equal names and time are one. */
static struct {
    char what[200];
    int64_t sums[SL_USAGE_SUM_COUNT];
} lines[20000];
static size_t n_lines;

static int line_cmp(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int on_row(void *arg, const struct sl_usage_row *row)
{
    (void)arg;
    char what[200];
    size_t n = (size_t)snprintf(what, sizeof(what), "%12lld", (long long)row->at_sec - (row->at_sec ? DAY0 : 0)), i;
    for (i = 0; i < SL_USAGE_OF_COUNT; i++) {
        if (row->of[i].n) {
            n += (size_t)snprintf(what + n, sizeof(what) - n, " %.*s", SL_STR_ARG(row->of[i]));
        }
    }
    for (i = 0; i < n_lines && strcmp(lines[i].what, what) != 0; i++) {
    }
    if (i == n_lines) {
        assert_in_range(++n_lines, 1, SL_ARRAY_LEN(lines) - 1);
        memset(&lines[i], 0, sizeof(lines[i]));
        strcpy(lines[i].what, what);
    }
    for (int k = 0; k < SL_USAGE_SUM_COUNT; k++) { /* every sum was counted as the first was */
        lines[i].sums[k] = sl_usage_plus(lines[i].sums[k], row->sums[k]);
        assert_int_equal(lines[i].sums[k], SL_MIN((k + 1) * lines[i].sums[0], SL_USAGE_SUM_MAX));
    }
    return 0;
}

/* By time, then by names. */
static void answer_make(void)
{
    size_t n = 0;
    qsort(lines, n_lines, sizeof(lines[0]), line_cmp);
    answer[0] = '\0';
    for (size_t i = 0; i < n_lines; i++) {
        n += (size_t)snprintf(answer + n, sizeof(answer) - n, "%s=%lld;", lines[i].what + strspn(lines[i].what, " "),
                              (long long)lines[i].sums[0]);
    }
    n_lines = 0;
}

static struct sl_usage_reader *reader_open(void)
{
    struct sl_usage_reader *reader;
    struct sl_err err = { 0 };
    if (sl_store_usage_open(store, &reader, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return reader;
}

static int ask_r(const struct sl_usage_query *query)
{
    struct sl_usage_reader *reader = reader_open();
    struct sl_err err = { 0 };
    uint64_t mark;
    assert_int_equal(sl_usage_begin(reader, &mark, &err), 0);
    int r = sl_usage_run(reader, query, on_row, NULL, &err);
    answer_make();
    sl_usage_close(reader);
    return r;
}

static const char *ask(uint32_t by, uint32_t span_sec)
{
    assert_int_equal(ask_r(&(struct sl_usage_query){
                         .sums = UINT32_MAX, .to_sec = UINT64_MAX, .by = by, .span_sec = span_sec, .max = 10000 }),
                     0);
    return answer;
}

#define ROUTE     SL_BIT(SL_USAGE_ROUTE)
#define KEY       SL_BIT(SL_USAGE_KEY)
#define PRINCIPAL SL_BIT(SL_USAGE_PRINCIPAL)

static void rows_add_up(void **state)
{
    (void)state;
    put(DAY0, "a", "k1", "p");
    put(DAY0, "a", "k1", "p");
    put(DAY0 + 60, "a", "k2", "p");
    put(DAY0 + 3600, "b", "k2", "q");
    assert_string_equal(ask(0, 0), "0=4;");
    assert_string_equal(ask(ROUTE, 0), "0 a=3;0 b=1;");
    assert_string_equal(ask(ROUTE | KEY, 0), "0 a k1=2;0 a k2=1;0 b k2=1;");
    assert_string_equal(ask(PRINCIPAL, SL_USAGE_HOUR), "0 p=3;3600 q=1;");
    assert_string_equal(ask(0, SL_USAGE_MINUTE), "0=2;60=1;3600=1;");
    assert_string_equal(ask(0, SL_USAGE_DAY), "0=4;");
    const struct {
        struct sl_usage_query query;
        const char *want;
    } parts[] = {
        { { .from_sec = DAY0 + 60, .sums = UINT32_MAX, .to_sec = UINT64_MAX, .max = 9 }, "0=2;" },
        { { .from_sec = DAY0, .sums = UINT32_MAX, .to_sec = DAY0 + 60, .max = 9 }, "0=2;" },
        { { .sums = UINT32_MAX, .to_sec = UINT64_MAX, .key = SL_STR("k2"), .by = ROUTE, .max = 9 }, "0 a=1;0 b=1;" },
        { { .sums = UINT32_MAX, .to_sec = UINT64_MAX, .key = SL_STR("'none"), .max = 9 }, "" },
        { { .sums = UINT32_MAX, .to_sec = DAY0, .max = 9 }, "" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        assert_int_equal(ask_r(&parts[i].query), 0);
        assert_string_equal(answer, parts[i].want);
    }
}

static void groups_have_what_is_in_them(void **state)
{
    (void)state;
    static const char *const groups[] = { "acme", "acme/search", "acme/search/x", "acme2", "acm", "" };
    struct sl_err err;
    bool is_other;
    for (size_t i = 0; i < SL_ARRAY_LEN(groups); i++) {
        struct sl_usage_row row = row_of(DAY0, "r", "k", "p");
        row.of[SL_USAGE_GROUP] = sl_str_c(groups[i]);
        assert_int_equal(sl_store_usage_put(store, &row, &is_other, &err), 0);
    }
    const struct {
        const char *group, *want;
    } asked[] = {
        { "acme", "0 acme=1;0 acme/search=1;0 acme/search/x=1;" },
        { "acme/search", "0 acme/search=1;0 acme/search/x=1;" },
        { "acme/s", "" },
        { "acme/search/x", "0 acme/search/x=1;" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(asked); i++) {
        const struct sl_usage_query query = { .sums = UINT32_MAX,
                                              .to_sec = UINT64_MAX,
                                              .by = SL_BIT(SL_USAGE_GROUP),
                                              .group = sl_str_c(asked[i].group),
                                              .max = 9 };
        assert_int_equal(ask_r(&query), 0);
        assert_string_equal(answer, asked[i].want);
    }
}

static void a_reader_sees_the_moment_of_its_mark(void **state)
{
    (void)state;
    struct sl_err err;
    uint64_t mark;
    put(DAY0, "a", "k1", "p");
    assert_int_equal(sl_store_usage_mark(store, 77, &err), 0);
    struct sl_usage_reader *reader = reader_open();
    assert_int_equal(sl_usage_begin(reader, &mark, &err), 0);
    assert_int_equal(mark, 77);
    put(DAY0, "a", "k1", "p");
    assert_int_equal(sl_store_usage_mark(store, 78, &err), 0);
    const struct sl_usage_query query = { .sums = UINT32_MAX, .to_sec = UINT64_MAX, .max = 9 };
    assert_int_equal(sl_usage_run(reader, &query, on_row, NULL, &err), 0);
    answer_make();
    assert_string_equal(answer, "0=1;");
    sl_usage_close(reader);
    assert_string_equal(ask(0, 0), "0=2;");
    assert_int_equal(sl_store_usage_marked(store, NULL, &mark, &err), 0);
    assert_int_equal(mark, 78);
}

static int64_t sql_number(const char *sql)
{
    char path[100];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void large_sums_stay_whole(void **state)
{
    (void)state;
    struct sl_err err;
    bool is_other;
    struct sl_usage_row row = row_of(DAY0, "a", "k", "p");
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        row.sums[i] = SL_USAGE_SUM_MAX;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sl_store_usage_put(store, &row, &is_other, &err), 0);
    }
    assert_string_equal(ask(0, 0), "0=9007199254740992;");
    put(DAY0, "a", "k", "p"); /* one more than a double can tell */
    assert_int_equal(sql_number("SELECT max(requests) FROM usage"), SL_USAGE_SUM_MAX);
    put(DAY0 + 60, "a", "k", "p");
    assert_string_equal(ask(0, 0), "0=9007199254740992;");
}

static void old_rows_are_thinned(void **state)
{
    (void)state;
    /* an hour and a half, of a key and of two callers without one */
    for (uint64_t at = DAY0; at < DAY0 + 5400; at += 60) {
        put(at, "a", "k", "p");
        put(at, "a", "", "10.0.0.1");
        put(at, "a", "", "10.0.0.2");
    }
    uint64_t now = DAY0 + 3600 + SL_USAGE_MINUTES_SEC - 1;
    thin(now); /* the hour is not over by a second */
    assert_non_null(strstr(ask(KEY, SL_USAGE_MINUTE), "3540 k=1;3600=2;3600 k=1;"));
    thin(now + 1);
    assert_non_null(strstr(ask(KEY, SL_USAGE_MINUTE), "0 k=60;3600=2;3600 k=1;"));
    assert_string_equal(ask(PRINCIPAL, SL_USAGE_HOUR),
                        "0 10.0.0.1=60;0 10.0.0.2=60;0 p=60;3600 10.0.0.1=30;3600 10.0.0.2=30;3600 p=30;");
    thin(now + 86400);
    assert_string_equal(ask(KEY, SL_USAGE_MINUTE), "0=120;0 k=60;3600=60;3600 k=30;");
    /* a late row for an hour that is one already */
    put(DAY0 + 120, "a", "k", "p");
    thin(now + 86400);
    assert_string_equal(ask(KEY, SL_USAGE_HOUR), "0=120;0 k=61;3600=60;3600 k=30;");
    thin(DAY0 + SL_USAGE_HOURS_SEC + 86400);
    assert_string_equal(ask(PRINCIPAL, SL_USAGE_HOUR), "0 other=180;0 p=91;");
    assert_string_equal(ask(0, 0), "0=271;");
    /* a clock that is set back, or far ahead, loses nothing */
    thin(0);
    thin((uint64_t)1 << 40);
    assert_string_equal(ask(0, 0), "0=271;");
}

static void a_tick_thins_a_slice(void **state)
{
    (void)state;
    char route[16];
    for (int i = 0; i < 1200; i++) {
        snprintf(route, sizeof(route), "r%d", i);
        put(DAY0, route, "k", "p");
        put(DAY0 + 60, route, "k", "p");
    }
    uint64_t now = DAY0 + 10 * SL_USAGE_DAY;
    for (int i = 0; i < 4; i++) {
        thin(now);
        assert_non_null(strstr(ask(0, SL_USAGE_MINUTE), "60="));
        assert_string_equal(ask(0, 0), "0=2400;");
    }
    thin(now);
    assert_string_equal(ask(0, SL_USAGE_MINUTE), "0=2400;");
}

static void many_rows_are_thinned_sooner(void **state)
{
    (void)state;
    put(DAY0, "a", "k", "p");
    put(DAY0 + 60, "a", "k", "p");
    put(DAY0 + 7200, "a", "k", "p");
    sql_run("UPDATE meta SET value = 5000000 WHERE key = 'usage_minutes'");
    thin(DAY0 + 7260); /* what is older than an hour */
    assert_string_equal(ask(0, SL_USAGE_MINUTE), "0=2;7200=1;");
    sql_run("UPDATE meta SET value = 5000000 WHERE key = 'usage_hours'");
    thin(DAY0 + 3 * 86400);
    assert_string_equal(ask(0, SL_USAGE_HOUR), "0=3;");
}

static void callers_without_a_key_are_bounded(void **state)
{
    (void)state;
    char sql[128];
    assert_false(put(DAY0, "a", "", "10.0.0.1"));
    snprintf(sql, sizeof(sql), "UPDATE meta SET value = %d WHERE key = 'usage_callers'", SL_USAGE_CALLERS_MAX - 1);
    sql_run(sql);
    assert_false(put(DAY0, "a", "", "10.0.0.2"));
    assert_true(put(DAY0, "a", "", "10.0.0.3"));
    assert_true(put(DAY0, "a", "", "10.0.0.4"));
    assert_false(put(DAY0, "a", "", "10.0.0.1")); /* is known */
    assert_false(put(DAY0, "a", "k", "p"));
    assert_string_equal(ask(PRINCIPAL, 0), "0 10.0.0.1=2;0 10.0.0.2=1;0 other=2;0 p=1;");
    /* days know no callers: their places are free again */
    thin(DAY0 + 10 * SL_USAGE_DAY);
    thin(DAY0 + 2 * SL_USAGE_HOURS_SEC);
    assert_string_equal(ask(PRINCIPAL, 0), "0 other=5;0 p=1;");
    assert_false(put(DAY0 + 4 * SL_USAGE_HOURS_SEC, "a", "", "10.0.0.5"));
}

/* --- pricing anew --- */

struct pricing {
    int64_t n_rows, n_changed, each;
};

static bool row_price(void *arg, struct sl_usage_row *row)
{
    struct pricing *pricing = arg;
    int64_t cost = row->sums[SL_USAGE_REQUESTS] * pricing->each;
    assert_true(sl_str_eq_c(row->of[SL_USAGE_PROVIDER], "openai") && sl_str_eq_c(row->of[SL_USAGE_MODEL], "m") &&
                sl_str_eq_c(row->of[SL_USAGE_TIER], "flex") && sl_str_eq_c(row->of[SL_USAGE_ABOVE], "32k"));
    assert_int_equal(row->sums[SL_USAGE_ESTIMATED], SL_USAGE_SUM_COUNT * row->sums[SL_USAGE_REQUESTS]);
    bool is_changed = row->sums[SL_USAGE_COST] != cost;
    row->sums[SL_USAGE_COST] = cost;
    row->sums[SL_USAGE_LOST_COST] = cost / 2;
    row->sums[SL_USAGE_UNPRICED] = 0;
    row->sums[SL_USAGE_PRICED] = row->sums[SL_USAGE_REQUESTS];
    pricing->n_rows++;
    pricing->n_changed += is_changed;
    return is_changed;
}

/* How many rows changed. */
static int64_t reprice(int64_t each, uint64_t from_sec, uint64_t to_sec, bool is_dry, int64_t want_rows)
{
    struct pricing pricing = { .each = each };
    struct sl_store_reprice_job job;
    sl_store_reprice_job_init(&job, is_dry);
    job.from_sec = from_sec;
    job.to_sec = to_sec;
    job.price = row_price;
    job.arg = &pricing;
    job.text = SL_STR("{\"from\":null}");
    job.base.who = (struct sl_store_who){ SL_STR("p"), SL_STR("k"), SL_STR("r") };
    if (job_wait(store, &job.base) < 0) {
        fail_msg("%s", job.base.err.text);
    }
    assert_int_equal(pricing.n_rows, want_rows);
    return pricing.n_changed;
}

/* Minutes, hours and days, more of them than one transaction has. */
static void sums_are_priced_anew(void **state)
{
    (void)state;
    struct sl_err err = { 0 };
    bool is_other;
    for (int i = 0; i < 700; i++) {
        char route[16];
        snprintf(route, sizeof(route), "r%d", i);
        struct sl_usage_row row = row_of(DAY0 + (uint64_t)i % 3 * 60, route, "k", "p");
        row.of[SL_USAGE_PROVIDER] = SL_STR("openai");
        row.of[SL_USAGE_MODEL] = SL_STR("m");
        row.of[SL_USAGE_TIER] = SL_STR("flex");
        row.of[SL_USAGE_ABOVE] = SL_STR("32k");
        const uint32_t spans[] = { SL_USAGE_MINUTE, SL_USAGE_HOUR, SL_USAGE_DAY };
        for (size_t k = 0; k < SL_ARRAY_LEN(spans); k++) {
            row.span_sec = spans[k];
            assert_int_equal(sl_store_usage_put(store, &row, &is_other, &err), 0);
        }
    }
    const int64_t was = sql_number("SELECT sum(cost_nano) FROM usage");
    assert_int_equal(sl_store_start(store, &err), 0);
    assert_int_equal(reprice(1000, 0, UINT64_MAX, true, 2100), 2100);
    assert_int_equal(sql_number("SELECT sum(cost_nano) FROM usage"), was);
    assert_int_equal(sql_number("SELECT count(*) FROM audit"), 0);
    assert_int_equal(reprice(1000, DAY0 + 60, DAY0 + 120, false, 3 * 233), 3 * 233); /* one minute of them */
    assert_int_equal(sql_number("SELECT sum(cost_nano = 1000 AND priced = 1 AND unpriced = 0) FROM usage"), 3 * 233);
    assert_int_equal(reprice(1000, 0, UINT64_MAX, false, 2100), 2100 - 3 * 233);
    assert_int_equal(reprice(1000, 0, UINT64_MAX, false, 2100), 0);
    assert_int_equal(sql_number("SELECT sum(cost_nano = 1000 AND priced = 1 AND unpriced = 0) FROM usage"), 2100);
    assert_int_equal(sql_number("SELECT sum(lost_nano = 500) FROM usage"), 2100);
    assert_int_equal(sql_number("SELECT sum(input) FROM usage"), 2100 * (SL_USAGE_INPUT + 1)); /* the rest stays */
    assert_int_equal(sql_number("SELECT count(*) FROM audit WHERE action = 'usage.reprice' AND after IS NOT NULL"), 3);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(groups_have_what_is_in_them),
        TEST(rows_add_up),
        TEST(a_reader_sees_the_moment_of_its_mark),
        TEST(large_sums_stay_whole),
        TEST(old_rows_are_thinned),
        TEST(a_tick_thins_a_slice),
        TEST(many_rows_are_thinned_sooner),
        TEST(callers_without_a_key_are_bounded),
        TEST(sums_are_priced_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
