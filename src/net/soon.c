/* SPDX-License-Identifier: Apache-2.0 */
#include "net/soon.h"

#include "net/stream_priv.h"

static void on_turn_end(uv_prepare_t *turn_end)
{
    struct sl_loop *loop = turn_end->data;
    struct sl_soon *soon = &loop->soon;
    for (size_t i = 0; i < soon->n_streams; i++) { /* grows when a callback writes */
        struct sl_stream *stream = soon->streams[i];
        if (!stream) {
            continue;
        }
        sl_soon_flush(stream);
        if (SL_UNLIKELY(stream->queued) && !stream->is_closing && stream->cbs->on_queued) {
            stream->cbs->on_queued(stream);
        }
    }
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

bool sl_soon_put(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    struct sl_soon *soon = &stream->loop->soon;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += slices[i].n;
    }
    bool is_last = stream->soon_n && stream->soon_at + stream->soon_n == soon->n_bytes;
    bool is_new = stream->soon_n == 0 && soon->n_streams < SL_SOON_STREAMS;
    if (total > SL_SOON_EACH || total > SL_SOON_BYTES - soon->n_bytes || (!is_last && !is_new)) {
        return false;
    }
    if (is_new) {
        if (soon->n_streams == 0) {
            uv_prepare_start(&soon->turn_end, on_turn_end);
        }
        stream->soon_at = soon->n_bytes;
        stream->soon_index = soon->n_streams;
        soon->streams[soon->n_streams++] = stream;
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

void sl_soon_flush(struct sl_stream *stream)
{
    if (stream->soon_n == 0) {
        return;
    }
    struct sl_soon *soon = &stream->loop->soon;
    struct sl_str bytes = sl_str_make(soon->bytes + stream->soon_at, stream->soon_n);
    soon->streams[stream->soon_index] = NULL;
    stream->soon_n = 0;
    if (!stream->is_closing) {                            /* where it broke meanwhile, TLS may have said why */
        SL_IGNORE(sl_stream_send_now(stream, bytes) < 0); /* a broken stream says so by itself */
    }
}
