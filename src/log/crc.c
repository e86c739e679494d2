/* SPDX-License-Identifier: Apache-2.0 */
#include "log/crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void tables_make(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int k = 0; k < 8; k++) {
            v = v >> 1 ^ (v & 1 ? POLYNOMIAL : 0);
        }
        tables[0][i] = v;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (size_t k = 1; k < SL_ARRAY_LEN(tables); k++) {
            tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 0xff];
        }
    }
}

/* Eight bytes a step, a table for each. */
uint32_t sl_crc32c_plain(uint32_t seed, const void *p, size_t n)
{
    pthread_once(&once, tables_make);
    const unsigned char *at = p;
    uint32_t crc = ~seed;
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, at, 8);
        v ^= crc;
        crc = 0;
        for (unsigned k = 0; k < 8; k++) {
            crc ^= tables[7 - k][v >> (8 * k) & 0xff];
        }
    }
    for (; n > 0; at++, n--) {
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t seed, const void *p, size_t n)
{
    const unsigned char *at = p;
    uint64_t crc = (uint32_t)~seed;
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, at, 8);
        crc = __builtin_ia32_crc32di(crc, v);
    }
    uint32_t rest = (uint32_t)crc;
    for (; n > 0; at++, n--) {
        rest = __builtin_ia32_crc32qi(rest, *at);
    }
    return ~rest;
}

static bool has_fast(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_fast(uint32_t seed, const void *p, size_t n)
{
    return sl_crc32c_plain(seed, p, n);
}

static bool has_fast(void)
{
    return false;
}
#endif

uint32_t sl_crc32c(uint32_t seed, const void *p, size_t n)
{
    return has_fast() ? crc_fast(seed, p, n) : sl_crc32c_plain(seed, p, n);
}
