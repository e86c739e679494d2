/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_translate.h"

#include "gate/call/mask.h"
#include "gate/call/relay_collect.h"
#include "gate/call/relay_out.h"
#include "gate/call/relay_usage.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "llm/core/frames.h"
#include "llm/core/gather.h"
#include "llm/core/language.h"
#include "llm/core/lost.h"
#include "llm/core/reply.h"
#include "llm/core/target.h"
#include "llm/form/wrap.h"

static int error_push(struct sl_relay *relay, const struct sl_llm_error *said)
{
    struct sl_xchg *x = relay->x;
    struct sl_llm_error error = *said;
    sl_relay_error_mask(relay, &error);
    struct sl_delta delta = { .kind = SL_DELTA_ERROR, .error = &error };
    x->record.error_type = error.type;
    return relay->gather
               ? sl_gather_push(relay->gather, &delta)
               : x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, &delta, &relay->out);
}

/* Takes back what was written since `from`. After half an event a client could not read the error that follows. */
static int out_whole(struct sl_relay *relay, size_t from, int r)
{
    r = r < 0 ? r : sl_buf_status(&relay->out);
    if (r < 0) {
        relay->out.len = from;
    }
    return r;
}

static int delta_write(struct sl_relay *relay, const struct sl_delta *delta)
{
    struct sl_xchg *x = relay->x;
    if (delta->kind == SL_DELTA_ALIVE) {
        sl_buf_add_str(&relay->out, relay->gather ? SL_STR_NONE : sl_stream_alive(x->dialect->language, x->call));
        return 0;
    }
    struct sl_delta told; /* the usage with its cost */
    if (delta->kind == SL_DELTA_USAGE) {
        x->record.usage = delta->usage;
        if (SL_UNLIKELY(x->asks_cost)) {
            told = *delta;
            sl_relay_cost_show(x, &told.usage);
            delta = &told;
        }
    }
    relay->has_words |= delta->kind != SL_DELTA_CHUNK && delta->kind != SL_DELTA_LOST;
    x->record.n_events += delta->kind == SL_DELTA_BLOCK;
    if (delta->kind == SL_DELTA_ERROR) {
        return error_push(relay, delta->error);
    }
    if (relay->gather) {
        return sl_gather_push(relay->gather, delta);
    }
    x->record.lost |= sl_lost_of_delta(x->dialect->language, x->call->type, delta);
    if (delta->kind == SL_DELTA_LOST) {
        return 0;
    }
    if (delta->kind == SL_DELTA_START && delta->model.n == 0) {
        struct sl_delta named = *delta; /* an upstream that does not name its model */
        named.model = relay->target->model;
        return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, &named, &relay->out);
    }
    return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, delta, &relay->out);
}

static int delta_take(void *arg, const struct sl_delta *delta)
{
    struct sl_relay *relay = arg;
    size_t from = relay->out.len;
    return out_whole(relay, from, delta_write(relay, delta));
}

static int delta_push(void *arg, const struct sl_delta *delta)
{
    struct sl_relay *relay = arg;
    return relay->unwrap ? sl_unwrap_push(relay->unwrap, delta, delta_take, relay) : delta_take(relay, delta);
}

static int alive_push(void *arg)
{
    return delta_push(arg, &(struct sl_delta){ .kind = SL_DELTA_ALIVE });
}

/* --- the same language in another framing --- */

struct item {
    struct sl_relay *relay;
    bool is_error;
};

/* Notes for the record what is in a frame that is passed on unchanged. */
static int item_note(void *arg, const struct sl_delta *delta)
{
    struct item *item = arg;
    struct sl_record *record = &item->relay->x->record;
    item->relay->has_words |= delta->kind == SL_DELTA_START || delta->kind == SL_DELTA_ERROR;
    record->n_events += delta->kind == SL_DELTA_BLOCK;
    if (delta->kind == SL_DELTA_USAGE) {
        record->usage = delta->usage;
    } else if (delta->kind == SL_DELTA_ERROR) {
        record->error_type = delta->error->type;
        item->is_error = true;
    }
    return 0;
}

static int item_push(struct sl_relay *relay, const struct sl_frame *frame)
{
    struct sl_xchg *x = relay->x;
    struct item item = { .relay = relay };
    struct sl_delta_sink sink = { item_note, &item, x->arena, x->desk->scratch, x->env };
    struct sl_err err = { 0 };
    int r = relay->language->on_frame(relay->provider_state, x->call, frame, &sink, &err);
    if (r == 0) {
        size_t from = relay->out.len;
        x->dialect->language->write_item(relay->dialect_state, frame->data, &relay->out);
        r = out_whole(relay, from, 0);
        if (r == 0 && item.is_error) { /* it may quote the credential */
            SL_IGNORE(!sl_mask_bytes(&relay->secrets, relay->out.p + from, relay->out.len - from));
        }
    }
    return r;
}

