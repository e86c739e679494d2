/* SPDX-License-Identifier: Apache-2.0 */
#include "net/bind.h"
#include "net/listen.h"
#include "net_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
    const char *text;
    int family; /* 0: refused */
    const char *ip;
    uint16_t port;
} parse_cases[] = {
    { "127.0.0.1:5000", AF_INET, "127.0.0.1", 5000 },
    { "0.0.0.0:0", AF_INET, "0.0.0.0", 0 },
    { "localhost:65535", AF_INET, "127.0.0.1", 65535 },
    { "[::1]:5000", AF_INET6, "::1", 5000 },
    { "[2001:db8::2]:80", AF_INET6, "2001:db8::2", 80 },
    { "unix:/run/s.sock", AF_UNIX, "/run/s.sock", 0 },
    { "", 0, NULL, 0 },
    { ":5000", 0, NULL, 0 },
    { "5000", 0, NULL, 0 },
    { "127.0.0.1", 0, NULL, 0 },
    { "127.0.0.1:", 0, NULL, 0 },
    { "127.0.0.1:65536", 0, NULL, 0 },
    { "127.0.0.1:-1", 0, NULL, 0 },
    { "127.0.0.1:5 ", 0, NULL, 0 },
    { "127.0.0.256:5", 0, NULL, 0 },
    { "::1:5000", 0, NULL, 0 },
    { "[::1:5000", 0, NULL, 0 },
    { "[]:5000", 0, NULL, 0 },
    { "[127.0.0.1]:5000", 0, NULL, 0 },
    { "example.com:80", 0, NULL, 0 },
    { "unix:", 0, NULL, 0 },
    { "unix:/a-path-that-is-too-long/"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaa",
      0, NULL, 0 },
};

static void test_bind_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(parse_cases); i++) {
        struct sl_bind_addr addr;
        struct sl_err err;
        int r = sl_bind_parse(sl_str_c(parse_cases[i].text), &addr, &err);
        if (!parse_cases[i].family) {
            assert_int_equal(r, SL_E_INVAL);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(addr.addr.ss_family, parse_cases[i].family);
        assert_string_equal(addr.text, parse_cases[i].text);
        char ip[INET6_ADDRSTRLEN];
        if (addr.is_unix) {
            assert_string_equal(((struct sockaddr_un *)&addr.addr)->sun_path, parse_cases[i].ip);
        } else if (parse_cases[i].family == AF_INET) {
            struct sockaddr_in *in = (struct sockaddr_in *)&addr.addr;
            assert_string_equal(inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip)), parse_cases[i].ip);
            assert_int_equal(ntohs(in->sin_port), parse_cases[i].port);
        } else {
            struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr.addr;
            assert_string_equal(inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip)), parse_cases[i].ip);
            assert_int_equal(ntohs(in6->sin6_port), parse_cases[i].port);
        }
    }
}

static int bind_text(const char *text, struct sl_bind_addr *addr, struct sl_err *err)
{
    assert_int_equal(sl_bind_parse(sl_str_c(text), addr, err), 0);
    return sl_bind_probe(addr, err);
}

static void test_a_port_in_use_is_named(void **state)
{
    (void)state;
    struct sl_bind_addr addr;
    struct sl_err err;
    assert_int_equal(bind_text("127.0.0.1:0", &addr, &err), 0);
    unsigned port = ntohs(((struct sockaddr_in *)&addr.addr)->sin_port);
    assert_true(port != 0);
    /* Two workers of one daemon share it… */
    int fds[2];
    assert_int_equal(sl_bind_listen(&addr, &fds[0], &err), 0);
    assert_int_equal(sl_bind_listen(&addr, &fds[1], &err), 0);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    /* … another daemon does not. */
    char want[100];
    snprintf(want, sizeof(want), "cannot listen on 127.0.0.1:%u: Address already in use", port);
    assert_int_equal(sl_bind_probe(&addr, &err), SL_E_EXISTS);
    assert_string_equal(err.text, want);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(sl_bind_probe(&addr, &err), 0);
    assert_int_equal(bind_text("192.0.2.1:80", &addr, &err), SL_E_IO);
}

