/* SPDX-License-Identifier: Apache-2.0 */
/* One try of one exchange at one target: over the network, or played here where the provider answers by itself. Both
 * end in the same relay. */
#include "base/log.h"
#include "gate/call/exchange.h"

/* A reply made here, step by step. Lies on the exchange's arena. */
struct sl_local_play {
    struct sl_xchg *x;
    struct sl_timer timer;
    struct sl_local_head head;
    struct sl_local_step next;
    void *state;
    bool is_head_given, is_paused, is_over;
};

static struct sl_hclient *client_of(struct sl_xchg *x)
{
    return &x->worker->client;
}

/* --- over the network --- */

static void net_on_head(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_xchg *x = call->user;
    x->upstream_head_usec = call->head_usec;
    sl_relay_on_head(x, status, headers, length);
}

static void net_on_data(struct sl_hcall *call, struct sl_str bytes)
{
    sl_relay_on_data(call->user, bytes);
}

static void net_on_end(struct sl_hcall *call)
{
    sl_relay_on_end(call->user, call->msg->framing == SL_BODY_CLOSE);
}

static void net_on_turn(struct sl_hcall *call)
{
    sl_relay_on_turn(call->user);
}

static enum sl_error_type fault_type(enum sl_hcall_fault fault)
{
    switch (fault) {
    case SL_HF_CONNECT:
        return SL_ERR_PROVIDER_CONNECT_FAILED;
    case SL_HF_TIMEOUT_CONNECT:
        return SL_ERR_PROVIDER_TIMEOUT_CONNECT;
    case SL_HF_TIMEOUT_FIRST_BYTE:
        return SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE;
    case SL_HF_TIMEOUT_IDLE:
        return SL_ERR_PROVIDER_TIMEOUT_IDLE;
    case SL_HF_TIMEOUT_TOTAL:
        return SL_ERR_PROVIDER_TIMEOUT_TOTAL;
    case SL_HF_CLOSED:
    case SL_HF_BAD_RESPONSE:
    case SL_HF_CODING:
        return SL_ERR_PROVIDER_BAD_RESPONSE;
    case SL_HF_BROKEN:
        return SL_ERR_PROVIDER_STREAM_BROKEN;
    case SL_HF_MEMORY:
        return SL_ERR_SLUICE_OVERLOADED;
    }
    return SL_ERR_SLUICE_INTERNAL;
}

static void net_on_error(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    struct sl_xchg *x = call->user;
    sl_log_debug("upstream", "%.*s: %s", SL_STR_ARG(x->request_id), text);
    if ((fault == SL_HF_CONNECT || fault == SL_HF_TIMEOUT_CONNECT) && sl_attempt_retry(x, fault_type(fault), 0)) {
        return;
    }
    sl_relay_on_error(x, fault_type(fault), sl_arena_dup(&x->req->arena, sl_str_c(text)));
}

static const struct sl_hcall_cbs net_cbs = {
    .on_head = net_on_head,
    .on_data = net_on_data,
    .on_end = net_on_end,
    .on_error = net_on_error,
    .on_turn = net_on_turn,
};

static int net_start(struct sl_xchg *x)
{
    int r = sl_headers_up(x->target->provider, &x->req->msg.headers, &x->req->arena, &x->up.headers);
    if (r < 0) {
        return r;
    }
    struct sl_hcall_req req = {
        .method = x->up.method,
        .target = x->up.target,
        .headers = x->up.headers,
        /* Who may make routes may not look around from here; the operator's own are trusted. */
        .guard = x->route->incarnation ? &x->settings->upstream.guard : NULL,
        .slices = x->up.slices,
        .n_slices = x->up.n_slices,
        .body_len = x->up.body_len,
    };
    const struct sl_upstream_timeouts *t = &x->route->conf.timeouts;
    uint64_t passed = x->n_attempts > 1 ? x->upstream_start_usec - x->req->body_usec : 0;
    struct sl_hcall_timeouts timeouts = {
        .connect_usec = t->connect_usec,
        .first_byte_usec = t->first_byte_usec,
        .idle_usec = t->idle_usec,
        .total_usec = t->total_usec > passed ? t->total_usec - passed : 1,
    };
    return sl_hcall_start(&x->hcall, client_of(x), &x->target->base, &req, &timeouts, &x->req->arena, &net_cbs, x);
}

/* --- played here --- */

static void play_arm(struct sl_local_play *play, uint64_t delay_usec)
{
    struct sl_loop *loop = &play->x->worker->loop;
    sl_timer_set(loop, &play->timer, sl_loop_now(loop) + delay_usec);
}

