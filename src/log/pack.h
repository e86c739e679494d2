/* SPDX-License-Identifier: Apache-2.0 */
/* A list of numbers, packed in chunks of 512: each has its least number, and for every number the difference to it in
 * as few bits as the chunk needs. Any number can be read without those before it. */
#ifndef SL_LOG_PACK_H
#define SL_LOG_PACK_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sl_buf;

#define SL_PACK_CHUNK 512

/* Appends; the bytes begin at a multiple of 8 of the buffer's start only if its length is one. */
void sl_pack_write(struct sl_buf *out, const int64_t *v, uint32_t n);

/* Packed numbers that were checked. The bytes are borrowed. */
struct sl_packed {
    struct sl_str bytes;
    uint32_t n;
};

/* SL_E_DAMAGED: these bytes are no list of n numbers. After this, no reading goes beyond them. */
SL_MUST int sl_packed_open(struct sl_str bytes, uint32_t n, struct sl_packed *ret);
int64_t sl_packed_get(const struct sl_packed *packed, uint32_t i);
/* Reads the numbers of chunk `chunk`; returns how many: 0 behind the last. */
uint32_t sl_packed_chunk(const struct sl_packed *packed, uint32_t chunk, int64_t out[SL_PACK_CHUNK]);

#endif
