/* SPDX-License-Identifier: Apache-2.0 */
/* Byte streams over libuv. A write goes to the kernel at once when nothing waits; only bytes that the kernel does not
 * take cost an allocation. Nothing is called back from inside a call: an error of a write is reported from the loop
 * (`later`).
 *
 * A write that fails does not stop the reading: when a peer answered early and hung up, its answer is still in our
 * socket, and the read side ends behind it by itself (EOF or ECONNRESET); then on_error is called. */
#include "net/stream_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "net/hangup.h"
#include "net/slices.h"
#include "net/soon.h"
#include "net/tls_conn.h"

/* Slices given to one writev; longer lists take several. */
#define BUFS_MAX 64

struct sl_write {
    uv_write_t req;
    struct sl_stream *stream;
    size_t n;
    char copy[]; /* empty when the bytes are borrowed */
};

/* --- what the two directions share --- */

void sl_stream_later(struct sl_stream *stream)
{
    sl_timer_set(stream->loop, &stream->later, sl_loop_now(stream->loop));
}

static void on_uv_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct sl_stream *stream = handle->data;
    if (stream->into_len && !stream->tls) {
        *buf = uv_buf_init(stream->into, (unsigned)SL_MIN(stream->into_len, INT32_MAX));
    } else {
        *buf = uv_buf_init(stream->loop->read_buf, SL_READ_BUFFER);
    }
}

static void on_uv_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf);

void sl_stream_update_flow(struct sl_stream *stream)
{
    bool want = stream->is_open && !stream->is_closing && !stream->is_eof && !stream->is_told;
    if (stream->tls && !sl_tls_is_ready(stream->tls)) {
        /* The handshake is read whether the owner wants data or not. */
    } else {
        want = want && stream->is_reading && !(stream->tls && sl_tls_holds_input(stream->tls));
    }
    if (want == stream->is_flowing) {
        return;
    }
    stream->is_flowing = want;
    if (want) {
        int r = uv_read_start(&stream->uv.stream, on_uv_alloc, on_uv_read);
        if (r < 0) {
            stream->is_flowing = false;
            sl_stream_break(stream, uv_strerror(r));
        }
    } else {
        uv_read_stop(&stream->uv.stream);
    }
}

void sl_stream_fail(struct sl_stream *stream, const char *text)
{
    if (stream->is_told || stream->is_closing) {
        return;
    }
    stream->is_broken = true;
    stream->is_told = true;
    stream->error = text;
    sl_stream_update_flow(stream);
    stream->cbs->on_error(stream, text);
}

void sl_stream_break(struct sl_stream *stream, const char *text)
{
    if (!stream->is_broken) {
        stream->is_broken = true;
        stream->error = text;
    }
    stream->is_error_due = true;
    sl_stream_later(stream);
}

static void on_later(struct sl_timer *timer)
{
    struct sl_stream *stream = SL_CONTAINER_OF(timer, struct sl_stream, later);
    if (stream->is_closing) {
        stream->on_closed(stream); /* it was never open */
        return;
    }
    if (stream->is_error_due) {
        stream->is_error_due = false;
        sl_stream_fail(stream, stream->error);
        return;
    }
    if (stream->tls) {
        sl_tls_on_later(stream);
    }
}

/* --- reading --- */

void sl_stream_deliver_eof(struct sl_stream *stream, bool is_truncated)
{
    if (stream->is_eof || stream->is_told || stream->is_closing) {
        return;
    }
    stream->is_eof = true;
    stream->is_truncated = is_truncated;
    sl_stream_update_flow(stream);
    if (stream->is_broken) {
        sl_stream_fail(stream, stream->error);
    } else {
        stream->cbs->on_eof(stream);
    }
}

/* libuv takes a hang-up behind the last bytes for their end without reading on, so a reset would look like an end.
 * EPIPE is different: that reset came after the peer's FIN. */
static int end_error(const struct sl_stream *stream)
{
    int error = 0;
    socklen_t len = sizeof(error);
    uv_os_fd_t fd;
    if (uv_fileno(&stream->uv.handle, &fd) < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        return 0;
    }
    return error == EPIPE ? 0 : -error;
}

