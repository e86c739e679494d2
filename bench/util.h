/* SPDX-License-Identifier: Apache-2.0 */
/* What the mock upstream and the load generator share. Nothing here comes from the gateway's own libraries (beyond the
 * macros of attr.h): a yardstick that used the code it measures would hide that code's faults. */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Prints the text to stderr and ends the process with status 1. */
SL_NORETURN void bench_die(const char *fmt, ...) SL_PRINTF(1, 2);

/* Monotonic nanoseconds. */
uint64_t bench_now(void);

/* A whole non-negative decimal number not above `max`; dies with `name` otherwise. */
uint64_t bench_number(const char *name, const char *text, uint64_t max);

/* The whole file, to be freed by the caller; dies when it cannot be read. */
char *bench_read_file(const char *path, size_t *ret_len);

/* TCP_NODELAY: all three parties write whole messages, none wants to wait for an acknowledgement. */
void bench_no_delay(int fd);

/* Timers of a few hundred microseconds need a slack far below the default 50 µs. */
void bench_sharp_timers(void);

/* The value of a header line of `head` (complete, lines ended by CRLF), compared without case; NULL when it is absent.
 * `name` ends with its colon. The value runs up to, not including, the CR at *ret_len. */
const char *bench_header(const char *head, size_t head_len, const char *name, size_t *ret_len);

#endif