static int frame_push(void *arg, const struct sl_frame *frame)
{
    struct sl_relay *relay = arg;
    struct sl_xchg *x = relay->x;
    struct sl_arena_mark mark = sl_arena_mark(x->arena);
    struct sl_delta_sink sink = { delta_push, relay, x->arena, x->desk->scratch, x->env };
    struct sl_err err = { 0 };
    sl_relay_clock(relay);
    bool is_item = relay->mode == SL_RELAY_TRANSLATE_EVENTS && sl_relay_is_same_language(relay);
    int r = is_item ? item_push(relay, frame)
                    : relay->language->on_frame(relay->provider_state, x->call, frame, &sink, &err);
    if (!relay->gather) { /* the gatherer keeps short texts on the arena */
        sl_arena_rewind(x->arena, mark);
    }
    return r;
}

static void *read_state_new(const struct sl_relay *relay)
{
    const struct sl_language *language = relay->language;
    void *state = sl_arena_alloc(relay->x->arena, SL_MAX(language->read_state_size, (size_t)1));
    if (state) {
        memset(state, 0, language->read_state_size - language->read_state_room);
    }
    return state;
}

int sl_relay_translate_start(struct sl_relay *relay)
{
    struct sl_arena *arena = relay->x->arena;
    struct sl_frames *frames = SL_ARENA_NEW(arena, struct sl_frames);
    relay->provider_state = read_state_new(relay);
    if (!frames || !relay->provider_state || sl_relay_writer_start(relay) < 0) {
        return SL_E_NOMEM;
    }
    if (relay->mode == SL_RELAY_GATHER) {
        relay->gather = SL_ARENA_NEW(arena, struct sl_gather);
        if (!relay->gather) {
            return SL_E_NOMEM;
        }
        sl_gather_init(relay->gather, arena, relay->x->settings->upstream.reply_bytes);
    }
    if (relay->x->call->is_wrapped) {
        relay->unwrap = SL_ARENA_NEW(arena, struct sl_unwrap);
        if (!relay->unwrap) {
            return SL_E_NOMEM;
        }
    }
    relay->frames = frames;
    sl_frames_init(frames, relay->language->framing, relay->x->settings->upstream.event_bytes, frame_push, relay);
    frames->on_alive = alive_push;
    size_t whole = relay->x->dialect->language->write_held ? relay->x->settings->upstream.reply_bytes : 0;
    sl_buf_init(&relay->out, (size_t)relay->x->settings->upstream.event_bytes * 2 + whole * 8);
    return 0;
}

/* Counts the held bytes into server.limits.memory, because the upstream decides how large a frame is. */
static int held_count(struct sl_relay *relay)
{
    const struct sl_language *client = relay->x->dialect->language;
    size_t held = sl_frames_held(relay->frames) + relay->out.cap + (relay->gather ? relay->gather->n_bytes : 0);
    if (client->write_held) {
        size_t kept = client->write_held(relay->dialect_state);
        if (kept / 2 > relay->x->settings->upstream.reply_bytes) { /* a text counts twice: alone, and in its item */
            return SL_E_LIMIT;
        }
        held += kept;
    }
    return sl_relay_count(relay, held > SL_RELAY_COUNTED_MIN ? held : 0);
}

struct sl_verdict sl_relay_translate_push(struct sl_relay *relay, struct sl_str bytes)
{
    int r = sl_frames_push(relay->frames, bytes);
    if (r == 0) {
        r = sl_buf_status(&relay->out);
    }
    if (r == SL_E_LIMIT) {
        return !relay->gather ? sl_relay_event_refuse(relay)
                              : sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                                                SL_STR("the upstream's reply is larger than upstream.limits.reply "
                                                       "allows, or one event of it than upstream.limits.event"));
    }
    if (r < 0) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE, SL_STR("the upstream's stream could not be read"));
    }
    r = held_count(relay);
    return r < 0 ? sl_relay_refuse(relay, r) : SL_VERDICT(ON);
}

/* Ends the frames. 0, or an error if the stream was not complete. An end with nothing before it is no answer. */
static int frames_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    int r = sl_frames_finish(relay->frames);
    struct sl_delta_sink sink = { delta_push, relay, x->arena, x->desk->scratch, x->env };
    struct sl_err err = { 0 };
    r = r < 0 ? r : relay->language->on_end(relay->provider_state, &sink, &err);
    r = r < 0 || !relay->unwrap ? r : sl_unwrap_end(relay->unwrap, delta_take, relay);
    return r < 0 || relay->has_words ? r : SL_E_TRUNCATED;
}

static struct sl_verdict cut(struct sl_relay *relay)
{
    return sl_relay_broken(relay, relay->is_head_sent ? SL_ERR_PROVIDER_STREAM_BROKEN : SL_ERR_PROVIDER_BAD_RESPONSE,
                           SL_STR("the upstream ended the stream before its end"));
}

struct sl_verdict sl_relay_translate_end(struct sl_relay *relay)
{
    return frames_end(relay) < 0 ? cut(relay) : sl_relay_stream_finish(relay);
}

struct sl_verdict sl_relay_gather_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    struct sl_gather *gather = relay->gather;
    bool is_cut = frames_end(relay) < 0;
    if (gather->has_error) {
        return sl_relay_error_tell(relay, &gather->error);
    }
    if (is_cut) {
        return cut(relay);
    }
    struct sl_reply reply;
    int r = sl_gather_reply(gather, &reply);
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    x->record.usage = reply.usage;
    sl_relay_cost_show(x, &reply.usage);
    return sl_relay_reply_tell(relay, &reply);
}
