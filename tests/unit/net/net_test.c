/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_turn_over(struct sl_timer *timer)
{
    (void)timer;
}

void loop_turn(struct sl_loop *loop)
{
    struct sl_timer timer;
    sl_timer_init(&timer, on_turn_over);
    sl_timer_set(loop, &timer, sl_loop_now(loop) + 10000);
    uv_run(&loop->uv, UV_RUN_ONCE);
    sl_timer_remove(loop, &timer);
}

void loop_spend(struct sl_loop *loop, uint64_t usec)
{
    uint64_t until = sl_loop_now(loop) + usec;
    while (sl_loop_now(loop) < until) {
        loop_turn(loop);
    }
}

int setup_loop(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    struct sl_loop *loop = malloc(sizeof(*loop));
    struct sl_err err;
    if (!loop || sl_loop_init(loop, &err) < 0) {
        return -1;
    }
    *state = loop;
    return 0;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
    (void)handle;
    ++*(int *)arg;
}

int teardown_loop(void **state)
{
    struct sl_loop *loop = *state;
    int n = 0;
    uv_walk(&loop->uv, on_walk, &n);
    if (n > 4) { /* its clock, its next turn, its turn's end and its posts: the test failed half-way */
        return -1;
    }
    sl_loop_done(loop);
    free(*state);
    return 0;
}

static void on_read(struct sl_stream *stream, struct sl_str bytes)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_int_equal(peer->n_closed, 0);
    assert_false(stream->is_closing);
    assert_true(bytes.n > 0);
    sl_buf_add_str(&peer->got, bytes);
    peer->n_reads++;
    if (peer->then_read) {
        peer->then_read(peer, bytes);
    }
}

static void on_eof(struct sl_stream *stream)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_false(stream->is_closing);
    peer->n_eofs++;
    if (peer->then_eof) {
        peer->then_eof(peer);
    }
}

static void on_error(struct sl_stream *stream, const char *text)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_false(stream->is_closing);
    peer->n_errors++;
    snprintf(peer->error, sizeof(peer->error), "%s", text);
    if (peer->then_error) {
        peer->then_error(peer);
    }
}

static void on_drain(struct sl_stream *stream)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_false(stream->is_closing);
    peer->n_drains++;
    if (peer->then_drain) {
        peer->then_drain(peer);
    }
}

static void on_queued(struct sl_stream *stream)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_false(stream->is_closing);
    assert_true(stream->queued > 0);
    peer->n_queued++;
    if (peer->then_queued) {
        peer->then_queued(peer);
    }
}

static void on_secure(struct sl_stream *stream)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    assert_false(stream->is_closing);
    assert_true(sl_stream_is_secure_or_plain(stream));
    peer->n_secure++;
    if (peer->then_secure) {
        peer->then_secure(peer);
    }
}

static const struct sl_stream_cbs peer_cbs = { on_read, on_eof, on_error, on_drain, on_queued, on_secure };

void peer_init(struct peer *peer, struct sl_loop *loop)
{
    *peer = (struct peer){ 0 };
    sl_buf_init(&peer->got, 256 * 1024 * 1024);
    sl_stream_init(&peer->stream, loop, &peer_cbs);
}

int listen_on(int family, uint16_t *ret_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr = { .any = { .sa_family = (sa_family_t)family } };
    socklen_t len = sizeof(addr.v4);
    if (family == AF_INET6) {
        addr.v6.sin6_addr = in6addr_loopback;
        len = sizeof(addr.v6);
    } else {
        addr.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, &addr.any, len) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, &addr.any, &len), 0);
    *ret_port = ntohs(family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
    return fd;
}

uint16_t dead_port(int *ret_fd)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

void fds_connect(int fds[2])
{
    uint16_t port;
    int listener = listen_on(AF_INET, &port);
    assert_true(listener >= 0);
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fds[1] >= 0);
    close(listener);
}

void peers_connect(struct peer *a, struct peer *b, struct sl_loop *loop, bool is_unix)
{
    int fds[2];
    if (is_unix) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    } else {
        fds_connect(fds);
    }
    peer_init(a, loop);
    peer_init(b, loop);
    assert_int_equal(sl_stream_open_fd(&a->stream, fds[0], is_unix), 0);
    assert_int_equal(sl_stream_open_fd(&b->stream, fds[1], is_unix), 0);
}

static void on_closed(struct sl_stream *stream)
{
    struct peer *peer = SL_CONTAINER_OF(stream, struct peer, stream);
    peer->n_closed++;
}

void peer_close(struct peer *peer)
{
    sl_stream_close(&peer->stream, on_closed);
    assert_int_equal(peer->n_closed, 0);
}

void peers_done(struct peer *a, struct peer *b)
{
    struct sl_loop *loop = a->stream.loop;
    struct peer *both[] = { a, b };
    for (size_t i = 0; i < 2 && both[i]; i++) {
        if (!both[i]->stream.is_closing) {
            peer_close(both[i]);
        }
        RUN_UNTIL(loop, both[i]->n_closed == 1);
        sl_buf_done(&both[i]->got);
    }
}

int peer_write(struct peer *peer, const char *text)
{
    struct sl_str slice = sl_str_c(text);
    return sl_stream_write(&peer->stream, &slice, 1);
}
