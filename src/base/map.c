/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing; a deletion moves later entries back instead of leaving tombstones, so a map that lives for months
 * does not get slower. */
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/random.h"

#define MAP_MIN 16

static uint64_t read64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static uint32_t read32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* Fewer than 16 bytes as two numbers; some bytes are read twice. */
static void tail_read(const char *p, size_t n, uint64_t ret[2])
{
    if (n >= 8) {
        ret[0] = read64(p);
        ret[1] = read64(p + n - 8);
    } else if (n >= 4) {
        ret[0] = read32(p);
        ret[1] = read32(p + n - 4);
    } else {
        ret[0] = ret[1] = 0;
        for (size_t i = 0; i < n; i++) {
            ret[0] = ret[0] << 8 | (unsigned char)p[i];
        }
    }
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    sl_u128 product = (sl_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t seeds[3];
static bool are_shared; /* they were set */
static pthread_once_t seeds_once = PTHREAD_ONCE_INIT;
static atomic_bool has_seeds; /* getting the seeds costs as much as a short hash */

static void seeds_draw(void)
{
    if (!are_shared) {
        sl_random_bytes(seeds, sizeof(seeds));
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(seeds); i++) {
        seeds[i] |= 1; /* odd, so never zero */
    }
    atomic_store_explicit(&has_seeds, true, memory_order_release);
}

static void seeds_need(void)
{
    if (SL_UNLIKELY(!atomic_load_explicit(&has_seeds, memory_order_acquire))) {
        pthread_once(&seeds_once, seeds_draw);
    }
}

void sl_hash_share(const uint64_t given[3])
{
    if (!atomic_load(&has_seeds)) {
        memcpy(seeds, given, sizeof(seeds));
        are_shared = true;
    }
}

bool sl_hash_is_shared(void)
{
    return are_shared;
}

uint64_t sl_hash(struct sl_str s)
{
    seeds_need();
    uint64_t key = seeds[1], h = seeds[0] ^ s.n;
    const char *p = s.p;
    size_t n = s.n;
    if (n >= 64) { /* two products at a time, because each one waits for the one before */
        uint64_t other = seeds[2];
        for (; n >= 32; p += 32, n -= 32) {
            h = mix(read64(p) ^ key, read64(p + 8) ^ h);
            other = mix(read64(p + 16) ^ key, read64(p + 24) ^ other);
        }
        h ^= other;
    }
    for (; n >= 16; p += 16, n -= 16) {
        h = mix(read64(p) ^ key, read64(p + 8) ^ h);
    }
    uint64_t tail[2];
    tail_read(p, n, tail);
    h = mix(tail[0] ^ key, tail[1] ^ h);
    return mix(h ^ seeds[0], key);
}

uint64_t sl_hash_both(uint64_t a, uint64_t b)
{
    seeds_need();
    return mix(mix(a ^ seeds[0], b ^ seeds[1]) ^ seeds[2], seeds[1] ^ b);
}

void sl_map_done(struct sl_map *map)
{
    free(map->slots);
    *map = (struct sl_map){ 0 };
}

/* The slot of `key`, or the free slot where it belongs. */
static struct sl_map_slot *slot_find(const struct sl_map *map, struct sl_str key, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);
    while (map->slots[i].value && (map->slots[i].hash != hash || !sl_str_eq(map->slots[i].key, key))) {
        i = (i + 1) & (map->cap - 1);
    }
    return &map->slots[i];
}

void *sl_map_find(const struct sl_map *map, struct sl_str key)
{
    return map->n ? slot_find(map, key, sl_hash(key))->value : NULL;
}

static int map_grow(struct sl_map *map)
{
    size_t cap = map->cap ? map->cap * 2 : MAP_MIN;
    struct sl_map_slot *slots = calloc(cap, sizeof(*slots));
    if (!slots) {
        return SL_E_NOMEM;
    }
    struct sl_map bigger = { slots, map->n, cap };
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].value) {
            *slot_find(&bigger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
        }
    }
    free(map->slots);
    *map = bigger;
    return 0;
}

int sl_map_put(struct sl_map *map, struct sl_str key, void *value)
{
    SL_ASSERT(value);
    if ((map->n + 1) * 4 > map->cap * 3 && map_grow(map) < 0) {
        return SL_E_NOMEM;
    }
    uint64_t hash = sl_hash(key);
    struct sl_map_slot *slot = slot_find(map, key, hash);
    if (slot->value) {
        return SL_E_EXISTS;
    }
    *slot = (struct sl_map_slot){ key, value, hash };
    map->n++;
    return 0;
}

void *sl_map_remove(struct sl_map *map, struct sl_str key)
{
    if (map->n == 0) {
        return NULL;
    }
    struct sl_map_slot *slot = slot_find(map, key, sl_hash(key));
    void *value = slot->value;
    if (!value) {
        return NULL;
    }
    size_t hole = (size_t)(slot - map->slots);
    size_t mask = map->cap - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        /* An entry may move into the hole if its home is not strictly between the hole and itself. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct sl_map_slot){ 0 };
    map->n--;
    return value;
}

void *sl_map_each(const struct sl_map *map, size_t *io_index)
{
    while (*io_index < map->cap) {
        void *value = map->slots[(*io_index)++].value;
        if (value) {
            return value;
        }
    }
    return NULL;
}
