/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/wait.h"

#include <stdlib.h>

#include "base/num.h"
#include "gate/call/measure.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/pick.h"
#include "llm/core/call.h"
#include "net/loop.h"

/* Not on the exchange's arena: it may be woken while its exchange ends. */
struct sl_wait {
    struct sl_waiter waiter;
    struct sl_post post;
    struct sl_timer timer;
    struct sl_xchg *x; /* NULL: stopped; the post that is still coming frees it */
    uint64_t start_usec, end_usec;
    struct sl_loop *loop;
    bool is_woken, is_taken;
    void (*on_over)(void *arg);
    void *arg;
};

/* A call waits only at its own route, even if it goes on to another one later. */
static struct sl_queue *queue_of(const struct sl_xchg *x)
{
    return x->route->traffic->queue;
}

void sl_wait_serve(const struct sl_xchg *x)
{
    struct sl_queue *queue = x->at.traffic->queue;
    if (queue) {
        struct sl_loop *loop = x->desk->loop;
        sl_queue_serve(queue, sl_loop_now(loop), sl_rng_next(&loop->rng));
    }
}

static void on_post(void *arg)
{
    struct sl_wait *wait = arg;
    if (!wait->x) {
        free(wait);
        return;
    }
    wait->is_woken = true;
    sl_timer_remove(wait->loop, &wait->timer);
    wait->on_over(wait->arg);
}

static void on_wake(struct sl_waiter *waiter)
{
    struct sl_wait *wait = SL_CONTAINER_OF(waiter, struct sl_wait, waiter);
    sl_loop_post(wait->loop, &wait->post, on_post, wait);
}

/* How often the pool is checked while a call waits: a target may begin a wait meanwhile. */
#define LOOK_USEC (SL_USEC_PER_SEC / 4)

/* Sets the timer to the end of the wait, or to when a target takes calls again after its own wait: no call gives a
 * place back then, so nobody would be woken. */
static void timer_arm(struct sl_wait *wait, uint64_t now)
{
    uint64_t rested = sl_pool_rested_usec(&wait->x->route->traffic->pool, now);
    uint64_t until = SL_MIN(now + LOOK_USEC, wait->end_usec);
    sl_timer_set(wait->loop, &wait->timer, rested ? SL_MIN(rested, until) : until);
}

static void on_timer(struct sl_timer *timer)
{
    struct sl_wait *wait = SL_CONTAINER_OF(timer, struct sl_wait, timer);
    uint64_t now = sl_loop_now(wait->loop);
    if (now < wait->end_usec) {
        const struct sl_ask ask = { .passed = wait->waiter.passed, .now_usec = now };
        if (sl_pool_left(&wait->x->route->traffic->pool, &ask)) {
            sl_wait_serve(wait->x);
        }
        timer_arm(wait, now);
    } else if (sl_queue_leave(queue_of(wait->x), &wait->waiter) == SL_WAITING_ON) {
        wait->on_over(wait->arg);
    } /* otherwise it was woken, and on_post comes */
}

int sl_wait_start(struct sl_xchg *x, const uint64_t *passed, void (*on_over)(void *arg), void *arg,
                  struct sl_wait **ret)
{
    struct sl_wait *wait = calloc(1, sizeof(*wait));
    if (!wait) {
        return SL_E_NOMEM;
    }
    struct sl_queue *queue = queue_of(x);
    wait->x = x;
    wait->loop = x->desk->loop;
    wait->on_over = on_over;
    wait->arg = arg;
    wait->start_usec = sl_loop_now(wait->loop);
    wait->end_usec = wait->start_usec + sl_queue_wait_usec(queue);
    wait->waiter = (struct sl_waiter){ .passed = passed, .is_stream = x->call->is_stream, .wake = on_wake };
    for (uint32_t i = 0; i < SL_POOL_WORDS(x->route->n_targets); i++) {
        wait->waiter.has_passed |= passed[i] != 0;
    }
    sl_timer_init(&wait->timer, on_timer);
    int r = sl_queue_join(queue, &wait->waiter, x->caller.principal, wait->start_usec, sl_rng_next(&wait->loop->rng));
    if (r < 0) {
        free(wait);
        return r;
    }
    timer_arm(wait, wait->start_usec);
    *ret = wait;
    return 0;
}

enum sl_waiting sl_wait_take(struct sl_wait *wait, uint32_t *ret_target, enum sl_begun *ret_begun)
{
    if (wait->is_woken && wait->waiter.state == SL_WAITING_GRANTED) {
        wait->is_taken = true;
        *ret_target = wait->waiter.target;
        *ret_begun = wait->waiter.begun;
    }
    return wait->waiter.state;
}

void sl_wait_stop(struct sl_wait *wait)
{
    if (!wait) {
        return;
    }
    struct sl_xchg *x = wait->x;
    uint64_t now = sl_loop_now(wait->loop);
    sl_timer_remove(wait->loop, &wait->timer);
    enum sl_waiting state = sl_queue_leave(queue_of(x), &wait->waiter);
    x->record.queued_usec += now - wait->start_usec;
    sl_measure_queue(x, now - wait->start_usec);
    if (state == SL_WAITING_GRANTED && !wait->is_taken) {
        sl_pool_end(&x->route->traffic->pool, wait->waiter.target, wait->waiter.begun, SL_OUTCOME_NEUTRAL, now);
        sl_wait_serve(x);
    }
    bool is_post_due = (state == SL_WAITING_GRANTED || state == SL_WAITING_DROPPED) && !wait->is_woken;
    wait->x = NULL;
    if (!is_post_due) {
        free(wait);
    }
}

static uint64_t retry_sec(const struct sl_xchg *x)
{
    return (sl_queue_wait_usec(queue_of(x)) + SL_USEC_PER_SEC - 1) / SL_USEC_PER_SEC;
}

static void error_make(struct sl_str message, uint64_t sec, struct sl_llm_error *ret)
{
    *ret = (struct sl_llm_error){
        .type = SL_ERR_SLUICE_OVERLOADED, /* max_concurrent is the operator's bound */
        .status = 503,
        .message = message,
        .retry_after_sec = sec,
    };
}

void sl_wait_error(const struct sl_xchg *x, enum sl_waiting state, struct sl_llm_error *ret)
{
    char waited[32];
    unsigned long long sec = retry_sec(x);
    sl_format_duration(sl_queue_wait_usec(queue_of(x)), waited);
    if (state == SL_WAITING_DROPPED) {
        error_make(
            sl_arena_printf(x->arena,
                            "The queue of the route '%.*s' is full (queue.size), and this caller has the most calls "
                            "in it: try again in %llu s.",
                            SL_STR_ARG(x->route->name), sec),
            sec, ret);
    } else {
        error_make(
            sl_arena_printf(x->arena,
                            "Every target of the route '%.*s' had as many calls as it may have (max_concurrent), "
                            "and none got free within %s (queue.wait): try again in %llu s.",
                            SL_STR_ARG(x->route->name), waited, sec),
            sec, ret);
    }
}

void sl_wait_full_error(const struct sl_xchg *x, struct sl_llm_error *ret)
{
    unsigned long long sec = retry_sec(x);
    error_make(
        sl_arena_printf(x->arena,
                        "The queue of the route '%.*s' is full: %u calls wait for a place (queue.size). Try again in "
                        "%llu s.",
                        SL_STR_ARG(x->route->name), sl_queue_size(queue_of(x)), sec),
        sec, ret);
}
