/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that wait for other nodes: an answer never says that all have it when that is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/postgres/priv.h"

/* --- a table of nodes, and memory that fails --- */

static unsigned n_names, n_reallocs, fails_at; /* fails_at: that realloc of a look; 0: none */
static unsigned at_name;
static const char *const names[] = { "a", "b" };

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    return fails_at && ++n_reallocs == fails_at ? NULL : __real_realloc(p, n);
}

static void fake_bind_int(struct sl_stmt *stmt, int at, int64_t value)
{
    (void)stmt;
    (void)at;
    (void)value;
}

static void fake_bind_str(struct sl_stmt *stmt, int at, struct sl_str text)
{
    (void)stmt;
    (void)at;
    (void)text;
}

static int64_t fake_column_int(struct sl_stmt *stmt, int at)
{
    (void)stmt;
    (void)at;
    return 1;
}

static struct sl_str fake_column_str(struct sl_stmt *stmt, int at)
{
    (void)stmt;
    (void)at;
    return sl_str_c(names[at_name - 1]);
}

static int fake_row(struct sl_db *db, struct sl_stmt *stmt, struct sl_err *err)
{
    (void)db;
    (void)stmt;
    (void)err;
    return at_name++ < n_names;
}

static struct sl_stmt *fake_stmt(struct sl_db *db, const char *sql, struct sl_err *err)
{
    static struct sl_stmt stmt;
    (void)sql;
    (void)err;
    stmt.ops = db->ops;
    at_name = 0;
    return &stmt;
}

static const struct sl_db_ops ops = { .stmt = fake_stmt,
                                      .row = fake_row,
                                      .bind_int = fake_bind_int,
                                      .bind_str = fake_bind_str,
                                      .column_int = fake_column_int,
                                      .column_str = fake_column_str };

/* --- a change --- */

static char node[] = "me";
static struct sl_pg store;
static bool is_done;

static void on_done(struct sl_store_job *job)
{
    (void)job;
    is_done = true;
}

static void change_begin(struct sl_store_job *job)
{
    *job = (struct sl_store_job){ .waits = true, .has_event = true, .event = { .number = 2 }, .on_done = on_done };
    store = (struct sl_pg){ .node = node, .applied = 2 };
    store.conn.base.ops = &ops;
    store.conn.conn = (void *)&store; /* only looked whether it is there */
    is_done = false;
    struct sl_store_job *list = job;
    sl_pg_wait_take(&store, &list);
    assert_null(list);
    assert_ptr_equal(store.waiting, job);
}

static void look(unsigned n, unsigned fails, bool is_end)
{
    n_names = n;
    fails_at = fails;
    n_reallocs = 0;
    store.look_usec = 0;
    sl_pg_wait_look(&store, is_end);
    fails_at = 0;
}

static void names_are_told_until_all_have_it(void **state)
{
    (void)state;
    struct sl_store_job job;
    change_begin(&job);
    look(2, 0, false);
    assert_false(is_done);
    assert_string_equal(job.pending, "a\nb\n");
    look(0, 0, false);
    assert_true(is_done);
    assert_null(job.pending);
    assert_false(job.pends_on_any);
}

static void without_memory_for_a_name_it_waits(void **state)
{
    (void)state;
    struct sl_store_job job;
    for (unsigned fails = 1; fails <= 2; fails++) {
        change_begin(&job);
        look(fails, fails, false);
        assert_false(is_done);
        look(fails, fails, true); /* the time is over */
        assert_true(is_done);
        assert_true(job.pends_on_any);
        free(job.pending);
        change_begin(&job);
        look(fails, fails, false);
        look(fails, 0, true); /* by now there is memory */
        assert_true(is_done);
        assert_string_equal(job.pending, fails == 1 ? "a\n" : "a\nb\n");
        assert_false(job.pends_on_any);
        free(job.pending);
    }
}

static void without_a_database_nobody_is_known(void **state)
{
    (void)state;
    struct sl_store_job job;
    change_begin(&job);
    store.conn.is_lost = true;
    look(0, 0, false);
    assert_false(is_done);
    look(0, 0, true);
    assert_true(is_done);
    assert_true(job.pends_on_any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_until_all_have_it),
        cmocka_unit_test(without_memory_for_a_name_it_waits),
        cmocka_unit_test(without_a_database_nobody_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
