/* SPDX-License-Identifier: Apache-2.0 */
#include "http/msg.h"

#include "base/num.h"

_Static_assert(SL_HTTP_FIELDS_MAX == 256, "the texts of wire/head.c say so");

/* Trailers are dropped, so they need not be many. */
#define TRAILER_MAX 8192

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* Upgrade is ignored (RFC 9110 7.8 allows it): the connection stays HTTP/1.1 */
}

static const llhttp_settings_t parser_settings = {
    .on_headers_complete = on_headers_complete,
};

void sl_msg_init(struct sl_msg *msg, enum sl_head_kind kind, size_t max_head)
{
    *msg = (struct sl_msg){ 0 };
    llhttp_init(&msg->parser, kind == SL_HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &parser_settings);
    sl_head_check_init(&msg->check, kind, max_head, SL_HTTP_FIELDS_MAX);
}

static int msg_refuse(struct sl_msg_fault *fault, int status, const char *text)
{
    *fault = (struct sl_msg_fault){ status, text };
    return SL_E_INVAL;
}

/* Fields as slices. The head check has made sure that each line is NAME ":" … CR LF. */
static int head_split(struct sl_msg *msg, struct sl_str head, struct sl_arena *arena, struct sl_str *ret_first_line)
{
    const char *p = head.p;
    const char *end = head.p + head.n;
    if (head.n >= 2 && p[0] == '\r' && p[1] == '\n') {
        p += 2; /* the one empty line that may precede a request */
    }
    const char *eol = memchr(p, '\r', (size_t)(end - p));
    SL_ASSERT(eol);
    *ret_first_line = sl_str_make(p, (size_t)(eol - p));
    msg->headers.head = head;
    for (p = eol + 2; p < end && *p != '\r'; p = eol + 2) {
        eol = memchr(p, '\r', (size_t)(end - p));
        const char *colon = memchr(p, ':', (size_t)(end - p));
        SL_ASSERT(eol && colon && colon < eol);
        struct sl_str name = sl_str_make(p, (size_t)(colon - p));
        struct sl_str value = sl_str_trim(sl_str_make(colon + 1, (size_t)(eol - colon - 1)));
        int r = sl_headers_add(&msg->headers, arena, name, value);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Feeds the head to llhttp. 0 or the refusal. */
static int head_execute(struct sl_msg *msg, struct sl_str head, struct sl_msg_fault *fault)
{
    llhttp_errno_t e = llhttp_execute(&msg->parser, head.p, head.n);
    if (e != HPE_PAUSED) {
        if (e == HPE_INVALID_METHOD) {
            return msg_refuse(fault, 501, "the method is not known here");
        }
        if (e == HPE_PAUSED_H2_UPGRADE) {
            return msg_refuse(fault, 505, "HTTP/2 is not spoken here");
        }
        const char *reason = llhttp_get_error_reason(&msg->parser);
        return msg_refuse(fault, 400, reason && *reason ? reason : "the message head is malformed");
    }
    if (llhttp_get_error_pos(&msg->parser) != head.p + head.n) {
        return msg_refuse(fault, 400, "the message head ends early");
    }
    return 0;
}

/* A Host that could be read as something else than host[:port] (RFC 9110 7.2; RFC 3986 3.2). */
static bool host_is_fit(struct sl_str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool ok = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                  (c && strchr("-._~%!$&'()*+,;=:[]", c));
        if (!ok) {
            return false;
        }
    }
    return true;
}

static int request_check(const struct sl_msg *msg, struct sl_msg_fault *fault)
{
    const struct sl_headers *h = &msg->headers;
    uint32_t n_host = sl_headers_count(h, "host");
    if (n_host > 1 || (n_host == 0 && msg->minor == 1)) {
        return msg_refuse(fault, 400, n_host ? "more than one Host field" : "HTTP/1.1 needs a Host field");
    }
    if (!host_is_fit(sl_headers_get(h, "host"))) {
        return msg_refuse(fault, 400, "the Host field must be a host name or address, with or without a port");
    }
    if (sl_str_eq(msg->method, SL_STR("CONNECT"))) {
        return msg_refuse(fault, 501, "CONNECT is not supported");
    }
    uint32_t n_te = sl_headers_count(h, "transfer-encoding");
    if (n_te) {
        if (msg->minor == 0) {
            return msg_refuse(fault, 400, "Transfer-Encoding in HTTP/1.0");
        }
        if (sl_headers_count(h, "content-length")) {
            return msg_refuse(fault, 400, "Transfer-Encoding beside Content-Length");
        }
        if (n_te > 1 || !sl_str_case_eq(sl_headers_get(h, "transfer-encoding"), SL_STR("chunked"))) {
            return msg_refuse(fault, 501, "the only Transfer-Encoding understood is chunked");
        }
    }
    if (sl_headers_count(h, "content-length") > 1) {
        return msg_refuse(fault, 400, "more than one Content-Length field");
    }
    return 0;
}

/* The framing that the fields say, Transfer-Encoding and Content-Length being checked already. */
static int body_start(struct sl_msg *msg, enum sl_framing_kind otherwise, struct sl_msg_fault *fault)
{
    const llhttp_t *parser = &msg->parser;
    struct sl_str length = sl_headers_get(&msg->headers, "content-length");
    bool is_chunked = sl_headers_count(&msg->headers, "transfer-encoding") > 0;
    int status = parser->type == HTTP_REQUEST ? 400 : 502;
    if (length.p && sl_parse_u64(length, 0, UINT64_MAX, &msg->length) < 0) {
        return msg_refuse(fault, status, "Content-Length must be a number of decimal digits");
    }
    if (is_chunked != !!(parser->flags & F_CHUNKED) || !!length.p != !!(parser->flags & F_CONTENT_LENGTH) ||
        (length.p && parser->content_length != msg->length)) {
        return msg_refuse(fault, status, "the message's length can be read in two ways");
    }
    if (is_chunked) {
        msg->framing = SL_BODY_CHUNKED;
        sl_chunked_init(&msg->chunked);
    } else if (length.p) {
        msg->framing = msg->length ? SL_BODY_LENGTH : SL_BODY_NONE;
        msg->left = msg->length;
    } else {
        msg->framing = otherwise;
    }
    return 0;
}

int sl_msg_parse_request(struct sl_msg *msg, struct sl_str head, struct sl_arena *arena, struct sl_msg_fault *ret_fault)
{
    struct sl_str line;
    int r = head_split(msg, head, arena, &line);
    if (r < 0) {
        return r;
    }
    ptrdiff_t first = sl_str_find_char(line, ' ', 0);
    ptrdiff_t second = sl_str_find_char(line, ' ', (size_t)first + 1);
    msg->method = sl_str_sub(line, 0, (size_t)first);
    msg->target = sl_str_sub(line, (size_t)first + 1, (size_t)second);
    msg->minor = line.p[line.n - 1] == '1';
    /* Ours first: llhttp's words for the same faults are less clear. */
    r = request_check(msg, ret_fault);
    if (r < 0) {
        return r;
    }
    r = head_execute(msg, head, ret_fault);
    if (r < 0) {
        return r;
    }
    msg->keep_alive = msg->minor == 1 ? !sl_headers_has_token(&msg->headers, "connection", "close")
                                      : sl_headers_has_token(&msg->headers, "connection", "keep-alive");
    return body_start(msg, SL_BODY_NONE, ret_fault);
}

int sl_msg_parse_response(struct sl_msg *msg, struct sl_str head, bool is_head, struct sl_arena *arena,
                          struct sl_msg_fault *ret_fault)
{
    struct sl_str line;
    int r = head_split(msg, head, arena, &line);
    if (r < 0) {
        return r;
    }
    const struct sl_headers *h = &msg->headers;
    uint32_t n_te = sl_headers_count(h, "transfer-encoding");
    bool is_1_0 = line.n > 7 && line.p[7] == '0'; /* which has no such field (RFC 9112 6.1) */
    if (n_te && (n_te > 1 || is_1_0 || sl_headers_count(h, "content-length") ||
                 !sl_str_case_eq(sl_headers_get(h, "transfer-encoding"), SL_STR("chunked")))) {
        return msg_refuse(ret_fault, 502, "the reply's length is ambiguous");
    }
    r = head_execute(msg, head, ret_fault);
    if (r < 0) {
        return r;
    }
    msg->status = msg->parser.status_code;
    msg->minor = msg->parser.http_minor;
    msg->keep_alive = msg->minor == 1 ? !sl_headers_has_token(h, "connection", "close")
                                      : sl_headers_has_token(h, "connection", "keep-alive");
    if (is_head || msg->status < 200 || msg->status == 204 || msg->status == 304) {
        msg->framing = SL_BODY_NONE;
        return 0;
    }
    r = body_start(msg, SL_BODY_CLOSE, ret_fault);
    if (msg->framing == SL_BODY_CLOSE) {
        msg->keep_alive = false;
    }
    return r;
}

static int length_push(struct sl_msg *msg, struct sl_str bytes, size_t *ret_used)
{
    size_t n = (size_t)SL_MIN((uint64_t)bytes.n, msg->left);
    msg->left -= n;
    *ret_used = n;
    int r = n ? msg->on_body(msg->arg, sl_str_make(bytes.p, n)) : 0;
    return r ? r : msg->left == 0;
}

/* The trailer section is checked and dropped. */
static int trailer_push(struct sl_msg *msg, struct sl_str bytes, size_t *ret_used, struct sl_msg_fault *fault)
{
    size_t used = 0;
    int r = sl_head_check_push(&msg->check, bytes, &used);
    if (r < 0) {
        return msg_refuse(fault, sl_head_fault_status(msg->check.fault), sl_trailer_fault_text(msg->check.fault));
    }
    *ret_used = used;
    return r;
}

static int chunked_push(struct sl_msg *msg, struct sl_str bytes, size_t *ret_used, struct sl_msg_fault *fault)
{
    size_t at = 0;
    while (!msg->is_in_trailer) {
        size_t used = 0;
        struct sl_str data;
        int event = sl_chunked_push(&msg->chunked, sl_str_sub(bytes, at, bytes.n), &used, &data);
        at += used;
        int r = 0;
        if (event < 0) {
            return msg_refuse(fault, 400, msg->chunked.fault);
        } else if (event == SL_CHUNKED_DATA) {
            r = msg->on_body(msg->arg, data);
        } else if (event == SL_CHUNKED_SIZE && msg->on_chunk) {
            r = msg->on_chunk(msg->arg, msg->chunked.left);
        } else if (event == SL_CHUNKED_LAST) {
            msg->is_in_trailer = true;
            sl_head_check_init(&msg->check, SL_HEAD_TRAILER, TRAILER_MAX, SL_HTTP_FIELDS_MAX);
        }
        if (r) {
            return r;
        }
        if (event == SL_CHUNKED_MORE) {
            *ret_used = bytes.n;
            return 0;
        }
    }
    size_t more = 0;
    int r = trailer_push(msg, sl_str_sub(bytes, at, bytes.n), &more, fault);
    *ret_used = at + more;
    return r;
}

int sl_msg_push_body(struct sl_msg *msg, struct sl_str bytes, size_t *ret_used, struct sl_msg_fault *ret_fault)
{
    int r;
    *ret_used = 0;
    switch (msg->framing) {
    case SL_BODY_LENGTH:
        return length_push(msg, bytes, ret_used);
    case SL_BODY_CHUNKED:
        return chunked_push(msg, bytes, ret_used, ret_fault);
    case SL_BODY_CLOSE:
        *ret_used = bytes.n;
        r = bytes.n ? msg->on_body(msg->arg, bytes) : 0;
        return r;
    case SL_BODY_NONE:
        break;
    }
    return 1;
}
