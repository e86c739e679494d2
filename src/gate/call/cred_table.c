/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/cred_table.h"

#include <stdlib.h>

#include "base/arena.h"

static const struct sl_cred_failure no_memory = { SL_ERR_SLUICE_OVERLOADED, "out of memory" };

static void parts_forget(struct sl_cred_entry *entry)
{
    for (size_t i = 0; i < SL_CRED_PARTS; i++) {
        sl_secret_done(&entry->parts[i]);
    }
    entry->has_cred = false;
}

static void entry_free(struct sl_cred_table *table, struct sl_cred_entry *entry)
{
    SL_IGNORE(!sl_map_remove(&table->map, entry->identity));
    sl_cred_entries_remove(&table->entries, entry);
    parts_forget(entry);
    free(entry);
}

/* Makes room for one more: frees the oldest entries that are not being fetched. */
static void entries_trim(struct sl_cred_table *table)
{
    struct sl_cred_entry *entry = sl_cred_entries_first(&table->entries), *next;
    for (; entry && table->entries.n >= SL_CRED_ENTRIES_MAX; entry = next) {
        next = sl_cred_entries_next(entry);
        if (!entry->is_fetching) {
            entry_free(table, entry);
        }
    }
}

static struct sl_cred_entry *entry_get(struct sl_cred_table *table, struct sl_str identity)
{
    struct sl_cred_entry *entry = sl_map_find(&table->map, identity);
    if (entry) {
        sl_cred_entries_remove(&table->entries, entry);
        sl_cred_entries_add(&table->entries, entry);
        return entry;
    }
    entries_trim(table);
    entry = calloc(1, sizeof(*entry) + identity.n);
    if (!entry) {
        return NULL;
    }
    memcpy(entry + 1, identity.p, identity.n);
    entry->identity = sl_str_make((char *)(entry + 1), identity.n);
    if (sl_map_put(&table->map, entry->identity, entry) < 0) {
        free(entry);
        return NULL;
    }
    sl_cred_entries_add(&table->entries, entry);
    return entry;
}

static int parts_copy(const struct sl_cred_entry *entry, struct sl_arena *arena, struct sl_cred *ret)
{
    *ret = (struct sl_cred){ .expires_usec = UINT64_MAX };
    for (size_t i = 0; i < SL_CRED_PARTS; i++) {
        if (sl_secret_is_set(&entry->parts[i])) {
            ret->parts[i] = sl_arena_dup(arena, sl_secret_reveal(&entry->parts[i]));
            if (!ret->parts[i].p) {
                return SL_E_NOMEM;
            }
        }
    }
    return 0;
}

static enum sl_cred_verdict entry_ask(struct sl_cred_entry *entry, uint64_t now, struct sl_cred_waiter *waiter,
                                      struct sl_arena *arena, struct sl_cred *ret_cred,
                                      struct sl_cred_failure *ret_failure)
{
    bool may_fetch = !entry->is_fetching && now >= entry->retry_usec;
    if (entry->has_cred && now < entry->expires_usec) {
        if (parts_copy(entry, arena, ret_cred) < 0) {
            *ret_failure = no_memory;
            return SL_CRED_FAILED;
        }
        if (now < entry->refresh_usec || !may_fetch) {
            return SL_CRED_READY;
        }
        entry->is_fetching = true;
        return SL_CRED_REFRESH;
    }
    if (!entry->is_fetching && !may_fetch) {
        *ret_failure = entry->failure;
        return SL_CRED_FAILED;
    }
    if (!waiter) {
        return SL_CRED_WAIT;
    }
    sl_cred_waiters_add(&entry->waiters, waiter);
    if (entry->is_fetching) {
        return SL_CRED_WAIT;
    }
    entry->is_fetching = true;
    return SL_CRED_FETCH;
}

