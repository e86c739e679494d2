/* SPDX-License-Identifier: Apache-2.0 */
/* The head check decides the same however the head is split. A head that passes it and the parser has fields that are
 * slices of it, and llhttp frames it in the same way. A chunked body decodes to the same bytes however it is split. The
 * first byte chooses request or response. */
#include <llhttp.h>
#include <stdint.h>

#include "http/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_HEAD 2048

struct sum {
    size_t n;
    uint64_t hash;
};

static int on_body(void *arg, struct sl_str bytes)
{
    struct sum *sum = arg;
    for (size_t i = 0; i < bytes.n; i++) {
        sum->hash = sum->hash * 31 + (unsigned char)bytes.p[i];
    }
    sum->n += bytes.n;
    return 0;
}

static int check(enum sl_head_kind kind, struct sl_str text, size_t piece, size_t *ret_used,
                 enum sl_head_fault *ret_fault)
{
    struct sl_head_check c;
    sl_head_check_init(&c, kind, MAX_HEAD, 32);
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.n; at += piece) {
        size_t used = 0;
        r = sl_head_check_push(&c, sl_str_sub(text, at, at + piece), &used);
    }
    *ret_used = c.offset;
    *ret_fault = c.fault;
    return r;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static void llhttp_agrees(enum sl_head_kind kind, struct sl_str head, const struct sl_msg *msg)
{
    static const llhttp_settings_t settings = { .on_headers_complete = on_headers_complete };
    llhttp_t parser;
    llhttp_init(&parser, kind == SL_HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    SL_ASSERT(llhttp_execute(&parser, head.p, head.n) == HPE_PAUSED &&
              llhttp_get_error_pos(&parser) == head.p + head.n);
    SL_ASSERT(msg->framing != SL_BODY_CHUNKED || (parser.flags & F_CHUNKED));
    SL_ASSERT(msg->framing != SL_BODY_LENGTH ||
              ((parser.flags & F_CONTENT_LENGTH) && parser.content_length == msg->length));
    SL_ASSERT(kind != SL_HEAD_REQUEST || msg->framing != SL_BODY_NONE ||
              (!(parser.flags & F_CHUNKED) && parser.content_length == 0));
    SL_ASSERT(msg->framing != SL_BODY_CLOSE || !(parser.flags & (F_CHUNKED | F_CONTENT_LENGTH)));
    SL_ASSERT(kind == SL_HEAD_REQUEST || parser.status_code == msg->status);
}

static void parse(enum sl_head_kind kind, struct sl_str head, struct sl_str rest, size_t piece, int *ret_r,
                  struct sum *ret_sum)
{
    struct sl_msg msg;
    struct sl_arena arena;
    struct sl_msg_fault fault;
    sl_arena_init(&arena, NULL);
    sl_msg_init(&msg, kind, MAX_HEAD);
    *ret_sum = (struct sum){ 0 };
    int r = kind == SL_HEAD_REQUEST ? sl_msg_parse_request(&msg, head, &arena, &fault)
                                    : sl_msg_parse_response(&msg, head, false, &arena, &fault);
    if (r == 0) {
        llhttp_agrees(kind, head, &msg);
        for (uint32_t i = 0; i < msg.headers.n; i++) {
            struct sl_str v = msg.headers.v[i].value;
            SL_ASSERT(msg.headers.v[i].name.n > 0 && v.p >= head.p && v.p + v.n <= head.p + head.n);
        }
        msg.on_body = on_body;
        msg.arg = ret_sum;
        size_t at = 0;
        while (r == 0 && at < rest.n) {
            size_t used = 0;
            r = sl_msg_push_body(&msg, sl_str_sub(rest, at, at + piece), &used, &fault);
            SL_ASSERT(r != 0 || used > 0);
            at += used;
        }
    }
    *ret_r = r;
    sl_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    enum sl_head_kind kind = data[0] & 1 ? SL_HEAD_RESPONSE : SL_HEAD_REQUEST;
    size_t piece = 1 + (data[0] >> 1) % 9;
    struct sl_str text = sl_str_make((const char *)data + 1, size - 1);
    size_t used, used2;
    enum sl_head_fault fault, fault2;
    int r = check(kind, text, text.n, &used, &fault);
    int r2 = check(kind, text, piece, &used2, &fault2);
    SL_ASSERT(r == r2 && fault == fault2 && used == used2);
    if (r == 1) {
        struct sum a, b;
        struct sl_str head = sl_str_sub(text, 0, used), rest = sl_str_sub(text, used, text.n);
        parse(kind, head, rest, rest.n + 1, &r, &a);
        parse(kind, head, rest, piece, &r2, &b);
        SL_ASSERT(r == r2 && (r < 0 || (a.n == b.n && a.hash == b.hash)));
    }
    return 0;
}