static void test_any_takes_both_families(void **state)
{
    (void)state;
    struct sl_bind_addr addr;
    struct sl_err err;
    int fd;
    assert_int_equal(bind_text("*:0", &addr, &err), 0);
    assert_int_equal(sl_bind_listen(&addr, &fd, &err), 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = ((struct sockaddr_in *)&addr.addr)->sin_port,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    close(client);
    close(fd);
}

static void test_unix_sockets_stale_and_live(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-listen-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char text[64];
    snprintf(text, sizeof(text), "unix:%s/s", dir);
    struct sl_bind_addr addr;
    struct sl_err err;
    int fd;
    assert_int_equal(bind_text(text, &addr, &err), 0);
    assert_int_equal(sl_bind_listen(&addr, &fd, &err), 0);
    assert_int_equal(sl_bind_probe(&addr, &err), SL_E_EXISTS);
    close(fd);
    assert_int_equal(access(text + 5, F_OK), 0);
    assert_int_equal(sl_bind_probe(&addr, &err), 0); /* stale: removed */
    assert_int_equal(access(text + 5, F_OK), -1);
    FILE *file = fopen(text + 5, "we");
    fclose(file);
    assert_int_equal(sl_bind_probe(&addr, &err), SL_E_EXISTS); /* not a socket: left alone */
    assert_int_equal(access(text + 5, F_OK), 0);
    sl_bind_unlink(&addr);
    assert_int_equal(access(text + 5, F_OK), -1);
    rmdir(dir);
}

/* --- accepting --- */

#define PEERS_MAX 300

static struct {
    struct sl_listener listener;
    struct peer peers[PEERS_MAX];
    int n_peers, n_accepted, n_refused, n_closed, limit;
    uint16_t port;
} server;

static struct sl_stream *on_connection(struct sl_listener *listener)
{
    if (server.n_peers == server.limit) {
        return NULL;
    }
    struct peer *peer = &server.peers[server.n_peers++];
    peer_init(peer, listener->loop);
    return &peer->stream;
}

static void on_accepted(struct sl_listener *listener, struct sl_stream *stream, int r)
{
    (void)listener;
    assert_int_equal(r, 0);
    assert_ptr_equal(stream, &server.peers[server.n_peers - 1].stream);
    server.n_accepted++;
    sl_stream_read_start(stream);
}

static void on_refuse(struct sl_listener *listener, int fd)
{
    (void)listener;
    assert_int_equal(send(fd, "full", 4, 0), 4);
    server.n_refused++;
}

static void on_closed(struct sl_listener *listener)
{
    (void)listener;
    server.n_closed++;
}

static void server_start(struct sl_loop *loop, int limit)
{
    memset(&server, 0, sizeof(server));
    server.limit = limit;
    struct sl_bind_addr addr;
    struct sl_err err;
    int fd;
    assert_int_equal(bind_text("127.0.0.1:0", &addr, &err), 0);
    assert_int_equal(sl_bind_listen(&addr, &fd, &err), 0);
    server.port = ntohs(((struct sockaddr_in *)&addr.addr)->sin_port);
    server.listener.on_connection = on_connection;
    server.listener.on_accepted = on_accepted;
    server.listener.on_refuse = on_refuse;
    server.listener.on_closed = on_closed;
    assert_int_equal(sl_listener_start(&server.listener, loop, fd, false), 0);
}

static void server_end(struct sl_loop *loop)
{
    if (!server.listener.is_closing) {
        sl_listener_close(&server.listener);
    }
    RUN_UNTIL(loop, server.n_closed == 1);
    for (int i = 0; i < server.n_peers; i++) {
        peers_done(&server.peers[i], NULL);
    }
}

static int client_connect(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(server.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void test_accepts_and_refuses_over_the_limit(void **state)
{
    struct sl_loop *loop = *state;
    server_start(loop, 100);
    int fds[101];
    for (int i = 0; i < 101; i++) {
        fds[i] = client_connect();
        if (i == 100) {
            /* A client that sent data still gets the answer. */
            assert_int_equal(send(fds[i], "GET /", 5, 0), 5);
        }
    }
    RUN_UNTIL(loop, server.n_refused == 1);
    assert_int_equal(server.n_accepted, 100);
    char got[10];
    assert_int_equal(recv(fds[100], got, sizeof(got), 0), 4);
    assert_memory_equal(got, "full", 4);
    assert_int_equal(recv(fds[100], got, sizeof(got), 0), 0);
    for (int i = 0; i < 101; i++) {
        close(fds[i]);
    }
    server_end(loop);
}

static void test_close_takes_what_waits_in_the_queue(void **state)
{
    struct sl_loop *loop = *state;
    server_start(loop, PEERS_MAX);
    int fds[200];
    for (int i = 0; i < 200; i++) {
        fds[i] = client_connect();
    }
    assert_int_equal(server.n_accepted, 0);
    sl_listener_close(&server.listener);
    assert_int_equal(server.n_accepted, 200);
    /* They are served. */
    assert_int_equal(send(fds[199], "x", 1, 0), 1);
    RUN_UNTIL(loop, server.peers[199].got.len == 1);
    for (int i = 0; i < 200; i++) {
        close(fds[i]);
    }
    server_end(loop);
}

static void test_without_descriptors_accepting_pauses(void **state)
{
    struct sl_loop *loop = *state;
    server_start(loop, PEERS_MAX);
    int first = client_connect();
    RUN_UNTIL(loop, server.n_accepted == 1);
    int second = client_connect();
    struct rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    int next = dup(first);
    assert_true(next >= 0);
    close(next);
    struct rlimit tight = { .rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    RUN_UNTIL(loop, server.listener.is_paused);
    assert_int_equal(server.n_accepted, 1);
    /* Who is in is served on. */
    assert_int_equal(send(first, "x", 1, 0), 1);
    RUN_UNTIL(loop, server.peers[0].got.len == 1);
    assert_true(server.listener.is_paused);
    setrlimit(RLIMIT_NOFILE, &old);
    sl_listener_kick(&server.listener);
    assert_false(server.listener.is_paused);
    RUN_UNTIL(loop, server.n_accepted == 2);
    /* Without a kick: by itself. */
    int third = client_connect();
    setrlimit(RLIMIT_NOFILE, &tight);
    RUN_UNTIL(loop, server.listener.is_paused);
    setrlimit(RLIMIT_NOFILE, &old);
    uint64_t then = sl_loop_now(loop);
    RUN_UNTIL(loop, server.n_accepted == 3);
    assert_true(sl_loop_now(loop) - then >= 50000);
    /* And closed while paused. */
    int fourth = client_connect();
    setrlimit(RLIMIT_NOFILE, &tight);
    RUN_UNTIL(loop, server.listener.is_paused);
    sl_listener_close(&server.listener);
    sl_listener_kick(&server.listener);
    setrlimit(RLIMIT_NOFILE, &old);
    close(first);
    close(second);
    close(third);
    close(fourth);
    server_end(loop);
}

static struct sl_stream *close_on_connection(struct sl_listener *listener)
{
    if (!listener->is_closing) {
        sl_listener_close(listener);
    }
    return NULL;
}

static void test_the_listener_may_be_closed_while_accepting(void **state)
{
    struct sl_loop *loop = *state;
    server_start(loop, PEERS_MAX);
    server.listener.on_connection = close_on_connection;
    int a = client_connect();
    int b = client_connect();
    RUN_UNTIL(loop, server.n_closed == 1);
    close(a);
    close(b);
    server_end(loop);
}

static void test_nofile_is_raised(void **state)
{
    (void)state;
    struct rlimit old, now;
    getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit low = { .rlim_cur = 64, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    uint64_t got = sl_raise_nofile();
    getrlimit(RLIMIT_NOFILE, &now);
    assert_int_equal(got, now.rlim_cur);
    assert_int_equal(now.rlim_cur, old.rlim_max);
    setrlimit(RLIMIT_NOFILE, &old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind_addresses),
        cmocka_unit_test(test_a_port_in_use_is_named),
        cmocka_unit_test(test_any_takes_both_families),
        cmocka_unit_test(test_unix_sockets_stale_and_live),
        cmocka_unit_test_setup_teardown(test_accepts_and_refuses_over_the_limit, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_close_takes_what_waits_in_the_queue, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_without_descriptors_accepting_pauses, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_the_listener_may_be_closed_while_accepting, setup_loop, teardown_loop),
        cmocka_unit_test(test_nofile_is_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
