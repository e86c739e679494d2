/* SPDX-License-Identifier: Apache-2.0 */
/* The timers are a binary heap over one uv_timer_t. A timer's place in it (`heap_usec`) is never later than its
 * deadline; when it comes up early, because the deadline was moved back or cleared, it is put back or dropped. So the
 * time-out that every exchange sets and clears costs a store, not a heap operation. */
#include "net/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/tls_conn.h"

/* 1 MiB of free chunks for each worker. */
#define ARENA_CHUNKS 128

#define HEAP_START 64

/* --- timers --- */

static void heap_place(struct sl_loop *loop, size_t i, struct sl_timer *timer)
{
    loop->heap[i] = timer;
    timer->heap_index = i + 1;
}

static void heap_up(struct sl_loop *loop, size_t i)
{
    struct sl_timer *timer = loop->heap[i];
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (loop->heap[parent]->heap_usec <= timer->heap_usec) {
            break;
        }
        heap_place(loop, i, loop->heap[parent]);
        i = parent;
    }
    heap_place(loop, i, timer);
}

static void heap_down(struct sl_loop *loop, size_t i)
{
    struct sl_timer *timer = loop->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= loop->n_heap) {
            break;
        }
        if (child + 1 < loop->n_heap && loop->heap[child + 1]->heap_usec < loop->heap[child]->heap_usec) {
            child++;
        }
        if (loop->heap[child]->heap_usec >= timer->heap_usec) {
            break;
        }
        heap_place(loop, i, loop->heap[child]);
        i = child;
    }
    heap_place(loop, i, timer);
}

static void heap_add(struct sl_loop *loop, struct sl_timer *timer)
{
    if (loop->n_heap == loop->cap_heap) {
        size_t cap = loop->cap_heap ? loop->cap_heap * 2 : HEAP_START;
        struct sl_timer **heap = realloc(loop->heap, cap * sizeof(struct sl_timer *));
        SL_ASSERT(heap); /* without this a time-out would silently never come, which is worse */
        loop->heap = heap;
        loop->cap_heap = cap;
    }
    timer->heap_usec = timer->deadline_usec;
    loop->heap[loop->n_heap] = timer;
    heap_up(loop, loop->n_heap++);
}

static void heap_remove(struct sl_loop *loop, struct sl_timer *timer)
{
    size_t i = timer->heap_index - 1;
    SL_ASSERT(i < loop->n_heap && loop->heap[i] == timer);
    timer->heap_index = 0;
    struct sl_timer *last = loop->heap[--loop->n_heap];
    if (last == timer) {
        return;
    }
    heap_place(loop, i, last);
    if (i > 0 && loop->heap[(i - 1) / 2]->heap_usec > last->heap_usec) {
        heap_up(loop, i);
    } else {
        heap_down(loop, i);
    }
}

static void on_clock(uv_timer_t *clock);
static void on_turn(uv_idle_t *turn);

static void clock_arm(struct sl_loop *loop)
{
    if (loop->n_heap == 0 || loop->heap[0]->heap_usec >= loop->armed_usec) {
        return;
    }
    loop->armed_usec = loop->heap[0]->heap_usec;
    /* Both clocks are CLOCK_MONOTONIC; libuv's has whole milliseconds and is cached. The difference is taken to the
     * cached value, so the timer is due at an absolute time, however old that value is. */
    uint64_t due_msec = loop->armed_usec / 1000 + (loop->armed_usec % 1000 != 0);
    uint64_t now_msec = uv_now(&loop->uv);
    /* A timer that is due runs in the next turn, not a millisecond later; and not in this turn: libuv runs its timers
     * until none is due, and one that sets itself again each time would keep everything else from the loop. */
    bool is_due = due_msec <= now_msec || loop->armed_usec <= sl_loop_now(loop);
    int r = is_due ? uv_idle_start(&loop->turn, on_turn)
                   : uv_timer_start(&loop->clock, on_clock, due_msec - now_msec, 0);
    SL_ASSERT(r == 0);
}

/* Calls the timers that are due; true if there was one. Timers that are set meanwhile wait for the next turn. */
static bool timers_run(struct sl_loop *loop)
{
    bool did = false;
    uint64_t now = sl_clock_usec();
    loop->armed_usec = 0;
    while (loop->n_heap && loop->heap[0]->heap_usec <= now) {
        struct sl_timer *timer = loop->heap[0];
        uint64_t place_usec = timer->heap_usec;
        heap_remove(loop, timer);
        if (timer->deadline_usec > place_usec) { /* it was moved: those that are due before it come first */
            heap_add(loop, timer);
        } else if (timer->deadline_usec) {
            timer->deadline_usec = 0;
            timer->on_timer(timer);
            did = true;
        }
    }
    loop->armed_usec = UINT64_MAX;
    clock_arm(loop);
    return did;
}

static void on_clock(uv_timer_t *clock)
{
    timers_run(clock->data);
}

static void on_turn(uv_idle_t *turn)
{
    uv_idle_stop(turn);
    timers_run(turn->data);
}

void sl_timer_init(struct sl_timer *timer, void (*on_timer)(struct sl_timer *timer))
{
    *timer = (struct sl_timer){ .on_timer = on_timer };
}

void sl_timer_set(struct sl_loop *loop, struct sl_timer *timer, uint64_t deadline_usec)
{
    timer->deadline_usec = deadline_usec;
    if (!timer->heap_index) {
        heap_add(loop, timer);
    } else if (deadline_usec < timer->heap_usec) {
        timer->heap_usec = deadline_usec;
        heap_up(loop, timer->heap_index - 1);
    } else {
        return;
    }
    clock_arm(loop);
}

