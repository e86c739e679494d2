/* SPDX-License-Identifier: Apache-2.0 */
/* How many tokens the bytes of a call are, for each model: learnt from what calls used. Any thread. */
#ifndef SL_GATE_FACTOR_H
#define SL_GATE_FACTOR_H

#include <stdatomic.h>

#include "base/str.h"

/* More models than these share places: an estimate may then be worse, and nothing else. */
#define SL_FACTORS 1024

struct sl_factors {
    atomic_uint v[SL_FACTORS]; /* tokens of 1,024 bytes; 0: nothing is known yet */
};

/* The estimate for a model; a token for four bytes until something is known. */
uint64_t sl_factor_tokens(const struct sl_factors *factors, struct sl_str model, uint64_t bytes);
/* A call with so many bytes had so many tokens. */
void sl_factor_learn(struct sl_factors *factors, struct sl_str model, uint64_t bytes, uint64_t tokens);

#endif
