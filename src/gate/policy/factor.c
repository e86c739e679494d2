/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/factor.h"

#include "base/map.h"

#define FIRST 256 /* a token for four bytes */
#define LEAST 16
#define MOST  1024 /* a token for one byte */
/* A call with fewer bytes says little: what every call has beside its text weighs too much. */
#define BYTES_MIN 256
/* How much one call counts: an eighth. */
#define SHARE 8

static uint32_t place_of(struct sl_str model)
{
    return (uint32_t)(sl_hash(model) % SL_FACTORS);
}

uint64_t sl_factor_tokens(const struct sl_factors *factors, struct sl_str model, uint64_t bytes)
{
    unsigned v = atomic_load_explicit(&factors->v[place_of(model)], memory_order_relaxed);
    return (bytes * (v ? v : FIRST) + 1023) / 1024;
}

void sl_factor_learn(struct sl_factors *factors, struct sl_str model, uint64_t bytes, uint64_t tokens)
{
    if (bytes < BYTES_MIN) {
        return;
    }
    atomic_uint *place = &factors->v[place_of(model)];
    uint64_t seen = tokens > UINT32_MAX ? MOST : tokens * 1024 / bytes;
    seen = SL_MIN(SL_MAX(seen, (uint64_t)LEAST), (uint64_t)MOST);
    unsigned v = atomic_load_explicit(place, memory_order_relaxed);
    /* Two calls that end at once may lose one of the two: that makes no difference to an estimate. */
    uint64_t next = ((uint64_t)(v ? v : FIRST) * (SHARE - 1) + seen + SHARE / 2) / SHARE;
    atomic_store_explicit(place, (unsigned)next, memory_order_relaxed);
}
