/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/repeats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The last second is remembered in this many slots. */
#define SLOTS     10
#define SLOT_USEC (1000000 / SLOTS)

/* More than `server.workers` can be. */
#define WORKERS_MAX 257

struct sl_repeats {
    struct sl_call_count counts[WORKERS_MAX];
    atomic_uint n_counts;
    pthread_mutex_t lock; /* guards all members below */
    uint64_t slot;        /* number of the newest slot since the clock began */
    uint64_t n_seen;      /* all calls that were already counted into slots */
    uint64_t n_calls[SLOTS];
    uint32_t n_taken[SLOTS];
};

int sl_repeats_new(struct sl_repeats **ret)
{
    struct sl_repeats *repeats = aligned_alloc(_Alignof(struct sl_repeats), sizeof(*repeats));
    if (!repeats) {
        return SL_E_NOMEM;
    }
    memset(repeats, 0, sizeof(*repeats));
    if (pthread_mutex_init(&repeats->lock, NULL) != 0) {
        free(repeats);
        return SL_E_NOMEM;
    }
    *ret = repeats;
    return 0;
}

void sl_repeats_free(struct sl_repeats *repeats)
{
    if (repeats) {
        pthread_mutex_destroy(&repeats->lock);
        free(repeats);
    }
}

struct sl_call_count *sl_repeats_join(struct sl_repeats *repeats)
{
    unsigned i = atomic_fetch_add(&repeats->n_counts, 1);
    SL_ASSERT(i < WORKERS_MAX);
    return &repeats->counts[i];
}

static uint64_t calls_begun(struct sl_repeats *repeats)
{
    uint64_t n = 0;
    unsigned n_counts = atomic_load(&repeats->n_counts);
    for (unsigned i = 0; i < n_counts; i++) {
        n += atomic_load_explicit(&repeats->counts[i].n, memory_order_relaxed);
    }
    return n;
}

/* Moves the slots up to now. Calls since the newest slot are spread evenly, because nobody knows when they came. */
static void slots_move(struct sl_repeats *repeats, uint64_t now_usec)
{
    uint64_t slot = now_usec / SLOT_USEC, begun = calls_begun(repeats), n_new = begun - repeats->n_seen;
    uint64_t n_passed = slot > repeats->slot ? slot - repeats->slot : 0;
    uint64_t n_slots = n_passed < SLOTS ? n_passed : SLOTS;
    repeats->n_seen = begun;
    if (!n_passed) {
        repeats->n_calls[repeats->slot % SLOTS] += n_new;
        return;
    }
    for (uint64_t i = 0; i < n_slots; i++) {
        uint64_t at = (slot - i) % SLOTS;
        repeats->n_calls[at] = n_new / n_passed + (i < n_new % n_passed); /* the newest slots get the remainder */
        repeats->n_taken[at] = 0;
    }
    repeats->slot = slot;
}

bool sl_repeats_take(struct sl_repeats *repeats, const struct sl_repeat_rule *rule, uint64_t now_usec)
{
    uint64_t n_calls = 0, n_taken = 0;
    pthread_mutex_lock(&repeats->lock);
    slots_move(repeats, now_usec);
    for (size_t i = 0; i < SLOTS; i++) {
        n_calls += repeats->n_calls[i];
        n_taken += repeats->n_taken[i];
    }
    uint64_t allowed = n_calls * rule->share / 100;
    bool is_taken = n_taken < (allowed > rule->least ? allowed : rule->least);
    repeats->n_taken[repeats->slot % SLOTS] += is_taken;
    pthread_mutex_unlock(&repeats->lock);
    return is_taken;
}
