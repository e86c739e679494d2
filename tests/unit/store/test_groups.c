/* SPDX-License-Identifier: Apache-2.0 */
/* Groups in the store, and keys in them: what may be made and deleted, in every order, and what a load reports. */
#include "help.h"

static char loaded[4096]; /* what was reported: by the load, then by the changes */

static void on_begin(void *arg)
{
    (void)arg;
    loaded[0] = '\0';
}

static void on_load(void *arg, const struct sl_store_event *event)
{
    (void)arg;
    size_t n = strlen(loaded);
    char *at = loaded + n;
    switch (event->kind) {
    case SL_STORE_GROUP_PUT:
        snprintf(at, sizeof(loaded) - n, "+%.*s%.*s%.*s;", SL_STR_ARG(event->group->path),
                 SL_STR_ARG(event->group->limits), SL_STR_ARG(event->group->children));
        break;
    case SL_STORE_GROUP_DELETED:
        snprintf(at, sizeof(loaded) - n, "-%.*s;", SL_STR_ARG(event->name));
        break;
    case SL_STORE_KEY_PUT:
        snprintf(at, sizeof(loaded) - n, "key-%llu@%.*s;", (unsigned long long)event->key->id,
                 SL_STR_ARG(event->key->group));
        break;
    case SL_STORE_KEY_DELETED:
        snprintf(at, sizeof(loaded) - n, "-key-%llu;", (unsigned long long)event->key->id);
        break;
    case SL_STORE_ROUTE_PUT:
    case SL_STORE_ROUTE_DELETED:
    case SL_STORE_LIMITS_PUT:
    case SL_STORE_SECRET_ROTATED:
        fail();
    }
}

static void on_events(void *arg, const struct sl_store_event *const *events, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        on_load(arg, events[i]);
    }
}

static void on_end(void *arg, bool is_whole)
{
    (void)arg;
    assert_true(is_whole);
}

