/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mock/embed.h"

/* Eight bytes in each step. */
uint64_t sl_mock_hash(struct sl_str s, uint64_t seed)
{
    uint64_t h = seed ^ (s.n * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < s.n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s.p + i, SL_MIN(s.n - i, (size_t)8));
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

/* Ten-thousandths in [-1, 1], from the text and the index. */
static int component(uint64_t hash, uint32_t i)
{
    uint64_t h = hash + (i + 1) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    h ^= h >> 31;
    return (int)(h % 20001) - 10000;
}

/* Writes the shortest form, such as "-0.25" or "1", without the search that other numbers need. `out` has 8 bytes. */
static size_t component_format(int v, char *out)
{
    static const int places[] = { 1000, 100, 10, 1 };
    unsigned rest = (unsigned)(v < 0 ? -v : v);
    size_t n = 0;
    if (v < 0) {
        out[n++] = '-';
    }
    out[n++] = (char)('0' + rest / 10000);
    rest %= 10000;
    if (rest) {
        out[n++] = '.';
    }
    for (size_t i = 0; rest; i++) {
        out[n++] = (char)('0' + rest / (unsigned)places[i]);
        rest %= (unsigned)places[i];
    }
    return n;
}

void sl_mock_embedding(struct sl_buf *out, struct sl_str text, uint32_t dimensions, bool is_base64)
{
    uint64_t hash = sl_mock_hash(text, 0);
    if (!is_base64) {
        for (uint32_t i = 0; i < dimensions; i++) {
            char digits[8];
            sl_buf_add_char(out, i ? ',' : '[');
            sl_buf_add(out, digits, component_format(component(hash, i), digits));
        }
        sl_buf_add_char(out, ']');
        return;
    }
    unsigned char bytes[SL_MOCK_DIMENSIONS_MAX * 4];
    for (uint32_t i = 0; i < dimensions; i++) {
        float f = (float)(component(hash, i) / 10000.0);
        uint32_t word;
        memcpy(&word, &f, sizeof(word));
        for (unsigned k = 0; k < 4; k++) {
            bytes[i * 4 + k] = (unsigned char)(word >> (8 * k));
        }
    }
    sl_buf_add_char(out, '"');
    sl_buf_add_base64(out, sl_str_make((const char *)bytes, (size_t)dimensions * 4));
    sl_buf_add_char(out, '"');
}
