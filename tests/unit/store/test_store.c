/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "sqlite/shim.h"
#include "store/dir.h"
#include "store/tool.h"

#define CONFIG "{\"openai_api_key\":\"sk-canary\"}"

struct job {
    struct sl_store_route_job base;
    atomic_bool is_done;
};

static atomic_int n_unsynced; /* answers that were sent while the WAL had bytes that were not synced */
static atomic_int n_events;
static atomic_uint_fast64_t last_event;

static int setup(void **state)
{
    shim_reset();
    atomic_store(&n_unsynced, 0);
    atomic_store(&n_events, 0);
    atomic_store(&last_event, 0);
    return dir_setup(state);
}

static int teardown(void **state)
{
    shim_reset();
    return dir_teardown(state);
}

static void on_events(void *arg, const struct sl_store_event *const *events, size_t n)
{
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        assert_true(events[i]->number > atomic_load(&last_event));
        atomic_store(&last_event, events[i]->number);
    }
    atomic_fetch_add(&n_events, (int)n);
}

static void on_done(struct sl_store_job *base)
{
    struct job *job = (struct job *)base;
    if (base->is_write && base->r == 0) {
        atomic_fetch_add(&n_unsynced, atomic_load(&shim.wal_dirty));
        assert_true(!base->has_event || atomic_load(&last_event) >= base->event.number);
    }
    atomic_store(&job->is_done, true);
}

/* --- what is in the file, as "name=spec+limits;" sorted by creation --- */

struct content {
    char text[65536];
};

static void content_begin(void *arg)
{
    ((struct content *)arg)->text[0] = '\0';
}

static void content_end(void *arg, bool is_whole)
{
    (void)arg;
    (void)is_whole;
}

static void content_add(void *arg, const struct sl_store_event *event)
{
    struct content *c = arg;
    size_t n = strlen(c->text);
    if (event->kind == SL_STORE_ROUTE_PUT) {
        assert_true(sl_str_eq_c(event->route->config, CONFIG));
        snprintf(c->text + n, sizeof(c->text) - n, "%.*s=%.*s;", SL_STR_ARG(event->name),
                 SL_STR_ARG(event->route->spec));
    } else {
        snprintf(c->text + n, sizeof(c->text) - n, "%.*s:%.*s;", SL_STR_ARG(event->name), SL_STR_ARG(event->limits));
    }
}

static struct content content;

static int store_try(const char *where, struct sl_store **ret, struct sl_err *err)
{
    const struct sl_store_conf conf = {
        .dir = where,
        .cbs = { .on_events = on_events,
                 .on_load_begin = content_begin,
                 .on_load = content_add,
                 .on_load_end = content_end,
                 .events_arg = &content },
    };
    bool is_ok = false;
    int r = sl_store_open(&conf, ret, &is_ok, err);
    return r < 0 || is_ok ? r : 1;
}

