/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/aws_event.h"

#include <zlib.h>

#define PRELUDE    12 /* total length, length of the headers, checksum of both */
#define FRAME_MIN  16
#define FRAME_MAX  (FRAME_MIN + SL_AWS_HEADERS_MAX + SL_AWS_PAYLOAD_MAX)
#define NAMES_MAX  64 /* headers of one frame */
#define TYPE_BYTES 6
#define TYPE_TEXT  7
#define TYPE_COUNT 10

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static uint32_t crc_of(const char *p, size_t n)
{
    return (uint32_t)crc32(0, (const unsigned char *)p, (unsigned)n);
}

void sl_aws_decoder_init(struct sl_aws_decoder *dec, sl_aws_fn on_event, void *arg)
{
    *dec = (struct sl_aws_decoder){ .frame = SL_BUF_INIT(FRAME_MAX), .on_event = on_event, .arg = arg };
}

void sl_aws_decoder_done(struct sl_aws_decoder *dec)
{
    sl_buf_done(&dec->frame);
}

/* How many bytes of a value follow its type; -1: not valid. `*io_skip`: the bytes of the length itself. */
static ptrdiff_t value_size(unsigned type, struct sl_str rest, size_t *ret_skip)
{
    static const uint8_t sizes[TYPE_COUNT] = { 0, 0, 1, 2, 4, 8, 0, 0, 8, 16 };
    *ret_skip = 0;
    if (type >= TYPE_COUNT) {
        return -1;
    }
    if (type != TYPE_BYTES && type != TYPE_TEXT) {
        return sizes[type];
    }
    if (rest.n < 2) {
        return -1;
    }
    *ret_skip = 2;
    return (ptrdiff_t)((unsigned char)rest.p[0] << 8 | (unsigned char)rest.p[1]);
}

static void header_note(struct sl_aws_event *event, struct sl_str name, struct sl_str value)
{
    const struct {
        struct sl_str name;
        struct sl_str *to;
    } known[] = {
        { SL_STR_INIT(":message-type"), &event->message_type }, { SL_STR_INIT(":event-type"), &event->type },
        { SL_STR_INIT(":exception-type"), &event->type },       { SL_STR_INIT(":error-code"), &event->type },
        { SL_STR_INIT(":error-message"), &event->error },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
        if (sl_str_eq(name, known[i].name)) {
            *known[i].to = value;
        }
    }
}

static int headers_read(struct sl_str headers, struct sl_aws_event *event)
{
    struct sl_str names[NAMES_MAX];
    size_t n = 0, at = 0;
    while (at < headers.n) {
        size_t len = (unsigned char)headers.p[at++];
        if (len == 0 || headers.n - at < len + 1 || n == NAMES_MAX) {
            return SL_E_INVAL;
        }
        struct sl_str name = sl_str_sub(headers, at, at + len);
        unsigned type = (unsigned char)headers.p[at + len];
        at += len + 1;
        for (size_t i = 0; i < n; i++) {
            if (sl_str_eq(names[i], name)) {
                return SL_E_INVAL;
            }
        }
        names[n++] = name;
        size_t skip;
        ptrdiff_t size = value_size(type, sl_str_sub(headers, at, headers.n), &skip);
        if (size < 0 || headers.n - at < skip + (size_t)size) {
            return SL_E_INVAL;
        }
        at += skip;
        if (type == TYPE_TEXT) {
            header_note(event, name, sl_str_sub(headers, at, at + (size_t)size));
        }
        at += (size_t)size;
    }
    return 0;
}

int sl_aws_frame_length(struct sl_str bytes, size_t *ret)
{
    *ret = 0;
    if (bytes.n < PRELUDE) {
        return 0;
    }
    if (crc_of(bytes.p, 8) != be32(bytes.p + 8)) {
        return SL_E_INVAL;
    }
    size_t total = be32(bytes.p), headers = be32(bytes.p + 4);
    if (headers > SL_AWS_HEADERS_MAX || total > FRAME_MAX) {
        return SL_E_LIMIT;
    }
    if (total < FRAME_MIN + headers) {
        return SL_E_INVAL;
    }
    *ret = total;
    return 0;
}

bool sl_aws_frame_is_sound(struct sl_str frame)
{
    return crc_of(frame.p, frame.n - 4) == be32(frame.p + frame.n - 4);
}

