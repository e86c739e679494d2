/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "gate/watch/linetext.h"
#include "json/json.h"

/* After the first line of a batch the writer waits this long for more: so a busy gateway wakes it at most twenty times
 * a second, not once for each request. */
#define BATCH_NSEC 50000000L
/* At the end, the process waits this long for a reader that takes nothing. */
#define CLOSE_USEC 1000000ull
#define STALL_MSEC 100

struct sl_accesslog {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the sleep only */
    pthread_cond_t wake;
    atomic_bool is_sleeping;
    atomic_bool is_closing;
    atomic_bool must_reopen;
    char *path;
    int fd; /* -1: none */
    bool is_file;
    bool may_stall;                  /* no regular file: its reader may stop reading */
    atomic_uint_fast64_t close_usec; /* when the end of the log was asked for; 0: not yet */
    bool has_complained;
    bool is_within_line; /* the last byte in the file does not end a line */
    bool is_torn;        /* the same, and the rest of that line is lost */
    bool is_skipping;    /* the rest of a lost line is still in the ring */
    atomic_uint_fast64_t n_lost;
    bool is_text, has_color; /* lines for people */
    struct sl_json doc;      /* for these: a line of JSON, the beginning of one, and the texts */
    struct sl_buf part, text;
    unsigned n_rings;
    struct sl_log_ring rings[];
};

struct sl_log_ring *sl_accesslog_ring(struct sl_accesslog *log, unsigned i)
{
    return &log->rings[i];
}

bool sl_log_is_wanted(const struct sl_log_ring *ring)
{
    return ring->bytes != NULL;
}

void sl_log_push(struct sl_log_ring *ring, struct sl_str line)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (line.n > SL_LOG_RING_BYTES - (head - tail)) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return;
    }
    size_t at = head % SL_LOG_RING_BYTES;
    size_t first = SL_MIN(line.n, SL_LOG_RING_BYTES - at);
    memcpy(ring->bytes + at, line.p, first);
    memcpy(ring->bytes, line.p + first, line.n - first);
    /* Both this store and the writer's (sleeping, then a look at the ring) are sequentially consistent: one of the two
     * threads sees the other's store. */
    atomic_store(&ring->head, head + line.n);
    struct sl_accesslog *log = ring->log;
    if (atomic_load(&log->is_sleeping) && atomic_exchange(&log->is_sleeping, false)) {
        pthread_mutex_lock(&log->lock);
        pthread_cond_signal(&log->wake);
        pthread_mutex_unlock(&log->lock);
    }
}

/* False: the process ends, and the reader takes nothing. */
static bool wait_for_room(struct sl_accesslog *log)
{
    struct pollfd room = { .fd = log->fd, .events = POLLOUT };
    while (log->may_stall && poll(&room, 1, STALL_MSEC) == 0) {
        uint64_t closed = atomic_load(&log->close_usec);
        if (closed && sl_clock_usec() >= closed + CLOSE_USEC) {
            return false;
        }
    }
    return true;
}

/* Returns how much was written: all of it, or up to the error. A pipe that has room takes PIPE_BUF bytes at once. */
static size_t write_bytes(struct sl_accesslog *log, const char *p, size_t n)
{
    size_t at = 0, most = log->may_stall ? (size_t)PIPE_BUF : n;
    while (at < n && wait_for_room(log)) {
        ssize_t done = write(log->fd, p + at, SL_MIN(n - at, most));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            if (!log->has_complained) {
                sl_log(SL_LOG_ERROR, "log", "cannot write the access log %s: %s", log->path, strerror(errno));
                log->has_complained = true; /* one message, until it works again */
            }
            break;
        }
        log->has_complained = false;
        at += (size_t)done;
        log->is_within_line = p[at - 1] != '\n';
    }
    return at;
}

static void lines_lose(struct sl_accesslog *log, const char *p, size_t n)
{
    uint64_t n_lines = 0;
    for (size_t i = 0; i < n; i++) {
        n_lines += p[i] == '\n';
    }
    atomic_fetch_add_explicit(&log->n_lost, n_lines, memory_order_relaxed);
    log->is_skipping = p[n - 1] != '\n'; /* the ring wraps within a line: the rest of it comes next */
    log->is_torn = log->is_within_line;
}