static void on_uv_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct sl_stream *stream = handle->data;
    if (n == UV_EOF) {
        stream->is_flowing = false;
        int error = end_error(stream);
        n = error ? error : UV_EOF;
    }
    if (n > 0) {
        struct sl_str bytes = sl_str_make(buf->base, (size_t)n);
        if (stream->tls) {
            sl_tls_on_bytes(stream, bytes);
            return;
        }
        if (stream->into_len && buf->base == stream->into) {
            stream->into += n;
            stream->into_len -= (size_t)n;
        }
        stream->cbs->on_read(stream, bytes);
    } else if (n == UV_EOF) {
        if (stream->tls) {
            sl_tls_on_eof(stream);
        } else {
            sl_stream_deliver_eof(stream, false);
        }
    } else if (n < 0) {
        sl_stream_fail(stream, stream->is_broken ? stream->error : uv_strerror((int)n));
    }
}

static void hangup_forget(struct sl_stream *stream)
{
    sl_hangup_free(stream->hangup);
    stream->hangup = NULL;
}

void sl_stream_read_start(struct sl_stream *stream)
{
    if (stream->is_reading) {
        return;
    }
    stream->is_reading = true;
    hangup_forget(stream);
    if (stream->tls && sl_tls_holds_input(stream->tls)) {
        sl_stream_later(stream);
    }
    sl_stream_update_flow(stream);
}

void sl_stream_read_stop(struct sl_stream *stream)
{
    stream->is_reading = false;
    sl_stream_update_flow(stream);
}

static void on_hangup(void *arg)
{
    sl_stream_fail(arg, "the peer hung up");
}

void sl_stream_read_hold(struct sl_stream *stream)
{
    uv_os_fd_t fd;
    sl_stream_read_stop(stream);
    if (!stream->hangup && stream->is_open && !stream->is_closing && uv_fileno(&stream->uv.handle, &fd) == 0) {
        stream->hangup = sl_hangup_new(&stream->loop->uv, fd, on_hangup, stream);
    }
}

void sl_stream_read_into(struct sl_stream *stream, char *p, size_t n)
{
    stream->into = p;
    stream->into_len = n;
}

/* --- writing --- */

/* Up to BUFS_MAX non-empty buffers from the place on; returns their bytes. */
static size_t bufs_fill(const struct sl_slices *c, uv_buf_t bufs[BUFS_MAX], unsigned *ret_n)
{
    size_t total = 0;
    unsigned n = 0;
    size_t offset = c->offset;
    for (const struct sl_str *s = c->slice; s < c->end && n < BUFS_MAX; s++) {
        if (s->n > offset) {
            bufs[n].base = (char *)s->p + offset;
            bufs[n].len = s->n - offset;
            total += bufs[n++].len;
        }
        offset = 0;
    }
    *ret_n = n;
    return total;
}

static int write_failed(struct sl_stream *stream, int r)
{
    bool ends_reading = r == UV_EPIPE || r == UV_ECONNRESET || r == UV_ETIMEDOUT;
    if (ends_reading && stream->is_flowing) {
        if (!stream->is_broken) {
            stream->is_broken = true;
            stream->error = uv_strerror(r);
        }
    } else {
        sl_stream_break(stream, uv_strerror(r));
    }
    return r == UV_ENOMEM ? SL_E_NOMEM : SL_E_IO;
}

void sl_stream_count(struct sl_stream *stream, size_t n)
{
    stream->queued += n;
    if (stream->queued > SL_STREAM_HIGH) {
        stream->was_high = true;
    }
}

void sl_stream_check_drain(struct sl_stream *stream)
{
    if (stream->is_closing || stream->is_broken) {
        return;
    }
    if (stream->queued == 0 || (stream->was_high && stream->queued <= SL_STREAM_LOW)) {
        stream->was_high = false;
        stream->cbs->on_drain(stream);
    }
}

static void on_uv_written(uv_write_t *req, int status)
{
    struct sl_write *write = SL_CONTAINER_OF(req, struct sl_write, req);
    struct sl_stream *stream = write->stream;
    size_t n = write->n;
    free(write);
    if (stream->is_closing) {
        return;
    }
    stream->queued -= n;
    if (status < 0) {
        SL_IGNORE(write_failed(stream, status)); /* reported from there */
        return;
    }
    if (stream->tls) {
        sl_tls_on_sent(stream);
    }
    sl_stream_check_drain(stream);
}

