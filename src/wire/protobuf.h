/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of Protocol Buffers: writes fields into memory of the caller, and reads a message field by field. It
 * knows no message types. */
#ifndef SL_WIRE_PROTOBUF_H
#define SL_WIRE_PROTOBUF_H

#include "base/err.h"
#include "base/str.h"

enum sl_pb_type { SL_PB_VARINT = 0, SL_PB_FIXED64 = 1, SL_PB_BYTES = 2, SL_PB_FIXED32 = 5 };

/* The most bytes of a varint, and of a field's number with its type. */
#define SL_PB_VARINT_MAX 10
#define SL_PB_TAG_MAX    5

/* Where fields are written. The caller looks before: there is room for what it writes. */
struct sl_pb {
    char *at, *end;
};

SL_INLINE size_t sl_pb_varint_size(uint64_t v)
{
    size_t n = 1;
    for (; SL_UNLIKELY(v >= 0x80); v >>= 7) {
        n++;
    }
    return n;
}
/* The bytes of a field with `n` bytes in it, whose number is below 16. */
SL_INLINE size_t sl_pb_bytes_size(size_t n)
{
    return 1 + sl_pb_varint_size(n) + n;
}
/* True: it has room for `n` more bytes. */
SL_INLINE bool sl_pb_has_room(const struct sl_pb *pb, size_t n)
{
    return (size_t)(pb->end - pb->at) >= n;
}

SL_INLINE void sl_pb_put_varint(struct sl_pb *pb, uint64_t v)
{
    for (; SL_UNLIKELY(v >= 0x80); v >>= 7) {
        *pb->at++ = (char)(v | 0x80);
    }
    *pb->at++ = (char)v;
}
/* Begins a field of `n` bytes, which the caller writes next. */
SL_INLINE void sl_pb_put_head(struct sl_pb *pb, uint32_t number, size_t n)
{
    sl_pb_put_varint(pb, number << 3 | SL_PB_BYTES);
    sl_pb_put_varint(pb, n);
}
SL_INLINE void sl_pb_put_bytes(struct sl_pb *pb, uint32_t number, struct sl_str bytes)
{
    sl_pb_put_head(pb, number, bytes.n);
    if (bytes.n) {
        memcpy(pb->at, bytes.p, bytes.n);
        pb->at += bytes.n;
    }
}
void sl_pb_put_uint(struct sl_pb *pb, uint32_t number, uint64_t v);
void sl_pb_put_fixed32(struct sl_pb *pb, uint32_t number, uint32_t v);
void sl_pb_put_fixed64(struct sl_pb *pb, uint32_t number, uint64_t v);

struct sl_pb_field {
    uint32_t number;
    enum sl_pb_type type;
    uint64_t value;      /* of a number */
    struct sl_str bytes; /* of SL_PB_BYTES; in the message */
};

/* Takes the next field off a message. SL_E_NOTFOUND: the message is at its end; SL_E_INVAL: it is none. */
SL_MUST int sl_pb_next(struct sl_str *io_rest, struct sl_pb_field *ret);

#endif
