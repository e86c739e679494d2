/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for the mock upstream and the load generator. Nothing here comes from the gateway's own libraries (except
 * the macros of attr.h): a yardstick that used the measured code would hide that code's faults. */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Prints the text to stderr and ends the process with status 1. */
SL_NORETURN void bench_die(const char *fmt, ...) SL_PRINTF(1, 2);

/* Monotonic nanoseconds. */
uint64_t bench_now(void);

/* Reads a whole non-negative decimal number up to `max`; else ends the process with `name`. */
uint64_t bench_number(const char *name, const char *text, uint64_t max);

/* Reads the whole file; the caller frees it. Ends the process when it cannot be read. */
char *bench_read_file(const char *path, size_t *ret_len);

/* Sets TCP_NODELAY: all three parties write whole messages, and none should wait for an acknowledgement. */
void bench_no_delay(int fd);

/* Timers of a few hundred microseconds need a slack far below the default 50 µs. */
void bench_sharp_timers(void);

/* The value of a header line of `head` (complete, lines end with CRLF), compared without case; NULL: it is absent.
 * `name` ends with its colon. The value ends before the CR, at *ret_len. */
const char *bench_header(const char *head, size_t head_len, const char *name, size_t *ret_len);

#endif
