/* SPDX-License-Identifier: Apache-2.0 */
#include "net/soon.h"

#include "net/stream_priv.h"

static void on_turn_end(uv_prepare_t *turn_end);

static void ends_call(struct sl_soon *soon)
{
    for (struct sl_turn_end *end; (end = soon->ends);) {
        soon->ends = end->next;
        end->is_due = false;
        end->fn(end);
    }
}

static void stream_end(struct sl_stream *stream)
{
    if (!stream) {
        return;
    }
    sl_soon_flush(stream);
    if (SL_UNLIKELY(stream->queued) && !stream->is_closing && stream->cbs->on_queued) {
        stream->cbs->on_queued(stream);
    }
}

void sl_soon_call(struct sl_loop *loop, struct sl_turn_end *end)
{
    if (!end->is_due) {
        end->is_due = true;
        end->next = loop->soon.ends;
        loop->soon.ends = end;
        uv_prepare_start(&loop->soon.turn_end, on_turn_end);
    }
}

void sl_soon_uncall(struct sl_loop *loop, struct sl_turn_end *end)
{
    struct sl_turn_end **at = &loop->soon.ends;
    while (end->is_due && *at != end) {
        at = &(*at)->next;
    }
    if (end->is_due) {
        *at = end->next;
        end->is_due = false;
    }
}

static void on_turn_end(uv_prepare_t *turn_end)
{
    struct sl_loop *loop = turn_end->data;
    struct sl_soon *soon = &loop->soon;
    size_t i = 0;
    do {
        ends_call(soon);
        for (; i < soon->n_streams; i++) { /* the number grows when a callback writes */
            stream_end(soon->streams[i]);
        }
    } while (soon->ends);
    soon->n_streams = 0;
    soon->n_bytes = 0;
    uv_prepare_stop(turn_end);
}

void sl_soon_init(struct sl_loop *loop)
{
    int r = uv_prepare_init(&loop->uv, &loop->soon.turn_end);
    SL_ASSERT(r == 0);
    loop->soon.turn_end.data = loop;
}

void sl_soon_stop(struct sl_loop *loop)
{
    uv_close((uv_handle_t *)&loop->soon.turn_end, NULL);
}

static size_t sum_of(const struct sl_str *slices, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += slices[i].n;
    }
    return total;
}

static bool is_waiting(const struct sl_stream *stream)
{
    return stream->soon_n || stream->soon_ref_n;
}

/* False: too many wait already. */
static bool queue_up(struct sl_stream *stream)
{
    struct sl_soon *soon = &stream->loop->soon;
    if (soon->n_streams == SL_SOON_STREAMS) {
        return false;
    }
    if (soon->n_streams == 0) {
        uv_prepare_start(&soon->turn_end, on_turn_end);
    }
    stream->soon_at = soon->n_bytes;
    stream->soon_index = soon->n_streams;
    soon->streams[soon->n_streams++] = stream;
    return true;
}

bool sl_soon_put(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    struct sl_soon *soon = &stream->loop->soon;
    size_t total = sum_of(slices, n);
    bool is_last = stream->soon_at + stream->soon_n == soon->n_bytes && !stream->soon_ref_n;
    if (total == 0) {
        return true;
    }
    if (total > SL_SOON_EACH || total > SL_SOON_BYTES - soon->n_bytes ||
        (is_waiting(stream) ? !is_last : !queue_up(stream))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (slices[i].n) {
            memcpy(soon->bytes + soon->n_bytes, slices[i].p, slices[i].n);
            soon->n_bytes += slices[i].n;
        }
    }
    stream->soon_n += total;
    return true;
}

bool sl_soon_borrow(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    size_t total = sum_of(slices, n);
    if (total == 0) {
        return true;
    }
    if (total > SL_SOON_BORROWED || stream->soon_ref_n || (!is_waiting(stream) && !queue_up(stream))) {
        return false;
    }
    stream->soon_ref = slices;
    stream->soon_ref_slices = n;
    stream->soon_ref_n = total;
    return true;
}

void sl_soon_flush(struct sl_stream *stream)
{
    if (!is_waiting(stream)) {
        return;
    }
    struct sl_soon *soon = &stream->loop->soon;
    struct sl_str bytes = sl_str_make(soon->bytes + stream->soon_at, stream->soon_n);
    bool is_borrowed = stream->soon_ref_n > 0;
    soon->streams[stream->soon_index] = NULL;
    stream->soon_n = stream->soon_ref_n = 0;
    /* If it broke meanwhile, TLS may have said why. A broken stream is reported later, from the loop. */
    int r = stream->is_closing ? SL_E_IO : bytes.n ? sl_stream_send_now(stream, bytes) : 0;
    if (r == 0 && is_borrowed) {
        SL_IGNORE(sl_stream_send_ref(stream, stream->soon_ref, stream->soon_ref_slices) < 0);
    }
}
