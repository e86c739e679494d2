/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/secret.h"
#include "net/dial.h"
#include "net/stream.h"

/* A reply that is not complete. Its longest bulk, and what may stand around it. */
#define INPUT_MAX (SL_RESP_BULK_MAX + 65536)
#define SENT_MAX  65536
#define SENT_MIN  64
/* What is written at once at most, and what is kept of it for the next turn. */
#define OUT_MAX (8u << 20)
#define KEPT    65536

/* The stream, which lives until it is closed, longer than the connection that it is for. */
struct sl_redis_wire {
    struct sl_stream stream;
    struct sl_redis *redis; /* NULL: closed */
    struct sl_dial *dial;
    struct sl_tls_ctx *tls;
    struct sl_buf in;
    struct sl_buf out; /* the commands of this turn */
    struct sl_turn_end turn_end;
    bool is_up;
    char host[256];
};

static struct sl_redis_wire *wire_of(struct sl_stream *stream)
{
    return SL_CONTAINER_OF(stream, struct sl_redis_wire, stream);
}

/* --- writing --- */

/* When the stream is broken, on_error comes from the loop, and the commands hear of it then. */
static void out_write(struct sl_redis_wire *wire)
{
    struct sl_str bytes = sl_buf_str(&wire->out);
    SL_IGNORE(bytes.n && sl_stream_write(&wire->stream, &bytes, 1) < 0);
}

static void commands_write(struct sl_redis_wire *wire)
{
    out_write(wire);
    sl_buf_shrink(&wire->out, KEPT);
}

static void on_turn_end(struct sl_turn_end *end)
{
    commands_write(SL_CONTAINER_OF(end, struct sl_redis_wire, turn_end));
}

/* --- ending --- */

static void on_closed(struct sl_stream *stream)
{
    struct sl_redis_wire *wire = wire_of(stream);
    sl_buf_done(&wire->in);
    sl_buf_done(&wire->out);
    free(wire);
}

/* Detaches the wire; no callback of it comes any more. */
static void wire_drop(struct sl_redis *redis)
{
    struct sl_redis_wire *wire = redis->wire;
    redis->wire = NULL;
    wire->redis = NULL;
    if (wire->dial) {
        sl_dial_cancel(wire->dial);
        wire->dial = NULL;
    }
    if (wire->is_up) {
        sl_soon_uncall(redis->loop, &wire->turn_end);
        commands_write(wire); /* what was sent in this turn leaves before */
        sl_stream_close(&wire->stream, on_closed);
    } else {
        on_closed(&wire->stream); /* it has no handle yet */
    }
}

static struct sl_redis_sent sent_take(struct sl_redis *redis)
{
    struct sl_redis_sent sent = redis->sent[redis->first];
    redis->first = (redis->first + 1) % redis->cap_sent;
    redis->n_sent--;
    return sent;
}

/* A callback may send new commands, but only on a new connection: those that are here now hear of the loss. */
static void sent_lose(struct sl_redis *redis)
{
    for (size_t n = redis->n_sent; n > 0; n--) {
        struct sl_redis_sent sent = sent_take(redis);
        sent.fn(sent.arg, NULL, 0);
    }
}

void sl_redis_close(struct sl_redis *redis)
{
    if (redis->wire) {
        wire_drop(redis);
        sent_lose(redis);
    }
}

static SL_NOINLINE void fail(struct sl_redis *redis, const char *text)
{
    char copy[SL_ERR_TEXT_MAX]; /* the text may be the wire's */
    snprintf(copy, sizeof(copy), "%s", text);
    sl_redis_close(redis);
    redis->cbs->on_down(redis, copy);
}

/* --- the stream --- */

