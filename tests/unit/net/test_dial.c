/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "fake_dns.h"
#include "net/addr.h"
#include "net/dial.h"
#include "net/resolve.h"

struct result {
    struct peer peer;
    struct sl_dial *dial;
    int n;
    enum sl_dial_result result;
    char text[512];
};

static void on_done(void *arg, enum sl_dial_result result, const char *text)
{
    struct result *r = arg;
    r->n++;
    r->result = result;
    snprintf(r->text, sizeof(r->text), "%s", text);
}

static void dial(struct result *r, struct sl_loop *loop, const char *host, uint16_t port, unsigned msec)
{
    memset(r, 0, sizeof(*r));
    peer_init(&r->peer, loop);
    assert_int_equal(sl_dial_start(loop, sl_str_c(host), port, sl_loop_now(loop) + msec * 1000ULL, &r->peer.stream,
                                   on_done, r, &r->dial),
                     0);
    assert_int_equal(r->n, 0);
}

/* Waits until it ends; the text must be `want` ("%P": the port). */
static void dial_ends(struct result *r, enum sl_dial_result result, const char *want)
{
    RUN_UNTIL(r->peer.stream.loop, r->n == 1);
    assert_int_equal(r->result, result);
    assert_int_equal(r->peer.stream.is_open, result == SL_DIAL_OK);
    if (want) {
        assert_string_equal(r->text, want);
    }
    loop_turn(r->peer.stream.loop);
    assert_int_equal(r->n, 1);
}

/* A listening socket at another loopback address. */
static int listen_at(const char *ip, uint16_t port, int backlog)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, ip, &addr.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* An address that does not answer: its queue is full, and Linux drops new connections. */
struct deaf {
    int listener, fillers[4];
};

static void deaf_start(struct deaf *deaf, const char *ip, uint16_t port)
{
    deaf->listener = listen_at(ip, port, 0);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, ip, &addr.sin_addr);
    for (size_t i = 0; i < SL_ARRAY_LEN(deaf->fillers); i++) {
        deaf->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        SL_IGNORE(connect(deaf->fillers[i], (struct sockaddr *)&addr, sizeof(addr))); /* in progress */
    }
}

static void deaf_end(struct deaf *deaf)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(deaf->fillers); i++) {
        close(deaf->fillers[i]);
    }
    close(deaf->listener);
}

static int setup(void **state)
{
    fake_dns_start();
    return setup_loop(state);
}

static int teardown(void **state)
{
    fake_dns_stop();
    return teardown_loop(state);
}

static void test_literals_and_names(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    uint16_t port;
    int listener = listen_on(AF_INET, &port);
    fake_dns_set("api.example", "127.0.0.1");
    const char *hosts[] = { "127.0.0.1", "api.example", "API.example" };
    for (size_t i = 0; i < SL_ARRAY_LEN(hosts); i++) {
        dial(&r, loop, hosts[i], port, 5000);
        dial_ends(&r, SL_DIAL_OK, NULL);
        /* The stream works. */
        int fd = accept(listener, NULL, NULL);
        sl_stream_read_start(&r.peer.stream);
        assert_int_equal(peer_write(&r.peer, "ping"), 0);
        char got[5] = "";
        assert_int_equal(recv(fd, got, 4, MSG_WAITALL), 4);
        assert_string_equal(got, "ping");
        assert_int_equal(send(fd, "pong", 4, 0), 4);
        RUN_UNTIL(loop, r.peer.got.len == 4);
        struct sl_addr addr;
        sl_stream_peer(&r.peer.stream, &addr);
        assert_int_equal(addr.port, port);
        close(fd);
        peers_done(&r.peer, NULL);
    }
    assert_int_equal(fake_dns_calls("127.0.0.1"), 0);
    close(listener);

    listener = listen_on(AF_INET6, &port);
    if (listener >= 0) {
        dial(&r, loop, "::1", port, 5000);
        dial_ends(&r, SL_DIAL_OK, NULL);
        peers_done(&r.peer, NULL);
        close(listener);
    }
}

/* Checked at the connect, after resolving: a name that changes to an inner address after the check gains nothing. */
static void test_guard(void **state)
{
    struct sl_loop *loop = *state;
    struct sl_cidr allowed;
    struct sl_guard closed = { { NULL, 0 } }, open = { { &allowed, 1 } };
    struct result r;
    uint16_t port;
    int listener = listen_on(AF_INET, &port);
    assert_int_equal(sl_cidr_parse(SL_STR("127.0.0.0/8"), &allowed), 0);
    static const struct {
        const char *host, *addrs; /* addrs NULL: a literal */
        bool is_open;
    } rows[] = {
        { "127.0.0.1", NULL, false },
        { "::ffff:127.0.0.1", NULL, false },
        { "rebind.example", "127.0.0.1", false },
        { "2130706433", "127.0.0.1", false },
        { "0x7f.1", "127.0.0.1", false },
        { "inside.example", "::1 10.0.0.1 169.254.169.254", false },
        { "127.0.0.1", NULL, true },
        { "rebind.example", "127.0.0.1", true },
        { "both.example", "10.0.0.1 127.0.0.1", true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].addrs) {
            fake_dns_set(rows[i].host, rows[i].addrs);
        }
        memset(&r, 0, sizeof(r));
        peer_init(&r.peer, loop);
        assert_int_equal(sl_dial_start_guarded(loop, sl_str_c(rows[i].host), port, rows[i].is_open ? &open : &closed,
                                               sl_loop_now(loop) + 5000000, &r.peer.stream, on_done, &r, &r.dial),
                         0);
        dial_ends(&r, rows[i].is_open ? SL_DIAL_OK : SL_DIAL_GUARDED, NULL);
        if (!rows[i].is_open) {
            assert_non_null(strstr(r.text, "is no public address"));
        }
        peers_done(&r.peer, NULL);
    }
    close(listener);
}

