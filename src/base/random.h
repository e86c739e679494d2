/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_RANDOM_H
#define SL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From the kernel; never fails (aborts when the kernel has no randomness). */
void sl_random_bytes(void *p, size_t n);

/* A small fast generator for identifiers and jitter, one a thread; not for secrets. */
struct sl_rng {
    uint64_t s[2];
};
void sl_rng_init(struct sl_rng *rng);
uint64_t sl_rng_next(struct sl_rng *rng);

#endif
