/* SPDX-License-Identifier: Apache-2.0 */
/* A store of an older version that has rows: they are all there after the next start, and what is new works with them.
 */
#include "../help.h"

#include "store/sqlite/db.h"
#include "store/usage.h"

#define LATER "9000000000000000"

static void sql_run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s", why);
    }
}

/* Makes the database as that version of it did. */
static void old_make(int version, const char *rows)
{
    char path[100], set[128];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (int i = 0; i < version; i++) {
        sql_run(db, sl_db_migrations[i]);
    }
    snprintf(set, sizeof(set), "PRAGMA application_id=%d; PRAGMA user_version=%d", SL_DB_APPLICATION_ID, version);
    sql_run(db, set);
    sql_run(db, rows);
    sqlite3_close(db);
}

struct content {
    char limits[256], answers[512], keys[256];
};

static void on_begin(void *arg)
{
    ((struct content *)arg)->limits[0] = '\0';
    ((struct content *)arg)->keys[0] = '\0';
}

static void on_load(void *arg, const struct sl_store_event *event)
{
    struct content *c = arg;
    size_t n = strlen(c->limits);
    if (event->kind == SL_STORE_KEY_PUT) {
        snprintf(c->keys + strlen(c->keys), sizeof(c->keys) - strlen(c->keys), "%.*s %.*s '%.*s' %llu;",
                 SL_STR_ARG(event->key->name), SL_STR_ARG(event->key->role), SL_STR_ARG(event->key->group),
                 (unsigned long long)event->key->last_used_sec);
        return;
    }
    assert_int_equal(event->kind, SL_STORE_LIMITS_PUT);
    snprintf(c->limits + n, sizeof(c->limits) - n, "%.*s=%.*s;", SL_STR_ARG(event->name), SL_STR_ARG(event->limits));
}

static void on_end(void *arg, bool is_whole)
{
    (void)arg;
    assert_true(is_whole);
}

static void on_answer(void *arg, const struct sl_store_answer *answer)
{
    struct content *c = arg;
    size_t n = strlen(c->answers);
    snprintf(c->answers + n, sizeof(c->answers) - n, "%.*s %.*s/%.*s %.*s %llu;", SL_STR_ARG(answer->id),
             SL_STR_ARG(answer->route), SL_STR_ARG(answer->target), SL_STR_ARG(answer->principal),
             (unsigned long long)answer->end_usec);
}