/* Lines that cannot be written are lost and counted. When a full disk left half a line, it is ended before the next
 * one. */
static void write_all(struct sl_accesslog *log, const char *p, size_t n)
{
    const char *end = log->is_skipping ? memchr(p, '\n', n) : NULL;
    if (log->is_skipping) {
        size_t n_skipped = end ? (size_t)(end - p) + 1 : n;
        lines_lose(log, p, n_skipped);
        p += n_skipped;
        n -= n_skipped;
    }
    size_t done = 0;
    if (n && (!log->is_torn || write_bytes(log, "\n", 1) == 1)) {
        log->is_torn = false;
        done = write_bytes(log, p, n);
    }
    if (done < n) {
        lines_lose(log, p + done, n - done);
    }
}

#define TEXT_MAX (4u << 20)

/* Writes lines of JSON as texts. Only the last of `p` may be cut; its rest comes next. */
static void text_all(struct sl_accesslog *log, const char *p, size_t n)
{
    const char *end;
    while ((end = memchr(p, '\n', n)) != NULL) {
        size_t len = (size_t)(end - p) + 1;
        struct sl_str line = sl_str_make(p, len);
        if (log->part.len) {
            sl_buf_add(&log->part, p, len);
            line = sl_buf_str(&log->part);
        }
        sl_line_to_text(&log->doc, line, log->has_color, &log->text);
        sl_buf_reset(&log->part);
        p += len;
        n -= len;
    }
    sl_buf_add(&log->part, p, n);
    if (sl_buf_status(&log->text) == 0) {
        write_all(log, log->text.p, log->text.len);
    } else {
        atomic_fetch_add_explicit(&log->n_lost, 1, memory_order_relaxed); /* no memory for some lines */
    }
    sl_buf_reset(&log->text);
}

