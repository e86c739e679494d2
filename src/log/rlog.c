/* SPDX-License-Identifier: Apache-2.0 */
#include "log/rlog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "log/recover.h"
#include "log/seal.h"
#include "log/state.h"

/* After the first row of a batch the thread waits this long for more. */
#define BATCH_NSEC   25000000L
#define NSEC_PER_SEC 1000000000L
/* A worker may put its row into its ring so much later than the others theirs: younger rows wait for the next batch. */
#define LATE_USEC 5000
/* How often it looks for what is too old. */
#define TIDY_SEC 60
/* After sealing failed it is not tried again for so long. */
#define SEAL_RETRY_USEC SL_USEC_PER_SEC

/* --- what readers see --- */

static struct sl_blocks *blocks_new(const struct sl_blocks *before, uint32_t from, struct sl_block *more)
{
    uint32_t n = before->n - from + (more ? 1 : 0);
    struct sl_blocks *blocks = malloc(sizeof(*blocks) + n * sizeof(blocks->v[0]));
    if (!blocks) {
        return NULL;
    }
    atomic_init(&blocks->refs, 1);
    blocks->n = n;
    for (uint32_t i = from; i < before->n; i++) {
        blocks->v[i - from] = sl_block_ref(before->v[i]);
    }
    if (more) {
        blocks->v[n - 1] = more;
    }
    return blocks;
}

static void blocks_unref(struct sl_blocks *blocks)
{
    if (blocks && atomic_fetch_sub_explicit(&blocks->refs, 1, memory_order_acq_rel) == 1) {
        for (uint32_t i = 0; i < blocks->n; i++) {
            sl_block_unref(blocks->v[i]);
        }
        free(blocks);
    }
}

/* Takes both; NULL: that part stays. */
static void publish(struct sl_rlog *log, struct sl_blocks *blocks, struct sl_active *active)
{
    struct sl_blocks *old_blocks = NULL;
    struct sl_active *old_active = NULL;
    pthread_mutex_lock(&log->view_lock);
    if (blocks) {
        old_blocks = log->blocks;
        log->blocks = blocks;
    }
    if (active) {
        old_active = log->active;
        log->active = active;
    }
    pthread_mutex_unlock(&log->view_lock);
    blocks_unref(old_blocks);
    sl_active_unref(old_active);
}

void sl_rlog_view_take(struct sl_rlog *log, struct sl_rlog_view *ret)
{
    pthread_mutex_lock(&log->view_lock);
    atomic_fetch_add_explicit(&log->blocks->refs, 1, memory_order_relaxed);
    ret->blocks = log->blocks;
    ret->active = sl_active_ref(log->active);
    ret->n_active = atomic_load_explicit(&log->active->n_rows, memory_order_acquire);
    pthread_mutex_unlock(&log->view_lock);
}

void sl_rlog_view_drop(struct sl_rlog_view *view)
{
    blocks_unref(view->blocks);
    sl_active_unref(view->active);
    *view = (struct sl_rlog_view){ 0 };
}

uint64_t sl_rlog_view_end(const struct sl_rlog_view *view)
{
    return view->active->first_row + view->n_active;
}

void sl_rlog_watch(struct sl_rlog *log, struct sl_rlog_watch *watch)
{
    pthread_mutex_lock(&log->watch_lock);
    watch->next = log->watches;
    log->watches = watch;
    pthread_mutex_unlock(&log->watch_lock);
}