static struct sl_store *store_open(struct content *c)
{
    const struct sl_store_conf conf = {
        .dir = dir,
        .cbs = { .on_load_begin = on_begin, .on_load = on_load, .on_load_end = on_end, .events_arg = c },
    };
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    bool is_ok = false;
    if (sl_store_open(&conf, &store, &is_ok, &err) < 0 || !is_ok || sl_store_load(store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static void answers_are(struct sl_store *store, const char *want)
{
    struct content c = { .answers = "" };
    struct sl_err err = { 0 };
    assert_int_equal(sl_store_answers_load(store, 5, on_answer, &c, &err), 0);
    assert_string_equal(c.answers, want);
}

#define LIMITS "INSERT INTO limits VALUES ('a', 3, '[]');"
/* The ids stand in another order than they were made. */
#define ANSWERS(more, value)                                                  \
    "INSERT INTO answers (n, id, route, principal, end_usec" more ") VALUES " \
    "(7, 'z', 'a', 'p', " LATER value "), (8, 'over', 'a', 'p', 4" value "), (9, 'm', 'b', 'q', " LATER value ");"

static void kept_responses_stay(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *rows, *want;
    } olds[] = {
        { 3, LIMITS ANSWERS("", ""), "z a/ p " LATER ";m b/ q " LATER ";" },
        { 4, LIMITS ANSWERS(", target", ", 't'"), "z a/t p " LATER ";m b/t q " LATER ";" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(olds); i++) {
        char all[512];
        struct content c;
        struct sl_err err = { 0 };
        const struct sl_store_answer of = {
            .route = SL_STR("c"), .principal = SL_STR("p"), .target = SL_STR("t"), .end_usec = 6
        };
        old_make(olds[i].version, olds[i].rows);
        struct sl_store *store = store_open(&c);
        assert_string_equal(c.limits, "a=[];");
        answers_are(store, olds[i].want);
        /* The ids of another upstream, behind all that were there. */
        assert_int_equal(sl_store_answers_put(store, &of, SL_STR("z\nm\n"), 2, &err), 0);
        snprintf(all, sizeof(all), "%sz c/t p 6;m c/t p 6;", olds[i].want);
        answers_are(store, all);
        sl_store_close(store);
        store = store_open(&c); /* nothing is left to be migrated */
        answers_are(store, all);
        /* A row stays as long as one of its ids does. */
        assert_int_equal(sl_store_answers_expire(store, 5, 3, &err), 0);
        answers_are(store, strchr(all, ';') + 1);
        for (size_t max = 2; max > 0; max--) {
            assert_int_equal(sl_store_answers_expire(store, 5, max, &err), 0);
            answers_are(store, "z c/t p 6;m c/t p 6;");
        }
        sl_store_close(store);
        assert_int_equal(dir_teardown(NULL), 0);
        assert_int_equal(dir_setup(NULL), 0);
    }
}

static int on_usage(void *arg, const struct sl_usage_row *row)
{
    *(int64_t *)arg += row->sums[SL_USAGE_REQUESTS];
    return 0;
}

/* A store without a usage ledger gets an empty one. */
static void usage_begins(void **state)
{
    (void)state;
    struct content c;
    struct sl_err err = { 0 };
    struct sl_usage_reader *reader;
    struct sl_usage_row row = { .at_sec = 60, .span_sec = SL_USAGE_MINUTE, .sums = { 1 } };
    const struct sl_usage_query query = { .to_sec = UINT64_MAX, .sums = UINT64_MAX };
    uint64_t mark = 1;
    int64_t n = 0;
    bool is_other;
    old_make(5, LIMITS);
    struct sl_store *store = store_open(&c);
    assert_string_equal(c.limits, "a=[];");
    assert_int_equal(sl_store_usage_marked(store, NULL, &mark, &err), 0);
    assert_int_equal(mark, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_store_usage_put(store, &row, &is_other, &err), 0);
    }
    assert_int_equal(sl_store_usage_open(store, &reader, &err), 0);
    assert_int_equal(sl_usage_begin(reader, &mark, &err), 0);
    assert_int_equal(sl_usage_run(reader, &query, on_usage, &n, &err), 0);
    assert_int_equal(n, 2);
    sl_usage_close(reader);
    sl_store_close(store);
}

static void on_counter(void *arg, const struct sl_store_counter *counter)
{
    struct content *c = arg;
    size_t n = strlen(c->answers);
    snprintf(c->answers + n, sizeof(c->answers) - n, "%.*s %.*s %llu %.*s %.*s %.*s %llu %.*s %llu;",
             SL_STR_ARG(counter->owner), SL_STR_ARG(counter->name), (unsigned long long)counter->incarnation,
             SL_STR_ARG(counter->key), SL_STR_ARG(counter->who), SL_STR_ARG(counter->kind),
             (unsigned long long)counter->period_usec, SL_STR_ARG(counter->zone), (unsigned long long)counter->used);
}

static void counts_of_requests_stay(void **state)
{
    (void)state;
    struct content c = { .answers = "" };
    struct sl_err err = { 0 };
    old_make(5, "INSERT INTO counters VALUES ('a', 7, 'user', 'ann', 3600000000, " LATER ", 5),"
                " ('b', 0, 'route', '', 86400000000, " LATER ", 9), ('b', 0, 'route', '', 5, 4, 1);");
    struct sl_store *store = store_open(&c);
    assert_int_equal(sl_store_counters_load(store, 5, on_counter, &c, &err), 0);
    assert_string_equal(c.answers,
                        "route a 7 user ann requests 3600000000  5;route b 0 route  requests 86400000000  9;");
    sl_store_close(store);
}

/* Keys from before groups are in none. */
static void keys_stay(void **state)
{
    (void)state;
    struct content c;
    for (int version = 2; version <= 5; version++) {
        old_make(version, "INSERT INTO keys VALUES (7, 3, 'ci', 'p', 'admin', NULL, x'"
                          "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 1, 0, 9);");
        for (int i = 0; i < 2; i++) { /* the second time nothing is left to be migrated */
            struct sl_store *store = store_open(&c);
            assert_string_equal(c.keys, "ci admin '' 9;");
            sl_store_close(store);
        }
        assert_int_equal(dir_teardown(NULL), 0);
        assert_int_equal(dir_setup(NULL), 0);
    }
}

/* Rows from before groups had a share are everybody's; what is added later comes behind them. */
static void audit_rows_stay(void **state)
{
    (void)state;
    struct content c;
    old_make(2, "INSERT INTO audit VALUES (7, 1, 'p', 'k', 'r', 'key.create', 'key-1', NULL, '{}');");
    sl_store_close(store_open(&c));
    char path[100];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    snprintf(path, sizeof(path), "%s/" SL_DIR_DB, dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT top, n, target FROM audit", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "");
    assert_int_equal(sqlite3_column_int(stmt, 1), 7);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 2), "key-1");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_responses_stay, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(usage_begins, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(counts_of_requests_stay, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(keys_stay, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(audit_rows_stay, dir_setup, dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
