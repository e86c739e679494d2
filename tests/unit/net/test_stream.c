/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <sys/socket.h>
#include <unistd.h>

#define BIG (8 * 1024 * 1024)

static char *pattern(size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(i * 31 + (i >> 10));
    }
    return p;
}

static void then_echo(struct peer *peer, struct sl_str bytes)
{
    assert_int_equal(sl_stream_write(&peer->stream, &bytes, 1), 0);
}

static void echo_split(struct sl_loop *loop, bool is_unix)
{
    struct peer a, b;
    peers_connect(&a, &b, loop, is_unix);
    b.then_read = then_echo;
    sl_stream_read_start(&a.stream);
    sl_stream_read_start(&b.stream);
    /* More slices than one writev takes, empty ones among them. */
    char text[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    struct sl_str slices[200];
    struct sl_buf want = SL_BUF_INIT(1 << 20);
    for (size_t i = 0; i < SL_ARRAY_LEN(slices); i++) {
        slices[i] = sl_str_make(text + i % 20, i % 7 ? i % 13 : 0);
        sl_buf_add_str(&want, slices[i]);
    }
    assert_int_equal(sl_stream_write(&a.stream, slices, SL_ARRAY_LEN(slices)), 0);
    assert_int_equal(a.stream.queued, 0);
    RUN_UNTIL(loop, a.got.len == want.len);
    assert_memory_equal(a.got.p, want.p, want.len);
    /* Nothing waited, so there is no drain. */
    assert_int_equal(a.n_drains + b.n_drains, 0);
    sl_buf_done(&want);
    peers_done(&a, &b);
}

static void test_echo(void **state)
{
    echo_split(*state, false);
    echo_split(*state, true);
}

static void big_write(struct sl_loop *loop, bool is_ref, bool is_unix)
{
    struct peer a, b;
    peers_connect(&a, &b, loop, is_unix);
    char *data = pattern(BIG);
    struct sl_str slices[100];
    for (size_t i = 0; i < SL_ARRAY_LEN(slices); i++) {
        size_t from = BIG / 100 * i;
        slices[i] = sl_str_make(data + from, (i == 99 ? BIG : BIG / 100 * (i + 1)) - from);
    }
    assert_int_equal((is_ref ? sl_stream_write_ref : sl_stream_write)(&a.stream, slices, SL_ARRAY_LEN(slices)), 0);
    assert_true(a.stream.queued > SL_STREAM_HIGH);
    assert_true(sl_stream_unsent(&a.stream) <= a.stream.queued);
    assert_true(sl_stream_unsent(&a.stream) > 0);
    /* Copied bytes may change now; later writes come after them. */
    char tail[] = "tail";
    assert_int_equal(peer_write(&a, tail), 0);
    tail[0] = 'X';
    if (!is_ref) {
        memset(data, 0, BIG);
    }
    sl_stream_shutdown(&a.stream);
    assert_int_equal(peer_write(&a, "late"), SL_E_IO);
    loop_spend(loop, 20000);
    assert_int_equal(b.n_reads, 0); /* reading was not started */
    sl_stream_read_start(&b.stream);
    RUN_UNTIL(loop, b.n_eofs == 1);
    assert_int_equal(b.got.len, BIG + 4);
    char *want = pattern(BIG);
    assert_memory_equal(b.got.p, want, BIG);
    assert_memory_equal(b.got.p + BIG, "tail", 4);
    assert_int_equal(a.stream.queued, 0);
    assert_int_equal(sl_stream_unsent(&a.stream), 0);
    assert_in_range(a.n_drains, 1, 3);
    assert_int_equal(a.n_errors + b.n_errors, 0);
    free(want);
    peers_done(&a, &b);
    free(data);
}

static void test_a_write_beyond_the_kernels_buffer_drains(void **state)
{
    big_write(*state, false, false);
    big_write(*state, true, false);
    big_write(*state, true, true);
}

static void then_stop(struct peer *peer, struct sl_str bytes)
{
    (void)bytes;
    sl_stream_read_stop(&peer->stream);
}

static void test_read_stop_holds_the_source(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    b.then_read = then_stop;
    char *data = pattern(BIG);
    struct sl_str slice = sl_str_make(data, BIG);
    assert_int_equal(sl_stream_write_ref(&a.stream, &slice, 1), 0);
    for (int i = 1; i <= 5; i++) {
        sl_stream_read_start(&b.stream);
        sl_stream_read_start(&b.stream); /* a second call changes nothing */
        RUN_UNTIL(loop, b.n_reads == i);
        loop_spend(loop, 5000);
        assert_int_equal(b.n_reads, i);
        assert_true(b.got.len <= (size_t)i * SL_READ_BUFFER);
    }
    assert_memory_equal(b.got.p, data, b.got.len);
    peers_done(&a, &b);
    free(data);
}

static void on_closed_count(struct sl_stream *stream)
{
    SL_CONTAINER_OF(stream, struct peer, stream)->n_closed++;
}

static void then_close(struct peer *peer)
{
    peer_close(peer);
}

static void test_a_held_stream_tells_that_the_peer_hung_up(void **state)
{
    struct sl_loop *loop = *state;
    for (int i = 0; i < 8; i++) {
        struct peer a, b;
        peers_connect(&a, &b, loop, i & 1);
        b.then_error = i & 2 ? then_close : NULL;
        sl_stream_read_start(&b.stream);
        sl_stream_read_hold(&b.stream);
        sl_stream_read_hold(&b.stream); /* a second call changes nothing */
        assert_int_equal(peer_write(&a, "unread"), 0);
        loop_spend(loop, 5000);
        assert_int_equal(b.n_reads + b.n_errors, 0);
        if (i & 4) { /* reads on instead: nothing is lost, and the end is an end */
            sl_stream_read_start(&b.stream);
        }
        peer_close(&a);
        RUN_UNTIL(loop, b.n_errors + b.n_eofs == 1);
        loop_spend(loop, 5000);
        assert_int_equal(b.n_errors, i & 4 ? 0 : 1);
        assert_int_equal(b.n_eofs, i & 4 ? 1 : 0);
        assert_int_equal(b.got.len, i & 4 ? 6 : 0);
        peers_done(&a, &b);
    }
}

/* The second descriptor of a held stream must not keep the connection open. */
static void test_a_held_stream_ends_when_it_is_closed(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    sl_stream_read_start(&a.stream);
    sl_stream_read_hold(&b.stream);
    sl_stream_reset(&b.stream, on_closed_count);
    RUN_UNTIL(loop, a.n_errors == 1);
    assert_string_equal(a.error, "connection reset by peer");
    peers_done(&a, &b);
}

static char into_room[100000];
static size_t into_before; /* bytes to take before the long part */

static void then_into(struct peer *peer, struct sl_str bytes)
{
    if (peer->got.len == into_before) {
        sl_stream_read_into(&peer->stream, into_room, sizeof(into_room));
    } else if (peer->got.len <= into_before + sizeof(into_room)) {
        assert_ptr_equal(bytes.p, into_room + (peer->got.len - into_before - bytes.n));
    } else {
        assert_ptr_equal(bytes.p, peer->stream.loop->read_buf);
        assert_int_equal(peer->stream.into_len, 0);
    }
}

static void test_read_into_takes_exactly_its_bytes(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    b.then_read = then_into;
    into_before = 4;
    sl_stream_read_start(&b.stream);
    assert_int_equal(peer_write(&a, "head"), 0);
    RUN_UNTIL(loop, b.got.len == 4);
    char *data = pattern(200000);
    struct sl_str slice = sl_str_make(data, 200000);
    assert_int_equal(sl_stream_write_ref(&a.stream, &slice, 1), 0);
    RUN_UNTIL(loop, b.got.len == 200004);
    assert_memory_equal(into_room, data, sizeof(into_room));
    assert_memory_equal(b.got.p + 4, data, 200000);
    peers_done(&a, &b);
    free(data);
}

static void test_the_peers_reset_is_an_error_once(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    sl_stream_read_start(&b.stream);
    peer_close(&a);
    RUN_UNTIL(loop, b.n_eofs == 1);
    RUN_UNTIL(loop, a.n_closed == 1);
    /* Writing to the closed socket: the first is answered with a reset, the next ones fail. */
    RUN_UNTIL(loop, peer_write(&b, "x") < 0);
    assert_int_equal(b.n_errors, 0); /* not from inside the write */
    RUN_UNTIL(loop, b.n_errors == 1);
    assert_int_equal(peer_write(&b, "x"), SL_E_IO);
    loop_spend(loop, 5000);
    assert_int_equal(b.n_errors, 1);
    assert_true(b.error[0]);
    peers_done(&a, &b);
}

static void test_reset_reaches_the_peer_as_an_error(void **state)
{
    struct sl_loop *loop = *state;
    for (int shut = 0; shut < 2; shut++) {
        struct peer a, b;
        peers_connect(&a, &b, loop, false);
        sl_stream_read_start(&b.stream);
        assert_int_equal(peer_write(&a, "half a rep"), 0);
        RUN_UNTIL(loop, b.got.len == 10);
        if (shut) {
            sl_stream_shutdown(&b.stream);
        }
        sl_stream_reset(&a.stream, on_closed_count);
        RUN_UNTIL(loop, b.n_errors + b.n_eofs > 0);
        assert_int_equal(b.n_eofs, 0);
        assert_string_equal(b.error, "connection reset by peer");
        peers_done(&a, &b);
    }
}

/* The peer answers without reading our request, and resets: its answer must not be lost over our failed write. */
static void early_answer(struct sl_loop *loop, struct sl_str request)
{
    int fds[2];
    fds_connect(fds);
    struct peer a;
    peer_init(&a, loop);
    assert_int_equal(sl_stream_open_fd(&a.stream, fds[0], false), 0);
    sl_stream_read_start(&a.stream);
    assert_int_equal(sl_stream_write_ref(&a.stream, &request, 1), 0);
    assert_int_equal(send(fds[1], "413", 3, 0), 3);
    close(fds[1]);
    if (a.stream.queued == 0) {
        assert_int_equal(peer_write(&a, "x"), SL_E_IO); /* the reset is here, the answer not yet read */
    }
    assert_int_equal(a.got.len, 0);
    RUN_UNTIL(loop, a.n_errors + a.n_eofs == 1);
    assert_int_equal(a.n_errors, 1);
    assert_int_equal(a.got.len, 3);
    peers_done(&a, NULL);
}

static void test_an_early_answer_is_read_before_the_error(void **state)
{
    char *data = pattern(BIG);
    early_answer(*state, sl_str_make(data, 100));
    early_answer(*state, sl_str_make(data, BIG));
    free(data);
}

/* Each callback closes; the loop goes on as if nothing had happened. */
static void close_on_read(struct peer *peer, struct sl_str bytes)
{
    (void)bytes;
    peer_close(peer);
}

static void test_every_callback_may_close(void **state)
{
    struct sl_loop *loop = *state;
    char *data = pattern(BIG);
    struct sl_str slice = sl_str_make(data, BIG);
    for (int i = 0; i < 4; i++) {
        struct peer a, b;
        peers_connect(&a, &b, loop, false);
        b.then_read = i == 0 ? close_on_read : NULL;
        b.then_eof = i == 1 ? peer_close : NULL;
        b.then_error = i == 2 ? peer_close : NULL;
        b.then_drain = i == 3 ? peer_close : NULL;
        if (i == 3) {
            assert_int_equal(sl_stream_write_ref(&b.stream, &slice, 1), 0);
            assert_int_equal(sl_stream_write(&b.stream, &slice, 1), 0);
            sl_stream_read_start(&a.stream);
        } else {
            sl_stream_read_start(&b.stream);
            assert_int_equal(peer_write(&a, "to be read"), 0);
            if (i == 2) {
                sl_stream_reset(&a.stream, on_closed_count);
            } else {
                peer_close(&a);
            }
        }
        RUN_UNTIL(loop, b.n_closed == 1);
        int told = b.n_eofs + b.n_errors + b.n_drains;
        loop_spend(loop, 2000);
        assert_int_equal(told, b.n_eofs + b.n_errors + b.n_drains);
        peers_done(&a, &b);
    }
    free(data);
}

static void test_close_forgets_borrowed_bytes(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    peers_connect(&a, &b, loop, false);
    char *data = pattern(BIG);
    struct sl_str slice = sl_str_make(data, BIG);
    assert_int_equal(sl_stream_write_ref(&a.stream, &slice, 1), 0);
    assert_true(a.stream.queued > 0);
    peer_close(&a);
    free(data); /* a sanitizer sees a touch */
    sl_stream_read_start(&b.stream);
    RUN_UNTIL(loop, b.n_eofs + b.n_errors == 1);
    assert_int_equal(a.n_drains + a.n_errors, 0);
    peers_done(&a, &b);
}

static void test_a_stream_that_never_opened_closes_later(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a;
    peer_init(&a, loop);
    assert_int_equal(peer_write(&a, "x"), SL_E_IO);
    sl_stream_read_start(&a.stream);
    sl_stream_shutdown(&a.stream);
    peer_close(&a);
    RUN_UNTIL(loop, a.n_closed == 1);
    assert_int_equal(a.n_errors, 0);
    sl_buf_done(&a.got);
}

static void test_peer_address(void **state)
{
    struct sl_loop *loop = *state;
    struct peer a, b;
    struct sl_addr addr;
    peers_connect(&a, &b, loop, false);
    sl_stream_peer(&b.stream, &addr);
    assert_string_equal(addr.text, "127.0.0.1");
    assert_true(addr.port != 0 && !addr.is_ipv6);
    assert_memory_equal(addr.ip, "\x7f\0\0\x01", 4);
    assert_true(sl_stream_is_secure_or_plain(&b.stream));
    peers_done(&a, &b);
    sl_stream_peer(&b.stream, &addr);
    assert_string_equal(addr.text, "unknown");
    peers_connect(&a, &b, loop, true);
    sl_stream_peer(&b.stream, &addr);
    assert_string_equal(addr.text, "unix");
    peers_done(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_echo, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_write_beyond_the_kernels_buffer_drains, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_read_stop_holds_the_source, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_held_stream_tells_that_the_peer_hung_up, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_held_stream_ends_when_it_is_closed, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_read_into_takes_exactly_its_bytes, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_the_peers_reset_is_an_error_once, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_reset_reaches_the_peer_as_an_error, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_an_early_answer_is_read_before_the_error, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_every_callback_may_close, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_close_forgets_borrowed_bytes, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_a_stream_that_never_opened_closes_later, setup_loop, teardown_loop),
        cmocka_unit_test_setup_teardown(test_peer_address, setup_loop, teardown_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
