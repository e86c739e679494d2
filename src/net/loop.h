/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's event loop and what its connections share: the read buffer (an idle connection holds none), the arena
 * cache, the timers. One thread each; nothing here is shared between threads except sl_loop_post. */
#ifndef SL_NET_LOOP_H
#define SL_NET_LOOP_H

#include <uv.h>

#include "base/arena.h"
#include "base/random.h"
#include "net/soon.h"

/* One read's worth. Larger bodies are read straight into their own memory. */
#define SL_READ_BUFFER 65536

struct sl_timer;
struct sl_tls_scratch;

struct sl_loop {
    uv_loop_t uv;
    char *read_buf; /* SL_READ_BUFFER bytes; in use only inside one read callback */
    struct sl_arena_cache arenas;
    struct sl_rng rng;
    struct sl_random_pool random;
    struct sl_tls_scratch *tls; /* net/tls_conn.c: what TLS streams share; NULL until the first */
    struct sl_soon soon;        /* net/soon.c */
    /* private: the timer heap and the posted calls */
    uv_timer_t clock;
    uv_idle_t turn; /* runs once, in the next turn */
    struct sl_timer **heap;
    size_t n_heap, cap_heap;
    uint64_t armed_usec; /* when the clock fires; UINT64_MAX: it does not; 0: the heap is being served */
    uv_async_t posted;
    uv_mutex_t post_lock; /* guards `posts` */
    struct sl_post *posts, **posts_tail;
};

SL_MUST int sl_loop_init(struct sl_loop *loop, struct sl_err *err);
/* Until stop, then until every handle is closed. Timers alone do not keep it running. */
void sl_loop_run(struct sl_loop *loop);
/* On the loop's thread. */
void sl_loop_stop(struct sl_loop *loop);
/* All handles must be closed or closing. */
void sl_loop_done(struct sl_loop *loop);

/* Monotonic, read now. */
uint64_t sl_loop_now(struct sl_loop *loop);

/* Calls fn(arg) on the loop's thread, soon. Any thread. The caller owns `post` again when fn runs. */
struct sl_post {
    struct sl_post *next;
    void (*fn)(void *arg);
    void *arg;
};
void sl_loop_post(struct sl_loop *loop, struct sl_post *post, void (*fn)(void *arg), void *arg);

/* --- timers: embedded, set and cleared for next to nothing --- */

/* Moving a deadline further away only writes it down; the heap is touched when the old one comes. */
struct sl_timer {
    uint64_t deadline_usec; /* 0: not set */
    uint64_t heap_usec;
    size_t heap_index; /* 0: not in the heap; else index + 1 */
    void (*on_timer)(struct sl_timer *timer);
};

void sl_timer_init(struct sl_timer *timer, void (*on_timer)(struct sl_timer *timer));
/* One shot, at a monotonic time (0 is not one). Never fails: on lack of memory it aborts (the heap grows by doubling,
 * rarely). */
void sl_timer_set(struct sl_loop *loop, struct sl_timer *timer, uint64_t deadline_usec);
/* Cheap; the timer may stay in the heap: before its memory goes, sl_timer_remove. */
void sl_timer_clear(struct sl_timer *timer);
void sl_timer_remove(struct sl_loop *loop, struct sl_timer *timer);

#endif
