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
    /* Bytes, valid only during the call: in the loop's read buffer, or where sl_stream_read_into said. */
    void (*on_read)(struct sl_stream *stream, struct sl_str bytes);
    /* The peer will send no more: FIN, or TLS close_notify. Writing may go on. */
    void (*on_eof)(struct sl_stream *stream);
    /* The stream is broken: reset, or TLS failure. (An end inside TLS without close_notify is on_eof with
     * sl_stream_is_truncated.) `text` may be shown. */
    void (*on_error)(struct sl_stream *stream, const char *text);
    /* The queue was over SL_STREAM_HIGH and fell to SL_STREAM_LOW or less; also called whenever the queue became
     * empty. */
    void (*on_drain)(struct sl_stream *stream);
    /* At the end of a turn: the kernel did not take all bytes that sl_stream_write_soon was given. May be NULL. */
    void (*on_queued)(struct sl_stream *stream);
    /* The handshake of TLS is complete. May be NULL. */
    void (*on_secure)(struct sl_stream *stream);
};

/* A source is paused when more than this waits to be sent, and resumed at the low mark. */
#define SL_STREAM_HIGH 65536
#define SL_STREAM_LOW  16384

/* For sl_stream_write_soon: longer messages leave at once. */
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
    char *into;         /* see sl_stream_read_into */
    size_t into_len;
    size_t queued; /* bytes that write accepted and that were not yet given to the kernel */
    void (*on_closed)(struct sl_stream *stream);
    bool is_open, is_reading, is_closing, is_broken, is_eof, is_truncated;
    bool was_high;
    /* private */
    bool is_flowing;          /* libuv reads */
    bool is_shut;             /* sl_stream_shutdown was called */
    bool is_told;             /* on_error was called */
    bool is_error_due;        /* `later` will call on_error, not the end of reading */
    const char *error;        /* why is_broken; a static text, or one in `tls` */
    struct sl_hangup *hangup; /* NULL: not asked for */
    struct sl_timer later;    /* for calls that must not come at once */
    uv_shutdown_t shutdown;
    size_t soon_at, soon_n, soon_index; /* net/soon.h: the copied bytes that wait for the turn's end; soon_n 0: none */
    const struct sl_str *soon_ref;      /* the borrowed slices; soon_ref_n is their bytes, 0: none */
    size_t soon_ref_slices, soon_ref_n;
};

/* There is no handle yet, and nothing to close. */
void sl_stream_init(struct sl_stream *stream, struct sl_loop *loop, const struct sl_stream_cbs *cbs);

/* Starts and stops reading. Reading stays on during a whole exchange, except to hold a source back. Never calls
 * back. */
void sl_stream_read_start(struct sl_stream *stream);
void sl_stream_read_stop(struct sl_stream *stream);
/* Stops reading, but on_error is called at once when the peer hangs up, even if unread bytes lie before that
 * (net/hangup.h). */
void sl_stream_read_hold(struct sl_stream *stream);
/* The next bytes go to `p` (at most n), so that a long body is not copied. An on_read uses up a part of it; the rest
 * stays in force. Ends when n bytes came, or with n = 0. */
void sl_stream_read_into(struct sl_stream *stream, char *p, size_t n);

/* Sends the slices in order, in one writev if the kernel takes them; bytes that it does not take are copied and follow.
 * 0, or SL_E_IO / SL_E_NOMEM when the stream is broken (then on_error follows by itself from the loop). Bytes that the
 * peer sent before it went away are read first: on a stream that is being read, on_error comes after the last on_read.
 * SL_E_IO without on_error: not open, closed, or after sl_stream_shutdown. */
SL_MUST int sl_stream_write(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* The same, but nothing is copied: the bytes (not the array) must live until the queue is empty or the stream is
 * closed. */
SL_MUST int sl_stream_write_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* As sl_stream_write, but a short message leaves at the end of the loop's turn, together with what other streams write
 * until then: so a sleeping peer wakes up once for all of it. Anything else that is done with the stream comes after
 * it. It counts as given to the kernel (`queued` is 0); if the kernel does not take it, on_queued is called. After its
 * handshake, all that TLS sends waits like this. */
SL_MUST int sl_stream_write_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* Short messages as with sl_stream_write_soon, others as with sl_stream_write_ref; but the array, too, must live until
 * the turn's end, sl_stream_flush or the close. */
SL_MUST int sl_stream_write_ref_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* Gives the bytes that wait for the turn's end to the kernel now; they are still borrowed only if `queued` says so. */
void sl_stream_flush(struct sl_stream *stream);
/* How many bytes were not yet given to the kernel. This is exact also within a long write (`queued` changes by whole
 * writes), so it shows whether a slow peer takes anything. */
size_t sl_stream_unsent(const struct sl_stream *stream);
/* True: everything that was written has reached the peer's machine. */
bool sl_stream_is_flushed(const struct sl_stream *stream);
/* Sends FIN after what is queued (TLS: close_notify before it). */
void sl_stream_shutdown(struct sl_stream *stream);
/* Detaches at once: no callback except on_closed comes, and no borrowed byte is used again. Queued bytes that were not
 * sent are lost. Call it once. */
void sl_stream_close(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream));
/* As sl_stream_close, but with RST: the peer must not take a cut reply for a whole one. */
void sl_stream_reset(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream));

/* Makes it a TLS stream. Server: the handshake begins with the peer's first bytes. Client: call this before anything is
 * written; writes before the end of the handshake are held. `host`: SNI, and the name that the certificate must be for
 * (an IP address: IP SAN, no SNI). */
SL_MUST int sl_stream_tls_server(struct sl_stream *stream, struct sl_tls_ctx *ctx);
/* Server, inside on_read: bytes that were read before the stream became a TLS stream. It may call back. */
void sl_stream_tls_feed(struct sl_stream *stream, struct sl_str bytes);
SL_MUST int sl_stream_tls_client(struct sl_stream *stream, struct sl_tls_ctx *ctx, struct sl_str host,
                                 struct sl_err *err);
/* Client: true once the handshake is complete (always for plain streams). */
bool sl_stream_is_secure_or_plain(const struct sl_stream *stream);

/* TCP_NODELAY is always set. */
void sl_stream_peer(const struct sl_stream *stream, struct sl_addr *ret);

/* When a connection was silent for `usec` (rounded up to seconds), its peer is asked whether it still lives; so a NAT
 * or firewall on the way does not forget it. After four unanswered questions, a quarter of that time apart, the
 * connection is given up. Connections of a listening socket inherit this. With 0, or for a socket that is not TCP,
 * nothing changes. */
void sl_tcp_keepalive(int fd, uint64_t usec);

/* For listener and dialler: takes a connected non-blocking socket (closed on failure). */
SL_MUST int sl_stream_open_fd(struct sl_stream *stream, int fd, bool is_unix);

#endif
