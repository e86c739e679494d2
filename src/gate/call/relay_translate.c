/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_translate.h"

#include "llm/core/frames.h"

/* A stream's frames and events are counted when they are larger. */
#define COUNTED_MIN 65536

static int delta_push(void *arg, const struct sl_delta *delta)
{
    struct sl_relay *relay = arg;
    struct sl_xchg *x = relay->x;
    if (delta->kind == SL_DELTA_USAGE) {
        x->record.usage = delta->usage;
    } else if (delta->kind == SL_DELTA_ERROR) {
        x->record.error_type = delta->error->type;
    } else if (delta->kind == SL_DELTA_START && delta->model.n == 0) {
        struct sl_delta named = *delta; /* an upstream that does not say which model it is */
        named.model = relay->target->model;
        return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, &named, &relay->out);
    }
    return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, delta, &relay->out);
}

static int frame_push(void *arg, const struct sl_frame *frame)
{
    struct sl_relay *relay = arg;
    struct sl_xchg *x = relay->x;
    struct sl_arena_mark mark = sl_arena_mark(x->arena);
    struct sl_delta_sink sink = { delta_push, relay, x->arena, x->desk->scratch, x->env };
    struct sl_err err = { 0 };
    int r = relay->language->on_frame(relay->provider_state, x->call, frame, &sink, &err);
    sl_arena_rewind(x->arena, mark);
    return r;
}

int sl_relay_translate_start(struct sl_relay *relay)
{
    struct sl_arena *arena = relay->x->arena;
    struct sl_frames *frames = SL_ARENA_NEW(arena, struct sl_frames);
    relay->provider_state = sl_arena_zalloc(arena, SL_MAX(relay->language->read_state_size, (size_t)1));
    relay->dialect_state = sl_arena_zalloc(arena, SL_MAX(relay->x->dialect->language->write_state_size, (size_t)1));
    if (!frames || !relay->provider_state || !relay->dialect_state) {
        return SL_E_NOMEM;
    }
    relay->frames = frames;
    sl_frames_init(frames, relay->language->framing, frame_push, relay);
    sl_buf_init(&relay->out, (size_t)SL_SSE_EVENT_MAX * 2);
    return 0;
}

/* An upstream decides how large a frame is: what it takes counts into server.limits.memory while it is there. */
static int held_count(struct sl_relay *relay)
{
    size_t held = sl_frames_held(relay->frames) + relay->out.cap;
    return sl_relay_count(relay, held > COUNTED_MIN ? held : 0);
}

struct sl_verdict sl_relay_translate_push(struct sl_relay *relay, struct sl_str bytes)
{
    int r = sl_frames_push(relay->frames, bytes);
    if (r == 0) {
        r = sl_buf_status(&relay->out);
    }
    if (r < 0) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE, SL_STR("the upstream's stream could not be read"));
    }
    r = held_count(relay);
    return r < 0 ? sl_relay_refuse(relay, r) : SL_VERDICT(ON);
}

struct sl_verdict sl_relay_translate_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    int r = sl_frames_finish(relay->frames);
    struct sl_delta_sink sink = { delta_push, relay, x->arena, x->desk->scratch, x->env };
    struct sl_err err = { 0 };
    if (r == 0) {
        r = relay->language->on_end(relay->provider_state, &sink, &err);
    }
    if (r < 0) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_STREAM_BROKEN,
                               SL_STR("the upstream ended the stream before its end"));
    }
    return sl_relay_stream_finish(relay);
}
