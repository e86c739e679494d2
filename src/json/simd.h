/* SPDX-License-Identifier: Apache-2.0 */
/* Scans JSON 16 bytes at a time: for the end of a run of plain string bytes, for the beginning of a word, for a
 * byte. */
#ifndef SL_JSON_SIMD_H
#define SL_JSON_SIMD_H

#include "base/attr.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__SSE2__)
SL_INLINE __m128i sl_simd_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Sets the top bit of each of the 16 bytes that stops a string; `ascii`: or that is not ASCII. With its second bit
 * flipped, the quote comes right after the control characters. As signed numbers, bytes beyond ASCII are negative and
 * so come before them. */
SL_INLINE __m128i sl_simd_stops(__m128i v, bool ascii)
{
    __m128i low = _mm_subs_epi8(_mm_xor_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8(0x21));
    return _mm_or_si128(ascii ? low : _mm_andnot_si128(v, low), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

/* The first of 16 bytes that stops a string or is not ASCII; NULL: none of them, or there are fewer. */
SL_INLINE const char *sl_simd_near_stop(const char *p, const char *end)
{
    unsigned mask = end - p >= 16 ? (unsigned)_mm_movemask_epi8(sl_simd_stops(sl_simd_load(p), true)) : 0;
    return mask ? p + __builtin_ctz(mask) : NULL;
}

/* Goes over blocks of 64 bytes in which nothing stops a string. *io_high as below. */
SL_INLINE const char *sl_simd_blocks_skip(const char *p, const char *end, bool *io_high)
{
    __m128i all = _mm_setzero_si128();
    for (; end - p >= 64; p += 64) {
        __m128i a = sl_simd_load(p), b = sl_simd_load(p + 16), c = sl_simd_load(p + 32), d = sl_simd_load(p + 48);
        __m128i ab = _mm_or_si128(sl_simd_stops(a, !io_high), sl_simd_stops(b, !io_high));
        __m128i cd = _mm_or_si128(sl_simd_stops(c, !io_high), sl_simd_stops(d, !io_high));
        if (_mm_movemask_epi8(_mm_or_si128(ab, cd))) {
            break;
        }
        all = io_high ? _mm_or_si128(all, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) : all;
    }
    if (io_high) {
        *io_high |= _mm_movemask_epi8(all) != 0;
    }
    return p;
}
#else
SL_INLINE const char *sl_simd_near_stop(const char *p, const char *end)
{
    (void)p, (void)end;
    return NULL;
}
#endif

/* The first byte of [p, end) that is '"', '\\' or below 0x20, or `end`. *io_high becomes true when a byte before it is
 * not ASCII; with io_high NULL (a constant at each use) it also stops at the first byte that is not ASCII. Most strings
 * are short; after the first 16 bytes, long ones are scanned in blocks. */
SL_INLINE const char *sl_simd_string_stop(const char *p, const char *end, bool *io_high)
{
#if defined(__SSE2__)
    bool is_first = true;
    while (end - p >= 16) {
        __m128i v = sl_simd_load(p);
        unsigned mask = (unsigned)_mm_movemask_epi8(sl_simd_stops(v, !io_high));
        unsigned high = io_high ? (unsigned)_mm_movemask_epi8(v) : 0;
        if (mask) {
            unsigned n = (unsigned)__builtin_ctz(mask);
            if (io_high) {
                *io_high |= (high & ((1u << n) - 1)) != 0;
            }
            return p + n;
        }
        if (io_high) {
            *io_high |= high != 0;
        }
        p += 16;
        if (is_first) {
            p = sl_simd_blocks_skip(p, end, io_high);
            is_first = false;
        }
    }
#else
    while (end - p >= 8) {
        const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t q = w ^ (ones * '"'), b = w ^ (ones * '\\');
        uint64_t stop = ((q - ones) & ~q) | ((b - ones) & ~b) | ((w - ones * 0x20) & ~w) | (io_high ? 0 : w);
        if (stop & highs) {
            break; /* perhaps: check the single bytes */
        }
        if (io_high) {
            *io_high |= (w & highs) != 0;
        }
        p += 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        if (*p & 0x80) {
            if (!io_high) {
                return p;
            }
            *io_high = true;
        }
        p++;
    }
    return p;
}

/* The first quote or backslash of [p, end), or `end`. Most strings are short. */
SL_INLINE const char *sl_simd_quote_find(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    while (end - p >= 16) {
        __m128i v = sl_simd_load(p);
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        if (mask) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
        for (; end - p >= 64; p += 64) { /* a block with a quote is read again below */
            __m128i all = _mm_setzero_si128();
            for (int i = 0; i < 64; i += 16) {
                v = sl_simd_load(p + i);
                all = _mm_or_si128(all, _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
            }
            if (_mm_movemask_epi8(all)) {
                break;
            }
        }
    }
#endif
    while (p < end && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

#define SL_SIMD_SHORT 32

/* How many of the 32 bytes come before the first quote or backslash. */
SL_INLINE size_t sl_simd_short_text(const char *p)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    __m128i a = sl_simd_load(p), b = sl_simd_load(p + 16);
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(a, backslash))) |
                    (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(b, quote), _mm_cmpeq_epi8(b, backslash)))
                        << 16;
    return mask ? (size_t)__builtin_ctz(mask) : SL_SIMD_SHORT;
#else
    size_t n = 0;
    while (n < SL_SIMD_SHORT && p[n] != '"' && p[n] != '\\') {
        n++;
    }
    return n;
#endif
}

/* The first byte of that value in [p, end), or `end`. Near ones need no call. */
SL_INLINE const char *sl_simd_byte_find(const char *p, const char *end, char c)
{
#if defined(__SSE2__)
    if (end - p >= 32) {
        __m128i all = _mm_set1_epi8(c);
        __m128i a = _mm_cmpeq_epi8(sl_simd_load(p), all), b = _mm_cmpeq_epi8(sl_simd_load(p + 16), all);
        unsigned mask = (unsigned)_mm_movemask_epi8(a) | (unsigned)_mm_movemask_epi8(b) << 16;
        if (mask) {
            return p + __builtin_ctz(mask);
        }
        p += 32;
    }
#endif
    const char *found = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
    return found ? found : end;
}

/* The first quote in [p, end) before one of the four letters, or `end`. */
SL_INLINE const char *sl_simd_word_find(const char *p, const char *end, const char letters[4])
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i a = _mm_set1_epi8(letters[0]), b = _mm_set1_epi8(letters[1]);
    const __m128i c = _mm_set1_epi8(letters[2]), d = _mm_set1_epi8(letters[3]);
    for (; end - p > 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
        __m128i ab = _mm_or_si128(_mm_cmpeq_epi8(next, a), _mm_cmpeq_epi8(next, b));
        __m128i cd = _mm_or_si128(_mm_cmpeq_epi8(next, c), _mm_cmpeq_epi8(next, d));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(v, quote), _mm_or_si128(ab, cd)));
        if (mask) {
            return p + __builtin_ctz(mask);
        }
    }
#endif
    for (; end - p > 1; p++) {
        if (*p == '"' && memchr(letters, p[1], 4)) {
            return p;
        }
    }
    return end;
}

#endif
