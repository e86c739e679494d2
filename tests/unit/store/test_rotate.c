/* SPDX-License-Identifier: Apache-2.0 */
/* Another secret key: after any cut or failure in between, every credential can be read. */
#include "help.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sqlite/shim.h"
#include "store/dir.h"
#include "store/tool.h"

#define CONFIG   "{\"openai_api_key\":\"sk-canary\"}"
#define N_ROUTES 3

/* --- the calls that dir.c makes --- */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

static bool counts; /* cmocka writes too */

static bool fails(void)
{
    errno = EIO;
    return counts && shim_step();
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    return fails() ? -1 : __real_write(fd, p, n);
}

int __wrap_unlink(const char *path)
{
    return fails() ? -1 : __real_unlink(path);
}

/* --- */

static int n_read;

static int setup(void **state)
{
    shim_reset();
    counts = false;
    return dir_setup(state);
}

static int teardown(void **state)
{
    shim_reset();
    counts = false;
    return dir_teardown(state);
}

static void on_begin(void *arg)
{
    (void)arg;
    n_read = 0;
}

static void on_load(void *arg, const struct sl_store_event *event)
{
    (void)arg;
    n_read += event->kind == SL_STORE_ROUTE_PUT && sl_str_eq_c(event->route->config, CONFIG);
}

static void on_end(void *arg, bool is_whole)
{
    (void)arg;
    (void)is_whole;
}

static int store_try(struct sl_store **ret, struct sl_err *err)
{
    const struct sl_store_conf conf = {
        .dir = dir, .cbs = { .on_load_begin = on_begin, .on_load = on_load, .on_load_end = on_end }
    };
    bool is_ok = false;
    int r = sl_store_open(&conf, ret, &is_ok, err);
    if (r == 0 && !is_ok) {
        sl_store_close(*ret);
        r = SL_E_IO;
    }
    return r;
}

static struct sl_store *store_open(void)
{
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    if (store_try(&store, &err) < 0 || sl_store_load(store, &err) < 0 || sl_store_start(store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static int route_make(struct sl_store *store, const char *name)
{
    struct sl_store_route_job job;
    assert_int_equal(sl_store_route_job_init(&job, SL_STORE_REPLACE, sl_str_c(name)), 0);
    assert_int_equal(sl_store_route_job_set(&job, SL_STR("{}"), SL_STR(CONFIG)), 0);
    int r = job_wait(store, &job.base);
    sl_store_route_job_done(&job);
    return r;
}

static int rotate(struct sl_store *store)
{
    struct sl_store_rotate_job job;
    sl_store_rotate_job_init(&job);
    int r = job_wait(store, &job.base);
    assert_true(r < 0 || job.n_routes == N_ROUTES);
    return r;
}

static void fill(void)
{
    struct sl_store *store = store_open();
    for (int i = 0; i < N_ROUTES; i++) {
        char name[8];
        snprintf(name, sizeof(name), "r%d", i);
        assert_int_equal(route_make(store, name), 0);
    }
    sl_store_close(store);
}

static void key_text(char out[80])
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", dir, SL_DIR_KEY);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(out, 80, in));
    fclose(in);
}

static bool has_next(void)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, SL_DIR_NEXT);
    return stat(path, &st) == 0;
}

/* Everything can be read, and no old file is left. */
static void check_whole(void)
{
    sl_store_close(store_open());
    assert_int_equal(n_read, N_ROUTES);
    assert_false(has_next());
}

static void test_rotate(void **state)
{
    (void)state;
    char before[80], after[80];
    fill();
    key_text(before);
    struct sl_store *store = store_open();
    assert_int_equal(rotate(store), 0);
    assert_int_equal(route_make(store, "r1"), 0); /* under the new key */
    key_text(after);
    assert_string_not_equal(before, after);
    assert_int_equal(rotate(store), 0);
    sl_store_close(store);
    check_whole();
}

static void test_a_kill_at_every_step(void **state)
{
    (void)state;
    fill();
    int code = -1;
    long at = 0;
    for (; code != 0; at++) {
        assert_true(at < 2000);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct sl_store *store = store_open();
            atomic_store(&shim.n_calls, 0);
            atomic_store(&shim.kill_at, at);
            counts = true;
            int r = rotate(store);
            counts = false;
            sl_store_close(store);
            _exit(r == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &code, 0), pid);
        assert_true(WIFEXITED(code) && (WEXITSTATUS(code) == 9 || WEXITSTATUS(code) == 0));
        check_whole();
    }
    assert_true(at > 10);
}

static void test_a_failure_at_every_step(void **state)
{
    (void)state;
    fill();
    long last = -1;
    for (long at = 0; last < 0; at++) {
        assert_true(at < 2000);
        struct sl_store *store = store_open();
        atomic_store(&shim.n_calls, 0);
        atomic_store(&shim.fail_at, at);
        counts = true;
        SL_IGNORE(rotate(store) < 0);
        counts = false;
        last = atomic_load(&shim.n_calls) <= at ? at : -1;
        atomic_store(&shim.fail_at, -1);
        /* It goes on with either key, and can be repeated. */
        struct sl_err err;
        SL_IGNORE(route_make(store, "r2") < 0); /* a failed file is opened again after a second at the earliest */
        sl_store_close(store);
        check_whole();
        store = NULL;
        assert_int_equal(store_try(&store, &err), 0);
        assert_int_equal(sl_store_start(store, &err), 0);
        assert_int_equal(rotate(store), 0);
        sl_store_close(store);
        check_whole();
    }
}

static void remove_key(void)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", dir, SL_DIR_KEY);
    assert_int_equal(unlink(path), 0);
}

static void test_a_lost_or_wrong_key(void **state)
{
    (void)state;
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    sl_store_close(store_open());
    remove_key();
    fill(); /* nothing was encrypted: a new one is made */
    remove_key();
    assert_int_equal(store_try(&store, &err), SL_E_KEY);
    assert_non_null(strstr(err.text, "is missing"));
    assert_non_null(strstr(err.text, "r0, r1, r2"));
    setenv("SLUICE_SECRET_KEY", "another key of some length", 1);
    assert_int_equal(store_try(&store, &err), 0);
    assert_int_equal(sl_store_load(store, &err), SL_E_KEY);
    assert_non_null(strstr(err.text, "r0, r1, r2"));
    sl_store_close(store);
}

static void test_a_key_of_the_environment(void **state)
{
    (void)state;
    setenv("SLUICE_SECRET_KEY", "an old key of some length", 1);
    fill();
    struct sl_store *store = store_open();
    assert_int_equal(rotate(store), SL_E_UNSUPPORTED);
    sl_store_close(store);
    uint64_t n = 0;
    struct sl_err err = { 0 };
    setenv("SLUICE_SECRET_KEY_NEW", "a new key of some length", 1);
    assert_int_equal(sl_store_rotate(dir, &n, &err), 0);
    assert_int_equal(n, N_ROUTES);
    check_whole(); /* both are known */
    setenv("SLUICE_SECRET_KEY", "a new key of some length", 1);
    unsetenv("SLUICE_SECRET_KEY_NEW");
    check_whole();
    char path[160];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, SL_DIR_KEY);
    assert_int_equal(stat(path, &st), -1);
}

int main(void)
{
    shim_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rotate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_kill_at_every_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_at_every_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_or_wrong_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_of_the_environment, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
