/* SPDX-License-Identifier: Apache-2.0 */
/* What many dynamic routes cost: start, look-up, memory, change. Works on a directory of its own, in this process:
 *   bench_store DIR ROUTES       fills DIR and measures
 * Prints one line of JSON. Creating and syncing are measured by turns: a disk that others use, too, is not the same for
 * long. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/opt.h"
#include "base/random.h"
#include "gate/config/config.h"
#include "gate/config/events.h"
#include "gate/config/route.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "store/store.h"

#define LOOKUPS 2000000u
#define CHANGES 2000u
#define ROUNDS  7
/* To measure the disk's own speed. */
#define PROBE_PAGES 1024
#define PROBE_USEC  300000

struct bench {
    struct sl_publisher publisher;
    struct sl_events events;
    struct sl_store *store;
    struct sl_config *config;
    struct sl_rng rng;
};

struct ask {
    struct sl_store_route_job job;
    struct sl_str spec, config;
    sem_t is_done;
};

static void die(const char *what, const struct sl_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static size_t rss_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &pages, &resident) != 2) {
        resident = 0;
    }
    if (f) {
        fclose(f);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void config_load(struct bench *b, struct sl_arena *arena)
{
    struct sl_problems problems;
    sl_problems_init(&problems, arena);
    if (sl_config_load_text("bench", SL_STR("endpoints: []\n"), arena, &problems, &b->config) < 0 ||
        sl_events_configure(&b->events, b->config->settings, NULL, 0) < 0) {
        exit(1);
    }
}

static void store_open(struct bench *b, const char *dir)
{
    struct sl_err err = { 0 };
    bool is_ok;
    const struct sl_store_conf conf = {
        .dir = dir,
        .cbs = { .on_events = sl_events_apply,
                 .on_load_begin = sl_events_load_begin,
                 .on_load = sl_events_load,
                 .on_load_end = sl_events_load_end,
                 .events_arg = &b->events },
    };
    if (sl_store_open(&conf, &b->store, &is_ok, &err) < 0 || !is_ok || sl_store_load(b->store, &err) < 0 ||
        sl_store_start(b->store, &err) < 0) {
        die("open", &err);
    }
}

static void on_done(struct sl_store_job *job)
{
    struct ask *ask = (struct ask *)job;
    if (job->r < 0) {
        die("create", &job->err);
    }
    sem_post(&ask->is_done);
}

static void name_make(uint32_t i, char out[32])
{
    snprintf(out, 32, "team-%u-route-%06u", i % 97, i);
}

#define CONFIG "{\"openai_api_key\":\"sk-0123456789abcdef0123456789abcdef\"}"

static void texts_make(uint32_t i, char name[32], char spec[256])
{
    name_make(i, name);
    snprintf(
        spec, 256,
        "{\"name\":\"%s\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"gpt-4o-mini\",\"provider\":\"openai\"}}",
        name);
}

/* The bytes of a route's texts. */
static double text_bytes(void)
{
    char name[32], spec[256];
    texts_make(100, name, spec);
    return (double)(strlen(name) + strlen(spec) + strlen(CONFIG));
}

static void create(struct bench *b, struct ask *ask, uint32_t i)
{
    char name[32], spec[256];
    texts_make(i, name, spec);
    sem_init(&ask->is_done, 0, 0);
    if (sl_store_route_job_init(&ask->job, SL_STORE_CREATE, sl_str_c(name)) < 0 ||
        sl_store_route_job_set(&ask->job, sl_str_c(spec), SL_STR(CONFIG)) < 0) {
        exit(1);
    }
    ask->job.base.on_done = on_done;
    while (sl_store_submit(b->store, &ask->job.base) == SL_E_LIMIT) {
        usleep(1000);
    }
}

static void wait(struct ask *ask)
{
    while (sem_wait(&ask->is_done) < 0) {
    }
    sem_destroy(&ask->is_done);
    sl_store_route_job_done(&ask->job);
}

static void fill(struct bench *b, uint32_t from, uint32_t to)
{
    enum { AT_ONCE = 1000 };
    struct ask *asks = calloc(AT_ONCE, sizeof(*asks));
    if (!asks) {
        exit(1);
    }
    for (uint32_t i = from; i < to; i += AT_ONCE) {
        uint32_t n = SL_MIN(to - i, (uint32_t)AT_ONCE);
        for (uint32_t k = 0; k < n; k++) {
            create(b, &asks[k], i + k);
        }
        for (uint32_t k = 0; k < n; k++) {
            wait(&asks[k]);
        }
    }
    free(asks);
}

/* Like an exchange: finds a route by a name from outside, takes a reference and gives it back. */
static double lookup_nsec(struct bench *b, uint32_t n)
{
    enum { NAMES = 4096 };
    static char names[NAMES][32];
    struct sl_snapshot *s = NULL;
    sl_publisher_refresh(&b->publisher, &s);
    for (uint32_t i = 0; i < NAMES; i++) {
        name_make((uint32_t)(sl_rng_next(&b->rng) % n), names[i]);
    }
    uint64_t start = sl_clock_usec();
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct sl_route *route = sl_snapshot_find(s, sl_str_c(names[i % NAMES]));
        sl_route_unref(sl_route_ref(route));
    }
    double nsec = (double)(sl_clock_usec() - start) * 1000.0 / LOOKUPS;
    sl_snapshot_unref(s);
    return nsec;
}

