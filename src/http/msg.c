/* SPDX-License-Identifier: Apache-2.0 */
#include "http/msg.h"

#include <llhttp.h>

#include "base/num.h"

_Static_assert(SL_HTTP_FIELDS_MAX == 256, "the texts of wire/head.c say so");

/* Trailers are dropped, so a small limit is enough. */
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
    sl_head_check_init(&msg->check, kind, max_head, SL_HTTP_FIELDS_MAX);
}

static int msg_refuse(struct sl_msg_fault *fault, int status, const char *text)
{
    *fault = (struct sl_msg_fault){ status, text };
    return SL_E_INVAL;
}

/* What a head says of its message, noted while its fields are split. When a field is repeated, the first one is
 * noted. */
struct told {
    struct sl_str line; /* the first line */
    struct sl_str host, length, coding, connection;
    uint32_t n_host, n_length, n_coding, n_connection;
    bool is_odd; /* it has something that only few programs handle */
};

static void value_note(struct sl_str value, struct sl_str *first, uint32_t *n)
{
    if ((*n)++ == 0) {
        *first = value;
    }
}

static void field_note(struct told *told, struct sl_str name, struct sl_str value)
{
    switch (name.n) {
    case 4:
        if (sl_str_case_eq(name, SL_STR("host"))) {
            value_note(value, &told->host, &told->n_host);
        }
        break;
    case 7:
        told->is_odd |= sl_str_case_eq(name, SL_STR("upgrade"));
        break;
    case 10:
        if (sl_str_case_eq(name, SL_STR("connection"))) {
            value_note(value, &told->connection, &told->n_connection);
        }
        break;
    case 14:
        if (sl_str_case_eq(name, SL_STR("content-length"))) {
            value_note(value, &told->length, &told->n_length);
            told->is_odd |= value.p[value.n] != '\r'; /* white space after a value is read in two ways */
        }
        break;
    case 16:
        told->is_odd |= sl_str_case_eq(name, SL_STR("proxy-connection"));
        break;
    case 17:
        if (sl_str_case_eq(name, SL_STR("transfer-encoding"))) {
            value_note(value, &told->coding, &told->n_coding);
            told->is_odd |= value.p[value.n] != '\r';
        }
        break;
    default:
        break;
    }
}

