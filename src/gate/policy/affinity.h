/* SPDX-License-Identifier: Apache-2.0 */
/* Where conversations are: the target of each, so that its prompt cache, or state that no other target reads, is found
 * again. There is a fixed number of places, shared by all workers. When all places for a key are taken, the owner with
 * the most of them loses the one that expires first: so a caller with many conversations does not remove those of a
 * caller with few. Time is a parameter. Any thread. */
#ifndef SL_GATE_AFFINITY_H
#define SL_GATE_AFFINITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_affinity;

/* For the whole process: 4 MiB when all places are taken. */
#define SL_AFFINITY_MAX 131072

/* `max` is rounded up to a power of two, 64 or more. Pages of memory are used only as places are. SL_E_NOMEM. */
SL_MUST int sl_affinity_new(size_t max, struct sl_affinity **ret);
void sl_affinity_free(struct sl_affinity *affinity);

/* The key of a conversation; its highest bits say who owns it. Never 0. */
#define SL_AFFINITY_OWNER_BITS 12
uint64_t sl_affinity_key(uint64_t owner_hash, uint64_t hash);

/* The target that was put for a key; 0: the key is not known, or its time is over. */
uint64_t sl_affinity_find(struct sl_affinity *affinity, uint64_t key, uint64_t now_usec);
/* Remembers the target of a key for `ttl` from now on. The target is not 0. True: other nodes should know it, because
 * it is new, or was told a quarter of `ttl` ago. */
bool sl_affinity_put(struct sl_affinity *affinity, uint64_t key, uint64_t target, uint64_t ttl_usec, uint64_t now_usec);
/* How many keys are known. */
size_t sl_affinity_count(struct sl_affinity *affinity, uint64_t now_usec);

#endif