/* Takes whole replies from `bytes`. Returns how many bytes are left, or -1: the wire is closed. */
static ptrdiff_t replies_take(struct sl_redis_wire *wire, struct sl_str bytes)
{
    struct sl_redis *redis = wire->redis;
    while (bytes.n) {
        size_t used = 0;
        int n = sl_resp_read(bytes, redis->items, SL_RESP_ITEMS_MAX, &used);
        if (n == SL_E_AGAIN) {
            break;
        }
        if (n < 0 || !redis->n_sent) {
            fail(redis, n == SL_E_LIMIT ? "its reply is too large"
                        : n < 0         ? "what it sends is not the protocol of Redis"
                                        : "it replied without being asked");
            return -1;
        }
        struct sl_redis_sent sent = sent_take(redis);
        sent.fn(sent.arg, redis->items, (size_t)n);
        if (wire->redis != redis) {
            return -1;
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    return (ptrdiff_t)bytes.n;
}

static void on_read(struct sl_stream *stream, struct sl_str bytes)
{
    struct sl_redis_wire *wire = wire_of(stream);
    bool is_kept = wire->in.len > 0;
    if (is_kept) {
        sl_buf_add_str(&wire->in, bytes);
        bytes = sl_buf_str(&wire->in);
    }
    ptrdiff_t left = sl_buf_status(&wire->in) < 0 ? 0 : replies_take(wire, bytes);
    if (left < 0) {
        return;
    }
    if (is_kept) {
        sl_buf_drop(&wire->in, bytes.n - (size_t)left);
        if (!wire->in.len) {
            sl_buf_shrink(&wire->in, 0);
        }
    } else {
        sl_buf_add(&wire->in, bytes.p + bytes.n - (size_t)left, (size_t)left);
    }
    if (sl_buf_status(&wire->in) < 0) {
        fail(wire->redis, sl_buf_status(&wire->in) == SL_E_LIMIT ? "its reply is too large" : "out of memory");
    }
}

static void on_eof(struct sl_stream *stream)
{
    fail(wire_of(stream)->redis, "it closed the connection");
}

static void on_error(struct sl_stream *stream, const char *text)
{
    fail(wire_of(stream)->redis, text);
}

static void on_drain(struct sl_stream *stream)
{
    (void)stream;
}

static const struct sl_stream_cbs stream_cbs = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drain = on_drain,
};

/* --- connecting --- */

static void on_dialled(void *arg, enum sl_dial_result result, const char *text)
{
    struct sl_redis_wire *wire = arg;
    struct sl_redis *redis = wire->redis;
    struct sl_err err = { 0 };
    wire->dial = NULL;
    if (result != SL_DIAL_OK) {
        fail(redis, result == SL_DIAL_TIMEOUT ? "connecting took too long" : text);
        return;
    }
    wire->is_up = true;
    if (wire->tls && sl_stream_tls_client(&wire->stream, wire->tls, sl_str_c(wire->host), &err) < 0) {
        fail(redis, err.text);
        return;
    }
    sl_stream_read_start(&wire->stream);
    redis->cbs->on_up(redis);
}

int sl_redis_connect(struct sl_redis *redis, const struct sl_redis_at *at, uint64_t deadline_usec)
{
    SL_ASSERT(!redis->wire);
    if (!redis->items) {
        redis->items = calloc(SL_RESP_ITEMS_MAX, sizeof(*redis->items));
    }
    struct sl_redis_wire *wire = calloc(1, sizeof(*wire));
    if (!redis->items || !wire) {
        free(wire);
        return SL_E_NOMEM;
    }
    sl_buf_init(&wire->in, INPUT_MAX);
    sl_buf_init(&wire->out, OUT_MAX);
    wire->turn_end.fn = on_turn_end;
    sl_stream_init(&wire->stream, redis->loop, &stream_cbs);
    snprintf(wire->host, sizeof(wire->host), "%.*s", SL_STR_ARG(at->host));
    wire->redis = redis;
    wire->tls = at->tls;
    if (sl_dial_start(redis->loop, at->host, at->port, deadline_usec, &wire->stream, on_dialled, wire, &wire->dial) <
        0) {
        free(wire);
        return SL_E_NOMEM;
    }
    redis->wire = wire;
    return 0;
}

/* --- commands --- */

static int sent_grow(struct sl_redis *redis)
{
    size_t cap = SL_MAX(redis->cap_sent * 2, (size_t)SENT_MIN);
    if (redis->n_sent < redis->cap_sent) {
        return 0;
    }
    if (cap > SENT_MAX) {
        return SL_E_LIMIT;
    }
    struct sl_redis_sent *sent = calloc(cap, sizeof(*sent));
    if (!sent) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < redis->n_sent; i++) {
        sent[i] = redis->sent[(redis->first + i) % redis->cap_sent];
    }
    free(redis->sent);
    redis->sent = sent;
    redis->cap_sent = cap;
    redis->first = 0;
    return 0;
}

int sl_redis_send(struct sl_redis *redis, struct sl_str command, sl_redis_fn *fn, void *arg)
{
    if (!redis->wire || !redis->wire->is_up) {
        return SL_E_IO;
    }
    int r = sent_grow(redis);
    if (r < 0) {
        return r;
    }
    struct sl_redis_wire *wire = redis->wire;
    if (wire->out.len + command.n > OUT_MAX) {
        commands_write(wire);
    }
    sl_buf_add_str(&wire->out, command);
    if (sl_buf_status(&wire->out) < 0) {
        wire->out.status = 0; /* those before it are whole */
        return SL_E_NOMEM;
    }
    sl_soon_call(redis->loop, &wire->turn_end);
    redis->sent[(redis->first + redis->n_sent) % redis->cap_sent] = (struct sl_redis_sent){ fn, arg };
    redis->n_sent++;
    return 0;
}

void sl_redis_wipe(struct sl_redis *redis)
{
    struct sl_redis_wire *wire = redis->wire;
    if (wire && wire->is_up && wire->out.len) {
        out_write(wire);
        sl_wipe(wire->out.p, wire->out.len);
        sl_buf_reset(&wire->out);
    }
}

void sl_redis_init(struct sl_redis *redis, struct sl_loop *loop, const struct sl_redis_cbs *cbs)
{
    *redis = (struct sl_redis){ .loop = loop, .cbs = cbs };
}

void sl_redis_done(struct sl_redis *redis)
{
    if (redis->wire) {
        wire_drop(redis);
    }
    redis->n_sent = 0;
    free(redis->sent);
    free(redis->items);
    redis->sent = NULL;
    redis->items = NULL;
    redis->cap_sent = 0;
}