void sl_rlog_unwatch(struct sl_rlog *log, struct sl_rlog_watch *watch)
{
    pthread_mutex_lock(&log->watch_lock);
    for (struct sl_rlog_watch **at = &log->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    pthread_mutex_unlock(&log->watch_lock);
}

static void watches_call(struct sl_rlog *log)
{
    pthread_mutex_lock(&log->watch_lock);
    for (struct sl_rlog_watch *watch = log->watches; watch; watch = watch->next) {
        watch->fn(watch->arg);
    }
    pthread_mutex_unlock(&log->watch_lock);
}

/* --- sealing --- */

static void complain(const struct sl_err *err)
{
    sl_log(SL_LOG_ERROR, "requests", "%s; rows of the request log are lost and counted until this works again",
           err->text);
}

static int active_seal(struct sl_rlog *log, struct sl_block **ret, struct sl_err *err)
{
    const struct sl_active *active = log->active;
    struct sl_str *rows = malloc(active->n_added * sizeof(*rows));
    int r = rows ? 0 : sl_fail_nomem(err);
    for (uint32_t i = 0; i < active->n_added && r == 0; i++) {
        rows[i] = sl_active_row(active, i);
    }
    r = r < 0 ? r : sl_rlog_seal_rows(log, active->first_row, rows, active->n_added, ret, err);
    free(rows);
    return r;
}

/* Seals the newest rows and begins another file for those that come. */
static int seal(struct sl_rlog *log, struct sl_err *err)
{
    struct sl_active *active = log->active, *next;
    struct sl_block *block;
    uint64_t end = active->first_row + active->n_added;
    int r = sl_active_new(log->dir, end, (uint32_t)sl_rng_next(&log->rng), &next, err);
    if (r < 0) {
        return r;
    }
    r = active_seal(log, &block, err);
    struct sl_blocks *blocks = r == 0 ? blocks_new(log->blocks, 0, block) : NULL;
    if (r == 0 && !blocks) {
        block->segment->is_closed = true; /* the same rows come again, in another file */
        sl_block_unref(block);
        r = sl_fail_nomem(err);
    }
    if (r < 0) {
        unlink(next->path);
        sl_active_unref(next);
        return r;
    }
    unlink(active->path);
    publish(log, blocks, next);
    return 0;
}

static bool is_due(const struct sl_rlog *log, uint64_t now)
{
    const struct sl_active *active = log->active;
    return !sl_active_has_room(active) || (active->n_added && now > (uint64_t)active->oldest_usec &&
                                           now - (uint64_t)active->oldest_usec > sl_rlog_part_usec(log));
}

static void seal_if_due(struct sl_rlog *log)
{
    struct sl_err err = { 0 };
    if (!is_due(log, sl_clock_wall_usec()) || sl_clock_usec() < log->next_seal_usec) {
        return;
    }
    if (seal(log, &err) < 0) {
        if (log->next_seal_usec == 0) { /* one message, until it works again */
            complain(&err);
        }
        log->next_seal_usec = sl_clock_usec() + SEAL_RETRY_USEC;
        return;
    }
    log->next_seal_usec = 0;
}

/* --- what is too old or too much --- */

static uint64_t bytes_of(const struct sl_rlog *log)
{
    uint64_t bytes = log->active->file_at;
    for (uint32_t i = 0; i < log->n_segments; i++) {
        bytes += log->segments[i]->bytes;
    }
    return bytes;
}

static bool is_over(const struct sl_rlog *log, const struct sl_segment *oldest, uint64_t now)
{
    uint64_t keep = atomic_load_explicit(&log->keep_usec, memory_order_relaxed);
    uint64_t most = atomic_load_explicit(&log->max_bytes, memory_order_relaxed);
    bool is_old = oldest->newest_usec >= 0 && now > keep && (uint64_t)oldest->newest_usec < now - keep;
    return is_old || bytes_of(log) > most;
}

/* Deletes the oldest file. False: there was no memory, or the file stays. */
static bool segment_delete(struct sl_rlog *log)
{
    struct sl_segment *oldest = log->segments[0];
    uint32_t from = 0;
    while (from < log->blocks->n && log->blocks->v[from]->segment == oldest) {
        from++;
    }
    struct sl_blocks *blocks = blocks_new(log->blocks, from, NULL);
    if (!blocks || (unlink(oldest->path) < 0 && errno != ENOENT)) {
        if (blocks) {
            sl_log(SL_LOG_ERROR, "requests", "cannot delete %s: %s", oldest->path, strerror(errno));
        }
        blocks_unref(blocks);
        return false;
    }
    publish(log, blocks, NULL);
    memmove(log->segments, log->segments + 1, --log->n_segments * sizeof(struct sl_segment *));
    sl_segment_unref(oldest);
    return true;
}

static void tidy(struct sl_rlog *log)
{
    uint64_t now = sl_clock_wall_usec();
    while (log->n_segments && is_over(log, log->segments[0], now) && segment_delete(log)) {
    }
}

/* --- the thread --- */

static void rows_lost(struct sl_rlog *log, uint64_t n)
{
    atomic_fetch_add_explicit(&log->n_lost, n, memory_order_relaxed);
}

/* Writes what was taken from the rings. */
static void batch_write(struct sl_rlog *log)
{
    struct sl_err err = { 0 };
    uint32_t before = atomic_load_explicit(&log->active->n_rows, memory_order_relaxed), lost;
    uint32_t n = log->active->n_added - before;
    if (n == 0) {
        return;
    }
    if (sl_active_write(log->active, &lost, &err) < 0) {
        rows_lost(log, lost);
        if (!log->has_complained) {
            complain(&err);
        }
        log->has_complained = true;
        return;
    }
    log->has_complained = false;
    if (log->active->oldest_usec == INT64_MAX) {
        log->active->oldest_usec = (int64_t)sl_clock_wall_usec();
    }
    atomic_fetch_add_explicit(&log->n_written, n, memory_order_relaxed);
    watches_call(log);
}

/* The ring whose oldest row ended first, before `until_usec`; NULL: none. */
static struct sl_rlog_ring *ring_next(struct sl_rlog *log, uint64_t until_usec, uint32_t *ret_n)
{
    struct sl_rlog_ring *next = NULL;
    for (unsigned i = 0; i < log->n_rings; i++) {
        struct sl_rlog_waiting waiting = sl_rlog_ring_look(&log->rings[i]);
        if (waiting.n && waiting.end_usec < until_usec) {
            next = &log->rings[i];
            until_usec = waiting.end_usec;
            *ret_n = waiting.n;
        }
    }
    return next;
}

/* Takes the rows that ended before, from all rings together, in the order in which their requests ended. */
static void rings_drain(struct sl_rlog *log, uint64_t until_usec)
{
    uint32_t n;
    for (struct sl_rlog_ring *ring; (ring = ring_next(log, until_usec, &n)) != NULL;) {
        if (!sl_active_has_room(log->active)) {
            batch_write(log);
            seal_if_due(log);
        }
        if (sl_active_has_room(log->active)) {
            sl_rlog_ring_take(ring, sl_active_room(log->active, n), n);
            sl_active_added(log->active, n);
        } else {
            sl_ring_skip(&ring->ring);
            rows_lost(log, 1);
        }
    }
}

static bool all_empty(struct sl_rlog *log)
{
    for (unsigned i = 0; i < log->n_rings; i++) {
        if (sl_rlog_ring_look(&log->rings[i]).n) {
            return false;
        }
    }
    return true;
}

static struct timespec later(time_t sec, long nsec)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += sec + (t.tv_nsec + nsec) / NSEC_PER_SEC;
    t.tv_nsec = (t.tv_nsec + nsec) % NSEC_PER_SEC;
    return t;
}