/* Splits the head into fields as slices. The head check has made sure that each line is NAME ":" … CR LF. */
static int head_split(struct sl_msg *msg, struct sl_str head, struct sl_arena *arena, struct told *ret_told)
{
    const char *p = head.p;
    const char *end = head.p + head.n;
    *ret_told = (struct told){ 0 };
    if (head.n >= 2 && p[0] == '\r' && p[1] == '\n') {
        p += 2; /* one empty line may precede a request */
        ret_told->is_odd = true;
    }
    const char *eol = memchr(p, '\r', (size_t)(end - p));
    SL_ASSERT(eol);
    ret_told->line = sl_str_make(p, (size_t)(eol - p));
    msg->headers.head = head;
    for (p = eol + 2; p < end && *p != '\r'; p = eol + 2) {
        eol = memchr(p, '\r', (size_t)(end - p));
        const char *colon = memchr(p, ':', (size_t)(end - p));
        SL_ASSERT(eol && colon && colon < eol);
        struct sl_str name = sl_str_make(p, (size_t)(colon - p));
        struct sl_str value = sl_str_trim(sl_str_make(colon + 1, (size_t)(eol - colon - 1)));
        field_note(ret_told, name, value);
        int r = sl_headers_add(&msg->headers, arena, name, value);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* --- heads that every parser reads alike --- */

/* A number with this many digits cannot overflow. */
#define PLAIN_DIGITS_MAX 18

static bool is_plain_length(const struct told *told)
{
    for (size_t i = 0; i < told->length.n; i++) {
        if ((unsigned char)(told->length.p[i] - '0') > 9) {
            return false;
        }
    }
    return told->n_length == 1 && told->length.n > 0 && told->length.n <= PLAIN_DIGITS_MAX;
}

static bool is_plain_connection(const struct told *told)
{
    return told->n_connection == 0 || (told->n_connection == 1 && (sl_str_eq(told->connection, SL_STR("keep-alive")) ||
                                                                   sl_str_eq(told->connection, SL_STR("close"))));
}

/* True: the head check leaves no doubt about this head, so llhttp is not asked; it would take as long as everything
 * else that is done with a head. The unit test and the fuzzer compare every such head with llhttp. */
static bool request_is_plain(const struct sl_msg *msg, const struct told *told)
{
    bool is_plain_method = sl_str_eq(msg->method, SL_STR("POST")) || sl_str_eq(msg->method, SL_STR("GET"));
    return !told->is_odd && is_plain_method && msg->target.p[0] == '/' && msg->minor == 1 && told->n_coding == 0 &&
           (told->n_length == 0 || is_plain_length(told)) && is_plain_connection(told);
}

static bool response_is_plain(const struct sl_msg *msg, const struct told *told)
{
    bool has_length = told->n_coding == 0 && is_plain_length(told);
    bool is_chunked = told->n_length == 0 && told->n_coding == 1 && sl_str_eq(told->coding, SL_STR("chunked"));
    return !told->is_odd && msg->minor == 1 && told->line.n > 12 && told->line.p[12] == ' ' &&
           (has_length || is_chunked) && is_plain_connection(told);
}

/* --- all other heads --- */

/* Feeds the head to llhttp. Returns 0 or the refusal. */
static int head_execute(llhttp_t *parser, llhttp_type_t type, struct sl_str head, struct sl_msg_fault *fault)
{
    llhttp_init(parser, type, &parser_settings);
    llhttp_errno_t e = llhttp_execute(parser, head.p, head.n);
    if (e != HPE_PAUSED) {
        if (e == HPE_INVALID_METHOD) {
            return msg_refuse(fault, 501, "the method is not known here");
        }
        if (e == HPE_PAUSED_H2_UPGRADE) {
            return msg_refuse(fault, 505, "HTTP/2 is not spoken here");
        }
        const char *reason = llhttp_get_error_reason(parser);
        return msg_refuse(fault, 400, reason && *reason ? reason : "the message head is malformed");
    }
    if (llhttp_get_error_pos(parser) != head.p + head.n) {
        return msg_refuse(fault, 400, "the message head ends early");
    }
    return 0;
}

/* False: the Host could be read as something other than host[:port] (RFC 9110 7.2; RFC 3986 3.2). */
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

static int request_check(const struct sl_msg *msg, const struct told *told, struct sl_msg_fault *fault)
{
    if (told->n_host > 1 || (told->n_host == 0 && msg->minor == 1)) {
        return msg_refuse(fault, 400, told->n_host ? "more than one Host field" : "HTTP/1.1 needs a Host field");
    }
    if (!host_is_fit(told->host)) {
        return msg_refuse(fault, 400, "the Host field must be a host name or address, with or without a port");
    }
    if (sl_str_eq(msg->method, SL_STR("CONNECT"))) {
        return msg_refuse(fault, 501, "CONNECT is not supported");
    }
    if (told->n_coding) {
        if (msg->minor == 0) {
            return msg_refuse(fault, 400, "Transfer-Encoding in HTTP/1.0");
        }
        if (told->n_length) {
            return msg_refuse(fault, 400, "Transfer-Encoding beside Content-Length");
        }
        if (told->n_coding > 1 || !sl_str_case_eq(told->coding, SL_STR("chunked"))) {
            return msg_refuse(fault, 501, "the only Transfer-Encoding understood is chunked");
        }
    }
    if (told->n_length > 1) {
        return msg_refuse(fault, 400, "more than one Content-Length field");
    }
    return 0;
}

static bool is_kept_alive(const struct sl_msg *msg, const struct told *told)
{
    bool is_named = told->n_connection &&
                    sl_headers_has_token(&msg->headers, "connection", msg->minor ? "close" : "keep-alive");
    return msg->minor == 1 ? !is_named : is_named;
}

/* Sets the framing by the fields; Transfer-Encoding and Content-Length are checked already. `parser`: what llhttp says;
 * NULL: it was not asked. */
static int body_start(struct sl_msg *msg, const struct told *told, const llhttp_t *parser,
                      enum sl_framing_kind otherwise, struct sl_msg_fault *fault)
{
    struct sl_str length = told->length;
    bool is_chunked = told->n_coding > 0;
    int status = msg->method.p ? 400 : 502;
    if (length.p && sl_parse_u64(length, 0, UINT64_MAX, &msg->length) < 0) {
        return msg_refuse(fault, status, "Content-Length must be a number of decimal digits");
    }
    if (parser && (is_chunked != !!(parser->flags & F_CHUNKED) || !!length.p != !!(parser->flags & F_CONTENT_LENGTH) ||
                   (length.p && parser->content_length != msg->length))) {
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
    struct told told;
    int r = head_split(msg, head, arena, &told);
    if (r < 0) {
        return r;
    }
    struct sl_str line = told.line;
    ptrdiff_t first = sl_str_find_char(line, ' ', 0);
    ptrdiff_t second = sl_str_find_char(line, ' ', (size_t)first + 1);
    msg->method = sl_str_sub(line, 0, (size_t)first);
    msg->target = sl_str_sub(line, (size_t)first + 1, (size_t)second);
    msg->minor = line.p[line.n - 1] == '1';
    /* Our own check comes first, because llhttp's messages for the same faults are less clear. */
    r = request_check(msg, &told, ret_fault);
    if (r < 0) {
        return r;
    }
    llhttp_t parser;
    bool is_plain = request_is_plain(msg, &told);
    r = is_plain ? 0 : head_execute(&parser, HTTP_REQUEST, head, ret_fault);
    if (r < 0) {
        return r;
    }
    msg->keep_alive = is_kept_alive(msg, &told);
    return body_start(msg, &told, is_plain ? NULL : &parser, SL_BODY_NONE, ret_fault);
}

void sl_msg_salvage(struct sl_msg *msg, struct sl_str head)
{
    if (head.n >= 2 && head.p[0] == '\r' && head.p[1] == '\n') {
        head = sl_str_sub(head, 2, head.n);
    }
    ptrdiff_t space = sl_str_find_char(head, ' ', 0);
    if (space <= 0 || !sl_header_is_visible(sl_str_sub(head, 0, (size_t)space), SL_MSG_SALVAGE_MAX)) {
        return;
    }
    struct sl_str target = sl_str_sub(head, (size_t)space + 1, head.n);
    size_t n = 0;
    while (n < target.n && target.p[n] > 0x20 && target.p[n] < 0x7f) {
        n++;
    }
    msg->method = sl_str_sub(head, 0, (size_t)space);
    msg->target = sl_str_sub(target, 0, n);
}

int sl_msg_parse_response(struct sl_msg *msg, struct sl_str head, bool is_head, struct sl_arena *arena,
                          struct sl_msg_fault *ret_fault)
{
    struct told told;
    int r = head_split(msg, head, arena, &told);
    if (r < 0) {
        return r;
    }
    /* The head check has seen HTTP/1.x, a space and three digits; 1.0 has no Transfer-Encoding (RFC 9112 6.1). */
    const char *line = told.line.p;
    msg->minor = line[7] == '1';
    if (told.n_coding &&
        (told.n_coding > 1 || msg->minor == 0 || told.n_length || !sl_str_case_eq(told.coding, SL_STR("chunked")))) {
        return msg_refuse(ret_fault, 502, "the reply's length is ambiguous");
    }
    llhttp_t parser;
    bool is_plain = response_is_plain(msg, &told);
    r = is_plain ? 0 : head_execute(&parser, HTTP_RESPONSE, head, ret_fault);
    if (r < 0) {
        return r;
    }
    msg->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    msg->keep_alive = is_kept_alive(msg, &told);
    if (is_head || msg->status < 200 || msg->status == 204 || msg->status == 304) {
        msg->framing = SL_BODY_NONE;
        return 0;
    }
    r = body_start(msg, &told, is_plain ? NULL : &parser, SL_BODY_CLOSE, ret_fault);
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

/* Checks the trailer section and drops it. */
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
