/* SPDX-License-Identifier: Apache-2.0 */
/* The audit is bounded, and whoever is in a group pushes out only rows of its own topmost group. */
#include "../help.h"

#include <sqlite3.h>

static struct sl_store *store_open(void)
{
    const struct sl_store_conf conf = { .dir = dir };
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    bool is_ok = false;
    if (sl_store_open(&conf, &store, &is_ok, &err) < 0 || !is_ok || sl_store_start(store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

/* Runs SQL beside the store; returns the first number of its last row. */
static int64_t sql(const char *text)
{
    char path[96];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int64_t number = -1;
    snprintf(path, sizeof(path), "%s/sluice.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        number = sqlite3_column_int64(stmt, 0);
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    sqlite3_close(db);
    return number;
}

static void rows_make(const char *top, unsigned n)
{
    char text[512];
    snprintf(
        text, sizeof(text),
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %u) INSERT INTO audit "
        "(at_usec, principal, key, request_id, action, target, top, n) SELECT 1, '', '', '', '', i, '%s', i FROM c",
        n, top);
    sql(text);
}

/* Somebody in `top` makes a group of that name. */
static void change(struct sl_store *store, const char *name, const char *top)
{
    struct sl_store_group_job job;
    assert_int_equal(sl_store_group_job_init(&job, SL_STORE_GROUP_CREATE, sl_str_c(name)), 0);
    job.base.who = (struct sl_store_who){ SL_STR("p"), SL_STR("k"), SL_STR("r"), sl_str_c(top) };
    job.text = SL_STR("{}");
    assert_int_equal(job_wait(store, &job.base), 0);
    sl_store_group_job_done(&job);
}

static void a_group_pushes_out_its_own_rows(void **state)
{
    (void)state;
    sl_store_close(store_open());
    rows_make("", SL_AUDIT_ROWS);
    rows_make("acme", SL_AUDIT_GROUP_ROWS);
    rows_make("calm", 3);
    struct sl_store *store = store_open();
    change(store, "a", "acme");
    change(store, "b", "acme");
    change(store, "c", "calm");
    assert_int_equal(sql("SELECT COUNT(*) FROM audit WHERE top = ''"), SL_AUDIT_ROWS);
    assert_int_equal(sql("SELECT COUNT(*) FROM audit WHERE top = 'acme'"), SL_AUDIT_GROUP_ROWS);
    assert_int_equal(sql("SELECT target FROM audit WHERE top = 'acme' ORDER BY id DESC LIMIT 1 OFFSET 9999"), 3);
    assert_int_equal(sql("SELECT COUNT(*) FROM audit WHERE top = 'calm'"), 4);
    change(store, "d", "");
    assert_int_equal(sql("SELECT COUNT(*) FROM audit WHERE top = ''"), SL_AUDIT_ROWS);
    assert_int_equal(sql("SELECT target FROM audit WHERE top = '' ORDER BY id LIMIT 1"), 2);
    assert_int_equal(sql("SELECT COUNT(*) FROM audit WHERE top <> ''"), SL_AUDIT_GROUP_ROWS + 4);
    sl_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_group_pushes_out_its_own_rows, dir_setup, dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
