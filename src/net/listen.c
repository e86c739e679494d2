/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

/* How many connections are accepted in a turn, so that many new ones do not starve those that are being served. */
#define ACCEPTS_A_TURN 64
/* At the close: the most that a listen queue can hold (SL_BACKLOG), and connections that came meanwhile. */
#define ACCEPTS_AT_CLOSE 8192
#define PAUSE_USEC       100000
/* How often a lasting problem is logged. */
#define TOLD_AGAIN_USEC (60 * SL_USEC_PER_SEC)
#define CLOSE_USEC      50000

static void on_uv_poll(uv_poll_t *poll, int status, int events);

static void listener_resume(struct sl_listener *listener)
{
    listener->is_paused = false;
    sl_timer_clear(&listener->retry);
    int r = uv_poll_start(&listener->poll, UV_READABLE, on_uv_poll);
    SL_ASSERT(r == 0);
}

static void listener_pause(struct sl_listener *listener, int why)
{
    uint64_t now = sl_loop_now(listener->loop);
    if (!listener->told_usec || now - listener->told_usec >= TOLD_AGAIN_USEC) {
        listener->told_usec = now;
        sl_log(SL_LOG_WARNING, "serve", "cannot accept a connection: %s; new ones wait until some are closed%s",
               strerror(why),
               why == EMFILE ? ": raise the limit (ulimit -n, LimitNOFILE) or lower server.limits.connections" : "");
    }
    listener->is_paused = true;
    listener->loop->starved_usec = now;
    uv_poll_stop(&listener->poll);
    sl_timer_set(listener->loop, &listener->retry, now + PAUSE_USEC);
}

static void listener_refuse(struct sl_listener *listener, int fd)
{
    if (listener->on_refuse) {
        listener->on_refuse(listener, fd);
        /* Unread bytes of the peer would turn the close into a reset, and that would remove our answer. */
        char sink[4096];
        shutdown(fd, SHUT_WR);
        SL_IGNORE(recv(fd, sink, sizeof(sink), MSG_DONTWAIT)); /* there may be nothing to drop */
    }
    close(fd);
}

/* False: no further connection for now. */
static bool listener_accept(struct sl_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        switch (errno) {
        case EAGAIN:
            return false;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
            if (!listener->is_closing) {
                listener_pause(listener, errno);
            }
            return false;
        default: /* only this connection is gone, see accept(2) */
            return true;
        }
    }
    struct sl_stream *stream = listener->on_connection(listener);
    if (!stream) {
        listener_refuse(listener, fd);
        return true;
    }
    listener->on_accepted(listener, stream, sl_stream_open_fd(stream, fd, listener->is_unix));
    return true;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* accept reports an error on the socket */
    (void)events;
    struct sl_listener *listener = poll->data;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (!listener_accept(listener) || listener->is_closing) {
            return;
        }
    }
}

static void listener_finish(struct sl_listener *listener);

static void on_retry(struct sl_timer *timer)
{
    struct sl_listener *listener = SL_CONTAINER_OF(timer, struct sl_listener, retry);
    if (listener->is_closing) {
        listener_finish(listener);
    } else {
        listener_resume(listener);
    }
}

int sl_listener_start(struct sl_listener *listener, struct sl_loop *loop, int fd, bool is_unix)
{
    listener->loop = loop;
    listener->fd = fd;
    listener->is_unix = is_unix;
    listener->is_paused = false;
    listener->is_closing = false;
    sl_timer_init(&listener->retry, on_retry);
    if (uv_poll_init(&loop->uv, &listener->poll, fd) < 0) {
        close(fd);
        return SL_E_IO;
    }
    listener->poll.data = listener;
    listener_resume(listener);
    return 0;
}

void sl_listener_kick(struct sl_listener *listener)
{
    if (listener->is_paused && !listener->is_closing) {
        listener_resume(listener);
    }
}

static void on_uv_closed(uv_handle_t *handle)
{
    struct sl_listener *listener = handle->data;
    if (listener->on_closed) {
        listener->on_closed(listener);
    }
}

static void queue_accept(struct sl_listener *listener)
{
    for (int i = 0; i < ACCEPTS_AT_CLOSE && listener_accept(listener); i++) {
    }
}

static void listener_finish(struct sl_listener *listener)
{
    queue_accept(listener);
    sl_timer_remove(listener->loop, &listener->retry);
    uv_close((uv_handle_t *)&listener->poll, on_uv_closed);
    close(listener->fd); /* libuv no longer watches it */
}

/* From now on the kernel drops each SYN to this socket. False: it does not. */
static bool handshakes_stop(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),           /* the flags of the TCP header */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1), /* SYN */
        BPF_STMT(BPF_RET | BPF_K, 0),                     /* drop */
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),            /* pass */
    };
    struct sock_fprog program = { SL_ARRAY_LEN(code), code };
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

void sl_listener_close(struct sl_listener *listener)
{
    SL_ASSERT(!listener->is_closing);
    listener->is_closing = true;
    if (listener->is_unix || listener->is_inherited || !handshakes_stop(listener->fd)) {
        listener_finish(listener);
        return;
    }
    queue_accept(listener);
    sl_timer_set(listener->loop, &listener->retry, sl_loop_now(listener->loop) + CLOSE_USEC);
}

uint64_t sl_raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 1024; /* the usual minimum of POSIX systems */
    }
    rlim_t now = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return now;
    }
    return limit.rlim_cur;
}