static void test_refused(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    int held;
    uint16_t port = dead_port(&held);
    char want[100];
    snprintf(want, sizeof(want), "connection refused by 127.0.0.1:%u", port);
    dial(&r, loop, "127.0.0.1", port, 5000);
    dial_ends(&r, SL_DIAL_CONNECT_FAILED, want);
    peers_done(&r.peer, NULL);
    /* An address that the machine cannot reach at all is not the one that is reported. */
    fake_dns_set("api.example", "2001:db8::1 127.0.0.1");
    dial(&r, loop, "api.example", port, 400);
    RUN_UNTIL(loop, r.n == 1);
    if (r.result == SL_DIAL_CONNECT_FAILED) {
        assert_string_equal(r.text, want);
    } else { /* if IPv6 works, that address takes its time */
        assert_int_equal(r.result, SL_DIAL_TIMEOUT);
        assert_non_null(strstr(r.text, want));
    }
    peers_done(&r.peer, NULL);
    /* connect(2) fails at once: reported later all the same. */
    dial(&r, loop, "255.255.255.255", port, 5000);
    dial_ends(&r, SL_DIAL_CONNECT_FAILED, NULL);
    assert_non_null(strstr(r.text, "cannot connect to 255.255.255.255:"));
    peers_done(&r.peer, NULL);
    close(held);
}

/* The process has no descriptor left: that is not the fault of the upstream. */
static void test_no_descriptor_left(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    struct rlimit before, none;
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next; /* the lowest that is free is beyond it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    dial(&r, loop, "127.0.0.1", 9, 5000);
    RUN_UNTIL(loop, r.n == 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    dial_ends(&r, SL_DIAL_SPENT,
              "the gateway cannot open a connection to an upstream: Too many open files: raise the limit (ulimit -n, "
              "LimitNOFILE)");
    peers_done(&r.peer, NULL);
}

/* The text for callers who must not know the address. */
static void test_texts_lose_their_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "connection refused by 10.0.0.7:443", "connection refused by its address" },
        { "cannot connect to [fd00::7]:443: No route to host", "cannot connect to its address: No route to host" },
        { "no connection to api.example:443 in time; connection refused by 10.0.0.7:443",
          "no connection to api.example:443 in time; connection refused by its address" },
        { "no connection to 10.0.0.7:443 in time; cannot connect to ::1: x",
          "no connection to its address in time; cannot connect to its address: x" },
        { "10.0.0.7 is no public address", "its address is no public address" },
        { "cannot resolve api.example: 12:34", "cannot resolve api.example: 12:34" },
        { "", "" },
        { "  two  blanks ", "  two  blanks " },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_str got = sl_addr_hide(sl_str_c(rows[i].text), &arena);
        if (!sl_str_eq_c(got, rows[i].want)) {
            fail_msg("'%s': '%.*s'", rows[i].text, SL_STR_ARG(got));
        }
    }
    sl_arena_done(&arena);
}

static void test_a_refused_address_is_followed_by_the_next_at_once(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    int held;
    uint16_t port = dead_port(&held);
    int listener = listen_at("127.0.0.4", port, 16);
    fake_dns_set("api.example", "127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4");
    uint64_t then = sl_loop_now(loop);
    dial(&r, loop, "api.example", port, 5000);
    dial_ends(&r, SL_DIAL_OK, NULL);
    assert_true(sl_loop_now(loop) - then < SL_DIAL_STAGGER_USEC);
    struct sl_addr addr;
    sl_stream_peer(&r.peer.stream, &addr);
    assert_string_equal(addr.text, "127.0.0.4");
    peers_done(&r.peer, NULL);
    close(listener);
    close(held);
}

