/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/affinity.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"

/* Places that one key may have: a few lines of the cache. */
#define WAYS   8
#define SHARDS 64

struct place {
    uint64_t key; /* 0: free */
    uint64_t target, until_usec;
};

struct sl_affinity {
    pthread_mutex_t locks[SHARDS]; /* each guards every SHARDSth row */
    size_t n_rows;                 /* a power of two */
    struct place *places;          /* WAYS a row */
};

int sl_affinity_new(size_t max, struct sl_affinity **ret)
{
    size_t n_rows = 64 / WAYS;
    while (n_rows * WAYS < max) {
        n_rows *= 2;
    }
    struct sl_affinity *affinity = calloc(1, sizeof(*affinity));
    struct place *places = calloc(n_rows * WAYS, sizeof(places[0]));
    if (!affinity || !places) {
        free(affinity);
        free(places);
        return SL_E_NOMEM;
    }
    affinity->n_rows = n_rows;
    affinity->places = places;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&affinity->locks[i], NULL);
    }
    *ret = affinity;
    return 0;
}

void sl_affinity_free(struct sl_affinity *affinity)
{
    if (!affinity) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&affinity->locks[i]);
    }
    free(affinity->places);
    free(affinity);
}

/* Locked. */
static struct place *row_take(struct sl_affinity *affinity, size_t row)
{
    pthread_mutex_lock(&affinity->locks[row % SHARDS]);
    return &affinity->places[row * WAYS];
}

static void row_give(struct sl_affinity *affinity, size_t row)
{
    pthread_mutex_unlock(&affinity->locks[row % SHARDS]);
}

uint64_t sl_affinity_find(struct sl_affinity *affinity, uint64_t key, uint64_t now_usec)
{
    size_t at = key & (affinity->n_rows - 1);
    const struct place *row = row_take(affinity, at);
    uint64_t target = 0;
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].key == key && row[i].until_usec > now_usec) {
            target = row[i].target;
        }
    }
    row_give(affinity, at);
    return target;
}

void sl_affinity_put(struct sl_affinity *affinity, uint64_t key, uint64_t target, uint64_t ttl_usec, uint64_t now_usec)
{
    size_t at = key & (affinity->n_rows - 1);
    struct place *row = row_take(affinity, at), *found = &row[0];
    for (size_t i = 0; i < WAYS && found->key != key; i++) {
        if (row[i].key == key || row[i].until_usec < found->until_usec) {
            found = &row[i];
        }
    }
    *found = (struct place){ key, target, now_usec + ttl_usec };
    row_give(affinity, at);
}

size_t sl_affinity_count(struct sl_affinity *affinity, uint64_t now_usec)
{
    size_t n = 0;
    for (size_t at = 0; at < affinity->n_rows; at++) {
        const struct place *row = row_take(affinity, at);
        for (size_t i = 0; i < WAYS; i++) {
            n += row[i].key && row[i].until_usec > now_usec;
        }
        row_give(affinity, at);
    }
    return n;
}
