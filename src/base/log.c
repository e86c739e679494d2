/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/word.h"

/* Longer messages are cut. A line is one write(2), so that lines of several threads do not mix. */
#define LOG_LINE_MAX 2048
/* How long a line waits for the reader of standard error. */
#define STALL_MSEC 100

static atomic_int log_level = SL_LOG_INFO;
/* How a line looks: "2026-01-01T00:00:00.000Z info serve: text", "00:00:00 serve: text" (with colour or without), or an
 * object. */
static atomic_int log_form;
enum { LF_FULL, LF_SHORT, LF_COLOR, LF_JSON };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

bool sl_log_has_color(int fd)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(none && *none) && !(term && strcmp(term, "dumb") == 0);
}

void sl_log_set_format(enum sl_log_format format)
{
    bool is_people = format != SL_LOG_JSON && isatty(STDERR_FILENO);
    int form = format == SL_LOG_JSON             ? LF_JSON
               : !is_people                      ? LF_FULL
               : sl_log_has_color(STDERR_FILENO) ? LF_COLOR
                                                 : LF_SHORT;
    tzset();
    atomic_store_explicit(&log_form, form, memory_order_relaxed);
}

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

/* What stands before the text. Returns its length. */
static size_t head_write(int form, enum sl_log_level level, const char *area, char *out, size_t size)
{
    uint64_t now = sl_clock_wall_usec();
    time_t sec = (time_t)(now / 1000000);
    unsigned msec = (unsigned)(now / 1000 % 1000);
    const char *name = level_names[level];
    struct tm tm;
    char at[32];
    bool is_short = form == LF_SHORT || form == LF_COLOR;
    (is_short ? localtime_r : gmtime_r)(&sec, &tm);
    strftime(at, sizeof(at), is_short ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    int n;
    if (form == LF_JSON) {
        n = snprintf(out, size, "{\"time\":\"%s.%03uZ\",\"level\":\"%s\",\"area\":\"%s\",\"message\":\"", at, msec,
                     name, area);
    } else if (!is_short) {
        n = snprintf(out, size, "%s.%03uZ %s %s: ", at, msec, name, area);
    } else {
        bool is_loud = level <= SL_LOG_WARNING, has_color = form == LF_COLOR;
        const char *paint = !has_color ? "" : level == SL_LOG_ERROR ? "\x1b[31m" : "\x1b[33m";
        n = snprintf(out, size, "%s%s%s %s%s%s%s%s: ", has_color ? "\x1b[2m" : "", at, has_color ? "\x1b[0m" : "",
                     is_loud ? paint : "", is_loud ? name : "", is_loud && has_color ? "\x1b[0m" : "",
                     is_loud ? " " : "", area);
    }
    return SL_MIN((size_t)SL_MAX(n, 0), size - 1);
}

/* Escapes what ends a JSON string; the text is clean otherwise. What does not fit is cut. Returns the new end. */
static size_t text_escape(char *line, size_t from, size_t end, size_t max)
{
    char text[LOG_LINE_MAX];
    size_t n = end - from;
    memcpy(text, line + from, n);
    for (size_t i = 0; i < n && from + 2 < max; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            line[from++] = '\\';
        }
        line[from++] = text[i];
    }
    return from;
}

void sl_log(enum sl_log_level level, const char *area, const char *fmt, ...)
{
    if (!sl_log_is_on(level)) {
        return;
    }
    char line[LOG_LINE_MAX];
    int form = atomic_load_explicit(&log_form, memory_order_relaxed);
    size_t n = head_write(form, level, area, line, sizeof(line));
    int more;

    va_list args;
    va_start(args, fmt);
    more = vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
    va_end(args);
    size_t end = n + (size_t)SL_MAX(more, 0);
    end = SL_MIN(end, sizeof(line) - 4); /* for what ends the line */
    line_clean(line + n, end - n);
    if (form == LF_JSON) {
        end = text_escape(line, n, end, sizeof(line) - 4);
        line_clean(line + n, end - n); /* the last character may be cut in two */
        line[end++] = '"';
        line[end++] = '}';
    }
    line[end++] = '\n';
    line_write(line, end);
}
