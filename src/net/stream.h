/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream to a peer: TCP or a unix socket, with or without TLS, with flow control both ways. Belongs to one loop.
 *
 *   idle ── open (accept, dial) ──> open ── close ──> closing ──> closed (on_closed: memory is the owner's again)
 *
 * Callbacks may close the stream; the code here looks at nothing afterwards. No callback is made from inside a write,
 * nor after close (except on_closed). on_error and on_eof come at most once. */
#ifndef SL_NET_STREAM_H
#define SL_NET_STREAM_H

#include "base/err.h"
#include "base/str.h"
#include "net/addr.h"
#include "net/loop.h"

struct sl_stream;
struct sl_hangup;
struct sl_tls;     /* one TLS connection */
struct sl_tls_ctx; /* net/tls.h */

struct sl_stream_cbs {
    /* Bytes, valid during the call only: in the loop's read buffer, or where sl_stream_read_into said. */
    void (*on_read)(struct sl_stream *stream, struct sl_str bytes);
    /* The peer will send no more: FIN, or TLS close_notify. Writing may go on. */
    void (*on_eof)(struct sl_stream *stream);
    /* Broken: reset, TLS failure, end inside TLS without close_notify is on_eof with sl_stream_is_truncated. `text` is
     * fit to show. */
    void (*on_error)(struct sl_stream *stream, const char *text);
    /* The queue, once over SL_STREAM_HIGH, fell to SL_STREAM_LOW or less; also whenever it became empty after it was
     * not. */
    void (*on_drain)(struct sl_stream *stream);
    /* At the end of a turn: the kernel did not take all that sl_stream_write_soon was given. May be NULL. */
    void (*on_queued)(struct sl_stream *stream);
};

/* A source is paused when more than this waits to be sent, and resumed at the low mark. */
#define SL_STREAM_HIGH 65536
#define SL_STREAM_LOW  16384

/* sl_stream_write_soon: longer messages leave at once. */
#define SL_STREAM_SOON     SL_SOON_EACH
#define SL_STREAM_SOON_REF SL_SOON_BORROWED

struct sl_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct sl_loop *loop;
    const struct sl_stream_cbs *cbs;
    struct sl_tls *tls; /* NULL: plain */
    char *into;         /* sl_stream_read_into */
    size_t into_len;
    size_t queued; /* bytes accepted by write and not yet given to the kernel */
    void (*on_closed)(struct sl_stream *stream);
    bool is_open, is_reading, is_closing, is_broken, is_eof, is_truncated;
    bool was_high;
    /* private */
    bool is_flowing;          /* libuv reads */
    bool is_shut;             /* sl_stream_shutdown was called */
    bool is_told;             /* on_error was made */
    bool is_error_due;        /* on_error is to be made by `later`, not by the end of reading */
    const char *error;        /* why is_broken; static text or in `tls` */
    struct sl_hangup *hangup; /* NULL: not asked for */
    struct sl_timer later;    /* what may not be called back at once */
    uv_shutdown_t shutdown;
    size_t soon_at, soon_n, soon_index; /* net/soon.h: what waits for the turn's end; soon_n 0: nothing copied */
    const struct sl_str *soon_ref;      /* what is borrowed; soon_ref_n, its bytes, 0: nothing */
    size_t soon_ref_slices, soon_ref_n;
};

/* No handle yet; nothing to close. */
void sl_stream_init(struct sl_stream *stream, struct sl_loop *loop, const struct sl_stream_cbs *cbs);

/* Reads from now on / stops the kernel's flow. Reading stays on during a whole exchange, except to hold a source back.
 * Never calls back. */
void sl_stream_read_start(struct sl_stream *stream);
void sl_stream_read_stop(struct sl_stream *stream);
/* The same, but the peer's hanging up is told at once, as on_error, though unread bytes lie before it (net/hangup.h).
 */
