/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <llhttp.h>
#include <stdio.h>

#include "http/msg.h"

#define MAX_HEAD 8192

/* Requests and the status that refuses them; 0: accepted. Uses the head check and the parser together, as the server
 * does. */
static const struct {
    const char *head;
    int status;
} requests[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "POST /x?y=z HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 0 },
    { "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
    { "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 0 },
    { "GET / HTTP/1.0\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost:\r\nX-Empty:\r\nX-Tab:\ta\tb\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
    { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
    { " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
    { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
    { "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505 },
    { "GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400 },
    { "GET / http/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tfolded\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX-Abc:\rxTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01"
      "c\r\n\r\n",
      400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nno-colon\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", 400 },
    { "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
    { "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
    { "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: a.b-c_d:80\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\xe4\r\n\r\n", 400 },
    { "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tchunked \r\n\r\n", 0 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n", 400 }, /* llhttp sees no coding there */
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t5 \r\n\r\n", 0 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
      0 }, /* the body's limit refuses it */
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa1\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", 400 },
};

/* The status for a head given in two pieces, split at `at`. -1: not complete. */
static int request_status(const char *text, size_t at)
{
    struct sl_msg msg;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    sl_msg_init(&msg, SL_HEAD_REQUEST, MAX_HEAD);
    struct sl_str whole = sl_str_c(text);
    int status = -1;
    size_t used = 0;
    int r = sl_head_check_push(&msg.check, sl_str_sub(whole, 0, at), &used);
    if (r == 0) {
        r = sl_head_check_push(&msg.check, sl_str_sub(whole, at, whole.n), &used);
    }
    if (r < 0) {
        status = sl_head_fault_status(msg.check.fault);
    } else if (r == 1) {
        assert_int_equal(msg.check.offset, whole.n);
        struct sl_msg_fault fault = { 0 };
        r = sl_msg_parse_request(&msg, whole, &arena, &fault);
        status = r < 0 ? fault.status : 0;
    }
    sl_arena_done(&arena);
    return status;
}

static void requests_are_accepted_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(requests); i++) {
        for (size_t at = 0; at < strlen(requests[i].head); at++) {
            int status = request_status(requests[i].head, at);
            if (status != requests[i].status) {
                print_error("case %zu, split at %zu: %d, not %d: %s\n", i, at, status, requests[i].status,
                            requests[i].head);
            }
            assert_int_equal(status, requests[i].status);
        }
    }
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    struct sl_head_check check;
    sl_head_check_init(&check, SL_HEAD_REQUEST, MAX_HEAD, 100);
    size_t used;
    assert_int_equal(sl_head_check_push(&check, sl_str_make(head, sizeof(head) - 1), &used), SL_E_INVAL);
    assert_int_equal(check.fault, SL_HEAD_NUL);
    assert_int_equal(check.offset, 23);
}

static void fields_are_slices_of_the_head(void **state)
{
    (void)state;
    struct sl_str head = SL_STR(
        "POST /a/b?c=d HTTP/1.1\r\nHost: example\r\nX-One:  1 \r\nEmpty:\r\nconnection: Keep-Alive, close\r\n\r\n");
    struct sl_msg msg;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    sl_msg_init(&msg, SL_HEAD_REQUEST, MAX_HEAD);
    struct sl_msg_fault fault;
    assert_int_equal(sl_msg_parse_request(&msg, head, &arena, &fault), 0);
    assert_true(sl_str_eq(msg.method, SL_STR("POST")));
    assert_true(sl_str_eq(msg.target, SL_STR("/a/b?c=d")));
    assert_int_equal(msg.headers.n, 4);
    assert_true(sl_str_eq(sl_headers_get(&msg.headers, "x-one"), SL_STR("1")));
    assert_int_equal(sl_headers_get(&msg.headers, "empty").n, 0);
    assert_false(msg.keep_alive);
    assert_int_equal(msg.framing, SL_BODY_NONE);
    sl_arena_done(&arena);
}

struct collect {
    char bytes[256];
    size_t n;
};

static int on_body(void *arg, struct sl_str bytes)
{
    struct collect *c = arg;
    assert_true(c->n + bytes.n <= sizeof(c->bytes));
    memcpy(c->bytes + c->n, bytes.p, bytes.n);
    c->n += bytes.n;
    return 0;
}

/* Pushes a body in pieces; 1 complete, 0 not, <0 refused. */
static int body_push(const char *text, size_t piece, struct collect *c, size_t *ret_used)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct sl_msg msg;
    struct sl_arena arena;
    struct sl_msg_fault fault;
    sl_arena_init(&arena, NULL);
    sl_msg_init(&msg, SL_HEAD_REQUEST, MAX_HEAD);
    assert_int_equal(sl_msg_parse_request(&msg, sl_str_c(head), &arena, &fault), 0);
    assert_int_equal(msg.framing, SL_BODY_CHUNKED);
    *c = (struct collect){ .n = 0 };
    msg.on_body = on_body;
    msg.arg = c;
    struct sl_str whole = sl_str_c(text);
    int r = 0;
    size_t at = 0;
    while (r == 0 && at < whole.n) {
        size_t used = 0;
        r = sl_msg_push_body(&msg, sl_str_sub(whole, at, at + piece), &used, &fault);
        at += used;
    }
    *ret_used = at;
    sl_arena_done(&arena);
    return r;
}

static void chunked_bodies_split_anywhere(void **state)
{
    (void)state;
    static const char text[] =
        "5\r\nhello\r\n1;ext=\"x\"\r\n,\r\nA\r\n 0123456789\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\nGET";
    static const char good[] = "5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\nGET";
    struct collect c;
    size_t used;
    for (size_t piece = 1; piece <= strlen(good); piece++) {
        assert_int_equal(body_push(good, piece, &c, &used), 1);
        assert_int_equal(c.n, 12);
        assert_memory_equal(c.bytes, "hello, world", 12);
        assert_int_equal(used, strlen(good) - 3);
        assert_int_equal(body_push("0\r\n\r\n", piece, &c, &used), 1);
        assert_int_equal(used, 5);
        assert_true(body_push(text, piece, &c, &used) < 0); /* a chunk of 10 with 11 bytes */
    }
}

static int on_chunk(void *arg, uint64_t size)
{
    (void)arg;
    return size > 4 ? SL_E_LIMIT : 0;
}

/* The owner may stop at a size line, before the data; trailers with a framing's names frame nothing. */
static void chunk_sizes_and_trailers(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct sl_msg msg;
    struct sl_arena arena;
    struct sl_msg_fault fault;
    struct collect c = { .n = 0 };
    sl_arena_init(&arena, NULL);
    for (int i = 0; i < 2; i++) {
        sl_msg_init(&msg, SL_HEAD_REQUEST, MAX_HEAD);
        assert_int_equal(sl_msg_parse_request(&msg, sl_str_c(head), &arena, &fault), 0);
        msg.on_body = on_body;
        msg.on_chunk = i ? NULL : on_chunk;
        msg.arg = &c;
        size_t used = 0;
        struct sl_str text = SL_STR(
            "4\r\nabcd\r\n5\r\nefghi\r\n0\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\n\r\nGET");
        assert_int_equal(sl_msg_push_body(&msg, text, &used, &fault), i ? 1 : SL_E_LIMIT);
        assert_int_equal(c.n, i ? 4 + 9 : 4);
        if (i) {
            assert_int_equal(used, text.n - 3);
        }
    }
    sl_arena_done(&arena);
}

static void malformed_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "5\r\nhelloX\r\n",
        "g\r\n",
        "5\nhello\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        "\r\n",
        "5 \r\nhello\r\n",
        "0\r\n folded: x\r\n\r\n",
        "0\r\nbad\x01: x\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nA: b\rc\r\n\r\n",
        "fffffffffffffffff\r\n",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        for (size_t piece = 1; piece <= strlen(bad[i]); piece++) {
            struct collect c;
            size_t used;
            int r = body_push(bad[i], piece, &c, &used);
            if (r >= 0) {
                print_error("case %zu in pieces of %zu gives %d\n", i, piece, r);
            }
            assert_true(r < 0);
        }
    }
}

static void responses_frame_their_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum sl_framing_kind framing;
        bool keep_alive;
        int r;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", SL_BODY_LENGTH, true, 0 },
        { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", SL_BODY_NONE, true, 0 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", SL_BODY_CHUNKED, true, 0 },
        { "HTTP/1.1 200 OK\r\n\r\n", SL_BODY_CLOSE, false, 0 },
        { "HTTP/1.1 204 No Content\r\n\r\n", SL_BODY_NONE, true, 0 },
        { "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", SL_BODY_LENGTH, false, 0 },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", SL_BODY_LENGTH, false, 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", SL_BODY_NONE, false,
          SL_E_INVAL },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", SL_BODY_NONE, false, SL_E_INVAL },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", SL_BODY_NONE, false, SL_E_INVAL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_msg msg;
        struct sl_arena arena;
        struct sl_msg_fault fault;
        sl_arena_init(&arena, NULL);
        sl_msg_init(&msg, SL_HEAD_RESPONSE, MAX_HEAD);
        int r = sl_msg_parse_response(&msg, sl_str_c(cases[i].head), false, &arena, &fault);
        assert_int_equal(r, cases[i].r);
        if (r == 0) {
            assert_int_equal(msg.framing, cases[i].framing);
            assert_int_equal(msg.keep_alive, cases[i].keep_alive);
        }
        sl_arena_done(&arena);
    }
}

/* --- compared with llhttp --- */

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* How llhttp frames the head's message; -1: it refuses it. */
static int llhttp_framing(enum sl_head_kind kind, struct sl_str head, uint64_t *ret_length, int *ret_status)
{
    static const llhttp_settings_t settings = { .on_headers_complete = on_headers_complete };
    llhttp_t parser;
    llhttp_init(&parser, kind == SL_HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    if (llhttp_execute(&parser, head.p, head.n) != HPE_PAUSED || llhttp_get_error_pos(&parser) != head.p + head.n) {
        return -1;
    }
    *ret_length = parser.content_length;
    *ret_status = parser.status_code;
    bool is_chunked = parser.flags & F_CHUNKED, has_length = parser.flags & F_CONTENT_LENGTH;
    return is_chunked              ? SL_BODY_CHUNKED
           : !has_length           ? kind == SL_HEAD_REQUEST ? SL_BODY_NONE : SL_BODY_CLOSE
           : parser.content_length ? SL_BODY_LENGTH
                                   : SL_BODY_NONE;
}

/* llhttp must accept all that we accept, and frame it in the same way. False: the head is refused. */
static bool agrees(enum sl_head_kind kind, struct sl_str head)
{
    struct sl_msg msg;
    struct sl_arena arena;
    struct sl_msg_fault fault;
    size_t used;
    uint64_t length;
    int status;
    sl_msg_init(&msg, kind, MAX_HEAD);
    if (sl_head_check_push(&msg.check, head, &used) != 1 || used != head.n) {
        return false;
    }
    sl_arena_init(&arena, NULL);
    int r = kind == SL_HEAD_REQUEST ? sl_msg_parse_request(&msg, head, &arena, &fault)
                                    : sl_msg_parse_response(&msg, head, false, &arena, &fault);
    sl_arena_done(&arena);
    if (r < 0) {
        return false;
    }
    int framing = llhttp_framing(kind, head, &length, &status);
    bool is_empty = kind == SL_HEAD_RESPONSE && (msg.status < 200 || msg.status == 204 || msg.status == 304);
    if (framing < 0 || (!is_empty && framing != (int)msg.framing) ||
        (msg.framing == SL_BODY_LENGTH && length != msg.length) || (kind == SL_HEAD_RESPONSE && status != msg.status)) {
        fail_msg("llhttp reads it as %d, we as %d: %.*s", framing, (int)msg.framing, SL_STR_ARG(head));
    }
    return true;
}

/* Heads that are nearly right: each byte is removed, doubled, or changed. */
static unsigned variants_agree(enum sl_head_kind kind, const char *text)
{
    static const char others[] = "\t !#*+,-./0159:;@A^_hHs~\x80\xff";
    char bytes[512];
    size_t n = strlen(text);
    unsigned n_accepted = agrees(kind, sl_str_make(text, n));
    for (size_t at = 0; at < n; at++) {
        memcpy(bytes, text, at);
        memcpy(bytes + at, text + at + 1, n - at - 1);
        n_accepted += agrees(kind, sl_str_make(bytes, n - 1));
        memcpy(bytes, text, at + 1);
        memcpy(bytes + at + 1, text + at, n - at);
        n_accepted += agrees(kind, sl_str_make(bytes, n + 1));
        memcpy(bytes, text, n);
        for (size_t i = 0; i < sizeof(others) - 1; i++) {
            bytes[at] = others[i];
            n_accepted += agrees(kind, sl_str_make(bytes, n));
        }
    }
    return n_accepted;
}

static void what_is_accepted_llhttp_reads_alike(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a:80\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\nX: a\tb\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 0\r\nHost: a\r\nX-Upgrade: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\ntransfer-encoding: chunked\r\n\r\n",
    };
    static const char *const responses[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nServer: a\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 15 \r\n\r\n",
        "HTTP/1.1 200\r\nConnection: close\r\n\r\n",
    };
    unsigned n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(plain); i++) {
        n += variants_agree(SL_HEAD_REQUEST, plain[i]);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(requests); i++) {
        n += variants_agree(SL_HEAD_REQUEST, requests[i].head);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(responses); i++) {
        n += variants_agree(SL_HEAD_RESPONSE, responses[i]);
    }
    assert_true(n > 10000); /* enough of them are accepted for the test to be useful */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_accepted_or_refused), cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(fields_are_slices_of_the_head),    cmocka_unit_test(chunked_bodies_split_anywhere),
        cmocka_unit_test(malformed_chunks_are_refused),     cmocka_unit_test(chunk_sizes_and_trailers),
        cmocka_unit_test(responses_frame_their_bodies),     cmocka_unit_test(what_is_accepted_llhttp_reads_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
