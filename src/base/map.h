/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from bytes to pointers: open addressing and a seeded hash, so that hash flooding does not help. Keys are
 * borrowed: they must live as long as their entry, and are usually inside the value. Not thread-safe; concurrent
 * readers of a map that does not change are fine. */
#ifndef SL_BASE_MAP_H
#define SL_BASE_MAP_H

#include "base/err.h"
#include "base/str.h"

struct sl_map_slot {
    struct sl_str key;
    void *value; /* NULL: free */
    uint64_t hash;
};

struct sl_map {
    struct sl_map_slot *slots;
    size_t n;
    size_t cap; /* 0 or a power of two */
};

/* Process-wide seeds, drawn at first use. */
uint64_t sl_hash(struct sl_str s);
/* Sets the seeds, so that all processes with the same ones have the same hashes; they must be secret. Before first use,
 * and before there are threads. */
void sl_hash_share(const uint64_t seeds[3]);
bool sl_hash_is_shared(void);
/* Combines two hashes, or numbers; their order counts. */
uint64_t sl_hash_both(uint64_t a, uint64_t b);

void sl_map_done(struct sl_map *map);
/* NULL when absent. */
void *sl_map_find(const struct sl_map *map, struct sl_str key);
/* SL_E_EXISTS when the key is there; SL_E_NOMEM. `value` must not be NULL. */
SL_MUST int sl_map_put(struct sl_map *map, struct sl_str key, void *value);
/* The removed value, or NULL. */
void *sl_map_remove(struct sl_map *map, struct sl_str key);
/* for (size_t i = 0; (v = sl_map_each(map, &i)) != NULL;) */
void *sl_map_each(const struct sl_map *map, size_t *io_index);

#endif