void sl_stream_read_hold(struct sl_stream *stream);
/* The next bytes go to `p` (at most n), so that a long body is not copied; one on_read uses it up partly: the rest
 * moves on. Ends when n bytes came, or with n = 0. */
void sl_stream_read_into(struct sl_stream *stream, char *p, size_t n);

/* Sends the slices in order, in one writev where the kernel takes them; what it does not take is copied and follows. 0,
 * or SL_E_IO / SL_E_NOMEM when the stream is broken (on_error follows by itself from the loop). What the peer sent
 * before it went away is read first: on a stream that is being read, on_error comes after the last on_read. SL_E_IO
 * without on_error: not open, closed, or after sl_stream_shutdown. */
SL_MUST int sl_stream_write(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* The same, but nothing is copied: the bytes (not the array) must live until the queue is empty or the stream is
 * closed. */
SL_MUST int sl_stream_write_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* As sl_stream_write, but a short message leaves at the end of the loop's turn, with what other streams write until
 * then: a peer that sleeps is woken once for all of it. Whatever else is done with the stream comes behind it. It
 * counts as given to the kernel (`queued` is 0); should the kernel not take it, on_queued tells. Once its handshake
 * is done, all that TLS sends waits so. */
SL_MUST int sl_stream_write_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* As sl_stream_write_soon and, where the message is no short one, as sl_stream_write_ref: the array, too, must live
 * until the turn's end, sl_stream_flush or the closing. */
SL_MUST int sl_stream_write_ref_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* What waits for the turn's end is given to the kernel now, and borrowed no more unless `queued` says so. */
void sl_stream_flush(struct sl_stream *stream);
/* Bytes of those not yet given to the kernel, exact also in the midst of a long write (`queued` moves by whole writes):
 * tells whether a slow peer moves at all. */
size_t sl_stream_unsent(const struct sl_stream *stream);
/* Everything that was written has reached the peer's machine. */
bool sl_stream_is_flushed(const struct sl_stream *stream);
/* After what is queued: FIN (TLS: close_notify before). */
void sl_stream_shutdown(struct sl_stream *stream);
/* Detaches at once: no callback but on_closed, no borrowed byte is touched again. What was queued and not sent is lost.
 * Once. */
void sl_stream_close(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream));
/* As close, with RST: the peer must not take a cut reply for a whole one. */
void sl_stream_reset(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream));

/* Makes it a TLS stream. Server: the handshake begins with the peer's first bytes. Client: call before anything is
 * written; writes before the handshake is done are held. `host`: SNI and the name that the certificate must be for (an
 * IP address: IP SAN, no SNI). */
SL_MUST int sl_stream_tls_server(struct sl_stream *stream, struct sl_tls_ctx *ctx);
/* Server, inside on_read: bytes that were read before the stream was made one of TLS. May call up. */
void sl_stream_tls_feed(struct sl_stream *stream, struct sl_str bytes);
SL_MUST int sl_stream_tls_client(struct sl_stream *stream, struct sl_tls_ctx *ctx, struct sl_str host,
                                 struct sl_err *err);
/* Client: true once the handshake is complete (always for plain). */
bool sl_stream_is_secure_or_plain(const struct sl_stream *stream);

/* TCP_NODELAY is always set. */
void sl_stream_peer(const struct sl_stream *stream, struct sl_addr *ret);

/* A connection that was silent for `usec` (rounded up to seconds) is asked whether it still lives: a NAT or firewall on
 * the way does not forget it meanwhile. After four unanswered questions, a quarter of that time apart, it is given up.
 * The connections of a listening socket inherit it. 0, or a socket that is not TCP's: nothing is changed. */
void sl_tcp_keepalive(int fd, uint64_t usec);

/* For listener and dialler: takes a connected non-blocking socket (closed on failure). */
SL_MUST int sl_stream_open_fd(struct sl_stream *stream, int fd, bool is_unix);

#endif
