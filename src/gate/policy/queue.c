/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "gate/policy/pick.h"

SL_LIST_HEAD(sl_waiters);
SL_LIST_FUNCTIONS(sl_waiters, struct sl_waiter, link);

/* The waiting calls of one principal; it exists as long as one of them waits. */
struct sl_line {
    struct sl_link link;
    struct sl_waiters waiters;
    struct sl_str principal;
    char bytes[];
};

SL_LIST_HEAD(sl_lines);
SL_LIST_FUNCTIONS(sl_lines, struct sl_line, link);

struct sl_queue {
    struct sl_queue_rule rule;
    struct sl_pool *pool;
    atomic_uint n;         /* waiting calls; written under the lock */
    pthread_mutex_t lock;  /* guards all members below, and each waiter */
    struct sl_lines lines; /* the first line is the next one to be served */
    struct sl_map by_name;
};

int sl_queue_new(const struct sl_queue_rule *rule, struct sl_pool *pool, struct sl_queue **ret)
{
    struct sl_queue *queue = calloc(1, sizeof(*queue));
    if (!queue || pthread_mutex_init(&queue->lock, NULL) != 0) {
        free(queue);
        return SL_E_NOMEM;
    }
    queue->rule = *rule;
    queue->pool = pool;
    *ret = queue;
    return 0;
}

void sl_queue_free(struct sl_queue *queue)
{
    if (queue) {
        sl_map_done(&queue->by_name);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
    }
}

uint64_t sl_queue_wait_usec(const struct sl_queue *queue)
{
    return queue->rule.wait_usec;
}

uint32_t sl_queue_size(const struct sl_queue *queue)
{
    return queue->rule.size;
}

uint32_t sl_queue_depth(const struct sl_queue *queue)
{
    return atomic_load_explicit(&queue->n, memory_order_relaxed);
}

/* --- under the lock --- */

static struct sl_line *line_of(struct sl_queue *queue, struct sl_str principal)
{
    struct sl_line *line = sl_map_find(&queue->by_name, principal);
    if (line) {
        return line;
    }
    line = calloc(1, sizeof(*line) + principal.n);
    if (!line) {
        return NULL;
    }
    if (principal.n) {
        memcpy(line->bytes, principal.p, principal.n);
    }
    line->principal = sl_str_make(line->bytes, principal.n);
    if (sl_map_put(&queue->by_name, line->principal, line) < 0) {
        free(line);
        return NULL;
    }
    sl_lines_add(&queue->lines, line);
    return line;
}

static void line_end(struct sl_queue *queue, struct sl_line *line)
{
    SL_IGNORE(!sl_map_remove(&queue->by_name, line->principal)); /* it is always there */
    sl_lines_remove(&queue->lines, line);
    free(line);
}

/* Takes a waiter out of its line. An empty line is freed. */
static void take_out(struct sl_queue *queue, struct sl_waiter *waiter, enum sl_waiting to)
{
    struct sl_line *line = waiter->line;
    sl_waiters_remove(&line->waiters, waiter);
    waiter->line = NULL;
    waiter->state = to;
    atomic_fetch_sub(&queue->n, 1);
    if (!line->waiters.n) {
        line_end(queue, line);
    }
}

static bool place_give(struct sl_queue *queue, struct sl_waiter *waiter, uint64_t now_usec, uint64_t random)
{
    uint64_t passed[SL_POOL_WORDS(SL_POOL_MAX)];
    const struct sl_ask ask = { passed, now_usec, random, waiter->is_stream };
    memcpy(passed, waiter->passed, SL_POOL_WORDS(queue->pool->n) * sizeof(passed[0]));
    for (uint32_t target; (target = sl_pool_pick(queue->pool, &ask)) != SL_NO_TARGET;) {
        enum sl_begun begun = sl_pool_begin(queue->pool, target, now_usec);
        if (begun != SL_BEGUN_NOT) {
            waiter->target = target;
            waiter->begun = begun;
            return true;
        }
        sl_ask_pass(passed, target); /* another call took the place first */
    }
    return false;
}

/* Gives one place to one waiter. False: there is none that any of them can use. */
static bool serve_one(struct sl_queue *queue, uint64_t now_usec, uint64_t random)
{
    for (struct sl_line *line = sl_lines_first(&queue->lines); line; line = sl_lines_next(line)) {
        for (struct sl_waiter *waiter = sl_waiters_first(&line->waiters); waiter; waiter = sl_waiters_next(waiter)) {
            if (place_give(queue, waiter, now_usec, random)) {
                sl_lines_remove(&queue->lines, line); /* now the other lines come first */
                sl_lines_add(&queue->lines, line);
                take_out(queue, waiter, SL_WAITING_GRANTED);
                waiter->wake(waiter);
                return true;
            }
            if (!waiter->has_passed) {
                return false; /* this waiter could use any place and got none */
            }
        }
    }
    return false;
}

static void serve_all(struct sl_queue *queue, uint64_t now_usec, uint64_t random)
{
    while (atomic_load(&queue->n) && serve_one(queue, now_usec, random)) {
        random = random >> 1 ^ random << 63;
    }
}

/* The queue is full: the last waiter of the longest line is dropped, if that line is longer than `mine` will be. */
static bool room_make(struct sl_queue *queue, const struct sl_line *mine)
{
    struct sl_line *longest = sl_lines_first(&queue->lines);
    for (struct sl_line *line = longest; line; line = sl_lines_next(line)) {
        longest = line->waiters.n > longest->waiters.n ? line : longest;
    }
    if (!longest || longest->waiters.n <= (mine ? mine->waiters.n : 0) + 1) {
        return false;
    }
    struct sl_waiter *last = sl_waiters_last(&longest->waiters);
    take_out(queue, last, SL_WAITING_DROPPED);
    last->wake(last);
    return true;
}

/* --- from outside --- */

int sl_queue_join(struct sl_queue *queue, struct sl_waiter *waiter, struct sl_str principal, uint64_t now_usec,
                  uint64_t random)
{
    int r = 0;
    pthread_mutex_lock(&queue->lock);
    const struct sl_line *mine = sl_map_find(&queue->by_name, principal);
    if (atomic_load(&queue->n) >= queue->rule.size && !room_make(queue, mine)) {
        r = SL_E_LIMIT;
    }
    struct sl_line *line = r == 0 ? line_of(queue, principal) : NULL;
    r = r == 0 && !line ? SL_E_NOMEM : r;
    if (r == 0) {
        waiter->line = line;
        waiter->state = SL_WAITING_ON;
        sl_waiters_add(&line->waiters, waiter);
        atomic_fetch_add(&queue->n, 1);
        /* Either a call that gave its place back just now sees this waiter, or this waiter sees the free place. */
        atomic_thread_fence(memory_order_seq_cst);
        serve_all(queue, now_usec, random);
    }
    pthread_mutex_unlock(&queue->lock);
    return r;
}

enum sl_waiting sl_queue_leave(struct sl_queue *queue, struct sl_waiter *waiter)
{
    pthread_mutex_lock(&queue->lock);
    enum sl_waiting state = waiter->state;
    if (state == SL_WAITING_ON) {
        take_out(queue, waiter, SL_WAITING_NOT);
    }
    pthread_mutex_unlock(&queue->lock);
    return state;
}

void sl_queue_serve(struct sl_queue *queue, uint64_t now_usec, uint64_t random)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&queue->n, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&queue->lock);
    serve_all(queue, now_usec, random);
    pthread_mutex_unlock(&queue->lock);
}
