/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_RANDOM_H
#define SL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the kernel; never fails (aborts when the kernel has none). */
void sl_random_bytes(void *p, size_t n);

/* Random bytes of the kernel, fetched many at a time, for values that nobody must guess. Each thread has its own, { 0 }
 * at first. */
struct sl_random_pool {
    size_t left;
    unsigned char bytes[1024];
};
uint64_t sl_random_take(struct sl_random_pool *pool);

/* A small fast generator for jitter and marks; each thread has its own. Who sees some of its numbers can compute the
 * others. */
struct sl_rng {
    uint64_t s[2];
};
void sl_rng_init(struct sl_rng *rng);
uint64_t sl_rng_next(struct sl_rng *rng);

#endif