/* Gives the rest to libuv. */
static int stream_queue(struct sl_stream *stream, struct sl_slices *c, bool is_ref)
{
    uv_buf_t bufs[BUFS_MAX];
    unsigned n_bufs;
    size_t n;
    while ((n = bufs_fill(c, bufs, &n_bufs)) > 0) {
        struct sl_write *write = malloc(sizeof(*write) + (is_ref ? 0 : n));
        if (!write) {
            return write_failed(stream, UV_ENOMEM);
        }
        write->stream = stream;
        write->n = n;
        if (!is_ref) {
            char *at = write->copy;
            for (unsigned i = 0; i < n_bufs; i++) {
                memcpy(at, bufs[i].base, bufs[i].len);
                at += bufs[i].len;
            }
            bufs[0] = (uv_buf_t){ .base = write->copy, .len = n };
            n_bufs = 1;
        }
        int r = uv_write(&write->req, &stream->uv.stream, bufs, n_bufs, on_uv_written);
        if (r < 0) {
            free(write);
            return write_failed(stream, r);
        }
        sl_stream_count(stream, n);
        sl_slices_move(c, n);
    }
    return 0;
}

static int stream_put(struct sl_stream *stream, const struct sl_str *slices, size_t n_slices, bool is_ref)
{
    struct sl_slices c = { slices, slices + n_slices, 0 };
    uv_buf_t bufs[BUFS_MAX];
    unsigned n_bufs;
    size_t n;
    while ((n = bufs_fill(&c, bufs, &n_bufs)) > 0) {
        int r = uv_try_write(&stream->uv.stream, bufs, n_bufs); /* EAGAIN also when other writes wait */
        if (r == UV_EAGAIN) {
            return stream_queue(stream, &c, is_ref);
        }
        if (r < 0) {
            return write_failed(stream, r);
        }
        sl_slices_move(&c, (size_t)r);
        if ((size_t)r < n) {
            return stream_queue(stream, &c, is_ref);
        }
    }
    return 0;
}

int sl_stream_send_now(struct sl_stream *stream, struct sl_str bytes)
{
    return stream_put(stream, &bytes, 1, false);
}

int sl_stream_send_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    return stream_put(stream, slices, n, true);
}

int sl_stream_send(struct sl_stream *stream, struct sl_str bytes)
{
    if (uv_stream_get_write_queue_size(&stream->uv.stream) == 0 && sl_soon_put(stream, &bytes, 1)) {
        return 0;
    }
    sl_soon_flush(stream);
    return sl_stream_send_now(stream, bytes);
}

static int stream_write(struct sl_stream *stream, const struct sl_str *slices, size_t n, bool is_ref)
{
    if (SL_UNLIKELY(!stream->is_open || stream->is_closing || stream->is_broken || stream->is_shut)) {
        return SL_E_IO;
    }
    if (stream->tls) {
        return sl_tls_write(stream, slices, n, is_ref);
    }
    sl_soon_flush(stream);
    return stream_put(stream, slices, n, is_ref);
}

int sl_stream_write(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    return stream_write(stream, slices, n, false);
}

int sl_stream_write_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    return stream_write(stream, slices, n, true);
}

/* True: the write may wait for the end of the turn. */
static bool may_wait(const struct sl_stream *stream)
{
    return stream->is_open && !stream->is_closing && !stream->is_broken && !stream->is_shut && !stream->tls &&
           stream->queued == 0;
}

int sl_stream_write_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    return may_wait(stream) && sl_soon_put(stream, slices, n) ? 0 : stream_write(stream, slices, n, false);
}

int sl_stream_write_ref_soon(struct sl_stream *stream, const struct sl_str *slices, size_t n)
{
    bool waits = may_wait(stream) && (sl_soon_put(stream, slices, n) || sl_soon_borrow(stream, slices, n));
    return waits ? 0 : stream_write(stream, slices, n, true);
}

void sl_stream_flush(struct sl_stream *stream)
{
    sl_soon_flush(stream);
}

size_t sl_stream_unsent(const struct sl_stream *stream)
{
    if (!stream->is_open) {
        return 0;
    }
    return uv_stream_get_write_queue_size(&stream->uv.stream) + stream->soon_n + stream->soon_ref_n +
           (stream->tls ? sl_tls_pending(stream->tls) : 0);
}

bool sl_stream_is_flushed(const struct sl_stream *stream)
{
    int n = 0;
    uv_os_fd_t fd;
    if (!stream->is_open || uv_fileno(&stream->uv.handle, &fd) < 0) {
        return true;
    }
    return sl_stream_unsent(stream) == 0 && (ioctl(fd, SIOCOUTQ, &n) < 0 || n == 0);
}

/* --- opening and closing --- */

