/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: a bounded ring per worker, one writer thread for all. A worker never waits: a line that finds its
 * ring full is dropped and counted. */
#ifndef SL_GATE_ACCESSLOG_H
#define SL_GATE_ACCESSLOG_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

#define SL_LOG_RING_BYTES (1u << 20)
/* A longer line is cut by its writer (the fields that come from outside are bounded). */
#define SL_LOG_LINE_MAX 4096

struct sl_accesslog;

/* One producer, one consumer. */
struct sl_log_ring {
    atomic_size_t head; /* written by the worker */
    char pad[64];       /* head and tail on cache lines of their own */
    atomic_size_t tail; /* written by the writer thread */
    atomic_uint_fast64_t dropped;
    char *bytes;
    struct sl_accesslog *log;
};

/* `path`: "stdout", "stderr", "none" or a file (appended to, made 0640). Starts the writer thread. */
SL_MUST int sl_accesslog_open(const char *path, unsigned n_rings, struct sl_accesslog **ret, struct sl_err *err);
struct sl_log_ring *sl_accesslog_ring(struct sl_accesslog *log, unsigned i);
/* One line, newline included, at most SL_LOG_LINE_MAX. Any worker to its own ring. */
void sl_log_push(struct sl_log_ring *ring, struct sl_str line);
bool sl_log_is_wanted(const struct sl_log_ring *ring);
/* Closes and opens the file again, from the writer thread (log rotation). Any thread. */
void sl_accesslog_reopen(struct sl_accesslog *log);
uint64_t sl_accesslog_dropped(const struct sl_accesslog *log);
/* Writes what is left, then ends the thread. A reader that takes nothing is waited for a second: what is left then is
 * lost, and counted. */
void sl_accesslog_close(struct sl_accesslog *log);

#endif
