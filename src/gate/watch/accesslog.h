/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: a bounded ring for each worker, and one writer thread. A worker never waits: when its ring is full,
 * the line is dropped and counted. */
#ifndef SL_GATE_ACCESSLOG_H
#define SL_GATE_ACCESSLOG_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

#define SL_LOG_RING_BYTES (1u << 20)
/* The writer of a longer line cuts it (fields from outside are bounded). */
#define SL_LOG_LINE_MAX 4096

struct sl_accesslog;

/* One producer, one consumer. */
struct sl_log_ring {
    atomic_size_t head; /* written by the worker */
    char pad[64];       /* puts head and tail on different cache lines */
    atomic_size_t tail; /* written by the writer thread */
    atomic_uint_fast64_t dropped;
    char *bytes;
    struct sl_accesslog *log;
};

/* `path`: "stdout", "stderr", "none" or a file (lines are appended; a new file gets the mode 0640). `format`: enum
 * sl_log_format; the lines are pushed as JSON, and the writer thread makes texts of them. Starts that thread. */
SL_MUST int sl_accesslog_open(const char *path, int format, unsigned n_rings, struct sl_accesslog **ret,
                              struct sl_err *err);
struct sl_log_ring *sl_accesslog_ring(struct sl_accesslog *log, unsigned i);
/* Adds one line, newline included, at most SL_LOG_LINE_MAX. Each worker has its own ring. */
void sl_log_push(struct sl_log_ring *ring, struct sl_str line);
bool sl_log_is_wanted(const struct sl_log_ring *ring);
/* Makes the writer thread close the file and open it again (log rotation). Any thread. */
void sl_accesslog_reopen(struct sl_accesslog *log);
uint64_t sl_accesslog_dropped(const struct sl_accesslog *log);
/* Writes what is left, then ends the thread. It waits a second for a reader that takes nothing; lines that are left
 * then are lost and counted. */
void sl_accesslog_close(struct sl_accesslog *log);

#endif
