/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that were changed by somebody or by a fault: each is reported, kept and not served; the others are served. */
#include "../help.h"

#include <sqlite3.h>

#include "store/tool.h"

#define N_ROUTES 4
#define N_KEYS   3

static int n_routes, n_keys, n_limits;

static void on_begin(void *arg)
{
    (void)arg;
    n_routes = n_keys = n_limits = 0;
}

static void on_load(void *arg, const struct sl_store_event *event)
{
    (void)arg;
    n_routes += event->kind == SL_STORE_ROUTE_PUT;
    n_keys += event->kind == SL_STORE_KEY_PUT;
    n_limits += event->kind == SL_STORE_LIMITS_PUT;
}

static void on_end(void *arg, bool is_whole)
{
    (void)arg;
    (void)is_whole;
}

static struct sl_store *store_open(void)
{
    const struct sl_store_conf conf = {
        .dir = dir, .cbs = { .on_load_begin = on_begin, .on_load = on_load, .on_load_end = on_end }
    };
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    bool is_ok = false;
    if (sl_store_open(&conf, &store, &is_ok, &err) < 0 || !is_ok) {
        fail_msg("%s", err.text);
    }
    return store;
}

static void fill(void)
{
    struct sl_store *store = store_open();
    struct sl_err err = { 0 };
    assert_int_equal(sl_store_start(store, &err), 0);
    for (int i = 0; i < N_ROUTES; i++) {
        struct sl_store_route_job job;
        char name[8];
        snprintf(name, sizeof(name), "r%d", i + 1);
        assert_int_equal(sl_store_route_job_init(&job, SL_STORE_CREATE, sl_str_c(name)), 0);
        assert_int_equal(sl_store_route_job_set(&job, SL_STR("{}"), SL_STR("{\"k\":\"sk-canary\"}")), 0);
        job.limits = SL_STR("[]");
        assert_int_equal(job_wait(store, &job.base), 0);
        sl_store_route_job_done(&job);
    }
    for (int i = 0; i < N_KEYS; i++) {
        struct sl_store_key_job job;
        char hash[33];
        snprintf(hash, sizeof(hash), "0123456789abcdef0123456789abcde%d", i);
        sl_store_key_job_init(&job, SL_STORE_KEY_CREATE);
        job.key = (struct sl_store_key){
            .name = SL_STR("k"), .principal = SL_STR("p"), .role = SL_STR("query"), .hash = sl_str_c(hash)
        };
        job.text = SL_STR("{}");
        assert_int_equal(job_wait(store, &job.base), 0);
        sl_store_key_job_done(&job);
    }
    sl_store_close(store);
}

static void change(const char *sql)
{
    char path[100];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/sluice.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static const struct {
    const char *sql;
    int routes, keys, limits; /* what is still served */
    int check, load;
    const char *named;
} cases[] = {
    { "SELECT 1", 4, 3, 4, 0, 0, "" },
    { "UPDATE routes SET id = 0 WHERE id = 2", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r2'" },
    { "UPDATE routes SET id = -7 WHERE id = 1", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r1'" },
    { "UPDATE routes SET version = 'x' WHERE id = 3", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r3'" },
    { "UPDATE routes SET version = 0 WHERE id = 3", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r3'" },
    { "UPDATE routes SET spec = x'00ff' WHERE id = 4", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r4'" },
    { "UPDATE routes SET name = 'other' WHERE id = 2", 3, 3, 4, SL_E_DAMAGED, 0, "route 'other'" },
    { "UPDATE routes SET name = CAST(x'72ff' AS TEXT) WHERE id = 2", 3, 3, 4, SL_E_DAMAGED, 0, "its name is no text" },
    { "UPDATE routes SET sealed = randomblob(60) WHERE id = 1", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r1'" },
    { "UPDATE routes SET sealed = '' WHERE id = 4", 3, 3, 4, SL_E_DAMAGED, 0, "route 'r4'" },
    { "UPDATE routes SET sealed = 7 WHERE id < 4", 1, 3, 4, SL_E_DAMAGED, 0, "route 'r1'" },
    { "UPDATE routes SET sealed = randomblob(60)", 0, 3, 4, SL_E_KEY, SL_E_KEY,
      "secret.key does not open the 4 routes of " },
    { "UPDATE routes SET id = id - 100", 0, 3, 4, SL_E_DAMAGED, 0, "4 rows are damaged" },
    { "UPDATE limits SET limits = '[{' WHERE route = 'r2'", 4, 3, 3, SL_E_DAMAGED, 0, "limits of route 'r2'" },
    { "UPDATE limits SET limits = x'5b5d' WHERE route = 'r2'", 4, 3, 3, SL_E_DAMAGED, 0, "limits of route 'r2'" },
    { "UPDATE keys SET id = 0 WHERE id = 1", 4, 2, 4, SL_E_DAMAGED, 0, "key 'key-0'" },
    { "UPDATE keys SET hash = x'00' WHERE id = 2", 4, 2, 4, SL_E_DAMAGED, 0, "key 'key-2'" },
    { "UPDATE keys SET routes = '[\"a' WHERE id = 3", 4, 2, 4, SL_E_DAMAGED, 0, "key 'key-3'" },
    { "UPDATE keys SET principal = x'ff' WHERE id = 3", 4, 2, 4, SL_E_DAMAGED, 0, "key 'key-3'" },
    { "UPDATE keys SET role = 5.5, name = x'00' WHERE id = 3", 4, 2, 4, SL_E_DAMAGED, 0, "key 'key-3'" },
    { "UPDATE audit SET after = '{' WHERE id = 1", 4, 3, 4, SL_E_DAMAGED, 0, "audit row '1'" },
    { "UPDATE audit SET before = x'7b7d' WHERE id = 2", 4, 3, 4, SL_E_DAMAGED, 0, "audit row '2'" },
};

static void test_a_changed_row(void **state)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_store_report report;
        struct sl_err err = { 0 };
        assert_int_equal(dir_setup(state), 0);
        fill();
        change(cases[i].sql);
        int r = sl_store_check(dir, NULL, &report, &err);
        if (r != cases[i].check || !strstr(err.text, cases[i].named)) {
            fail_msg("%s: check is %d: %s", cases[i].sql, r, err.text);
        }
        struct sl_store *store = store_open();
        assert_false(sl_store_was_read(store));
        r = sl_store_load(store, &err);
        if (r != cases[i].load || n_routes != cases[i].routes || n_keys != cases[i].keys ||
            n_limits != cases[i].limits) {
            fail_msg("%s: load is %d, %d routes, %d keys, %d limits", cases[i].sql, r, n_routes, n_keys, n_limits);
        }
        assert_int_equal(sl_store_was_read(store), r == 0);
        sl_store_close(store);
        assert_int_equal(dir_teardown(state), 0);
    }
}

/* A backup reports why it cannot be written, whatever was called before. */
static void test_a_backup_that_cannot_be_written(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } files[] = {
        { "/tmp", "File exists" },
        { "/nonexistent/copy.db", "No such file or directory" },
        { "/dev/null/copy.db", "Not a directory" },
        { "/proc/copy.db", "No such file or directory" },
    };
    fill();
    for (size_t i = 0; i < SL_ARRAY_LEN(files); i++) {
        struct sl_err err = { 0 };
        assert_int_equal(sl_store_backup(dir, files[i].file, &err), SL_E_IO);
        if (!strstr(err.text, files[i].why)) {
            fail_msg("%s: %s", files[i].file, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_changed_row),
        cmocka_unit_test_setup_teardown(test_a_backup_that_cannot_be_written, dir_setup, dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