/* Fetches the next step and waits for its time; steps without delay are taken at once, up to a budget a turn. */
static void play_run(struct sl_local_play *play)
{
    struct sl_xchg *x = play->x;
    const struct sl_local *local = x->target->provider->local;
    for (unsigned budget = 64; budget > 0; budget--) {
        if (play->next.bytes.n) {
            struct sl_str bytes = play->next.bytes;
            play->next.bytes = SL_STR_NONE;
            sl_relay_on_data(x, bytes);
            if (play->is_over) {
                return;
            }
        }
        if (play->next.is_end) {
            play->is_over = true;
            sl_relay_on_end(x, false);
            return;
        }
        if (play->is_paused) {
            break;
        }
        play->next = (struct sl_local_step){ 0 };
        if (local->step(play->state, &x->req->arena, &play->next) < 0) {
            play->is_over = true;
            sl_relay_on_error(x, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"));
            return;
        }
        if (play->next.delay_usec) {
            break;
        }
    }
    sl_relay_on_turn(x);
    if (!play->is_over && !play->is_paused) {
        play_arm(play, play->next.delay_usec);
    }
}

static void play_on_timer(struct sl_timer *timer)
{
    struct sl_local_play *play = SL_CONTAINER_OF(timer, struct sl_local_play, timer);
    struct sl_xchg *x = play->x;
    if (!play->is_head_given) {
        play->is_head_given = true;
        x->upstream_head_usec = sl_loop_now(&x->worker->loop);
        sl_relay_on_head(x, play->head.status, &play->head.headers, -1);
        if (play->is_over) {
            return;
        }
    }
    play_run(play);
}

static int play_start(struct sl_xchg *x)
{
    const struct sl_local *local = x->target->provider->local;
    struct sl_arena *arena = &x->req->arena;
    struct sl_local_play *play = SL_ARENA_NEW(arena, struct sl_local_play);
    void *state = sl_arena_zalloc(arena, SL_MAX(local->state_size, (size_t)1));
    if (!play || !state) {
        return SL_E_NOMEM;
    }
    play->x = x;
    play->state = state;
    sl_timer_init(&play->timer, play_on_timer);
    int r = local->start(state, &x->call, x->target, &x->env, arena, &play->head);
    if (r < 0) {
        return r;
    }
    x->play = play;
    play_arm(play, play->head.delay_usec);
    return 0;
}

/* --- both --- */

void sl_attempt_cancel(struct sl_xchg *x)
{
    sl_hcall_cancel(&x->hcall);
    if (x->play) {
        x->play->is_over = true;
        sl_timer_remove(&x->worker->loop, &x->play->timer);
        x->play = NULL;
    }
}

void sl_attempt_pause(struct sl_xchg *x)
{
    x->is_paused = true;
    if (x->play) {
        x->play->is_paused = true;
        sl_timer_clear(&x->play->timer);
    } else {
        sl_hcall_pause(&x->hcall);
    }
}

void sl_attempt_resume(struct sl_xchg *x)
{
    x->is_paused = false;
    if (x->play) {
        x->play->is_paused = false;
        play_arm(x->play, x->play->next.delay_usec);
    } else {
        sl_hcall_resume(&x->hcall);
    }
}

static void backoff_on_timer(struct sl_timer *timer)
{
    sl_attempt_start(SL_CONTAINER_OF(timer, struct sl_xchg, backoff));
}

void sl_attempt_again(struct sl_xchg *x, enum sl_error_type why, uint64_t wait_usec)
{
    SL_ASSERT(!x->is_head_sent);
    sl_measure_attempt(x, why, sl_loop_now(&x->worker->loop));
    sl_attempt_cancel(x);
    sl_relay_done(x);
    /* Always through the loop: a refused connection must not recurse. */
    sl_timer_init(&x->backoff, backoff_on_timer);
    sl_timer_set(&x->worker->loop, &x->backoff, sl_loop_now(&x->worker->loop) + SL_MAX(wait_usec, (uint64_t)1));
}

bool sl_attempt_retry(struct sl_xchg *x, enum sl_error_type why, uint64_t wait_usec)
{
    uint64_t now = sl_loop_now(&x->worker->loop);
    bool has_time = now + wait_usec < x->req->body_usec + x->route->conf.timeouts.total_usec;
    if (x->is_head_sent || x->n_retries >= x->route->conf.retries || !has_time) {
        return false;
    }
    x->n_retries++;
    sl_attempt_again(x, why, wait_usec);
    return true;
}

void sl_attempt_start(struct sl_xchg *x)
{
    const struct sl_provider *provider = x->route->targets[0].provider;
    x->target = &x->route->targets[0];
    sl_xchg_set_state(x, SL_XS_UPSTREAM);
    uint64_t now = sl_loop_now(&x->worker->loop);
    x->upstream_start_usec = now;
    x->upstream_first_usec = x->n_attempts ? x->upstream_first_usec : now;
    x->n_attempts++;
    x->upstream_status = 0;
    x->upstream_head_usec = 0;
    x->mode = SL_RELAY_NONE;
    x->pass = (struct sl_pass_state){ .usage = SL_USAGE_NONE };
    x->asked_usage = x->call.is_stream && !x->call.has_stream_options && x->call.type != SL_LLM_EMBEDDINGS &&
                     provider->stream_usage == SL_USAGE_ASK && !x->usage_was_refused &&
                     !atomic_load_explicit(&x->route->usage_refused, memory_order_relaxed);
    x->pass.is_asked = x->asked_usage;

    struct sl_llm_error error = { 0 };
    x->up = (struct sl_http_req){ 0 };
    x->env.upstream_headers = NULL;
    int r = 0;
    bool is_served = (provider->caps & SL_BIT(x->call.type)) != 0;
    if (!is_served || (x->call.is_stream && !(provider->caps & SL_CAP_STREAM))) {
        error.type = SL_ERR_CALLER_UNSUPPORTED;
        error.message = sl_provider_refusal(provider, x->call.type, x->call.is_stream, &x->req->arena);
        sl_xchg_fail(x, &error);
        return;
    }
    if (!x->target->is_local) {
        r = provider->build(&x->call, x->target, &x->env, x->asked_usage, &x->req->arena, &x->up, &error);
    }
    if (r < 0 && r != SL_E_NOMEM && error.type) {
        sl_xchg_fail(x, &error);
        return;
    }
    if (r == 0) {
        r = x->target->is_local ? play_start(x) : net_start(x);
    }
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
    } else if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "The request cannot be expressed for this provider.");
    }
}
