/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a pool's targets is next. */
#ifndef SL_GATE_PICK_H
#define SL_GATE_PICK_H

#include "gate/policy/pool.h"

/* Targets that a call does not ask for any more: it tried them, or they cannot serve it. One bit a target. */
struct sl_ask {
    const uint64_t *passed; /* SL_POOL_WORDS(n) words */
    uint64_t now_usec;      /* of a clock that only goes forward, the same in all workers */
    uint64_t random;
    bool is_stream;
    bool
        is_again; /* an attempt has failed: another one looks at no target that is in doubt, while there is any other */
};

void sl_ask_pass(uint64_t *passed, uint32_t target);
/* All of the n but that one. */
void sl_ask_only(uint64_t *passed, uint32_t n, uint32_t target);
/* Could that one be asked? */
bool sl_pool_can(struct sl_pool *pool, const struct sl_ask *ask, uint32_t target);
/* The next target, or SL_NO_TARGET. */
uint32_t sl_pool_pick(struct sl_pool *pool, const struct sl_ask *ask);
/* How many could be picked. */
uint32_t sl_pool_left(struct sl_pool *pool, const struct sl_ask *ask);

#endif
