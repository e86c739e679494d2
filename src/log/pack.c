/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk's entry is 16 bytes: its least number (8), where its bits begin (4), how many a number has (1), nothing (3).
 * All entries come first, then the bits, then 8 bytes of nothing, so that eight bytes can be read at any bit. */
#include "log/pack.h"

#include "base/buf.h"

#define ENTRY 16
#define SLACK 8

static uint32_t chunks_of(uint32_t n)
{
    return (n + SL_PACK_CHUNK - 1) / SL_PACK_CHUNK;
}

static unsigned bits_of(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

struct entry {
    int64_t base;
    uint32_t at;
    unsigned width;
};

static struct entry entry_read(const char *p)
{
    struct entry entry = { .width = (unsigned char)p[12] };
    memcpy(&entry.base, p, 8);
    memcpy(&entry.at, p + 8, 4);
    return entry;
}

static size_t bytes_of(uint32_t n, unsigned width)
{
    return ((size_t)n * width + 7) / 8;
}

static struct entry entry_make(const int64_t *v, uint32_t n)
{
    int64_t least = v[0], most = v[0];
    for (uint32_t i = 1; i < n; i++) {
        least = SL_MIN(least, v[i]);
        most = SL_MAX(most, v[i]);
    }
    return (struct entry){ .base = least, .width = bits_of((uint64_t)most - (uint64_t)least) };
}

/* Writes a number of up to 64 bits at a bit; the bytes were zero. */
static void bits_put(char *p, size_t bit, unsigned width, uint64_t v)
{
    uint64_t word;
    unsigned shift = bit % 8;
    p += bit / 8;
    memcpy(&word, p, 8);
    word |= v << shift;
    memcpy(p, &word, 8);
    if (shift + width > 64) {
        p[8] = (char)(v >> (64 - shift));
    }
}

SL_INLINE uint64_t bits_get(const char *p, size_t bit, unsigned width)
{
    uint64_t word;
    unsigned shift = bit % 8;
    p += bit / 8;
    memcpy(&word, p, 8);
    word >>= shift;
    if (SL_UNLIKELY(shift + width > 64)) {
        word |= (uint64_t)(unsigned char)p[8] << (64 - shift);
    }
    return width == 64 ? word : word & ((UINT64_C(1) << width) - 1);
}

void sl_pack_write(struct sl_buf *out, const int64_t *v, uint32_t n)
{
    uint32_t n_chunks = chunks_of(n), at = n_chunks * ENTRY;
    size_t start = out->len;
    for (uint32_t c = 0; c < n_chunks; c++) {
        uint32_t first = c * SL_PACK_CHUNK, n_here = SL_MIN(n - first, (uint32_t)SL_PACK_CHUNK);
        struct entry entry = entry_make(v + first, n_here);
        char bytes[ENTRY] = { 0 };
        memcpy(bytes, &entry.base, 8);
        memcpy(bytes + 8, &at, 4);
        bytes[12] = (char)entry.width;
        sl_buf_add(out, bytes, ENTRY);
        at += (uint32_t)bytes_of(n_here, entry.width);
    }
    size_t n_bits = at - n_chunks * ENTRY + SLACK + 1;
    if (sl_buf_reserve(out, n_bits) < 0) {
        return;
    }
    memset(out->p + out->len, 0, n_bits);
    out->len += n_bits;
    for (uint32_t c = 0; c < n_chunks; c++) {
        uint32_t first = c * SL_PACK_CHUNK, n_here = SL_MIN(n - first, (uint32_t)SL_PACK_CHUNK);
        struct entry entry = entry_read(out->p + start + (size_t)c * ENTRY);
        for (uint32_t i = 0; i < n_here && entry.width; i++) {
            bits_put(out->p + start + entry.at, (size_t)i * entry.width, entry.width,
                     (uint64_t)v[first + i] - (uint64_t)entry.base);
        }
    }
}

int sl_packed_open(struct sl_str bytes, uint32_t n, struct sl_packed *ret)
{
    size_t n_chunks = chunks_of(n);
    if (bytes.n < n_chunks * ENTRY + SLACK + 1) {
        return SL_E_DAMAGED;
    }
    for (uint32_t c = 0; c < n_chunks; c++) {
        struct entry entry = entry_read(bytes.p + (size_t)c * ENTRY);
        uint32_t n_here = SL_MIN(n - c * SL_PACK_CHUNK, (uint32_t)SL_PACK_CHUNK);
        if (entry.width > 64 || entry.at < n_chunks * ENTRY || entry.at > bytes.n ||
            bytes.n - entry.at < bytes_of(n_here, entry.width) + SLACK + 1) {
            return SL_E_DAMAGED;
        }
    }
    *ret = (struct sl_packed){ bytes, n };
    return 0;
}

int64_t sl_packed_get(const struct sl_packed *packed, uint32_t i)
{
    struct entry entry = entry_read(packed->bytes.p + (size_t)(i / SL_PACK_CHUNK) * ENTRY);
    uint64_t more = bits_get(packed->bytes.p + entry.at, (size_t)(i % SL_PACK_CHUNK) * entry.width, entry.width);
    return (int64_t)((uint64_t)entry.base + more);
}

uint32_t sl_packed_chunk(const struct sl_packed *packed, uint32_t chunk, int64_t out[SL_PACK_CHUNK])
{
    if (chunk >= chunks_of(packed->n)) {
        return 0;
    }
    uint32_t n = SL_MIN(packed->n - chunk * SL_PACK_CHUNK, (uint32_t)SL_PACK_CHUNK);
    struct entry entry = entry_read(packed->bytes.p + (size_t)chunk * ENTRY);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (int64_t)((uint64_t)entry.base +
                           bits_get(packed->bytes.p + entry.at, (size_t)i * entry.width, entry.width));
    }
    return n;
}
