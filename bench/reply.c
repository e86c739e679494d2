/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <string.h>
#include <strings.h>

#include "util.h"

static void reply_fail(struct reply *r, const char *why)
{
    r->state = REPLY_WRONG;
    r->error = why;
}

/* The body is over: the reply is right if nothing is missing. */
static void reply_finish(struct reply *r)
{
    if (r->want_at != r->want_len) {
        reply_fail(r, "the body is too short");
        return;
    }
    r->state = REPLY_DONE;
}

/* A NUL in the wanted text stands for any letter or digit, of the clock or of a made-up id. */
static bool is_wanted(const char *want, const char *data, size_t len)
{
    if (memcmp(want, data, len) == 0) {
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        char low = (char)(data[i] | 32);
        bool is_alnum = (data[i] >= '0' && data[i] <= '9') || (low >= 'a' && low <= 'z');
        if (want[i] != data[i] && !(want[i] == '\0' && is_alnum)) {
            return false;
        }
    }
    return true;
}

/* The wanted text has REPLY_NUMBER here: skips the digits of the reply. */
static size_t take_number(struct reply *r, const char *data, size_t len)
{
    size_t n = 0;
    while (n < len && data[n] >= '0' && data[n] <= '9') {
        n++;
    }
    r->want_at += n < len;
    return n;
}

static void take_body(struct reply *r, const char *data, size_t len)
{
    r->body_len += len;
    while (len > 0 && r->state != REPLY_WRONG) {
        const char *want = r->want + r->want_at;
        size_t left = r->want_len - r->want_at, n = SL_MIN(len, left);
        const char *number = n ? memchr(want, REPLY_NUMBER, n) : NULL;
        n = number ? (size_t)(number - want) : n;
        if (!is_wanted(want, data, n)) {
            reply_fail(r, "the body differs from the one expected");
            return;
        }
        r->want_at += n;
        n += number ? take_number(r, data + n, len - n) : 0;
        if (!number && n < len) {
            reply_fail(r, "the body is too long");
            return;
        }
        data += n;
        len -= n;
    }
}

static bool header_is(const struct reply *r, const char *name, const char *value)
{
    size_t len = 0;
    const char *got = bench_header(r->head, r->head_len, name, &len);
    return got && len == strlen(value) && strncasecmp(got, value, len) == 0;
}

static void set_length(struct reply *r, const char *text, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || n > UINT32_MAX) {
            reply_fail(r, "the Content-Length is no number");
            return;
        }
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    r->left = n;
    r->state = REPLY_LENGTH;
    if (n == 0) {
        reply_finish(r);
    }
}

static void read_head(struct reply *r)
{
    if (r->head_len < 13 || memcmp(r->head, "HTTP/1.", 7) != 0) {
        reply_fail(r, "the reply does not begin with HTTP/1.x");
        return;
    }
    if (memcmp(r->head + 8, " 200", 4) != 0) {
        reply_fail(r, "the status is not 200");
        return;
    }
    r->closes = header_is(r, "connection:", "close") ||
                (r->head[7] == '0' && !header_is(r, "connection:", "keep-alive"));
    size_t len = 0;
    const char *length = bench_header(r->head, r->head_len, "content-length:", &len);
    if (header_is(r, "transfer-encoding:", "chunked")) {
        r->state = REPLY_CHUNK_SIZE;
    } else if (length) {
        set_length(r, length, len);
    } else {
        r->closes = true;
        r->state = REPLY_UNTIL_CLOSE;
    }
}

static size_t feed_head(struct reply *r, const char *data, size_t len)
{
    size_t before = r->head_len;
    size_t n = SL_MIN(len, sizeof r->head - before);
    memcpy(r->head + before, data, n);
    size_t from = before > 3 ? before - 3 : 0;
    const char *end = memmem(r->head + from, before + n - from, "\r\n\r\n", 4);
    if (!end) {
        r->head_len += n;
        if (n < len) {
            reply_fail(r, "the head is too long");
        }
        return n;
    }
    r->head_len = (size_t)(end + 4 - r->head);
    read_head(r);
    return r->head_len - before;
}

static size_t feed_sized(struct reply *r, const char *data, size_t len)
{
    size_t n = (size_t)SL_MIN((uint64_t)len, r->left);
    take_body(r, data, n);
    if (r->state == REPLY_WRONG) {
        return n;
    }
    r->left -= n;
    if (r->left == 0 && r->state == REPLY_LENGTH) {
        reply_finish(r);
    } else if (r->left == 0) {
        r->state = REPLY_CHUNK_END;
        r->left = 2;
    }
    return n;
}

static void feed_size_byte(struct reply *r, char c)
{
    if (c == '\n') {
        if (!r->has_digit) {
            reply_fail(r, "a chunk has no size");
            return;
        }
        r->has_digit = false;
        r->in_ext = false;
        r->state = r->left ? REPLY_CHUNK_DATA : REPLY_TRAILER;
        r->line_len = 0;
        return;
    }
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (r->in_ext || c == '\r' || c == ';' || c == ' ') {
        r->in_ext = true;
    } else if (digit < 0 || r->left > UINT32_MAX) {
        reply_fail(r, "a chunk size is no number");
    } else {
        r->left = r->left * 16 + (uint64_t)digit;
        r->has_digit = true;
    }
}

static void feed_trailer_byte(struct reply *r, char c)
{
    if (c != '\n') {
        r->line_len += c != '\r';
    } else if (r->line_len == 0) {
        reply_finish(r);
    } else {
        r->line_len = 0;
    }
}

static void feed_chunk_end_byte(struct reply *r, char c)
{
    if (c != (r->left == 2 ? '\r' : '\n')) {
        reply_fail(r, "a chunk is longer than its size");
    } else if (--r->left == 0) {
        r->state = REPLY_CHUNK_SIZE;
    }
}

void reply_start(struct reply *r, const char *want, size_t want_len)
{
    memset(r, 0, offsetof(struct reply, head));
    r->want = want;
    r->want_len = want_len;
    r->want_at = 0;
}

size_t reply_feed(struct reply *r, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && r->state < REPLY_DONE) {
        switch (r->state) {
        case REPLY_HEAD:
            at += feed_head(r, data + at, len - at);
            break;
        case REPLY_LENGTH:
        case REPLY_CHUNK_DATA:
            at += feed_sized(r, data + at, len - at);
            break;
        case REPLY_CHUNK_SIZE:
            feed_size_byte(r, data[at++]);
            break;
        case REPLY_CHUNK_END:
            feed_chunk_end_byte(r, data[at++]);
            break;
        case REPLY_TRAILER:
            feed_trailer_byte(r, data[at++]);
            break;
        case REPLY_UNTIL_CLOSE:
            take_body(r, data + at, len - at);
            at = len;
            break;
        case REPLY_DONE:
        case REPLY_WRONG:
            break;
        }
    }
    return at;
}

void reply_end(struct reply *r)
{
    if (r->state == REPLY_UNTIL_CLOSE) {
        reply_finish(r);
    } else if (r->state < REPLY_DONE) {
        reply_fail(r,
                   r->head_len ? "the connection closed within the reply" : "the connection closed before the reply");
    }
}
