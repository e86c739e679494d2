/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

/* Connections taken a turn, so that a flood of new ones does not starve those that are being served. */
#define ACCEPTS_A_TURN 64
/* At the close: what a listen queue can hold at most (SL_BACKLOG), and those that came meanwhile. */
#define ACCEPTS_AT_CLOSE 8192
#define BACKLOG          4096
#define PAUSE_USEC       100000
/* As long as it lasts, it is told so often. */
#define TOLD_AGAIN_USEC (60 * SL_USEC_PER_SEC)
#define CLOSE_USEC      50000

/* --- addresses --- */

static int bind_parse_unix(struct sl_str path, struct sl_bind_addr *addr, struct sl_err *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&addr->addr;
    if (path.n == 0 || path.n >= sizeof(un->sun_path) || memchr(path.p, 0, path.n)) {
        return sl_fail(err, SL_E_INVAL, "unix:%.*s: the path of a unix socket has 1 to %zu bytes", SL_STR_ARG(path),
                       sizeof(un->sun_path) - 1);
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    addr->is_unix = true;
    return 0;
}

static void bind_set_v4(struct sl_bind_addr *addr, uint32_t ip, uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&addr->addr;
    *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
    addr->len = sizeof(*in);
}

static void bind_set_v6(struct sl_bind_addr *addr, const struct in6_addr *ip, uint16_t port)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->addr;
    *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *ip };
    addr->len = sizeof(*in6);
}

bool sl_bind_is_local(const struct sl_bind_addr *addr)
{
    if (addr->is_unix) {
        return true;
    }
    if (addr->addr.ss_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)&addr->addr)->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&addr->addr)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static bool machine_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* `host` as written before the port; false: not an address. */
static bool bind_set_host(struct sl_bind_addr *addr, struct sl_str host, uint16_t port)
{
    char text[INET6_ADDRSTRLEN + 2] = "";
    struct in_addr v4;
    struct in6_addr v6;
    if (sl_str_eq_c(host, "*")) {
        if (machine_has_ipv6()) {
            bind_set_v6(addr, &in6addr_any, port);
        } else {
            bind_set_v4(addr, INADDR_ANY, port);
        }
        return true;
    }
    if (sl_str_case_eq(host, SL_STR("localhost"))) {
        bind_set_v4(addr, INADDR_LOOPBACK, port);
        return true;
    }
    if (host.n >= sizeof(text)) {
        return false;
    }
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        memcpy(text, host.p + 1, host.n - 2);
        if (strlen(text) != host.n - 2 || inet_pton(AF_INET6, text, &v6) != 1) {
            return false;
        }
        bind_set_v6(addr, &v6, port);
        return true;
    }
    memcpy(text, host.p, host.n);
    if (strlen(text) != host.n || inet_pton(AF_INET, text, &v4) != 1) {
        return false;
    }
    bind_set_v4(addr, ntohl(v4.s_addr), port);
    return true;
}

int sl_bind_parse(struct sl_str text, struct sl_bind_addr *ret, struct sl_err *err)
{
    struct sl_bind_addr addr = { 0 };
    if (sl_str_has_prefix(text, SL_STR("unix:"))) {
        int r = bind_parse_unix(sl_str_sub(text, 5, text.n), &addr, err);
        if (r < 0) {
            return r;
        }
    } else {
        const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
        uint64_t port;
        if (!colon || sl_parse_u64(sl_str_sub(text, (size_t)(colon - text.p) + 1, text.n), 0, UINT16_MAX, &port) < 0 ||
            !bind_set_host(&addr, sl_str_make(text.p, (size_t)(colon - text.p)), (uint16_t)port)) {
            return sl_fail(err, SL_E_INVAL,
                           "\"%.*s\" is no address to listen on: expected IP:PORT, [IPv6]:PORT, localhost:PORT, *:PORT "
                           "or unix:/path",
                           SL_STR_ARG(text));
        }
    }
    snprintf(addr.text, sizeof(addr.text), "%.*s", SL_STR_ARG(text));
    *ret = addr;
    return 0;
}

/* --- binding --- */

static int bind_fail(const struct sl_bind_addr *addr, int error, struct sl_err *err)
{
    const char *hint = "";
    if (error == EADDRNOTAVAIL) {
        hint = " (no interface of this machine has it)";
    } else if (error == EACCES && !addr->is_unix) {
        hint = " (a low port needs CAP_NET_BIND_SERVICE, in a systemd unit AmbientCapabilities=)";
    }
    return sl_fail(err, error == EADDRINUSE ? SL_E_EXISTS : SL_E_IO, "cannot listen on %s: %s%s", addr->text,
                   strerror(error), hint);
}