int sl_aws_frame_read(struct sl_str frame, struct sl_aws_event *ret)
{
    size_t headers = be32(frame.p + 4);
    if (!sl_aws_frame_is_sound(frame)) {
        return SL_E_INVAL;
    }
    *ret = (struct sl_aws_event){
        .headers = sl_str_sub(frame, PRELUDE, PRELUDE + headers),
        .payload = sl_str_sub(frame, PRELUDE + headers, frame.n - 4),
    };
    return headers_read(ret->headers, ret);
}

static int frame_give(struct sl_aws_decoder *dec, struct sl_str frame)
{
    struct sl_aws_event event;
    int r = sl_aws_frame_read(frame, &event);
    return r < 0 ? r : dec->on_event(dec->arg, &event);
}

/* Takes the bytes that complete the kept frame; returns how many. */
static int kept_push(struct sl_aws_decoder *dec, struct sl_str bytes, size_t *ret_used)
{
    size_t total;
    int r = sl_aws_frame_length(sl_buf_str(&dec->frame), &total);
    if (r < 0) {
        return r;
    }
    *ret_used = SL_MIN((total ? total : (size_t)PRELUDE) - dec->frame.len, bytes.n);
    sl_buf_add(&dec->frame, bytes.p, *ret_used);
    r = sl_buf_status(&dec->frame);
    if (r == 0 && !total) {
        r = sl_aws_frame_length(sl_buf_str(&dec->frame),
                                &total); /* a wrong prelude is reported as soon as it is complete */
    }
    if (r == 0 && total && dec->frame.len == total) {
        r = frame_give(dec, sl_buf_str(&dec->frame));
        sl_buf_reset(&dec->frame);
    }
    return r;
}

int sl_aws_push(struct sl_aws_decoder *dec, struct sl_str bytes)
{
    int r = 0;
    while (r == 0 && bytes.n) {
        size_t used = 0;
        if (dec->frame.len == 0) {
            r = sl_aws_frame_length(bytes, &used);
            if (r == 0 && used && used <= bytes.n) { /* a whole frame, in place */
                r = frame_give(dec, sl_str_sub(bytes, 0, used));
                bytes = sl_str_sub(bytes, used, bytes.n);
                continue;
            }
        }
        used = 0;
        r = r < 0 ? r : kept_push(dec, bytes, &used);
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    return r;
}

int sl_aws_finish(struct sl_aws_decoder *dec)
{
    return dec->frame.len ? SL_E_TRUNCATED : 0;
}

/* --- writing --- */

static void be32_put(char *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (char)(v >> (24 - 8 * i));
    }
}

static void header_add(struct sl_buf *out, const char *name, struct sl_str value)
{
    sl_buf_add_char(out, (char)strlen(name));
    sl_buf_add_c(out, name);
    sl_buf_add_char(out, TYPE_TEXT);
    sl_buf_add_char(out, (char)(value.n >> 8));
    sl_buf_add_char(out, (char)value.n);
    sl_buf_add_str(out, value);
}

size_t sl_aws_frame_begin(struct sl_buf *out, const char *message_type, const char *type)
{
    size_t at = out->len;
    bool is_event = message_type[1] == 'v';
    sl_buf_add(out, "\0\0\0\0\0\0\0\0\0\0\0", PRELUDE);
    header_add(out, is_event ? ":event-type" : ":exception-type", sl_str_c(type));
    header_add(out, ":content-type", SL_STR("application/json"));
    header_add(out, ":message-type", sl_str_c(message_type));
    if (sl_buf_status(out) == 0) {
        be32_put(out->p + at + 4, (uint32_t)(out->len - at - PRELUDE));
    }
    return at;
}

void sl_aws_frame_seal(char *frame, size_t n)
{
    be32_put(frame + 8, crc_of(frame, 8));
    be32_put(frame + n - 4, crc_of(frame, n - 4));
}

void sl_aws_frame_end(struct sl_buf *out, size_t at)
{
    sl_buf_add(out, "\0\0\0", 4);
    if (sl_buf_status(out) < 0) {
        return;
    }
    size_t n = out->len - at, headers = be32(out->p + at + 4);
    if (n - FRAME_MIN - headers > SL_AWS_PAYLOAD_MAX) {
        out->status = SL_E_LIMIT;
        return;
    }
    be32_put(out->p + at, (uint32_t)n);
    sl_aws_frame_seal(out->p + at, n);
}