void sl_stream_init(struct sl_stream *stream, struct sl_loop *loop, const struct sl_stream_cbs *cbs)
{
    *stream = (struct sl_stream){ .loop = loop, .cbs = cbs };
    sl_timer_init(&stream->later, on_later);
}

void sl_tcp_keepalive(int fd, uint64_t usec)
{
    int on = 1, idle = (int)((usec + SL_USEC_PER_SEC - 1) / SL_USEC_PER_SEC), every = SL_MAX(idle / 4, 1), count = 4;
    int protocol = 0;
    socklen_t len = sizeof(protocol);
    if (!usec || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 || protocol != IPPROTO_TCP) {
        return;
    }
    /* The connection works without it, so an error is ignored. */
    SL_IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)));
    SL_IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every)));
    SL_IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count)));
    SL_IGNORE(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
}

int sl_stream_open_fd(struct sl_stream *stream, int fd, bool is_unix)
{
    SL_ASSERT(!stream->is_open && !stream->is_closing);
    int r;
    if (is_unix) {
        r = uv_pipe_init(&stream->loop->uv, &stream->uv.pipe, 0);
    } else {
        int on = 1;
        SL_IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))); /* reading shows it if the peer is gone */
        r = uv_tcp_init(&stream->loop->uv, &stream->uv.tcp);
    }
    if (r < 0) {
        close(fd);
        return SL_E_IO;
    }
    /* Fails only for a descriptor that is no socket or that another handle has. */
    r = is_unix ? uv_pipe_open(&stream->uv.pipe, fd) : uv_tcp_open(&stream->uv.tcp, fd);
    SL_ASSERT(r == 0);
    stream->uv.handle.data = stream;
    stream->is_open = true;
    sl_stream_update_flow(stream);
    return 0;
}

static void on_uv_shut(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status; /* if the peer is gone, reading shows it */
}

void sl_stream_fin(struct sl_stream *stream)
{
    sl_soon_flush(stream);
    SL_IGNORE(uv_shutdown(&stream->shutdown, &stream->uv.stream, on_uv_shut)); /* as in on_uv_shut */
}

void sl_stream_shutdown(struct sl_stream *stream)
{
    if (!stream->is_open || stream->is_closing || stream->is_broken || stream->is_shut) {
        return;
    }
    stream->is_shut = true;
    if (stream->tls) {
        sl_tls_shutdown(stream);
    } else {
        sl_stream_fin(stream);
    }
}

static void on_uv_closed(uv_handle_t *handle)
{
    struct sl_stream *stream = handle->data;
    sl_tls_free(stream->tls);
    stream->tls = NULL;
    stream->on_closed(stream);
}

void sl_stream_close(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream))
{
    SL_ASSERT(!stream->is_closing);
    sl_soon_flush(stream);
    stream->is_closing = true;
    stream->is_flowing = false;
    stream->on_closed = on_closed;
    stream->into_len = 0;
    hangup_forget(stream);
    sl_timer_remove(stream->loop, &stream->later);
    if (stream->is_open) {
        uv_close(&stream->uv.handle, on_uv_closed);
    } else {
        sl_stream_later(stream);
    }
}

void sl_stream_reset(struct sl_stream *stream, void (*on_closed)(struct sl_stream *stream))
{
    uv_os_fd_t fd;
    if (stream->is_open && uv_fileno(&stream->uv.handle, &fd) == 0) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        SL_IGNORE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now))); /* without it, this is a plain close */
    }
    sl_stream_close(stream, on_closed);
}

bool sl_stream_is_secure_or_plain(const struct sl_stream *stream)
{
    return !stream->tls || sl_tls_is_ready(stream->tls);
}

void sl_stream_peer(const struct sl_stream *stream, struct sl_addr *ret)
{
    *ret = (struct sl_addr){ .text = "unknown" };
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } addr;
    socklen_t len = sizeof(addr);
    uv_os_fd_t fd;
    if (!stream->is_open || uv_fileno(&stream->uv.handle, &fd) < 0 || getpeername(fd, &addr.any, &len) < 0) {
        return;
    }
    if (addr.any.sa_family == AF_INET) {
        sl_addr_set(ret, false, (const unsigned char *)&addr.v4.sin_addr, ntohs(addr.v4.sin_port));
    } else if (addr.any.sa_family == AF_INET6) {
        sl_addr_set(ret, true, addr.v6.sin6_addr.s6_addr, ntohs(addr.v6.sin6_port));
    } else {
        snprintf(ret->text, sizeof(ret->text), "unix");
    }
}
