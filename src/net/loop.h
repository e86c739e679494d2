/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's event loop and what its connections share: the read buffer (an idle connection holds none), the arena
 * cache, the timers. Each belongs to one thread; only sl_loop_post may be called from other threads. */
#ifndef SL_NET_LOOP_H
#define SL_NET_LOOP_H

#include <uv.h>

#include "base/arena.h"
#include "base/random.h"
#include "net/soon.h"

/* The bytes of one read. Larger bodies are read straight into their own memory. */
#define SL_READ_BUFFER 65536

struct sl_timer;
struct sl_tls_scratch;

struct sl_loop {
    uv_loop_t uv;
    char *read_buf; /* SL_READ_BUFFER bytes; in use only inside one read callback */
    struct sl_arena_cache arenas;
    struct sl_rng rng;
    struct sl_random_pool random;
    struct sl_tls_scratch *tls; /* net/tls_conn.c: shared by TLS streams; NULL until the first one */
    struct sl_soon soon;        /* net/soon.c */
    uint64_t starved_usec; /* when a connection could last not be opened or accepted, because descriptors or memory were
                              short; 0: never */
    /* private: the timer heap and the posted calls */
    uv_timer_t clock;
    uv_idle_t turn; /* runs once, in the next turn */
    struct sl_timer **heap;
    size_t n_heap, cap_heap;
    uint64_t recent_usec, recent_msec; /* what was read last, and libuv's time then */
    uint64_t armed_usec;               /* when the clock fires; UINT64_MAX: it does not; 0: the heap is being served */
    uv_async_t posted;
    uv_mutex_t post_lock; /* guards `posts` */
    struct sl_post *posts, **posts_tail;
};

SL_MUST int sl_loop_init(struct sl_loop *loop, struct sl_err *err);
/* Runs until sl_loop_stop, and then until every handle is closed. Timers alone do not keep it running. */
void sl_loop_run(struct sl_loop *loop);
/* Call this on the loop's thread. */
void sl_loop_stop(struct sl_loop *loop);
/* All handles must be closed or closing. */
void sl_loop_done(struct sl_loop *loop);

/* Monotonic, read now. */
uint64_t sl_loop_now(struct sl_loop *loop);
/* What was read last, where that was in this turn or less than a millisecond before: for deadlines, and for what is
 * kept for seconds. It never goes back. */
uint64_t sl_loop_recent(struct sl_loop *loop);

/* Calls fn(arg) on the loop's thread, soon. Any thread. When fn runs, the caller owns `post` again. */
struct sl_post {
    struct sl_post *next;
    void (*fn)(void *arg);
    void *arg;
};
void sl_loop_post(struct sl_loop *loop, struct sl_post *post, void (*fn)(void *arg), void *arg);

/* --- timers: embedded, set and cleared for next to nothing --- */

/* Moving a deadline back only stores it; the heap is changed when the old deadline comes. */
struct sl_timer {
    uint64_t deadline_usec; /* 0: not set */
    uint64_t heap_usec;
    size_t heap_index; /* 0: not in the heap; else index + 1 */
    void (*on_timer)(struct sl_timer *timer);
};

void sl_timer_init(struct sl_timer *timer, void (*on_timer)(struct sl_timer *timer));
/* Fires once, at a monotonic time (not 0). Never fails: it aborts when there is no memory (the heap grows seldom, by
 * doubling). */
void sl_timer_set(struct sl_loop *loop, struct sl_timer *timer, uint64_t deadline_usec);
/* Cheap; the timer may stay in the heap, so call sl_timer_remove before its memory is freed. */
void sl_timer_clear(struct sl_timer *timer);
void sl_timer_remove(struct sl_loop *loop, struct sl_timer *timer);

#endif