static struct sl_store *store_open(void)
{
    const struct sl_store_conf conf = {
        .dir = dir,
        .cbs = { .on_events = on_events, .on_load_begin = on_begin, .on_load = on_load, .on_load_end = on_end },
    };
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    bool is_ok = false;
    if (sl_store_open(&conf, &store, &is_ok, &err) < 0 || !is_ok || sl_store_load(store, &err) < 0 ||
        sl_store_start(store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

/* The error's text; "": it was done. */
static const char *group(struct sl_store *store, enum sl_store_group_verb verb, const char *path, const char *above,
                         int want)
{
    static char said[SL_ERR_TEXT_MAX];
    struct sl_store_group_job job;
    assert_int_equal(sl_store_group_job_init(&job, verb, sl_str_c(path)), 0);
    job.above = sl_str_c(above ? above : "");
    job.text = SL_STR("{}");
    job.now_usec = 5;
    int r = job_wait(store, &job.base);
    snprintf(said, sizeof(said), "%s", r < 0 ? job.base.err.text : "");
    sl_store_group_job_done(&job);
    if (r != want) {
        fail_msg("%s: %d (%s)", path, r, said);
    }
    return said;
}

static uint64_t versions[16]; /* of the last change of each key */

static void key(struct sl_store *store, const char *path, bool is_file_group, int want)
{
    static unsigned char hash[32];
    struct sl_store_key_job job;
    hash[0]++;
    sl_store_key_job_init(&job, SL_STORE_KEY_CREATE);
    job.is_file_group = is_file_group;
    job.key = (struct sl_store_key){ .name = SL_STR("n"),
                                     .principal = SL_STR("p"),
                                     .role = SL_STR("query"),
                                     .group = sl_str_c(path),
                                     .hash = sl_str_make((const char *)hash, sizeof(hash)) };
    job.text = SL_STR("{}");
    int r = job_wait(store, &job.base);
    if (r == 0) {
        versions[job.key.id] = job.key.version;
    }
    sl_store_key_job_done(&job);
    assert_int_equal(r, want);
}

static int change(struct sl_store *store, enum sl_store_key_verb verb, uint64_t id, const char *path, uint64_t version)
{
    struct sl_store_key_job job;
    sl_store_key_job_init(&job, verb);
    job.key = (struct sl_store_key){
        .id = id, .name = SL_STR("m"), .principal = SL_STR("q"), .role = SL_STR("query"), .group = sl_str_c(path)
    };
    job.if_version = version;
    job.before = SL_STR("{\"group\":1}");
    job.text = SL_STR("{\"group\":2}");
    int r = job_wait(store, &job.base);
    assert_true(r < 0 || verb == SL_STORE_KEY_REVOKE || job.key.hash.n == 32);
    versions[id] = r == 0 ? job.key.version : versions[id];
    sl_store_key_job_done(&job);
    return r;
}

static void key_revoke(struct sl_store *store, uint64_t id)
{
    assert_int_equal(change(store, SL_STORE_KEY_REVOKE, id, "", versions[id]), 0);
}

#define CREATE SL_STORE_GROUP_CREATE
#define DELETE SL_STORE_GROUP_DELETE

static void a_group_is_in_one_that_is_there(void **state)
{
    (void)state;
    struct sl_store *store = store_open();
    assert_string_equal(group(store, CREATE, "acme/search", "acme", SL_E_INVAL), "there is no group 'acme'");
    group(store, CREATE, "acme", NULL, 0);
    group(store, CREATE, "acme", NULL, SL_E_EXISTS);
    group(store, CREATE, "acme/search", "acme", 0);
    group(store, CREATE, "of-file/x", NULL, 0); /* the file has of-file */
    group(store, DELETE, "none", NULL, SL_E_NOTFOUND);
    assert_string_equal(loaded, "+acme;+acme/search;+of-file/x;");
    sl_store_close(store);
    store = store_open();
    assert_string_equal(loaded, "+acme;+acme/search;+of-file/x;");
    sl_store_close(store);
}

static void a_group_with_something_in_it_stays(void **state)
{
    (void)state;
    struct sl_store *store = store_open();
    group(store, CREATE, "a", NULL, 0);
    group(store, CREATE, "a_c", NULL, 0); /* neither of these is in it */
    group(store, CREATE, "a-b", NULL, 0);
    group(store, CREATE, "a/b", "a", 0);
    assert_string_equal(group(store, DELETE, "a", NULL, SL_E_BUSY), "the group 'a' has groups in it: a/b");
    group(store, DELETE, "a/b", NULL, 0);
    key(store, "none", false, SL_E_INVAL);
    for (int i = 0; i < 4; i++) {
        key(store, "a", false, 0);
    }
    assert_string_equal(group(store, DELETE, "a", NULL, SL_E_BUSY),
                        "the group 'a' has keys in it: key-1, key-2, key-3, …");
    key(store, "of-file", true, 0);
    for (uint64_t id = 1; id <= 4; id++) {
        key_revoke(store, id);
    }
    group(store, DELETE, "a", NULL, 0);
    key(store, "a", false, SL_E_INVAL);
    sl_store_close(store);
    store = store_open();
    assert_string_equal(loaded, "+a-b;+a_c;key-5@of-file;");
    sl_store_close(store);
}

/* Replaces its limits, if it is as the asker knows it. Returns the result; *io_version is the new one. */
static int replace(struct sl_store *store, const char *path, const char *limits, const char *children,
                   uint64_t *io_version, bool *ret_is_new)
{
    struct sl_store_group_job job;
    assert_int_equal(sl_store_group_job_init(&job, SL_STORE_GROUP_REPLACE, sl_str_c(path)), 0);
    job.group.limits = sl_str_c(limits);
    job.group.children = sl_str_c(children);
    job.if_version = *io_version;
    job.text = SL_STR("{}");
    int r = job_wait(store, &job.base);
    *io_version = r == 0 ? job.group.version : *io_version;
    *ret_is_new = job.is_new;
    sl_store_group_job_done(&job);
    return r;
}

static void limits_are_replaced_as_they_were_seen(void **state)
{
    (void)state;
    struct sl_store *store = store_open();
    uint64_t version = 0, none = 0;
    bool is_new = false;
    assert_int_equal(replace(store, "a", "[1]", NULL, &version, &is_new), 0);
    assert_true(is_new);
    assert_int_equal(replace(store, "a", "[2]", NULL, &none, &is_new), SL_E_STALE);
    assert_int_equal(replace(store, "a", NULL, "[3]", &version, &is_new), 0);
    assert_false(is_new);
    assert_string_equal(loaded, "+a[1];+a[3];");
    sl_store_close(store);
    store = store_open();
    assert_string_equal(loaded, "+a[3];");
    sl_store_close(store);
}

static void a_key_moves_as_it_was_seen(void **state)
{
    (void)state;
    struct sl_store *store = store_open();
    group(store, CREATE, "a", NULL, 0);
    group(store, CREATE, "b", NULL, 0);
    key(store, "a", false, 0);
    uint64_t seen = versions[1];
    assert_int_equal(change(store, SL_STORE_KEY_REPLACE, 1, "none", seen), SL_E_INVAL);
    assert_int_equal(change(store, SL_STORE_KEY_REPLACE, 2, "b", seen), SL_E_NOTFOUND);
    assert_int_equal(change(store, SL_STORE_KEY_REPLACE, 1, "b", seen), 0);
    assert_int_equal(change(store, SL_STORE_KEY_REPLACE, 1, "a", seen), SL_E_STALE);
    assert_int_equal(change(store, SL_STORE_KEY_REVOKE, 1, "", seen), SL_E_STALE);
    group(store, DELETE, "a", NULL, 0);
    group(store, DELETE, "b", NULL, SL_E_BUSY);
    assert_string_equal(loaded, "+a;+b;key-1@a;key-1@b;-a;");
    sl_store_close(store);
    store = store_open();
    assert_string_equal(loaded, "+b;key-1@b;");
    sl_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_group_is_in_one_that_is_there, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_group_with_something_in_it_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(limits_are_replaced_as_they_were_seen, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_key_moves_as_it_was_seen, dir_setup, dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
