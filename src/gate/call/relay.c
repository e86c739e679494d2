/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends on its way to the client. Five ways, chosen at the head:
 *
 *   same language    whole: RAW (bytes through, usage scanned)       stream: EVENTS (whole events through)
 *   another language whole: COLLECT (then on_reply → write_reply)    stream: TRANSLATE_EVENTS (frame → deltas → events)
 *   status >= 400:   COLLECT_ERROR (whole, classified, then passed on as it is or told in the client's dialect)
 */
#include "base/num.h"
#include "gate/call/exchange.h"
#include "gate/call/relay.h"

bool sl_relay_is_same_language(const struct sl_xchg *x)
{
    return sl_target_speaks(x->target, x->call.type, x->dialect->language);
}

/* --- sending --- */

bool sl_relay_head_send(struct sl_xchg *x, int status, int64_t length)
{
    struct sl_headers headers = x->up_headers;
    if (sl_headers_own(x, &headers) < 0 || sl_hreq_reply(x->req, status, &headers, length) < 0) {
        sl_xchg_cut(x);
        return false;
    }
    x->is_head_sent = true;
    return true;
}

void sl_relay_send(struct sl_xchg *x, struct sl_str bytes)
{
    if (bytes.n && !x->first_byte_usec) {
        x->first_byte_usec = sl_loop_now(&x->worker->loop);
    }
    /* A client that is gone is told by the loop. */
    SL_IGNORE(sl_hreq_data(x->req, bytes) < 0);
}

/* A stream's frames and events are counted when they are larger. */
#define COUNTED_MIN 65536

static void out_send(struct sl_xchg *x)
{
    if (x->out.len) {
        sl_relay_send(x, sl_buf_str(&x->out));
        sl_hreq_flush(x->req);
        sl_buf_shrink(&x->out, COUNTED_MIN);
    }
}

/* --- RAW --- */

static void scan_start(struct sl_xchg *x)
{
    const struct sl_language *language = x->target->languages[x->call.type];
    if (!language->reply_members) {
        return;
    }
    x->scan = SL_ARENA_NEW(&x->req->arena, struct sl_json_scan);
    if (x->scan) {
        sl_json_scan_init(x->scan, language->reply_members, SL_REPLY_COUNT);
    }
}

static void usage_read(struct sl_xchg *x, struct sl_str raw)
{
    struct sl_json *doc = &x->worker->doc;
    if (sl_json_parse(doc, raw) == 0) {
        /* An upstream that counts strangely is not the client's problem. */
        SL_IGNORE(x->target->languages[x->call.type]->read_usage(sl_json_root(doc), &x->usage) < 0);
    }
}

/* --- TRANSLATE_EVENTS --- */

static int delta_push(void *arg, const struct sl_delta *delta)
{
    struct sl_xchg *x = arg;
    if (delta->kind == SL_DELTA_USAGE) {
        x->usage = delta->usage;
    } else if (delta->kind == SL_DELTA_ERROR) {
        x->error_type = delta->error->type;
    } else if (delta->kind == SL_DELTA_START && delta->model.n == 0) {
        struct sl_delta named = *delta; /* an upstream that does not say which model it is */
        named.model = x->target->model;
        return x->dialect->language->write_delta(x->dialect_state, &x->call, &x->env, &named, &x->out);
    }
    return x->dialect->language->write_delta(x->dialect_state, &x->call, &x->env, delta, &x->out);
}

static int frame_push(void *arg, const struct sl_frame *frame)
{
    struct sl_xchg *x = arg;
    struct sl_arena *arena = &x->req->arena;
    struct sl_arena_mark mark = sl_arena_mark(arena);
    struct sl_delta_sink sink = { delta_push, x, arena, &x->worker->scratch, &x->env };
    struct sl_err err = { 0 };
    int r = x->target->languages[x->call.type]->on_frame(x->provider_state, &x->call, frame, &sink, &err);
    sl_arena_rewind(arena, mark);
    return r;
}

static bool translate_start(struct sl_xchg *x)
{
    struct sl_arena *arena = &x->req->arena;
    x->frames = SL_ARENA_NEW(arena, struct sl_frames);
    x->provider_state = sl_arena_zalloc(arena, SL_MAX(x->target->languages[x->call.type]->read_state_size, (size_t)1));
    x->dialect_state = sl_arena_zalloc(arena, SL_MAX(x->dialect->language->write_state_size, (size_t)1));
    if (!x->frames || !x->provider_state || !x->dialect_state) {
        x->frames = NULL;
        return false;
    }
    sl_frames_init(x->frames, x->target->languages[x->call.type]->framing, frame_push, x);
    sl_buf_init(&x->out, (size_t)SL_SSE_EVENT_MAX * 2);
    return true;
}

/* An upstream decides how large a frame is: what it takes counts into server.limits.memory while it is there. */
static int translate_count(struct sl_xchg *x)
{
    size_t held = sl_frames_held(x->frames) + x->out.cap;
    held = held > COUNTED_MIN ? held : 0;
    ptrdiff_t more = (ptrdiff_t)held - (ptrdiff_t)x->hold_counted;
    if (more && !x->worker->server.cbs->on_memory(&x->worker->server, more)) {
        return SL_E_AGAIN;
    }
    x->hold_counted = held;
    return 0;
}

static void translate_push(struct sl_xchg *x, struct sl_str bytes)
{
    int r = sl_frames_push(x->frames, bytes);
    if (r == 0) {
        r = sl_buf_status(&x->out);
    }
    if (r == 0 && translate_count(x) < 0) {
        sl_relay_collect_refuse(x, SL_E_AGAIN);
        return;
    }
    if (r < 0) {
        sl_relay_broken(x, SL_ERR_PROVIDER_BAD_RESPONSE, SL_STR("the upstream's stream could not be read"));
    }
}

static void translate_finish(struct sl_xchg *x)
{
    x->dialect->language->write_end(x->dialect_state, &x->out);
    out_send(x);
    sl_xchg_end(x);
}

static void translate_end(struct sl_xchg *x)
{
    int r = sl_frames_finish(x->frames);
    struct sl_delta_sink sink = { delta_push, x, &x->req->arena, &x->worker->scratch, &x->env };
    struct sl_err err = { 0 };
    if (r == 0) {
        r = x->target->languages[x->call.type]->on_end(x->provider_state, &sink, &err);
    }
    if (r < 0) {
        sl_relay_broken(x, SL_ERR_PROVIDER_STREAM_BROKEN, SL_STR("the upstream ended the stream before its end"));
        return;
    }
    translate_finish(x);
}

/* --- all --- */

bool sl_relay_is_over(struct sl_xchg *x)
{
    if (x->mode == SL_RELAY_EVENTS && !x->is_flowing && (x->pass.is_done || x->pass.has_error)) {
        x->usage = x->pass.usage;
        x->error_type = x->pass.error_type;
        return true;
    }
    return x->mode == SL_RELAY_TRANSLATE_EVENTS && x->target->languages[x->call.type]->is_over(x->provider_state);
}

/* The reply cannot be completed. Before the head an error; in a stream the dialect's error event and a clean end;
 * otherwise a cut. */
void sl_relay_broken(struct sl_xchg *x, enum sl_error_type type, struct sl_str text)
{
    sl_attempt_cancel(x);
    x->error_text = text;
    if (!x->is_head_sent) {
        struct sl_llm_error error = { .type = type, .message = text };
        sl_xchg_fail(x, &error);
        return;
    }
    if (sl_relay_is_over(x)) {
        if (x->mode == SL_RELAY_TRANSLATE_EVENTS) {
            translate_finish(x);
        } else {
            sl_xchg_end(x);
        }
        return;
    }
    x->error_type = type;
    if (x->is_flowing || (x->mode != SL_RELAY_EVENTS && x->mode != SL_RELAY_TRANSLATE_EVENTS)) {
        sl_xchg_cut(x); /* part of a reply or of an event left already: nothing can be said behind it */
        return;
    }
    if (x->mode == SL_RELAY_EVENTS) {
        x->usage = x->pass.usage;
        sl_buf_init(&x->out, SL_RELAY_HOLD_MAX);
    }
    out_send(x);
    sl_buf_reset(&x->out);
    struct sl_llm_error error = { .type = type, .message = text };
    x->dialect->language->write_stream_error(x->dialect_state, &error, &x->out);
    out_send(x);
    sl_xchg_end(x);
}

void sl_relay_on_error(struct sl_xchg *x, enum sl_error_type type, struct sl_str text)
{
    /* A whole reply that broke before anything left is an error of its own, not a broken stream. */
    if (type == SL_ERR_PROVIDER_STREAM_BROKEN && !x->is_head_sent) {
        type = SL_ERR_PROVIDER_BAD_RESPONSE;
    }
    sl_relay_broken(x, type, text);
}

static bool is_retryable(int status)
{
    return status == 503 || status == 529;
}

/* What Retry-After asks for, when it is short enough to wait; else a quarter of a second. */
static uint64_t retry_wait(struct sl_xchg *x, const struct sl_headers *headers)
{
    struct sl_str text = sl_headers_get(headers, "retry-after");
    uint64_t sec = 0;
    if (text.n && sl_parse_retry_after(text, (int64_t)(x->env.wall_usec / 1000000), &sec) == 0) {
        return sec * SL_USEC_PER_SEC;
    }
    return 250 * SL_USEC_PER_MSEC;
}

#define RETRY_WAIT_MAX (2 * SL_USEC_PER_SEC)

static enum sl_relay_mode mode_choose(struct sl_xchg *x, int status, const struct sl_headers *headers)
{
    if (status >= 300) {
        return SL_RELAY_COLLECT_ERROR;
    }
    bool is_stream = sl_frames_is_stream(x->target->languages[x->call.type]->framing,
                                         sl_headers_get(headers, "content-type"));
    if (sl_relay_is_same_language(x)) {
        return is_stream ? SL_RELAY_EVENTS : SL_RELAY_RAW;
    }
    return is_stream ? SL_RELAY_TRANSLATE_EVENTS : SL_RELAY_COLLECT;
}

static void stream_head_send(struct sl_xchg *x)
{
    if (x->mode == SL_RELAY_TRANSLATE_EVENTS) {
        struct sl_headers kept = { 0 };
        for (uint32_t i = 0; i < x->up_headers.n; i++) {
            struct sl_header h = x->up_headers.v[i];
            if (!sl_header_is_of_body(h.name)) {
                SL_IGNORE(sl_headers_add(&kept, &x->req->arena, h.name, h.value) < 0); /* one header fewer */
            }
        }
        SL_IGNORE(sl_headers_add(&kept, &x->req->arena, SL_STR("content-type"), x->dialect->language->stream_type) < 0);
        x->up_headers = kept;
    }
    SL_IGNORE(sl_relay_head_send(x, 200, -1)); /* false: the exchange is over */
}

void sl_relay_on_head(struct sl_xchg *x, int status, const struct sl_headers *headers, int64_t length)
{
    x->upstream_status = status;
    x->up_length = length;
    if (is_retryable(status)) {
        uint64_t wait = retry_wait(x, headers);
        if (wait <= RETRY_WAIT_MAX && sl_attempt_retry(x, SL_ERR_PROVIDER_OVERLOADED, wait)) {
            return;
        }
    }
    x->up_headers = (struct sl_headers){ 0 };
    x->up_said =
        *headers; /* its texts are on the exchange's arena; the connection may be gone before the reply is read */
    x->env.upstream_headers = &x->up_said;
    x->mode = mode_choose(x, status, headers);
    sl_xchg_set_state(x, SL_XS_RELAY);
    if (x->usage_was_refused && status < 300) {
        /* The refusal was about that member: this route is not asked for it again. */
        atomic_store_explicit(&x->route->usage_refused, true, memory_order_relaxed);
    }
    if (sl_headers_down(x->target->provider, headers, x->env.wall_usec, &x->req->arena, &x->up_headers,
                        &x->upstream_request_id) < 0) {
        sl_relay_broken(x, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"));
        return;
    }
    switch (x->mode) {
    case SL_RELAY_RAW:
        scan_start(x);
        SL_IGNORE(sl_relay_head_send(x, status, length)); /* false: the exchange is over */
        break;
    case SL_RELAY_EVENTS:
        sl_sse_split_init(&x->split);
        stream_head_send(x);
        break;
    case SL_RELAY_TRANSLATE_EVENTS:
        if (!x->call.is_stream) {
            sl_relay_broken(x, SL_ERR_PROVIDER_BAD_RESPONSE,
                            SL_STR("the upstream streams where a whole reply was asked for"));
            return;
        }
        if (!translate_start(x)) {
            sl_relay_broken(x, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"));
            return;
        }
        stream_head_send(x);
        break;
    case SL_RELAY_COLLECT:
        sl_relay_collect_start(x, length);
        break;
    case SL_RELAY_COLLECT_ERROR:
        sl_buf_init(&x->hold, SL_RELAY_ERROR_MAX);
        break;
    case SL_RELAY_NONE:
        break;
    }
}

void sl_relay_on_data(struct sl_xchg *x, struct sl_str bytes)
{
    if (x->state == SL_XS_DONE || x->mode == SL_RELAY_NONE) {
        return;
    }
    switch (x->mode) {
    case SL_RELAY_RAW:
        if (x->scan) {
            sl_json_scan_push(x->scan, bytes);
        }
        sl_relay_send(x, bytes);
        break;
    case SL_RELAY_EVENTS:
        sl_relay_events_push(x, bytes);
        break;
    case SL_RELAY_TRANSLATE_EVENTS:
        translate_push(x, bytes);
        break;
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        sl_relay_collect_push(x, bytes);
        break;
    case SL_RELAY_NONE:
        break;
    }
}

void sl_relay_on_turn(struct sl_xchg *x)
{
    if (x->state != SL_XS_RELAY) {
        return;
    }
    if (x->mode == SL_RELAY_TRANSLATE_EVENTS) {
        out_send(x);
    }
    sl_hreq_flush(x->req);
    if (!x->is_paused && sl_hreq_queued(x->req) > SL_STREAM_HIGH) {
        sl_attempt_pause(x);
    }
}

void sl_relay_on_end(struct sl_xchg *x, bool is_until_close)
{
    if (x->state != SL_XS_RELAY) {
        return;
    }
    x->upstream_end_usec = sl_loop_now(&x->worker->loop);
    struct sl_str raw;
    switch (x->mode) {
    case SL_RELAY_RAW:
        if (is_until_close && x->scan && sl_json_scan_is_cut(x->scan)) {
            /* Nothing but the text itself tells that this was not its end. */
            sl_relay_broken(x, SL_ERR_PROVIDER_STREAM_BROKEN,
                            SL_STR("the upstream ended its reply inside a JSON object"));
            break;
        }
        if (x->scan && sl_json_scan_value(x->scan, SL_REPLY_USAGE, &raw)) {
            usage_read(x, raw);
        }
        sl_xchg_end(x);
        break;
    case SL_RELAY_EVENTS:
        sl_relay_events_end(x, is_until_close);
        break;
    case SL_RELAY_TRANSLATE_EVENTS:
        translate_end(x);
        break;
    case SL_RELAY_COLLECT:
        sl_relay_collect_end(x);
        break;
    case SL_RELAY_COLLECT_ERROR:
        sl_relay_error_end(x);
        break;
    case SL_RELAY_NONE:
        break;
    }
}

void sl_relay_done(struct sl_xchg *x)
{
    sl_buf_done(&x->hold);
    if (x->hold_counted) {
        /* Giving back always works. */
        SL_IGNORE(x->worker->server.cbs->on_memory(&x->worker->server, -(ptrdiff_t)x->hold_counted));
        x->hold_counted = 0;
    }
    sl_buf_done(&x->out);
    if (x->frames) {
        sl_frames_done(x->frames);
        x->frames = NULL;
    }
    if (x->scan) {
        sl_json_scan_done(x->scan);
        x->scan = NULL;
    }
}