static void test_a_silent_address_is_overtaken(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    struct deaf deaf;
    int held;
    uint16_t port = dead_port(&held);
    close(held);
    deaf_start(&deaf, "127.0.0.1", port);
    int listener = listen_at("127.0.0.2", port, 16);
    fake_dns_set("api.example", "127.0.0.1 127.0.0.2");
    uint64_t then = sl_loop_now(loop);
    dial(&r, loop, "api.example", port, 5000);
    dial_ends(&r, SL_DIAL_OK, NULL);
    assert_true(sl_loop_now(loop) - then >= SL_DIAL_STAGGER_USEC);
    struct sl_addr addr;
    sl_stream_peer(&r.peer.stream, &addr);
    assert_string_equal(addr.text, "127.0.0.2");
    peers_done(&r.peer, NULL);
    close(listener);

    /* Alone, it takes until the deadline; after a cancel, no callback comes. */
    dial(&r, loop, "127.0.0.1", port, 60);
    struct result other;
    dial(&other, loop, "127.0.0.1", port, 10);
    sl_dial_cancel(other.dial);
    peers_done(&other.peer, NULL);
    char want[100];
    snprintf(want, sizeof(want), "no connection to 127.0.0.1:%u in time", port);
    dial_ends(&r, SL_DIAL_TIMEOUT, want);
    assert_int_equal(other.n, 0);
    peers_done(&r.peer, NULL);
    deaf_end(&deaf);
}

static void test_resolving_fails_or_takes_too_long(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    dial(&r, loop, "unknown.example", 80, 5000);
    dial_ends(&r, SL_DIAL_RESOLVE_FAILED, "cannot resolve unknown.example: Name or service not known");
    peers_done(&r.peer, NULL);
    dial(&r, loop, "", 80, 5000);
    dial_ends(&r, SL_DIAL_RESOLVE_FAILED, "cannot resolve : not a host name");
    peers_done(&r.peer, NULL);

    fake_dns_hang("slow.example", true);
    dial(&r, loop, "slow.example", 80, 30);
    struct result other;
    dial(&other, loop, "slow.example", 80, 5000);
    dial_ends(&r, SL_DIAL_TIMEOUT, "resolving slow.example takes too long");
    peers_done(&r.peer, NULL);
    sl_dial_cancel(other.dial);
    peers_done(&other.peer, NULL);
    fake_dns_hang("slow.example", false);
    RUN_UNTIL(loop, fake_dns_running() == 0);
    assert_int_equal(other.n, 0);
    /* Ends the look-up for certain, before the table is emptied. */
    dial(&r, loop, "slow.example", 80, 5000);
    dial_ends(&r, SL_DIAL_RESOLVE_FAILED, NULL);
    peers_done(&r.peer, NULL);
}

static void test_a_slow_refresh_is_not_waited_for(void **state)
{
    struct sl_loop *loop = *state;
    struct result r;
    uint16_t port;
    int listener = listen_on(AF_INET, &port);
    fake_dns_set("api.example", "127.0.0.1");
    dial(&r, loop, "api.example", port, 5000);
    dial_ends(&r, SL_DIAL_OK, NULL);
    peers_done(&r.peer, NULL);
    fake_dns_pass(60);
    fake_dns_hang("api.example", true);
    dial(&r, loop, "api.example", port, 5000);
    dial_ends(&r, SL_DIAL_OK, NULL);
    assert_int_equal(fake_dns_running(), 1);
    peers_done(&r.peer, NULL);
    fake_dns_hang("api.example", false);
    dial(&r, loop, "api.example", port, 5000);
    dial_ends(&r, SL_DIAL_OK, NULL);
    peers_done(&r.peer, NULL);
    close(listener);
}

static void on_done_cancel_other(void *arg, enum sl_dial_result result, const char *text)
{
    struct result *r = arg;
    on_done(arg, result, text);
    struct result *other = r->peer.arg;
    sl_dial_cancel(other->dial);
}

static void test_a_cancelled_answer_on_its_way_is_dropped(void **state)
{
    /* Both wait for one look-up; the first callback cancels the second, whose answer is posted already. */
    struct sl_loop *loop = *state;
    struct result a, b;
    fake_dns_hang("unknown.example", true);
    memset(&a, 0, sizeof(a));
    peer_init(&a.peer, loop);
    a.peer.arg = &b;
    assert_int_equal(sl_dial_start(loop, SL_STR("unknown.example"), 80, sl_loop_now(loop) + 5000000, &a.peer.stream,
                                   on_done_cancel_other, &a, &a.dial),
                     0);
    dial(&b, loop, "unknown.example", 80, 5000);
    fake_dns_hang("unknown.example", false);
    dial_ends(&a, SL_DIAL_RESOLVE_FAILED, NULL);
    loop_spend(loop, 5000);
    assert_int_equal(b.n, 0);
    peers_done(&a.peer, NULL);
    peers_done(&b.peer, NULL);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(test_literals_and_names),
        NET_TEST(test_guard),
        NET_TEST(test_refused),
        NET_TEST(test_no_descriptor_left),
        NET_TEST(test_texts_lose_their_addresses),
        NET_TEST(test_a_refused_address_is_followed_by_the_next_at_once),
        NET_TEST(test_a_silent_address_is_overtaken),
        NET_TEST(test_resolving_fails_or_takes_too_long),
        NET_TEST(test_a_slow_refresh_is_not_waited_for),
        NET_TEST(test_a_cancelled_answer_on_its_way_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
