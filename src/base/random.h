/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_RANDOM_H
#define SL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From the kernel; never fails (aborts when the kernel has no randomness). */
void sl_random_bytes(void *p, size_t n);

/* Bytes of the kernel's, fetched many at a time, for what nobody is to guess: one a thread, { 0 } at first. */
struct sl_random_pool {
    size_t left;
    unsigned char bytes[1024];
};
uint64_t sl_random_take(struct sl_random_pool *pool);

/* A small fast generator for jitter and marks, one a thread; who sees some of its numbers can tell the others. */
struct sl_rng {
    uint64_t s[2];
};
void sl_rng_init(struct sl_rng *rng);
uint64_t sl_rng_next(struct sl_rng *rng);

#endif
