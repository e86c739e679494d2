/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/attr.h"

void sl_random_bytes(void *p, size_t n)
{
    unsigned char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            SL_ASSERT(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

uint64_t sl_random_take(struct sl_random_pool *pool)
{
    uint64_t v;
    if (pool->left < sizeof(v)) {
        sl_random_bytes(pool->bytes, sizeof(pool->bytes));
        pool->left = sizeof(pool->bytes);
    }
    pool->left -= sizeof(v);
    memcpy(&v, pool->bytes + pool->left, sizeof(v));
    memset(pool->bytes + pool->left, 0, sizeof(v)); /* bytes that were returned are wiped here */
    return v;
}

void sl_rng_init(struct sl_rng *rng)
{
    sl_random_bytes(rng->s, sizeof(rng->s));
    rng->s[0] |= 1; /* the all-zero state would never change */
}

/* xorshift128+ (Vigna 2017). */
uint64_t sl_rng_next(struct sl_rng *rng)
{
    uint64_t a = rng->s[0];
    uint64_t b = rng->s[1];
    rng->s[0] = b;
    a ^= a << 23;
    rng->s[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return rng->s[1] + b;
}
