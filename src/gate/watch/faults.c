/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/faults.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

#define WAYS 4

struct slot {
    uint64_t id;
    struct sl_fault fault;
};

struct sl_faults {
    pthread_mutex_t lock; /* guards everything below */
    struct slot *slots[SL_FAULTS_MAX / WAYS][WAYS];
};

int sl_faults_new(struct sl_faults **ret)
{
    struct sl_faults *faults = calloc(1, sizeof(*faults));
    if (!faults) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&faults->lock, NULL);
    *ret = faults;
    return 0;
}

void sl_faults_free(struct sl_faults *faults)
{
    for (size_t i = 0; faults && i < SL_FAULTS_MAX; i++) {
        free(faults->slots[i / WAYS][i % WAYS]);
    }
    if (faults) {
        pthread_mutex_destroy(&faults->lock);
        free(faults);
    }
}

static uint64_t id_of(struct sl_str route, struct sl_str target)
{
    return sl_hash_both(sl_hash(route), sl_hash(target));
}

/* The way of that id; else a free one, else the one whose failure is oldest. */
static struct slot **way_of(struct sl_faults *faults, uint64_t id)
{
    struct slot **ways = faults->slots[id % SL_ARRAY_LEN(faults->slots)], **best = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i] && ways[i]->id == id) {
            return &ways[i];
        }
        bool is_older = *best && (!ways[i] || ways[i]->fault.at_wall_usec < (*best)->fault.at_wall_usec);
        best = is_older ? &ways[i] : best;
    }
    return best;
}

void sl_faults_note(struct sl_faults *faults, struct sl_str route, struct sl_str target, const struct sl_fault *fault)
{
    uint64_t id = id_of(route, target);
    pthread_mutex_lock(&faults->lock);
    struct slot **way = way_of(faults, id);
    if (!*way) {
        *way = calloc(1, sizeof(**way));
    }
    if (*way) {
        uint64_t n = (*way)->id == id ? (*way)->fault.n : 0;
        (*way)->id = id;
        (*way)->fault = *fault;
        (*way)->fault.n = n + 1;
    }
    pthread_mutex_unlock(&faults->lock);
}

bool sl_faults_find(struct sl_faults *faults, struct sl_str route, struct sl_str target, struct sl_fault *ret)
{
    uint64_t id = id_of(route, target);
    pthread_mutex_lock(&faults->lock);
    const struct slot *slot = *way_of(faults, id);
    bool is_there = slot && slot->id == id;
    if (is_there) {
        *ret = slot->fault;
    }
    pthread_mutex_unlock(&faults->lock);
    return is_there;
}
