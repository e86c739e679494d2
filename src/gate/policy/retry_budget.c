/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/retry_budget.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The last second is remembered in this many slots. */
#define SLOTS     10
#define SLOT_USEC (1000000 / SLOTS)

/* More than `server.workers` can be. */
#define WORKERS_MAX 257

struct sl_retry_budget {
    struct sl_call_count counts[WORKERS_MAX];
    atomic_uint n_counts;
    pthread_mutex_t lock; /* guards all members below */
    uint64_t slot;        /* number of the newest slot since the clock began */
    uint64_t n_seen;      /* all calls that were already counted into slots */
    uint64_t n_calls[SLOTS];
    uint32_t n_taken[SLOTS];
};

int sl_retry_budget_new(struct sl_retry_budget **ret)
{
    struct sl_retry_budget *budget = aligned_alloc(_Alignof(struct sl_retry_budget), sizeof(*budget));
    if (!budget) {
        return SL_E_NOMEM;
    }
    memset(budget, 0, sizeof(*budget));
    if (pthread_mutex_init(&budget->lock, NULL) != 0) {
        free(budget);
        return SL_E_NOMEM;
    }
    *ret = budget;
    return 0;
}

void sl_retry_budget_free(struct sl_retry_budget *budget)
{
    if (budget) {
        pthread_mutex_destroy(&budget->lock);
        free(budget);
    }
}

struct sl_call_count *sl_retry_budget_join(struct sl_retry_budget *budget)
{
    unsigned i = atomic_fetch_add(&budget->n_counts, 1);
    SL_ASSERT(i < WORKERS_MAX);
    return &budget->counts[i];
}

static uint64_t calls_begun(struct sl_retry_budget *budget)
{
    uint64_t n = 0;
    unsigned n_counts = atomic_load(&budget->n_counts);
    for (unsigned i = 0; i < n_counts; i++) {
        n += atomic_load_explicit(&budget->counts[i].n, memory_order_relaxed);
    }
    return n;
}

/* Moves the slots up to now. Calls since the newest slot are spread evenly, because nobody knows when they came. */
static void slots_move(struct sl_retry_budget *budget, uint64_t now_usec)
{
    uint64_t slot = now_usec / SLOT_USEC, begun = calls_begun(budget), n_new = begun - budget->n_seen;
    uint64_t n_passed = slot > budget->slot ? slot - budget->slot : 0;
    uint64_t n_slots = n_passed < SLOTS ? n_passed : SLOTS;
    budget->n_seen = begun;
    if (!n_passed) {
        budget->n_calls[budget->slot % SLOTS] += n_new;
        return;
    }
    for (uint64_t i = 0; i < n_slots; i++) {
        uint64_t at = (slot - i) % SLOTS;
        budget->n_calls[at] = n_new / n_passed + (i < n_new % n_passed); /* the newest slots get the remainder */
        budget->n_taken[at] = 0;
    }
    budget->slot = slot;
}

bool sl_retry_budget_take(struct sl_retry_budget *budget, const struct sl_retry_budget_rule *rule, uint64_t now_usec)
{
    uint64_t n_calls = 0, n_taken = 0;
    pthread_mutex_lock(&budget->lock);
    slots_move(budget, now_usec);
    for (size_t i = 0; i < SLOTS; i++) {
        n_calls += budget->n_calls[i];
        n_taken += budget->n_taken[i];
    }
    uint64_t allowed = n_calls * rule->share / 100;
    bool is_taken = n_taken < (allowed > rule->least ? allowed : rule->least);
    budget->n_taken[budget->slot % SLOTS] += is_taken;
    pthread_mutex_unlock(&budget->lock);
    return is_taken;
}

void sl_retry_budget_give(struct sl_retry_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    uint32_t *n_taken = &budget->n_taken[budget->slot % SLOTS];
    *n_taken -= *n_taken > 0;
    pthread_mutex_unlock(&budget->lock);
}