/* Sleeps until there are rows, or it is time to tidy; then a little longer, so that more rows come, but not so long
 * that a ring gets full. The end of the log ends both at once. */
static void wait(struct sl_rlog *log)
{
    struct timespec until = later(TIDY_SEC, 0);
    int r = 0;
    pthread_mutex_lock(&log->sleep_lock);
    atomic_store(&log->is_sleeping, true);
    while (r != ETIMEDOUT && all_empty(log) && !atomic_load(&log->is_closing) && !atomic_load(&log->must_tidy)) {
        r = pthread_cond_timedwait(&log->wake, &log->sleep_lock, &until);
        atomic_store(&log->is_sleeping, true);
    }
    atomic_store(&log->is_sleeping, false);
    until = later(0, BATCH_NSEC);
    atomic_store(&log->is_gathering, true);
    while (r != ETIMEDOUT && !atomic_load(&log->is_closing) && atomic_load(&log->is_gathering)) {
        r = pthread_cond_timedwait(&log->wake, &log->sleep_lock, &until);
    }
    atomic_store(&log->is_gathering, false);
    pthread_mutex_unlock(&log->sleep_lock);
}

static void *writer_main(void *arg)
{
    struct sl_rlog *log = arg;
    for (;;) {
        bool is_last = atomic_load(&log->is_closing);
        atomic_store(&log->must_tidy, false);
        rings_drain(log, is_last ? UINT64_MAX : sl_clock_usec() - LATE_USEC);
        batch_write(log);
        seal_if_due(log);
        tidy(log);
        if (is_last) {
            return NULL;
        }
        wait(log);
    }
}

static void writer_wake(struct sl_rlog *log)
{
    pthread_mutex_lock(&log->sleep_lock);
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->sleep_lock);
}

/* --- for workers --- */

struct sl_rlog_ring *sl_rlog_ring(struct sl_rlog *log, unsigned i)
{
    return &log->rings[i];
}

