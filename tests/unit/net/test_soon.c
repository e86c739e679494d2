/* SPDX-License-Identifier: Apache-2.0 */
/* Short messages are sent at the end of a turn; no other action on their stream comes before them. */
#include "net_test.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int fd_of(const struct peer *peer)
{
    uv_os_fd_t fd = -1;
    assert_int_equal(uv_fileno(&peer->stream.uv.handle, &fd), 0);
    return fd;
}

/* Bytes that have come to it and that nobody has read. */
static int come(const struct peer *peer)
{
    int n = -1;
    assert_int_equal(ioctl(fd_of(peer), FIONREAD, &n), 0);
    return n;
}

static int write_soon(struct peer *peer, const char *text)
{
    struct sl_str slices[] = { SL_STR_NONE, sl_str_c(text), SL_STR("") };
    return sl_stream_write_soon(&peer->stream, slices, SL_ARRAY_LEN(slices));
}

static void test_messages_leave_at_the_turns_end(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b, c, d;
    for (int is_unix = 0; is_unix < 2; is_unix++) {
        peers_connect(&a, &b, loop, is_unix);
        peers_connect(&c, &d, loop, is_unix);
        assert_int_equal(write_soon(&a, "one "), 0);
        assert_int_equal(write_soon(&a, "two "), 0);
        assert_int_equal(write_soon(&c, "three"), 0);
        assert_int_equal(a.stream.queued, 0);
        assert_int_equal(sl_stream_unsent(&a.stream), 8);
        assert_false(sl_stream_is_flushed(&a.stream));
        assert_int_equal(come(&b) + come(&d), 0);
        loop_turn(loop);
        assert_int_equal(sl_stream_unsent(&a.stream), 0);
        assert_int_equal(come(&b), 8);
        assert_int_equal(come(&d), 5);
        sl_stream_read_start(&b.stream);
        sl_stream_read_start(&d.stream);
        RUN_UNTIL(loop, b.got.len == 8 && d.got.len == 5);
        assert_memory_equal(b.got.p, "one two ", 8);
        assert_memory_equal(d.got.p, "three", 5);
        assert_int_equal(a.n_drains + a.n_queued + c.n_drains, 0);
        peers_done(&a, &b);
        peers_done(&c, &d);
    }
}

static void test_order_is_kept(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b, c, d;
    peers_connect(&a, &b, loop, false);
    peers_connect(&c, &d, loop, false);
    /* Others write between; a write that cannot wait comes after them. */
    assert_int_equal(write_soon(&a, "1"), 0);
    assert_int_equal(write_soon(&c, "x"), 0);
    assert_int_equal(write_soon(&a, "2"), 0);
    assert_int_equal(come(&b), 2);
    assert_int_equal(write_soon(&a, "3"), 0);
    assert_int_equal(come(&b), 2);
    assert_int_equal(peer_write(&a, "4"), 0);
    assert_int_equal(come(&b), 4);
    assert_int_equal(write_soon(&a, "5"), 0);
    char large[SL_STREAM_SOON + 1];
    memset(large, '6', sizeof(large));
    struct sl_str slice = sl_str_make(large, sizeof(large));
    assert_int_equal(sl_stream_write_soon(&a.stream, &slice, 1), 0);
    assert_int_equal(come(&b), 5 + (int)sizeof(large));
    sl_stream_read_start(&b.stream);
    sl_stream_read_start(&d.stream);
    RUN_UNTIL(loop, b.got.len == 5 + sizeof(large) && d.got.len == 1);
    assert_memory_equal(b.got.p, "123456", 6);
    peers_done(&a, &b);
    peers_done(&c, &d);
}

/* A longer message is borrowed until then: no copy of it is made. */
static void test_a_long_message_is_borrowed(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    static char large[SL_STREAM_SOON_REF + 1];
    struct sl_str slices[] = { sl_str_make(large, 9000), SL_STR(""), sl_str_make(large + 9000, sizeof(large) - 9001) };
    size_t n = sizeof(large) - 1;
    for (int how = 0; how < 4; how++) {
        peers_connect(&a, &b, loop, false);
        memset(large, 'x', sizeof(large));
        assert_int_equal(write_soon(&a, "1"), 0);
        assert_int_equal(sl_stream_write_ref_soon(&a.stream, slices, SL_ARRAY_LEN(slices)), 0);
        assert_int_equal(a.stream.queued, 0);
        assert_int_equal(sl_stream_unsent(&a.stream), 1 + n);
        assert_int_equal(come(&b), 0);
        memset(large, 'y', sizeof(large)); /* the bytes at that time are sent */
        sl_stream_read_start(&b.stream);
        if (how == 1) {
            sl_stream_flush(&a.stream);
            assert_int_equal(sl_stream_unsent(&a.stream), 0);
        } else if (how == 2) {
            assert_int_equal(write_soon(&a, "2"), 0); /* after it, and so at once */
        } else if (how == 3) {
            peer_close(&a);
        }
        if (how) {
            memset(large, 'z', sizeof(large)); /* its owner may change it again */
        }
        RUN_UNTIL(loop, b.got.len == 1 + n + (how == 2));
        assert_int_equal(b.got.p[0], '1');
        for (size_t i = 1; i <= n; i++) {
            assert_int_equal(b.got.p[i], 'y');
        }
        peers_done(&a, &b);
    }
    peers_connect(&a, &b, loop, false);
    slices[2] = sl_str_make(large + 9000, sizeof(large) - 9000);
    assert_int_equal(sl_stream_write_ref_soon(&a.stream, slices, SL_ARRAY_LEN(slices)), 0);
    assert_true(come(&b) > 0); /* too long to wait */
    peers_done(&a, &b);
}

