/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the request log, for rlog.c, recover.c and seal.c only. What is not atomic or behind a lock belongs to
 * the log's thread, and before that runs to the thread that opens the log. */
#ifndef SL_LOG_STATE_H
#define SL_LOG_STATE_H

#include <pthread.h>

#include "base/random.h"
#include "log/rlog.h"

struct sl_rlog {
    char *dir;
    int dir_fd;
    atomic_uint_fast64_t keep_usec, max_bytes;
    struct sl_rng rng;

    pthread_mutex_t view_lock; /* guards the next two; only the log's thread changes them */
    struct sl_blocks *blocks;
    struct sl_active *active;

    struct sl_segment **segments; /* oldest first; each is held */
    uint32_t n_segments, cap_segments;
    uint64_t next_seal_usec; /* sealing failed, and is tried again then; 0: it works */
    bool has_complained;     /* about the newest rows' file, until it works again */

    pthread_mutex_t watch_lock; /* guards `watches`, and is held while they are called */
    struct sl_rlog_watch *watches;

    pthread_t thread;
    pthread_mutex_t sleep_lock; /* guards the sleep only */
    pthread_cond_t wake;
    atomic_bool is_sleeping, is_closing, must_tidy;
    atomic_bool is_gathering; /* the thread waits for more rows; a ring that gets full ends that */
    atomic_uint_fast64_t n_written, n_lost;
    unsigned n_rings;
    struct sl_rlog_ring rings[];
};

#endif
