/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chunked.h"

enum state {
    ST_FIRST, /* the first digit of a size */
    ST_SIZE,
    ST_EXT, /* behind ';' */
    ST_SIZE_LF,
    ST_DATA,
    ST_DATA_CR,
    ST_DATA_LF,
    ST_LAST,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int refuse(struct sl_chunked *c, const char *fault)
{
    c->fault = fault;
    return SL_E_INVAL;
}

/* One byte of a size line, except its LF. */
static int line_push(struct sl_chunked *c, char byte)
{
    if (byte == '\r' && c->state != ST_FIRST) {
        c->state = ST_SIZE_LF;
        return 0;
    }
    if (++c->line_len > SL_CHUNK_LINE_MAX) {
        return refuse(c, "a chunk's size line is longer than the limit of 1024 bytes");
    }
    if (c->state == ST_EXT) {
        bool is_fit = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
        return is_fit ? 0 : refuse(c, "a chunk's extension has a byte that is not allowed");
    }
    if (byte == ';' && c->state == ST_SIZE) {
        c->state = ST_EXT;
        return 0;
    }
    int digit = hex_digit(byte);
    if (digit < 0) {
        return refuse(c, "a chunk's size must be hexadecimal digits");
    }
    if (c->left >> 60) {
        return refuse(c, "a chunk's size is absurd");
    }
    c->left = c->left << 4 | (uint64_t)digit;
    c->state = ST_SIZE;
    return 0;
}

/* One byte outside of the data. Returns an event, or SL_CHUNKED_MORE. */
static int byte_push(struct sl_chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case ST_FIRST:
    case ST_SIZE:
    case ST_EXT:
        return line_push(c, byte);
    case ST_SIZE_LF:
        if (byte != '\n') {
            return refuse(c, "a CR without LF behind a chunk's size");
        }
        c->line_len = 0;
        c->state = c->left ? ST_DATA : ST_LAST;
        return c->left ? SL_CHUNKED_SIZE : SL_CHUNKED_LAST;
    case ST_DATA_CR:
        c->state = ST_DATA_LF;
        return byte == '\r' ? 0 : refuse(c, "a chunk has more data than its size says");
    case ST_DATA_LF:
        c->state = ST_FIRST;
        return byte == '\n' ? 0 : refuse(c, "a CR without LF behind a chunk");
    case ST_DATA:
    case ST_LAST:
        break;
    }
    SL_ASSERT(false); /* data is taken as a whole, and nothing is pushed after the last size line */
}

int sl_chunked_push(struct sl_chunked *c, struct sl_str bytes, size_t *ret_used, struct sl_str *ret_data)
{
    if (c->state == ST_DATA && bytes.n) {
        size_t n = (size_t)SL_MIN((uint64_t)bytes.n, c->left);
        c->left -= n;
        if (c->left == 0) {
            c->state = ST_DATA_CR;
        }
        *ret_data = sl_str_sub(bytes, 0, n);
        *ret_used = n;
        return SL_CHUNKED_DATA;
    }
    for (size_t i = 0; i < bytes.n; i++) {
        int r = byte_push(c, bytes.p[i]);
        if (r != SL_CHUNKED_MORE) {
            *ret_used = i + 1;
            return r;
        }
    }
    *ret_used = bytes.n;
    return SL_CHUNKED_MORE;
}