void sl_timer_clear(struct sl_timer *timer)
{
    timer->deadline_usec = 0;
}

void sl_timer_remove(struct sl_loop *loop, struct sl_timer *timer)
{
    timer->deadline_usec = 0;
    if (timer->heap_index) {
        heap_remove(loop, timer);
    }
}

/* --- calls from other threads --- */

/* True if there was one. */
static bool posts_run(struct sl_loop *loop)
{
    uv_mutex_lock(&loop->post_lock);
    struct sl_post *post = loop->posts;
    loop->posts = NULL;
    loop->posts_tail = &loop->posts;
    uv_mutex_unlock(&loop->post_lock);

    bool did = post != NULL;
    while (post) {
        struct sl_post *next = post->next;
        post->fn(post->arg);
        post = next;
    }
    return did;
}

static void on_posted(uv_async_t *posted)
{
    posts_run(posted->data);
}

void sl_loop_post(struct sl_loop *loop, struct sl_post *post, void (*fn)(void *arg), void *arg)
{
    *post = (struct sl_post){ .fn = fn, .arg = arg };
    uv_mutex_lock(&loop->post_lock);
    *loop->posts_tail = post;
    loop->posts_tail = &post->next;
    /* Call this under the lock: once the lock is released, the loop may run the last post, end, and be freed. */
    uv_async_send(&loop->posted);
    uv_mutex_unlock(&loop->post_lock);
}

/* --- the loop --- */

static void buffers_free(struct sl_loop *loop)
{
    free(loop->read_buf);
    free(loop->soon.bytes);
}

int sl_loop_init(struct sl_loop *loop, struct sl_err *err)
{
    *loop = (struct sl_loop){ .armed_usec = UINT64_MAX };
    loop->posts_tail = &loop->posts;
    loop->read_buf = malloc(SL_READ_BUFFER);
    loop->soon.bytes = malloc(SL_SOON_BYTES);
    if (!loop->read_buf || !loop->soon.bytes) {
        buffers_free(loop);
        return sl_fail(err, SL_E_NOMEM, "out of memory starting an event loop");
    }
    int r = uv_mutex_init(&loop->post_lock);
    if (r < 0) {
        buffers_free(loop);
        return sl_fail(err, SL_E_IO, "cannot start an event loop: %s", uv_strerror(r));
    }
    r = uv_loop_init(&loop->uv);
    if (r < 0) {
        uv_mutex_destroy(&loop->post_lock);
        buffers_free(loop);
        return sl_fail(err, SL_E_IO, "cannot start an event loop: %s", uv_strerror(r));
    }
    r = uv_async_init(&loop->uv, &loop->posted, on_posted);
    if (r < 0) {
        SL_IGNORE(uv_loop_close(&loop->uv)); /* it has no handle */
        uv_mutex_destroy(&loop->post_lock);
        buffers_free(loop);
        return sl_fail(err, SL_E_IO, "cannot start an event loop: %s", uv_strerror(r));
    }
    loop->posted.data = loop;
    r = uv_timer_init(&loop->uv, &loop->clock);
    SL_ASSERT(r == 0);
    loop->clock.data = loop;
    r = uv_idle_init(&loop->uv, &loop->turn);
    SL_ASSERT(r == 0);
    loop->turn.data = loop;
    uv_unref((uv_handle_t *)&loop->turn);
    sl_soon_init(loop);
    uv_unref((uv_handle_t *)&loop->clock);
    sl_arena_cache_init(&loop->arenas, ARENA_CHUNKS);
    sl_rng_init(&loop->rng);
    return 0;
}

void sl_loop_run(struct sl_loop *loop)
{
    /* Timers and posts have no handle that keeps uv_run going. */
    bool more;
    do {
        SL_IGNORE(uv_run(&loop->uv, UV_RUN_DEFAULT)); /* handles that are left are checked below */
        more = posts_run(loop);
        more = timers_run(loop) || more;
    } while (more || uv_loop_alive(&loop->uv));
}

void sl_loop_stop(struct sl_loop *loop)
{
    uv_unref((uv_handle_t *)&loop->posted);
}

void sl_loop_done(struct sl_loop *loop)
{
    sl_loop_stop(loop);
    sl_loop_run(loop); /* for the close callbacks that are due */
    uv_close((uv_handle_t *)&loop->clock, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    uv_close((uv_handle_t *)&loop->posted, NULL);
    sl_soon_stop(loop);
    SL_IGNORE(uv_run(&loop->uv, UV_RUN_DEFAULT)); /* uv_loop_close reports what is left */
    int r = uv_loop_close(&loop->uv);
    SL_ASSERT(r == 0 && !loop->posts);
    uv_mutex_destroy(&loop->post_lock);
    sl_tls_scratch_free(loop->tls);
    sl_arena_cache_done(&loop->arenas);
    free(loop->heap);
    buffers_free(loop);
}

uint64_t sl_loop_now(struct sl_loop *loop)
{
    loop->recent_msec = uv_now(&loop->uv);
    return loop->recent_usec = sl_clock_usec();
}

/* libuv reads the clock once a turn. */
uint64_t sl_loop_recent(struct sl_loop *loop)
{
    return uv_now(&loop->uv) == loop->recent_msec ? loop->recent_usec : sl_loop_now(loop);
}
