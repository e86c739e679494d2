/* SPDX-License-Identifier: Apache-2.0 */
#include "util.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define READ_STEP 65536 /* how many bytes a file's buffer grows at a time */

void bench_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

uint64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_number(const char *name, const char *text, uint64_t max)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n > max) {
        bench_die("%s: not a number from 0 to %llu: %s", name, (unsigned long long)max, text);
    }
    return n;
}

char *bench_read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        bench_die("%s: %s", path, strerror(errno));
    }
    char *data = NULL;
    size_t len = 0;
    size_t n;
    do {
        char *grown = realloc(data, len + READ_STEP);
        if (!grown) {
            bench_die("%s: out of memory", path);
        }
        data = grown;
        n = fread(data + len, 1, READ_STEP, f);
        len += n;
    } while (n > 0);
    if (ferror(f)) {
        bench_die("%s: cannot be read", path);
    }
    fclose(f);
    *ret_len = len;
    return data;
}

void bench_no_delay(int fd)
{
    int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) {
        bench_die("TCP_NODELAY: %s", strerror(errno));
    }
}

void bench_sharp_timers(void)
{
    if (prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL) < 0) {
        bench_die("PR_SET_TIMERSLACK: %s", strerror(errno));
    }
}

const char *bench_header(const char *head, size_t head_len, const char *name, size_t *ret_len)
{
    const char *end = head + head_len;
    size_t name_len = strlen(name);
    const char *line = memchr(head, '\n', head_len);
    while (line && (size_t)(end - ++line) > name_len) {
        const char *cr = memchr(line, '\r', (size_t)(end - line));
        if (!cr) {
            return NULL;
        }
        if (strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len;
            while (value < cr && *value == ' ') {
                value++;
            }
            *ret_len = (size_t)(cr - value);
            return value;
        }
        line = memchr(cr, '\n', (size_t)(end - cr));
    }
    return NULL;
}
