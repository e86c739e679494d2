/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/affinity.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"

/* The places where one key can be: a few cache lines. */
#define WAYS   8
#define SHARDS 64

struct place {
    uint64_t key; /* 0: this place is free */
    uint64_t target, until_usec;
    uint64_t told_usec; /* when sl_affinity_put was true last */
};

struct sl_affinity {
    pthread_mutex_t locks[SHARDS]; /* lock i guards the rows i, i + SHARDS, i + 2 * SHARDS, … */
    size_t n_rows;                 /* a power of two */
    struct place *places;          /* WAYS places for each row */
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

/* Locks the row; the caller unlocks it. */
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

static uint64_t owner_of(uint64_t key)
{
    return key >> (64 - SL_AFFINITY_OWNER_BITS);
}

uint64_t sl_affinity_key(uint64_t owner_hash, uint64_t hash)
{
    uint64_t key = owner_hash << (64 - SL_AFFINITY_OWNER_BITS) | hash >> SL_AFFINITY_OWNER_BITS;
    return key ? key : 1;
}

/* How many places of the row belong to the owner of `key`, with the new key counted too. */
static size_t share_of(const struct place *row, uint64_t key, uint64_t newcomer)
{
    size_t n = owner_of(key) == owner_of(newcomer);
    for (size_t i = 0; i < WAYS; i++) {
        n += owner_of(row[i].key) == owner_of(key);
    }
    return n;
}

/* A place that is free or expired. When there is none: of the owner with the most places, the one that expires
 * first. */
static struct place *place_make(struct place *row, uint64_t newcomer, uint64_t now_usec)
{
    struct place *first = &row[0], *loses = NULL;
    size_t most = 0;
    for (size_t i = 0; i < WAYS; i++) {
        first = row[i].until_usec < first->until_usec ? &row[i] : first;
    }
    for (size_t i = 0; first->until_usec > now_usec && i < WAYS; i++) {
        size_t share = share_of(row, row[i].key, newcomer);
        if (share > most || (share == most && row[i].until_usec < loses->until_usec)) {
            loses = &row[i];
            most = share;
        }
    }
    return loses ? loses : first;
}

bool sl_affinity_put(struct sl_affinity *affinity, uint64_t key, uint64_t target, uint64_t ttl_usec, uint64_t now_usec)
{
    size_t at = key & (affinity->n_rows - 1), i = 0;
    struct place *row = row_take(affinity, at);
    while (i < WAYS && row[i].key != key) {
        i++;
    }
    struct place *found = i < WAYS ? &row[i] : place_make(row, key, now_usec);
    bool is_known = i < WAYS && found->until_usec > now_usec && found->target == target;
    bool is_news = !is_known || now_usec - found->told_usec >= ttl_usec / 4;
    *found = (struct place){ key, target, now_usec + ttl_usec, is_news ? now_usec : found->told_usec };
    row_give(affinity, at);
    return is_news;
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