static struct sl_store *store_open(const char *where)
{
    struct sl_store *store = NULL;
    struct sl_err err = { 0 };
    int r = store_try(where, &store, &err);
    if (r != 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static void store_start(struct sl_store *store)
{
    struct sl_err err;
    assert_int_equal(sl_store_start(store, &err), 0);
}

static struct job *ask(struct sl_store *store, enum sl_store_verb verb, const char *name, const char *text)
{
    struct job *job = calloc(1, sizeof(*job));
    assert_non_null(job);
    assert_int_equal(sl_store_route_job_init(&job->base, verb, sl_str_c(name)), 0);
    if (verb == SL_STORE_CREATE || verb == SL_STORE_REPLACE) {
        assert_int_equal(sl_store_route_job_set(&job->base, sl_str_c(text), SL_STR(CONFIG)), 0);
    }
    if (verb == SL_STORE_SET_LIMITS && text) {
        job->base.limits = sl_arena_dup(&job->base.arena, sl_str_c(text));
    }
    job->base.base.on_done = on_done;
    assert_int_equal(sl_store_submit(store, &job->base.base), 0);
    return job;
}

static int answer(struct job *job)
{
    while (!atomic_load(&job->is_done)) {
        usleep(100);
    }
    int r = job->base.base.r;
    sl_store_route_job_done(&job->base);
    free(job);
    return r;
}

static int ask_wait(struct sl_store *store, enum sl_store_verb verb, const char *name, const char *text)
{
    return answer(ask(store, verb, name, text));
}

static const char *content_of(const char *where)
{
    struct sl_err err = { 0 };
    struct sl_store *store = store_open(where);
    if (sl_store_load(store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    sl_store_close(store);
    return content.text;
}

static void check_content(const char *where, const char *want)
{
    assert_string_equal(content_of(where), want);
}

/* --- tests --- */

static void test_rows(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "2"), SL_E_EXISTS);
    assert_int_equal(ask_wait(store, SL_STORE_REPLACE, "a", "3"), 0);
    assert_int_equal(ask_wait(store, SL_STORE_REPLACE, "b", "4"), 0);
    assert_int_equal(ask_wait(store, SL_STORE_SET_LIMITS, "a", "[5]"), 0);
    assert_int_equal(ask_wait(store, SL_STORE_SET_LIMITS, "c", "[6]"), SL_E_NOTFOUND);
    assert_int_equal(ask_wait(store, SL_STORE_DELETE, "c", NULL), SL_E_NOTFOUND);
    struct job *job = ask(store, SL_STORE_READ, "a", NULL);
    while (!atomic_load(&job->is_done)) {
        usleep(100);
    }
    assert_true(sl_str_eq_c(job->base.route.spec, "3") && sl_str_eq_c(job->base.route.config, CONFIG));
    assert_int_equal(answer(job), 0);
    sl_store_close(store);
    check_content(dir, "a:[5];a=3;b=4;");
    assert_int_equal(atomic_load(&n_events), 4);
    assert_int_equal(atomic_load(&n_unsynced), 0);

    store = store_open(dir);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_SET_LIMITS, "a", NULL), 0);
    assert_int_equal(ask_wait(store, SL_STORE_DELETE, "a", NULL), 0);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "7"), 0);
    sl_store_close(store);
    check_content(dir, "b=4;a=7;");
}

static void test_a_version_that_was_seen(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    static const struct {
        enum sl_store_verb verb;
        uint64_t version;
        int want;
    } cases[] = { { SL_STORE_REPLACE, 7, SL_E_STALE },
                  { SL_STORE_DELETE, 7, SL_E_STALE },
                  { SL_STORE_REPLACE, 1, 0 },
                  { SL_STORE_REPLACE, 1, SL_E_STALE },
                  { SL_STORE_DELETE, 2, 0 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct job *job = calloc(1, sizeof(*job));
        assert_non_null(job);
        assert_int_equal(sl_store_route_job_init(&job->base, cases[i].verb, SL_STR("a")), 0);
        assert_int_equal(sl_store_route_job_set(&job->base, SL_STR("x"), SL_STR(CONFIG)), 0);
        job->base.has_if_version = true;
        job->base.if_version = cases[i].version;
        job->base.base.on_done = on_done;
        assert_int_equal(sl_store_submit(store, &job->base.base), 0);
        while (!atomic_load(&job->is_done)) {
            usleep(100);
        }
        assert_int_equal(answer(job), cases[i].want);
    }
    sl_store_close(store);
}

/* Everything that waits when the thread begins is written in one transaction. */
static void test_waiting_writers_share_a_sync_and_fail_alone(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir);
    struct job *jobs[64];
    for (size_t i = 0; i < SL_ARRAY_LEN(jobs); i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%zu", i / 2);
        jobs[i] = ask(store, SL_STORE_CREATE, name, "x");
    }
    long before = atomic_load(&shim.n_syncs);
    store_start(store);
    for (size_t i = 0; i < SL_ARRAY_LEN(jobs); i++) {
        assert_int_equal(answer(jobs[i]), i % 2 ? SL_E_EXISTS : 0);
    }
    assert_int_equal(atomic_load(&shim.n_syncs) - before, 1);
    assert_int_equal(atomic_load(&n_events), 32);
    assert_int_equal(atomic_load(&n_unsynced), 0);
    sl_store_close(store);
}

enum { CROWD = 16, EACH = 30 };

static struct sl_store *crowd_store;

static void *crowd_main(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        char name[32];
        snprintf(name, sizeof(name), "c%d-%d", (int)(intptr_t)arg, i);
        /* No assertions on this thread. */
        if (ask_wait(crowd_store, SL_STORE_CREATE, name, "x") < 0) {
            return crowd_store;
        }
    }
    return NULL;
}

