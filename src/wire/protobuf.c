/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/protobuf.h"

static void put_tag(struct sl_pb *pb, uint32_t number, enum sl_pb_type type)
{
    sl_pb_put_varint(pb, (uint64_t)number << 3 | type);
}

/* Little-endian, on every machine. */
static void put_fixed(struct sl_pb *pb, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++, v >>= 8) {
        *pb->at++ = (char)(v & 0xff);
    }
}

void sl_pb_put_uint(struct sl_pb *pb, uint32_t number, uint64_t v)
{
    put_tag(pb, number, SL_PB_VARINT);
    sl_pb_put_varint(pb, v);
}

void sl_pb_put_fixed32(struct sl_pb *pb, uint32_t number, uint32_t v)
{
    put_tag(pb, number, SL_PB_FIXED32);
    put_fixed(pb, v, 4);
}

void sl_pb_put_fixed64(struct sl_pb *pb, uint32_t number, uint64_t v)
{
    put_tag(pb, number, SL_PB_FIXED64);
    put_fixed(pb, v, 8);
}

/* --- reading --- */

static int take_varint(struct sl_str *io_rest, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < SL_PB_VARINT_MAX && i < io_rest->n; i++) {
        unsigned char c = (unsigned char)io_rest->p[i];
        if (i == SL_PB_VARINT_MAX - 1 && c > 1) {
            return SL_E_INVAL; /* more than 64 bits */
        }
        v |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c < 0x80) {
            *ret = v;
            *io_rest = sl_str_sub(*io_rest, i + 1, io_rest->n);
            return 0;
        }
    }
    return SL_E_INVAL;
}

static int take_fixed(struct sl_str *io_rest, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    if (io_rest->n < n) {
        return SL_E_INVAL;
    }
    for (size_t i = n; i > 0; i--) {
        v = v << 8 | (unsigned char)io_rest->p[i - 1];
    }
    *ret = v;
    *io_rest = sl_str_sub(*io_rest, n, io_rest->n);
    return 0;
}

static int take_bytes(struct sl_str *io_rest, struct sl_str *ret)
{
    uint64_t n;
    if (take_varint(io_rest, &n) < 0 || n > io_rest->n) {
        return SL_E_INVAL;
    }
    *ret = sl_str_sub(*io_rest, 0, (size_t)n);
    *io_rest = sl_str_sub(*io_rest, (size_t)n, io_rest->n);
    return 0;
}

int sl_pb_next(struct sl_str *io_rest, struct sl_pb_field *ret)
{
    uint64_t tag;
    if (!io_rest->n) {
        return SL_E_NOTFOUND;
    }
    if (take_varint(io_rest, &tag) < 0 || tag >> 3 == 0 || tag > UINT32_MAX) {
        return SL_E_INVAL;
    }
    *ret = (struct sl_pb_field){ .number = (uint32_t)(tag >> 3), .type = (enum sl_pb_type)(tag & 7) };
    switch (ret->type) {
    case SL_PB_VARINT:
        return take_varint(io_rest, &ret->value);
    case SL_PB_FIXED64:
        return take_fixed(io_rest, 8, &ret->value);
    case SL_PB_BYTES:
        return take_bytes(io_rest, &ret->bytes);
    case SL_PB_FIXED32:
        return take_fixed(io_rest, 4, &ret->value);
    }
    return SL_E_INVAL; /* groups, which nobody writes any more */
}
