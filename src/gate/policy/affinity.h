/* SPDX-License-Identifier: Apache-2.0 */
/* Where conversations are: which target has each, so that its prompt cache, or state that nobody else reads, is found
 * again. A fixed number of places, shared by all workers. Where they are taken, who has most of them loses the one that
 * ends first: one caller's many conversations push out no other's few. Time comes in. Any thread. */
#ifndef SL_GATE_AFFINITY_H
#define SL_GATE_AFFINITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_affinity;

/* Of one process: 3 MiB where all are taken. */
#define SL_AFFINITY_MAX 131072

/* `max` is rounded up to a power of two, 64 or more. Memory is used as places are. SL_E_NOMEM. */
SL_MUST int sl_affinity_new(size_t max, struct sl_affinity **ret);
void sl_affinity_free(struct sl_affinity *affinity);

/* The key of a conversation: the highest bits say whose it is. Never 0. */
#define SL_AFFINITY_OWNER_BITS 12
uint64_t sl_affinity_key(uint64_t owner_hash, uint64_t hash);

/* The target of a key, as it was put; 0: it is not known, or no more. */
uint64_t sl_affinity_find(struct sl_affinity *affinity, uint64_t key, uint64_t now_usec);
/* From now on, for so long. The target is not 0. */
void sl_affinity_put(struct sl_affinity *affinity, uint64_t key, uint64_t target, uint64_t ttl_usec, uint64_t now_usec);
/* How many are known. */
size_t sl_affinity_count(struct sl_affinity *affinity, uint64_t now_usec);

#endif