static bool ring_is_empty(struct sl_log_ring *ring)
{
    return atomic_load(&ring->head) == atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

static void ring_drain(struct sl_accesslog *log, struct sl_log_ring *ring)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (tail != head) {
        size_t at = tail % SL_LOG_RING_BYTES;
        size_t n = SL_MIN(head - tail, SL_LOG_RING_BYTES - at);
        (log->is_text ? text_all : write_all)(log, ring->bytes + at, n);
        tail += n;
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
}

static bool can_stall(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

static int file_open(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void reopen_if_asked(struct sl_accesslog *log)
{
    if (!atomic_exchange(&log->must_reopen, false) || !log->is_file) {
        return;
    }
    int fd = file_open(log->path);
    if (fd < 0) {
        sl_log(SL_LOG_ERROR, "log", "cannot reopen the access log %s: %s; the old file stays open", log->path,
               strerror(errno));
        return;
    }
    close(log->fd);
    log->fd = fd;
    log->may_stall = can_stall(fd);
    log->is_within_line = log->is_torn = false;
}

static bool all_empty(struct sl_accesslog *log)
{
    for (unsigned i = 0; i < log->n_rings; i++) {
        if (!ring_is_empty(&log->rings[i])) {
            return false;
        }
    }
    return true;
}

static void *writer_main(void *arg)
{
    struct sl_accesslog *log = arg;
    for (;;) {
        bool is_last = atomic_load(&log->is_closing);
        reopen_if_asked(log);
        for (unsigned i = 0; i < log->n_rings; i++) {
            ring_drain(log, &log->rings[i]);
        }
        if (is_last) {
            return NULL;
        }
        pthread_mutex_lock(&log->lock);
        atomic_store(&log->is_sleeping, true);
        while (all_empty(log) && !atomic_load(&log->is_closing) && !atomic_load(&log->must_reopen)) {
            pthread_cond_wait(&log->wake, &log->lock);
            atomic_store(&log->is_sleeping, true);
        }
        atomic_store(&log->is_sleeping, false);
        pthread_mutex_unlock(&log->lock);
        if (!atomic_load(&log->is_closing)) {
            nanosleep(&(struct timespec){ 0, BATCH_NSEC }, NULL);
        }
    }
}

static void writer_wake(struct sl_accesslog *log)
{
    pthread_mutex_lock(&log->lock);
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
}

static void log_free(struct sl_accesslog *log)
{
    for (unsigned i = 0; i < log->n_rings; i++) {
        free(log->rings[i].bytes);
    }
    if (log->is_file && log->fd >= 0) {
        close(log->fd);
    }
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->wake);
    sl_json_done(&log->doc);
    sl_buf_done(&log->part);
    sl_buf_done(&log->text);
    free(log->path);
    free(log);
}

int sl_accesslog_open(const char *path, int format, unsigned n_rings, struct sl_accesslog **ret, struct sl_err *err)
{
    struct sl_accesslog *log = calloc(1, sizeof(*log) + n_rings * sizeof(log->rings[0]));
    if (!log) {
        return sl_fail(err, SL_E_NOMEM, "out of memory opening the access log");
    }
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->wake, NULL);
    sl_json_init(&log->doc, NULL);
    sl_buf_init(&log->part, SL_LOG_LINE_MAX);
    sl_buf_init(&log->text, TEXT_MAX);
    log->fd = -1;
    log->path = strdup(path);
    if (strcmp(path, "stdout") == 0) {
        log->fd = STDOUT_FILENO;
    } else if (strcmp(path, "stderr") == 0) {
        log->fd = STDERR_FILENO;
    } else if (strcmp(path, "none") != 0) {
        log->is_file = true;
        log->fd = file_open(path);
        if (log->fd < 0) {
            int r = sl_fail(err, SL_E_IO, "log.access: cannot open %s: %s", path, strerror(errno));
            log_free(log);
            return r;
        }
    }
    log->may_stall = log->fd >= 0 && can_stall(log->fd);
    log->is_text = format == SL_LOG_TEXT || (format == SL_LOG_AUTO && log->fd >= 0 && isatty(log->fd));
    log->has_color = log->is_text && log->fd >= 0 && sl_log_has_color(log->fd);
    log->n_rings = n_rings;
    for (unsigned i = 0; i < n_rings; i++) {
        log->rings[i].log = log;
        if (log->fd >= 0) {
            log->rings[i].bytes = malloc(SL_LOG_RING_BYTES);
        }
        if (!log->path || (log->fd >= 0 && !log->rings[i].bytes)) {
            log_free(log);
            return sl_fail(err, SL_E_NOMEM, "out of memory opening the access log");
        }
    }
    if (log->fd >= 0 && pthread_create(&log->thread, NULL, writer_main, log) != 0) {
        log_free(log);
        return sl_fail(err, SL_E_NOMEM, "cannot start the access log's thread");
    }
    *ret = log;
    return 0;
}

void sl_accesslog_reopen(struct sl_accesslog *log)
{
    atomic_store(&log->must_reopen, true);
    writer_wake(log);
}

uint64_t sl_accesslog_dropped(const struct sl_accesslog *log)
{
    uint64_t n = atomic_load_explicit(&log->n_lost, memory_order_relaxed);
    for (unsigned i = 0; i < log->n_rings; i++) {
        n += atomic_load_explicit(&log->rings[i].dropped, memory_order_relaxed);
    }
    return n;
}

void sl_accesslog_close(struct sl_accesslog *log)
{
    if (!log) {
        return;
    }
    if (log->fd >= 0) {
        uint64_t before = sl_accesslog_dropped(log);
        atomic_store(&log->close_usec, SL_MAX(sl_clock_usec(), (uint64_t)1));
        atomic_store(&log->is_closing, true);
        writer_wake(log);
        pthread_join(log->thread, NULL);
        uint64_t lost = sl_accesslog_dropped(log) - before;
        if (lost) {
            sl_log(SL_LOG_WARNING, "log", "the reader of the access log %s takes nothing: its last %llu lines are lost",
                   log->path, (unsigned long long)lost);
        }
    }
    log_free(log);
}