/* On a disk that needs four milliseconds for a sync, with writers that each wait for their answer. */
static void test_a_crowd_of_writers_shares_syncs(void **state)
{
    (void)state;
    pthread_t threads[CROWD];
    crowd_store = store_open(dir);
    store_start(crowd_store);
    atomic_store(&shim.sync_usec, 4000);
    long before = atomic_load(&shim.n_syncs);
    for (intptr_t i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, (void *)i), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    long n_syncs = atomic_load(&shim.n_syncs) - before;
    print_message("# %d creates, %ld syncs\n", CROWD * EACH, n_syncs);
    assert_true(n_syncs * 6 <= CROWD * EACH);
    assert_int_equal(atomic_load(&n_unsynced), 0);
    sl_store_close(crowd_store);
}

static void test_the_queue_is_bounded(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir);
    struct job **jobs = calloc(SL_STORE_QUEUE_MAX + 1, sizeof(struct job *));
    assert_non_null(jobs);
    for (size_t i = 0; i < SL_STORE_QUEUE_MAX; i++) {
        jobs[i] = ask(store, SL_STORE_DELETE, "none", NULL);
    }
    struct job one_more = { 0 };
    assert_int_equal(sl_store_route_job_init(&one_more.base, SL_STORE_DELETE, SL_STR("none")), 0);
    assert_int_equal(sl_store_submit(store, &one_more.base.base), SL_E_LIMIT);
    sl_store_route_job_done(&one_more.base);
    store_start(store);
    for (size_t i = 0; i < SL_STORE_QUEUE_MAX; i++) {
        assert_int_equal(answer(jobs[i]), SL_E_NOTFOUND);
    }
    free(jobs);
    sl_store_close(store);
}

/* --- cuts: the files as they are at each sync --- */

#define CUTS_MAX 400
static int acked_at_copy[CUTS_MAX];
static atomic_int n_acked;

static void on_copy(int copy)
{
    assert_true(copy < CUTS_MAX);
    acked_at_copy[copy] = atomic_load(&n_acked);
}

/* The content after the first n steps. */
static void script_content(int n, char *out, size_t cap)
{
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        snprintf(out + strlen(out), cap - strlen(out), "s%d=%d;", i, i);
    }
}

static void test_a_cut_at_any_sync_reopens_whole(void **state)
{
    (void)state;
    enum { STEPS = 12 };
    char copies[80], path[100], key[200], command[400];
    snprintf(copies, sizeof(copies), "%s/copies", dir);
    snprintf(path, sizeof(path), "%s/sluice.db", dir);
    assert_int_equal(mkdir(copies, 0700), 0);
    struct sl_store *store = store_open(dir);
    shim.copy_from = path;
    shim.copy_to = copies;
    shim.on_copy = on_copy;
    atomic_store(&n_acked, 0);
    store_start(store);
    for (int i = 0; i < STEPS; i++) {
        char name[16], text[16];
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(ask_wait(store, SL_STORE_CREATE, name, text), 0);
        atomic_fetch_add(&n_acked, 1);
    }
    sl_store_close(store); /* checkpoints: more syncs */
    shim.copy_from = NULL;
    assert_true(shim.n_copies > STEPS * 2);
    for (int i = 0; i < shim.n_copies; i++) {
        snprintf(key, sizeof(key), "%s/%d", copies, i);
        snprintf(command, sizeof(command), "cp %s/secret.key %s/", dir, key);
        assert_int_equal(system(command), 0);
        char least[512], most[512];
        const char *got = content_of(key);
        script_content(acked_at_copy[i], least, sizeof(least));
        script_content(SL_MIN(acked_at_copy[i] + 1, STEPS), most, sizeof(most));
        assert_true(strcmp(got, least) == 0 || strcmp(got, most) == 0);
    }
}

/* --- each call fails in turn --- */

/* A workload whose state is known after each answer: returns the expected state. */
struct work {
    char sure[8][4];  /* of each name: the spec that was acknowledged, "" for none */
    char other[8][4]; /* what may be there instead: of a call that failed */
};