/* The disk's own speed: the same write again and again, like the log of a database. */
static double fdatasync_rate(const char *dir)
{
    char path[4200], page[4096] = { 0 };
    snprintf(path, sizeof(path), "%s/probe", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < PROBE_PAGES; i++) {
        if (pwrite(fd, page, sizeof(page), i * (off_t)sizeof(page)) < 0) {
            exit(1);
        }
    }
    fsync(fd);
    uint64_t start = sl_clock_usec(), now = start;
    int n = 0;
    for (; now - start < PROBE_USEC; n++, now = sl_clock_usec()) {
        if (pwrite(fd, page, sizeof(page), n % PROBE_PAGES * (off_t)sizeof(page)) < 0 || fdatasync(fd) < 0) {
            exit(1);
        }
    }
    close(fd);
    unlink(path);
    return n * 1e6 / (double)(now - start);
}

#define WRITERS 16u
#define EACH    250u

struct writer {
    struct bench *bench;
    uint32_t first;
};

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct ask *ask = calloc(1, sizeof(*ask));
    for (uint32_t i = 0; ask && i < EACH; i++) {
        create(w->bench, ask, w->first + i);
        wait(ask);
    }
    free(ask);
    return NULL;
}

static double create_rate(struct bench *b, uint32_t first)
{
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    uint64_t start = sl_clock_usec();
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ b, first + i * EACH };
        if (pthread_create(&threads[i], NULL, writer_main, &writers[i]) != 0) {
            exit(1);
        }
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    return WRITERS * EACH * 1e6 / (double)(sl_clock_usec() - start);
}

static double change_usec(struct bench *b, uint32_t at)
{
    uint64_t start = sl_clock_usec();
    fill(b, at, at + CHANGES);
    return (double)(sl_clock_usec() - start) / CHANGES;
}

static void bench_init(struct bench *b, struct sl_arena *arena)
{
    sl_rng_init(&b->rng);
    sl_publisher_init(&b->publisher);
    sl_events_init(&b->events, &b->publisher);
    config_load(b, arena);
}

static void bench_done(struct bench *b)
{
    sl_store_close(b->store);
    sl_events_done(&b->events);
    sl_publisher_done(&b->publisher);
    sl_config_free(b->config);
}

static int double_cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* How many syncs of this disk one create of many writers takes, as the median of the rounds, and that round's rates. */
static void creates_print(struct bench *b, const char *dir, uint32_t first)
{
    double ratio[ROUNDS], sync[ROUNDS], made[ROUNDS], sorted[ROUNDS];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sync[i] = fdatasync_rate(dir);
        made[i] = create_rate(b, first + i * WRITERS * EACH);
        sorted[i] = ratio[i] = sync[i] / made[i];
    }
    qsort(sorted, ROUNDS, sizeof(sorted[0]), double_cmp);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (ratio[i] <= sorted[ROUNDS / 2] && ratio[i] >= sorted[ROUNDS / 2]) {
            printf("\"syncs_a_create\":%.4f,\"fdatasync_per_sec\":%.0f,\"creates_per_sec\":%.0f}\n", ratio[i], sync[i],
                   made[i]);
            return;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_store DIR ROUTES\n");
        return 2;
    }
    uint32_t n = (uint32_t)atoi(argv[2]);
    struct bench b = { 0 };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    bench_init(&b, &arena);
    store_open(&b, argv[1]);
    fill(&b, 0, 10);
    printf("{\"lookup_few_ns\":%.1f,", lookup_nsec(&b, 10));
    printf("\"change_few_us\":%.1f,", change_usec(&b, 10));
    fill(&b, 10 + CHANGES, n);
    bench_done(&b);

    memset(&b, 0, sizeof(b));
    bench_init(&b, &arena);
    size_t before = rss_bytes();
    uint64_t start = sl_clock_usec();
    store_open(&b, argv[1]);
    printf("\"start_ms\":%.0f,", (double)(sl_clock_usec() - start) / 1000.0);
    /* The heap was used before, and freed memory is used again: so this is a lower bound. */
    printf("\"bytes_a_route\":%.0f,\"text_bytes_a_route\":%.0f,", (double)(rss_bytes() - before) / n, text_bytes());
    printf("\"lookup_many_ns\":%.1f,", lookup_nsec(&b, n));
    printf("\"change_many_us\":%.1f,", change_usec(&b, n));
    creates_print(&b, argv[1], n + CHANGES);
    bench_done(&b);
    sl_arena_done(&arena);
    return 0;
}