static void test_an_end_comes_behind(void **state)
{
    struct sl_loop *loop = *state;
    for (int is_closed = 0; is_closed < 2; is_closed++) {
        struct peer a, b;
        peers_connect(&a, &b, loop, false);
        sl_stream_read_start(&b.stream);
        assert_int_equal(write_soon(&a, "last words"), 0);
        if (is_closed) {
            peer_close(&a);
        } else {
            sl_stream_shutdown(&a.stream);
            assert_int_equal(write_soon(&a, "no more"), SL_E_IO);
        }
        RUN_UNTIL(loop, b.n_eofs == 1);
        assert_int_equal(b.got.len, 10);
        assert_memory_equal(b.got.p, "last words", 10);
        assert_int_equal(a.n_errors, 0);
        peers_done(&a, &b);
    }
}

#define MANY 20

/* More in one turn than there is room for: the rest does not wait. */
static void test_a_full_turn_writes_at_once(void **state)
{
    struct sl_loop *loop = *state;
    static struct peer a[MANY], b[MANY];
    static char text[SL_STREAM_SOON];
    memset(text, 'y', sizeof(text));
    struct sl_str slice = sl_str_make(text, sizeof(text));
    int n_at_once = 0;
    for (int i = 0; i < MANY; i++) {
        peers_connect(&a[i], &b[i], loop, false);
        assert_int_equal(sl_stream_write_soon(&a[i].stream, &slice, 1), 0);
        n_at_once += come(&b[i]) > 0;
        sl_stream_read_start(&b[i].stream);
    }
    assert_in_range(n_at_once, 1, MANY - 2);
    for (int i = 0; i < MANY; i++) {
        RUN_UNTIL(loop, b[i].got.len == sizeof(text));
        peers_done(&a[i], &b[i]);
    }
}

/* Fills the kernel's buffers. Returns how much they took. */
static size_t stuff(const struct peer *peer)
{
    static const char junk[4096];
    size_t total = 0;
    for (size_t piece = sizeof(junk); piece > 0; piece /= 2) {
        ssize_t n;
        while ((n = send(fd_of(peer), junk, piece, MSG_DONTWAIT)) > 0) {
            total += (size_t)n;
        }
        assert_int_equal(errno, EAGAIN);
    }
    return total;
}

static void then_close(struct peer *peer)
{
    peer_close(peer);
}

static void test_what_the_kernel_does_not_take_is_told(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    for (int is_closed = 0; is_closed < 2; is_closed++) {
        peers_connect(&a, &b, loop, false);
        size_t n = stuff(&a);
        a.then_queued = is_closed ? then_close : NULL;
        assert_int_equal(write_soon(&a, "behind"), 0);
        assert_int_equal(a.stream.queued, 0);
        RUN_UNTIL(loop, a.n_queued == 1);
        sl_stream_read_start(&b.stream);
        if (is_closed) {
            RUN_UNTIL(loop, b.n_eofs + b.n_errors == 1 && a.n_closed == 1);
        } else {
            assert_int_equal(a.stream.queued, 6);
            RUN_UNTIL(loop, b.got.len == n + 6 && a.n_drains == 1);
            assert_memory_equal(b.got.p + n, "behind", 6);
        }
        assert_int_equal(a.n_queued, 1);
        peers_done(&a, &b);
    }
}

struct gatherer {
    struct sl_turn_end end;
    struct peer *to;
    unsigned n_calls, n_again;
};

static void on_gathered(struct sl_turn_end *end)
{
    struct gatherer *g = SL_CONTAINER_OF(end, struct gatherer, end);
    g->n_calls++;
    assert_int_equal(write_soon(g->to, "gathered "), 0);
    if (g->n_again) {
        g->n_again--;
        sl_soon_call(g->to->stream.loop, end);
    }
}

/* Whoever gathers is called once a turn, and what it writes then leaves in the same turn. */
static void test_what_is_gathered_leaves_together(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    struct gatherer g = { .end = { .fn = on_gathered }, .to = &a }, not_called = g;
    sl_soon_call(loop, &not_called.end);
    for (int i = 0; i < 3; i++) {
        sl_soon_call(loop, &g.end);
    }
    sl_soon_uncall(loop, &not_called.end);
    sl_soon_uncall(loop, &not_called.end);
    loop_turn(loop);
    assert_int_equal(g.n_calls, 1);
    assert_int_equal(come(&b), 9);
    loop_turn(loop);
    assert_int_equal(g.n_calls, 1);
    g.n_again = 2; /* called anew from within */
    sl_soon_call(loop, &g.end);
    loop_turn(loop);
    assert_int_equal(g.n_calls, 4);
    assert_int_equal(come(&b), 4 * 9);
    assert_int_equal(not_called.n_calls, 0);
    peers_done(&a, &b);
}

/* A peer that is gone is reported as after any write. */
static void test_a_write_that_fails_is_told(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    sl_stream_read_start(&b.stream);
    peer_close(&a);
    RUN_UNTIL(loop, b.n_eofs == 1);
    RUN_UNTIL(loop, write_soon(&b, "x") < 0); /* the first is answered with a reset */
    RUN_UNTIL(loop, b.n_errors == 1);
    assert_int_equal(b.n_queued, 0);
    peers_done(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_leave_at_the_turns_end, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_order_is_kept, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_long_message_is_borrowed, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_an_end_comes_behind, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_full_turn_writes_at_once, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_what_the_kernel_does_not_take_is_told, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_what_is_gathered_leaves_together, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_write_that_fails_is_told, setup_loop, teardown_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