static void work_step(struct sl_store *store, struct work *w, int i)
{
    char name[8], text[4];
    int k = i % 8;
    snprintf(name, sizeof(name), "w%d", k);
    snprintf(text, sizeof(text), "%d", i % 100);
    enum sl_store_verb verb = w->sure[k][0] == '\0' ? SL_STORE_CREATE : i % 3 ? SL_STORE_REPLACE : SL_STORE_DELETE;
    int r = ask_wait(store, verb, name, text);
    const char *after = verb == SL_STORE_DELETE ? "" : text;
    if (r == 0) {
        snprintf(w->sure[k], 4, "%s", after);
        snprintf(w->other[k], 4, "%s", after);
    } else {
        assert_true(r == SL_E_IO || r == SL_E_NOMEM);
        snprintf(w->other[k], 4, "%s", after);
    }
}

static void work_check(const struct work *w)
{
    const char *got = content_of(dir);
    for (int k = 0; k < 8; k++) {
        char name[8], sure[20], other[20];
        snprintf(name, sizeof(name), "w%d=", k);
        snprintf(sure, sizeof(sure), "%s%s;", name, w->sure[k]);
        snprintf(other, sizeof(other), "%s%s;", name, w->other[k]);
        bool is_there = strstr(got, name) != NULL;
        bool fits_sure = w->sure[k][0] ? strstr(got, sure) != NULL : !is_there;
        bool fits_other = w->other[k][0] ? strstr(got, other) != NULL : !is_there;
        if (!fits_sure && !fits_other) {
            fail_msg("%s neither %s nor %s in %s", name, sure, other, got);
        }
    }
}

enum { WORK_STEPS = 24 };

static long work_under(void (*arm)(long at), long (*disarm)(void), long at)
{
    struct work w = { 0 };
    struct sl_store *store = store_open(dir);
    store_start(store);
    for (int i = 0; i < 4; i++) {
        work_step(store, &w, i);
    }
    arm(at);
    for (int i = 4; i < WORK_STEPS; i++) {
        work_step(store, &w, i);
    }
    long n = disarm();
    /* It repairs itself: it tries again at most a second after a failure. */
    for (int k = 0; k < 300 && ask_wait(store, SL_STORE_REPLACE, "mended", "1") < 0; k++) {
        usleep(10000);
    }
    assert_int_equal(ask_wait(store, SL_STORE_DELETE, "mended", NULL), 0);
    sl_store_close(store);
    work_check(&w);
    return n;
}

static void arm_call(long at)
{
    atomic_store(&shim.n_calls, 0);
    atomic_store(&shim.fail_at, at);
}

/* How many calls there were. */
static long disarm_call(void)
{
    atomic_store(&shim.fail_at, -1);
    return atomic_load(&shim.n_calls);
}

static long disarm_alloc(void)
{
    long n = shim_allocs();
    shim_fail_alloc(-1);
    return n;
}

static long disarm_own_alloc(void)
{
    long n = shim_own_allocs();
    shim_fail_own_alloc(-1);
    return n;
}

/* Fails each call in turn until there are no more. With sanitizers, which are slow, only some of them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STRIDE = 7 };
#else
enum { STRIDE = 1 };
#endif

static void each_fails(void (*arm)(long at), long (*disarm)(void), bool and_all_after, long stride)
{
    long at = 0, n;
    do {
        void *state = NULL;
        atomic_store(&shim.fails_on, and_all_after);
        n = work_under(arm, disarm, at);
        assert_int_equal(teardown(&state), 0);
        assert_int_equal(setup(&state), 0);
        at += stride;
    } while (at < n || (and_all_after && at < 120));
    print_message("# %ld\n", n);
}

static void test_each_call_of_the_system_fails_in_turn(void **state)
{
    (void)state;
    each_fails(arm_call, disarm_call, false, STRIDE);
}

static void test_all_calls_of_the_system_fail_from_one_on(void **state)
{
    (void)state;
    each_fails(arm_call, disarm_call, true, 13);
}

static void test_each_allocation_of_sqlite_fails_in_turn(void **state)
{
    (void)state;
    each_fails(shim_fail_alloc, disarm_alloc, false, STRIDE);
    each_fails(shim_fail_alloc, disarm_alloc, true, 13);
}

static void test_each_allocation_of_ours_fails_in_turn(void **state)
{
    (void)state;
    each_fails(shim_fail_own_alloc, disarm_own_alloc, false, STRIDE);
    each_fails(shim_fail_own_alloc, disarm_own_alloc, true, 13);
}

/* Opening with the n-th call failing: a message, and the next attempt works. */
static void test_opening_fails_at_each_call(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    sl_store_close(store);
    int n_failed = 0;
    for (long at = 0; at < 40; at++) {
        struct sl_err err = { 0 };
        arm_call(at);
        int r = store_try(dir, &store, &err);
        SL_IGNORE(disarm_call() < 0);
        n_failed += r != 0;
        assert_true(r >= 0); /* 1: it is there and says why it does not work */
        assert_true(r == 0 || err.text[0]);
        sl_store_close(store);
        check_content(dir, "a=1;");
    }
    assert_true(n_failed > 5);
}

