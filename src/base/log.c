/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/word.h"

/* Longer messages are cut. A line is one write(2), so that lines of several threads do not mix. */
#define LOG_LINE_MAX 2048
/* How long a line waits for the reader of standard error. */
#define STALL_MSEC 100

static atomic_int log_level = SL_LOG_INFO;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void sl_log_set_level(enum sl_log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool sl_log_is_on(enum sl_log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* A message may have text from a peer; it must not forge a second line, nor control a terminal. */
static void line_clean(char *text, size_t n)
{
    struct sl_str rest = sl_str_make(text, n);
    while (rest.n) {
        uint32_t c;
        struct sl_str at = rest;
        bool is_fit = sl_utf8_next(&rest, &c) && !sl_is_steering(c);
        rest = rest.n == at.n ? sl_str_sub(at, 1, at.n) : rest;
        if (!is_fit) {
            memset(text + (n - at.n), '?', at.n - rest.n);
        }
    }
}

/* A reader that takes nothing must not stop the workers: lines are dropped, and a later line says how many. */
static void line_write(const char *line, size_t n)
{
    static atomic_uint n_lost;
    struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
    if (poll(&room, 1, STALL_MSEC) == 0) {
        atomic_fetch_add(&n_lost, 1);
        return;
    }
    unsigned lost = atomic_exchange(&n_lost, 0);
    if (lost) {
        char text[96];
        int len = snprintf(text, sizeof(text), "(%u lines are missing here: standard error did not take them)\n", lost);
        SL_IGNORE(write(STDERR_FILENO, text, (size_t)len) < 0);
    }
    SL_IGNORE(write(STDERR_FILENO, line, n) < 0); /* there is no other place to report this */
}

void sl_log(enum sl_log_level level, const char *area, const char *fmt, ...)
{
    if (!sl_log_is_on(level)) {
        return;
    }
    char line[LOG_LINE_MAX];
    uint64_t now = sl_clock_wall_usec();
    time_t sec = (time_t)(now / 1000000);
    struct tm tm;
    gmtime_r(&sec, &tm);
    size_t n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
    int more = snprintf(line + n, sizeof(line) - n, ".%03uZ %s %s: ", (unsigned)(now / 1000 % 1000), level_names[level],
                        area);
    n += (size_t)SL_MAX(more, 0);

    va_list args;
    va_start(args, fmt);
    more = vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
    va_end(args);
    size_t end = n + (size_t)SL_MAX(more, 0);
    end = SL_MIN(end, sizeof(line) - 2);
    line_clean(line + n, end - n);
    line[end++] = '\n';
    line_write(line, end);
}
