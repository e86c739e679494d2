/* SPDX-License-Identifier: Apache-2.0 */
#include "log/filter.h"

#define BITS_A_TEXT 10
#define LOOKS       6

size_t sl_filter_bytes(uint32_t n)
{
    return ((size_t)n * BITS_A_TEXT + 63) / 64 * 8;
}

/* Not the process's own hash (base/map.h), whose seeds differ at the next start. */
static uint64_t hash(uint32_t salt, struct sl_str text)
{
    uint64_t h = salt * 0x9e3779b97f4a7c15ull ^ text.n;
    for (size_t i = 0; i < text.n; i += 8) {
        uint64_t v = 0;
        memcpy(&v, text.p + i, SL_MIN(text.n - i, (size_t)8));
        h = (h ^ v) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    h *= 0xc4ceb9fe1a85ec53ull;
    return h ^ h >> 29;
}

static size_t bit_of(uint64_t h, unsigned look, size_t n_bits)
{
    uint64_t step = (h >> 32) | 1;
    return (size_t)((h + look * step) % n_bits);
}

void sl_filter_add(char *bytes, size_t n_bytes, uint32_t salt, struct sl_str text)
{
    uint64_t h = hash(salt, text);
    for (unsigned i = 0; i < LOOKS; i++) {
        size_t bit = bit_of(h, i, n_bytes * 8);
        bytes[bit / 8] = (char)(bytes[bit / 8] | (1 << bit % 8));
    }
}

bool sl_filter_has(struct sl_str bytes, uint32_t salt, struct sl_str text)
{
    uint64_t h = hash(salt, text);
    for (unsigned i = 0; bytes.n && i < LOOKS; i++) {
        size_t bit = bit_of(h, i, bytes.n * 8);
        if (!(bytes.p[bit / 8] >> bit % 8 & 1)) {
            return false;
        }
    }
    return bytes.n > 0;
}