/* A disk that cannot be written at the start: stored routes are served, and writes work again later. */
static void test_a_disk_that_can_only_be_read(void **state)
{
    (void)state;
    struct sl_err err = { 0 };
    struct sl_store *store = store_open(dir);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    sl_store_close(store);
    atomic_store(&shim.is_readonly, true);
    assert_int_equal(store_try(dir, &store, &err), 1);
    assert_true(err.text[0]);
    assert_int_equal(sl_store_load(store, &err), 0);
    assert_string_equal(content.text, "a=1;");
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_READ, "a", NULL), 0);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "b", "2"), SL_E_IO);
    atomic_store(&shim.is_readonly, false);
    for (int k = 0; k < 300 && ask_wait(store, SL_STORE_REPLACE, "b", "2") < 0; k++) {
        usleep(10000);
    }
    assert_int_equal(ask_wait(store, SL_STORE_READ, "b", NULL), 0);
    sl_store_close(store);
    check_content(dir, "a=1;b=2;");
}

static int tick_count(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    (void)store;
    (void)was_lost;
    (void)err;
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static void ticks_wait(atomic_int *n_ticks, int n)
{
    for (int until = atomic_load(n_ticks) + n; atomic_load(n_ticks) < until;) {
        usleep(1000);
    }
}

/* Ticks without writes do not report that it works again; once there is room they do, without a call. */
static void test_a_full_disk_is_down_until_there_is_room(void **state)
{
    (void)state;
    atomic_int n_ticks = 0;
    const struct sl_store_conf conf = {
        .dir = dir,
        .cbs = { .on_events = on_events, .on_tick = tick_count, .tick_arg = &n_ticks },
    };
    struct sl_store *store;
    struct sl_err err = { 0 };
    bool is_ok = false;
    assert_int_equal(sl_store_open(&conf, &store, &is_ok, &err), 0);
    store_start(store);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    atomic_store(&shim.is_full, true);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "b", "2"), SL_E_IO);
    ticks_wait(&n_ticks, 3);
    assert_false(sl_store_is_up(store));
    atomic_store(&shim.is_full, false);
    ticks_wait(&n_ticks, 2);
    assert_true(sl_store_is_up(store));
    sl_store_close(store);
    check_content(dir, "a=1;");
}

/* --- the directory, the key, the tools --- */