void sl_rlog_push(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec)
{
    struct sl_rlog *log = ring->log;
    /* Both the put and the writer's (sleeping, then a look at the ring) are sequentially consistent: one of the two
     * threads sees the other's store. */
    if (sl_rlog_ring_put(ring, row, end_usec) && atomic_load(&log->is_sleeping) &&
        atomic_exchange(&log->is_sleeping, false)) {
        writer_wake(log);
    }
    if (SL_UNLIKELY(sl_ring_is_filling(&ring->ring)) && atomic_exchange(&log->is_gathering, false)) {
        writer_wake(log);
    }
}

void sl_rlog_set_bounds(struct sl_rlog *log, uint64_t keep_usec, uint64_t max_bytes)
{
    atomic_store_explicit(&log->keep_usec, keep_usec, memory_order_relaxed);
    atomic_store_explicit(&log->max_bytes, max_bytes, memory_order_relaxed);
    atomic_store(&log->must_tidy, true);
    writer_wake(log);
}

void sl_rlog_count(const struct sl_rlog *log, struct sl_rlog_counts *ret)
{
    ret->n_written = atomic_load_explicit(&log->n_written, memory_order_relaxed);
    ret->n_dropped = atomic_load_explicit(&log->n_lost, memory_order_relaxed);
    for (unsigned i = 0; i < log->n_rings; i++) {
        ret->n_dropped += atomic_load_explicit(&log->rings[i].ring.n_dropped, memory_order_relaxed);
    }
}

/* --- opening and closing --- */

static void log_free(struct sl_rlog *log)
{
    for (unsigned i = 0; i < log->n_rings; i++) {
        sl_rlog_ring_done(&log->rings[i]);
    }
    for (uint32_t i = 0; i < log->n_segments; i++) {
        sl_segment_unref(log->segments[i]);
    }
    free(log->segments);
    blocks_unref(log->blocks);
    sl_active_unref(log->active);
    if (log->dir_fd >= 0) {
        close(log->dir_fd);
    }
    pthread_mutex_destroy(&log->view_lock);
    pthread_mutex_destroy(&log->watch_lock);
    pthread_mutex_destroy(&log->sleep_lock);
    pthread_cond_destroy(&log->wake);
    free(log->dir);
    free(log);
}

static struct sl_rlog *log_alloc(const struct sl_rlog_conf *conf)
{
    struct sl_rlog *log = calloc(1, sizeof(*log) + conf->n_rings * sizeof(log->rings[0]));
    if (!log) {
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&log->view_lock, NULL);
    pthread_mutex_init(&log->watch_lock, NULL);
    pthread_mutex_init(&log->sleep_lock, NULL);
    log->dir_fd = -1;
    log->keep_usec = conf->keep_usec;
    log->max_bytes = conf->max_bytes;
    sl_rng_init(&log->rng);
    log->dir = strdup(conf->dir);
    bool is_ok = log->dir != NULL;
    for (unsigned i = 0; i < conf->n_rings; i++) {
        log->n_rings = i + 1;
        is_ok = sl_rlog_ring_init(&log->rings[i], log) == 0 && is_ok;
    }
    if (!is_ok) {
        log_free(log);
        return NULL;
    }
    return log;
}

static int dir_open(struct sl_rlog *log, struct sl_err *err)
{
    if (mkdir(log->dir, 0700) < 0 && errno != EEXIST) {
        return sl_fail(err, SL_E_IO, "cannot make the folder %s of the request log: %s", log->dir, strerror(errno));
    }
    log->dir_fd = open(log->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return log->dir_fd < 0
               ? sl_fail(err, SL_E_IO, "cannot open the folder %s of the request log: %s", log->dir, strerror(errno))
               : 0;
}

int sl_rlog_open(const struct sl_rlog_conf *conf, struct sl_rlog **ret, struct sl_err *err)
{
    struct sl_rlog *log = log_alloc(conf);
    if (!log) {
        return sl_fail_nomem(err);
    }
    uint64_t end;
    int r = dir_open(log, err);
    r = r < 0 ? r : sl_rlog_recover(log, &end, err);
    if (r == 0) {
        r = sl_active_new(log->dir, end, (uint32_t)sl_rng_next(&log->rng), &log->active, err);
    }
    if (r == 0 && pthread_create(&log->thread, NULL, writer_main, log) != 0) {
        r = sl_fail(err, SL_E_NOMEM, "cannot start the thread of the request log");
    }
    if (r < 0) {
        log_free(log);
        return r;
    }
    *ret = log;
    return 0;
}

void sl_rlog_close(struct sl_rlog *log)
{
    if (!log) {
        return;
    }
    atomic_store(&log->is_closing, true);
    writer_wake(log);
    pthread_join(log->thread, NULL);
    log_free(log);
}
