/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the next target of a pool. */
#ifndef SL_GATE_PICK_H
#define SL_GATE_PICK_H

#include "gate/policy/pool.h"

/* One call's question. `passed` are targets that it does not ask (again): it tried them, or they cannot serve it. */
struct sl_ask {
    const uint64_t *passed; /* one bit for each target, SL_POOL_WORDS(n) words */
    uint64_t now_usec;      /* monotonic, the same clock in all workers */
    uint64_t random;
    bool is_stream;
    bool is_again; /* an attempt has failed: do not pick another target in doubt while there is any other */
};

void sl_ask_pass(uint64_t *passed, uint32_t target);
/* Passes all of the n targets except that one. */
void sl_ask_only(uint64_t *passed, uint32_t n, uint32_t target);
/* True: that target could be asked. */
bool sl_pool_can(struct sl_pool *pool, const struct sl_ask *ask, uint32_t target);
/* The next target, or SL_NO_TARGET. */
uint32_t sl_pool_pick(struct sl_pool *pool, const struct sl_ask *ask);
/* How many targets could be picked. */
uint32_t sl_pool_left(struct sl_pool *pool, const struct sl_ask *ask);

#endif