static void test_the_directory_has_one_owner(void **state)
{
    (void)state;
    struct sl_store *store = store_open(dir), *second;
    struct sl_err err = { 0 };
    char pid[32];
    snprintf(pid, sizeof(pid), "process id %ld", (long)getpid());
    assert_int_equal(store_try(dir, &second, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    sl_store_close(store);
    sl_store_close(store_open(dir));
}

static void test_sealing(void **state)
{
    (void)state;
    struct sl_seal a, b;
    char digits[SL_SEAL_KEY_BYTES * 2 + 1], print[SL_FINGERPRINT_LEN + 1], other[SL_FINGERPRINT_LEN + 1];
    struct sl_err err = { 0 };
    assert_int_equal(sl_seal_make(&a, digits), 0);
    assert_int_equal(sl_seal_set(&b, sl_str_c(digits), &err), 0);
    struct sl_buf sealed = SL_BUF_INIT(1024), again = SL_BUF_INIT(1024), plain = SL_BUF_INIT(1024);
    assert_int_equal(sl_seal_close(&a, SL_STR("route"), SL_STR(CONFIG), &sealed), 0);
    assert_int_equal(sl_seal_close(&a, SL_STR("route"), SL_STR(CONFIG), &again), 0);
    assert_memory_not_equal(sealed.p, again.p, sealed.len); /* a fresh nonce */
    assert_int_equal(sl_seal_open(&b, SL_STR("route"), sl_buf_str(&sealed), &plain), 0);
    assert_true(sl_str_eq_c(sl_buf_str(&plain), CONFIG));
    assert_int_equal(sl_seal_open(&b, SL_STR("other"), sl_buf_str(&sealed), &plain), SL_E_KEY);
    for (size_t i = 0; i < sealed.len; i++) { /* changes any bit, and the length */
        sealed.p[i] ^= 1;
        assert_int_equal(sl_seal_open(&b, SL_STR("route"), sl_buf_str(&sealed), &plain), SL_E_KEY);
        sealed.p[i] ^= 1;
        assert_int_equal(sl_seal_open(&b, SL_STR("route"), sl_str_make(sealed.p, i), &plain), SL_E_KEY);
    }
    assert_int_equal(sl_seal_fingerprint(&a, SL_STR("x"), print), 0);
    assert_int_equal(sl_seal_fingerprint(&b, SL_STR("x"), other), 0);
    assert_string_equal(print, other);
    assert_int_equal(sl_seal_set(&b, SL_STR("a passphrase of some length"), &err), 0);
    assert_int_equal(sl_seal_fingerprint(&b, SL_STR("x"), other), 0);
    assert_string_not_equal(print, other);
    assert_int_equal(sl_seal_set(&b, SL_STR("short"), &err), SL_E_INVAL);
    sl_buf_done(&sealed);
    sl_buf_done(&again);
    sl_buf_done(&plain);
    sl_seal_done(&a);
    sl_seal_done(&b);
}

static void test_check_and_backup(void **state)
{
    (void)state;
    struct sl_store_report report;
    struct sl_err err = { 0 };
    char file[80];
    snprintf(file, sizeof(file), "%s/copy.db", dir);
    struct sl_store *store = store_open(dir);
    store_start(store);
    assert_int_equal(sl_store_check(dir, NULL, &report, &err), 0);
    assert_int_equal(report.n_routes, 0);
    assert_int_equal(ask_wait(store, SL_STORE_CREATE, "a", "1"), 0);
    assert_int_equal(sl_store_check(dir, NULL, &report, &err), 0);
    assert_int_equal(report.n_routes, 1);
    assert_int_equal(sl_store_backup(dir, file, &err), 0);
    assert_int_equal(sl_store_backup(dir, file, &err), SL_E_IO);
    sl_store_close(store);
    assert_int_equal(sl_store_check("/nonexistent", NULL, &report, &err), SL_E_NOTFOUND);
}

/* A thousand changes leave a small log, because it is written back. */
static void test_the_wal_stays_bounded(void **state)
{
    (void)state;
    char path[100];
    struct stat st;
    snprintf(path, sizeof(path), "%s/sluice.db-wal", dir);
    struct sl_store *store = store_open(dir);
    store_start(store);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(ask_wait(store, SL_STORE_REPLACE, "a", i % 2 ? "odd" : "even"), 0);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 8 << 20);
    sl_store_close(store);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    shim_install();
    const struct CMUnitTest tests[] = {
        TEST(test_rows),
        TEST(test_a_version_that_was_seen),
        TEST(test_waiting_writers_share_a_sync_and_fail_alone),
        TEST(test_a_crowd_of_writers_shares_syncs),
        TEST(test_the_queue_is_bounded),
        TEST(test_a_cut_at_any_sync_reopens_whole),
        TEST(test_each_call_of_the_system_fails_in_turn),
        TEST(test_all_calls_of_the_system_fail_from_one_on),
        TEST(test_each_allocation_of_sqlite_fails_in_turn),
        TEST(test_each_allocation_of_ours_fails_in_turn),
        TEST(test_opening_fails_at_each_call),
        TEST(test_a_disk_that_can_only_be_read),
        TEST(test_a_full_disk_is_down_until_there_is_room),
        TEST(test_the_directory_has_one_owner),
        TEST(test_sealing),
        TEST(test_check_and_backup),
        TEST(test_the_wal_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