/* A bound socket, or the error is told. */
static int bind_open(const struct sl_bind_addr *addr, bool is_shared, int *ret_fd, struct sl_err *err)
{
    int fd = socket(addr->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bind_fail(addr, errno, err);
    }
    int on = 1;
    int v6_only = addr->text[0] != '*';
    bool ok = true;
    if (!addr->is_unix) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
             (!is_shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
    }
    if (ok && addr->addr.ss_family == AF_INET6) {
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0;
    }
    if (!ok || bind(fd, (const struct sockaddr *)&addr->addr, addr->len) < 0) {
        int error = errno;
        close(fd);
        return bind_fail(addr, error, err);
    }
    *ret_fd = fd;
    return 0;
}

static int bind_probe_unix(const struct sl_bind_addr *addr, struct sl_err *err)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->addr;
    struct stat st;
    if (lstat(un->sun_path, &st) < 0) {
        return errno == ENOENT ? 0 : bind_fail(addr, errno, err);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return sl_fail(err, SL_E_EXISTS, "cannot listen on %s: a file that is no socket is there", addr->text);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bind_fail(addr, errno, err);
    }
    int r = connect(fd, (const struct sockaddr *)&addr->addr, addr->len);
    int error = errno;
    close(fd);
    if (r < 0 && error == ECONNREFUSED) { /* EAGAIN would be a live one whose queue is full */
        return unlink(un->sun_path) == 0 || errno == ENOENT ? 0 : bind_fail(addr, errno, err);
    }
    return bind_fail(addr, EADDRINUSE, err);
}

int sl_bind_probe(struct sl_bind_addr *io_addr, struct sl_err *err)
{
    if (io_addr->is_unix) {
        return bind_probe_unix(io_addr, err);
    }
    int fd = -1;
    int r = bind_open(io_addr, false, &fd, err);
    if (r < 0) {
        return r;
    }
    /* The port is at the same place in both families' addresses. */
    struct sockaddr_in *in = (struct sockaddr_in *)&io_addr->addr;
    if (in->sin_port == 0) {
        struct sockaddr_storage got;
        socklen_t len = sizeof(got);
        if (getsockname(fd, (struct sockaddr *)&got, &len) < 0) {
            r = bind_fail(io_addr, errno, err);
        } else {
            in->sin_port = ((struct sockaddr_in *)&got)->sin_port;
            char *colon = strrchr(io_addr->text, ':');
            SL_ASSERT(colon);
            snprintf(colon, sizeof(io_addr->text) - (size_t)(colon - io_addr->text), ":%u", ntohs(in->sin_port));
        }
    }
    close(fd);
    return r;
}

int sl_bind_listen(const struct sl_bind_addr *addr, int *ret_fd, struct sl_err *err)
{
    int fd = -1;
    int r = bind_open(addr, true, &fd, err);
    if (r < 0) {
        return r;
    }
    if (listen(fd, BACKLOG) < 0) {
        r = bind_fail(addr, errno, err);
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

void sl_bind_unlink(const struct sl_bind_addr *addr)
{
    if (addr->is_unix) {
        SL_IGNORE(unlink(((const struct sockaddr_un *)&addr->addr)->sun_path)); /* the next start removes it */
    }
}

/* --- accepting --- */

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
    uv_poll_stop(&listener->poll);
    sl_timer_set(listener->loop, &listener->retry, now + PAUSE_USEC);
}

static void listener_refuse(struct sl_listener *listener, int fd)
{
    if (listener->on_refuse) {
        listener->on_refuse(listener, fd);
        /* What the peer has sent would turn the close into a reset, and that would take our words with it. */
        char sink[4096];
        shutdown(fd, SHUT_WR);
        SL_IGNORE(recv(fd, sink, sizeof(sink), MSG_DONTWAIT)); /* nothing there: nothing to drop */
    }
    close(fd);
}

/* False: no more for now. */
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
        default: /* that one connection is gone already, accept(2) */
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
    (void)status; /* an error on the socket shows in accept */
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
        return 1024; /* POSIX systems' usual least */
    }
    rlim_t now = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return now;
    }
    return limit.rlim_cur;
}