enum sl_cred_verdict sl_cred_table_ask(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                                       struct sl_cred_waiter *waiter, struct sl_arena *arena, struct sl_cred *ret_cred,
                                       struct sl_cred_failure *ret_failure)
{
    enum sl_cred_verdict verdict = SL_CRED_FAILED;
    pthread_mutex_lock(&table->lock);
    struct sl_cred_entry *entry = entry_get(table, identity);
    if (entry) {
        verdict = entry_ask(entry, now_usec, waiter, arena, ret_cred, ret_failure);
    } else {
        *ret_failure = no_memory;
    }
    pthread_mutex_unlock(&table->lock);
    return verdict;
}

static int parts_set(struct sl_cred_entry *entry, const struct sl_cred *cred)
{
    parts_forget(entry);
    for (size_t i = 0; i < SL_CRED_PARTS; i++) {
        if (cred->parts[i].p && sl_secret_set(&entry->parts[i], cred->parts[i]) < 0) {
            parts_forget(entry);
            return SL_E_NOMEM;
        }
    }
    entry->has_cred = true;
    return 0;
}

static void entry_done(struct sl_cred_entry *entry, uint64_t now, const struct sl_cred *cred, uint64_t life,
                       const struct sl_cred_failure *failure)
{
    entry->is_fetching = false;
    if (cred && parts_set(entry, cred) == 0) {
        uint64_t end = life > UINT64_MAX - now ? UINT64_MAX : now + life;
        entry->expires_usec = end;
        entry->refresh_usec = end == UINT64_MAX ? end : end - SL_MIN(life / 5, SL_CRED_AHEAD_USEC);
        entry->retry_usec = 0;
        return;
    }
    bool is_valid = entry->has_cred && now < entry->expires_usec;
    entry->retry_usec = now + (is_valid ? SL_CRED_REFRESH_USEC : SL_CRED_FAILED_USEC);
    entry->failure = cred ? no_memory : *failure;
}

void sl_cred_table_done_fetch(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                              const struct sl_cred *cred, uint64_t life_usec, const struct sl_cred_failure *failure,
                              struct sl_cred_waiters *ret_waiters)
{
    *ret_waiters = (struct sl_cred_waiters){ 0 };
    pthread_mutex_lock(&table->lock);
    struct sl_cred_entry *entry = sl_map_find(&table->map, identity);
    SL_ASSERT(entry && entry->is_fetching); /* an entry that is being fetched is not freed */
    entry_done(entry, now_usec, cred, life_usec, failure);
    struct sl_cred_waiter *waiter;
    while ((waiter = sl_cred_waiters_take_first(&entry->waiters)) != NULL) {
        sl_cred_waiters_add(ret_waiters, waiter);
    }
    pthread_mutex_unlock(&table->lock);
}

bool sl_cred_table_leave(struct sl_cred_table *table, struct sl_cred_waiter *waiter, struct sl_str identity)
{
    pthread_mutex_lock(&table->lock);
    struct sl_cred_entry *entry = sl_map_find(&table->map, identity);
    bool is_waiting = entry && sl_cred_waiters_has(&entry->waiters, waiter);
    if (is_waiting) {
        sl_cred_waiters_remove(&entry->waiters, waiter);
    }
    pthread_mutex_unlock(&table->lock);
    return is_waiting;
}

void sl_cred_table_refused(struct sl_cred_table *table, struct sl_str identity, const struct sl_cred *cred)
{
    pthread_mutex_lock(&table->lock);
    struct sl_cred_entry *entry = sl_map_find(&table->map, identity);
    bool is_same = entry && entry->has_cred;
    for (size_t i = 0; i < SL_CRED_PARTS && is_same; i++) {
        is_same = sl_str_eq(sl_secret_reveal(&entry->parts[i]), cred->parts[i]);
    }
    if (is_same) {
        parts_forget(entry);
    }
    pthread_mutex_unlock(&table->lock);
}

void sl_cred_table_done(struct sl_cred_table *table)
{
    struct sl_cred_entry *entry;
    while ((entry = sl_cred_entries_first(&table->entries)) != NULL) {
        entry_free(table, entry);
    }
    sl_map_done(&table->map);
}
