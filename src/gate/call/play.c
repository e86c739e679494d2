/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/play.h"

#include "base/buf.h"
#include "gate/call/attempt_events.h"
#include "gate/call/state.h"
#include "llm/core/local.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

struct sl_play {
    struct sl_loop *loop;
    struct sl_arena *arena;
    const struct sl_attempt_events *events;
    void *user;
    const struct sl_local *local;
    struct sl_timer timer;
    struct sl_local_head head;
    struct sl_local_step next;
    void *state;
    bool is_head_given, is_paused, is_over;
};

static void play_arm(struct sl_play *play, uint64_t delay_usec)
{
    sl_timer_set(play->loop, &play->timer, sl_loop_now(play->loop) + delay_usec);
}

/* The most steps without a wait in one turn, and the bytes after which a turn ends. */
#define TURN_STEPS 64
#define TURN_BYTES (16u << 10)
/* A turn with more bytes is a fault of the provider's code. */
#define TURN_MAX (64u << 20)

/* Makes the steps of a turn. False: one failed. */
static bool steps_make(struct sl_play *play, struct sl_buf *out)
{
    play->next = (struct sl_local_step){ 0 };
    for (unsigned budget = TURN_STEPS; budget > 0 && out->len < TURN_BYTES; budget--) {
        play->next = (struct sl_local_step){ 0 };
        if (play->local->step(play->state, out, &play->next) < 0) {
            return false;
        }
        if (play->next.is_end || play->next.wait_usec) {
            break;
        }
    }
    return true;
}

/* The bytes live until the client has them, or its queue has a copy. */
static void play_run(struct sl_play *play)
{
    SL_CLEANUP(sl_buf_done) struct sl_buf out = SL_BUF_INIT(TURN_MAX);
    if (!steps_make(play, &out)) {
        play->is_over = true;
        play->events->on_fault(play->user, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"), false);
        return;
    }
    if (out.len) {
        play->events->on_data(play->user, sl_buf_str(&out));
        if (play->is_over) {
            return;
        }
    }
    if (play->next.is_end) {
        play->is_over = true;
        play->events->on_end(play->user, false);
        return;
    }
    play->events->on_turn(play->user);
    if (!play->is_over && !play->is_paused) {
        play_arm(play, play->next.wait_usec);
    }
}

static void play_on_timer(struct sl_timer *timer)
{
    struct sl_play *play = SL_CONTAINER_OF(timer, struct sl_play, timer);
    if (!play->is_head_given) {
        play->is_head_given = true;
        play->events->on_head(play->user, play->head.status, &play->head.headers, -1);
        if (play->is_over || play->is_paused) {
            return;
        }
    }
    play_run(play);
}

int sl_play_start(struct sl_xchg *x, const struct sl_target *target, const struct sl_attempt_events *events, void *user,
                  struct sl_play **ret)
{
    const struct sl_local *local = target->provider->local;
    struct sl_play *play = SL_ARENA_NEW(x->arena, struct sl_play);
    void *state = sl_arena_zalloc(x->arena, SL_MAX(local->state_size, (size_t)1));
    if (!play || !state) {
        return SL_E_NOMEM;
    }
    play->loop = x->desk->loop;
    play->arena = x->arena;
    play->events = events;
    play->user = user;
    play->local = local;
    play->state = state;
    sl_timer_init(&play->timer, play_on_timer);
    int r = local->start(state, x->call, target, x->env, x->arena, &play->head);
    if (r < 0) {
        return r;
    }
    play_arm(play, play->head.delay_usec);
    *ret = play;
    return 0;
}

void sl_play_stop(struct sl_play *play)
{
    if (play) {
        play->is_over = true;
        sl_timer_remove(play->loop, &play->timer);
    }
}

void sl_play_pause(struct sl_play *play)
{
    play->is_paused = true;
    sl_timer_clear(&play->timer);
}

void sl_play_resume(struct sl_play *play)
{
    play->is_paused = false;
    play_arm(play, play->next.wait_usec);
}
