/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/kept.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/list.h"
#include "base/map.h"

SL_LIST_HEAD(entry_list);
SL_LIST_HEAD(age_list);

/* The kept answers of one route. */
struct shelf {
    struct entry_list entries; /* the oldest first */
    size_t n_bytes;
    char name[];
};

struct entry {
    struct sl_link link, age_link;
    struct shelf *shelf;
    struct sl_kept_answer is; /* its texts point behind this struct */
    uint64_t end_wall_usec;
    size_t n_bytes;
    char texts[];
};
SL_LIST_FUNCTIONS(entry_list, struct entry, link);
SL_LIST_FUNCTIONS(age_list, struct entry, age_link);

struct sl_kept {
    pthread_mutex_t lock; /* guards all members below */
    struct sl_budget *memory;
    struct sl_map by_id, shelves;
    struct age_list all; /* the oldest first */
    size_t n_bytes;
    uint64_t swept_usec; /* when all shelves were last searched for old answers */
};

/* Time between two such searches. */
#define SWEEP_USEC 1000000

int sl_kept_new(struct sl_budget *memory, struct sl_kept **ret)
{
    struct sl_kept *kept = calloc(1, sizeof(*kept));
    if (!kept) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&kept->lock, NULL);
    kept->memory = memory;
    *ret = kept;
    return 0;
}

static void entry_free(struct sl_kept *kept, struct entry *entry)
{
    sl_budget_give(kept->memory, entry->n_bytes);
    free(entry);
}

static void entry_drop(struct sl_kept *kept, struct entry *entry)
{
    struct shelf *shelf = entry->shelf;
    SL_IGNORE(!sl_map_remove(&kept->by_id, entry->is.id)); /* it is always there */
    entry_list_remove(&shelf->entries, entry);
    age_list_remove(&kept->all, entry);
    shelf->n_bytes -= entry->n_bytes;
    kept->n_bytes -= entry->n_bytes;
    entry_free(kept, entry);
}

static void shelf_drop_empty(struct sl_kept *kept, struct shelf *shelf)
{
    if (shelf->entries.n == 0) {
        SL_IGNORE(!sl_map_remove(&kept->shelves, sl_str_c(shelf->name)));
        free(shelf);
    }
}

void sl_kept_free(struct sl_kept *kept)
{
    if (!kept) {
        return;
    }
    size_t at = 0;
    for (struct shelf *shelf; (shelf = sl_map_each(&kept->shelves, &at)) != NULL;) {
        for (struct entry *e; (e = entry_list_first(&shelf->entries)) != NULL;) {
            entry_drop(kept, e);
        }
        free(shelf);
    }
    sl_map_done(&kept->shelves);
    sl_map_done(&kept->by_id);
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}

static struct sl_str text_copy(char **io_at, struct sl_str text)
{
    struct sl_str copy = sl_str_make(*io_at, text.n);
    if (text.n) {
        memcpy(*io_at, text.p, text.n);
    }
    *io_at += text.n;
    return copy;
}

static struct entry *entry_new(struct sl_kept *kept, const struct sl_kept_answer *answer, uint64_t end)
{
    size_t n = sizeof(struct entry) + answer->id.n + answer->principal.n + answer->answer.n + answer->items.n;
    if (!sl_budget_take(kept->memory, n)) {
        return NULL;
    }
    struct entry *entry = malloc(n);
    if (!entry) {
        sl_budget_give(kept->memory, n);
        return NULL;
    }
    char *at = entry->texts;
    *entry = (struct entry){ .end_wall_usec = end, .n_bytes = n, .is = { .n_asked = answer->n_asked } };
    entry->is.id = text_copy(&at, answer->id);
    entry->is.principal = text_copy(&at, answer->principal);
    entry->is.answer = text_copy(&at, answer->answer);
    entry->is.items = text_copy(&at, answer->items);
    return entry;
}

static struct shelf *shelf_of(struct sl_kept *kept, struct sl_str route)
{
    struct shelf *shelf = sl_map_find(&kept->shelves, route);
    if (shelf) {
        return shelf;
    }
    shelf = calloc(1, sizeof(*shelf) + route.n + 1);
    if (shelf) {
        char *at = shelf->name;
        struct sl_str name = text_copy(&at, route);
        if (sl_map_put(&kept->shelves, name, shelf) < 0) {
            free(shelf);
            shelf = NULL;
        }
    }
    return shelf;
}

/* Drops the answers whose time is over, and then the oldest until at most `max` bytes are left. */
static void room_make(struct sl_kept *kept, struct shelf *shelf, size_t max, uint64_t now)
{
    for (struct entry *e; (e = entry_list_first(&shelf->entries)) != NULL;) {
        if (e->end_wall_usec > now && shelf->n_bytes <= max) {
            break;
        }
        entry_drop(kept, e);
    }
}

/* The bytes that all kept answers may have together: half of the memory; the other half is for calls. */
static size_t share(const struct sl_kept *kept)
{
    return kept->memory ? atomic_load_explicit(&kept->memory->max, memory_order_relaxed) / 2 : SIZE_MAX;
}

/* Drops the oldest answers of all routes until at most `max` bytes are left. The shelf `mine` is not freed, even if it
 * is empty. */
static void share_make(struct sl_kept *kept, const struct shelf *mine, size_t max)
{
    for (struct entry *e; kept->n_bytes > max && (e = age_list_first(&kept->all)) != NULL;) {
        struct shelf *shelf = e->shelf;
        entry_drop(kept, e);
        if (shelf != mine) {
            shelf_drop_empty(kept, shelf);
        }
    }
}

/* Looks at all routes, because a route may get no call for a long time. */
static void expire(struct sl_kept *kept, uint64_t now)
{
    size_t at = 0;
    bool is_due = now >= kept->swept_usec + SWEEP_USEC;
    for (struct shelf *shelf; is_due && (shelf = sl_map_each(&kept->shelves, &at)) != NULL;) {
        room_make(kept, shelf, SIZE_MAX, now);
    }
    kept->swept_usec = is_due ? now : kept->swept_usec;
}

void sl_kept_put(struct sl_kept *kept, const struct sl_kept_answer *answer, uint64_t end_wall_usec, size_t max_bytes,
                 uint64_t now_wall_usec)
{
    pthread_mutex_lock(&kept->lock);
    expire(kept, now_wall_usec);
    struct shelf *shelf = shelf_of(kept, answer->route);
    struct entry *entry = shelf ? entry_new(kept, answer, end_wall_usec) : NULL;
    if (entry && entry->n_bytes <= SL_MIN(max_bytes, share(kept))) {
        room_make(kept, shelf, max_bytes - entry->n_bytes, now_wall_usec);
        share_make(kept, shelf, share(kept) - entry->n_bytes);
        if (sl_map_put(&kept->by_id, entry->is.id, entry) == 0) {
            entry->is.route = sl_str_c(shelf->name);
            entry->shelf = shelf;
            shelf->n_bytes += entry->n_bytes;
            kept->n_bytes += entry->n_bytes;
            entry_list_add(&shelf->entries, entry);
            age_list_add(&kept->all, entry);
            entry = NULL;
        }
    }
    if (entry) {
        entry_free(kept, entry);
    }
    if (shelf) {
        shelf_drop_empty(kept, shelf);
    }
    pthread_mutex_unlock(&kept->lock);
}

static struct entry *entry_find(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now)
{
    struct entry *entry = sl_map_find(&kept->by_id, id);
    return entry && entry->end_wall_usec > now && sl_str_eq(entry->is.principal, principal) ? entry : NULL;
}

int sl_kept_find(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                 struct sl_arena *arena, struct sl_kept_answer *ret)
{
    pthread_mutex_lock(&kept->lock);
    const struct entry *entry = entry_find(kept, id, principal, now_wall_usec);
    int r = entry ? 0 : SL_E_NOTFOUND;
    if (entry) {
        *ret = (struct sl_kept_answer){
            .id = id,
            .principal = principal,
            .route = sl_arena_dup(arena, entry->is.route),
            .answer = sl_arena_dup(arena, entry->is.answer),
            .items = sl_arena_dup(arena, entry->is.items),
            .n_asked = entry->is.n_asked,
        };
        r = ret->route.p && ret->answer.p && (ret->items.p || !entry->is.items.n) ? 0 : SL_E_NOMEM;
    }
    pthread_mutex_unlock(&kept->lock);
    return r;
}

int sl_kept_drop(struct sl_kept *kept, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec)
{
    pthread_mutex_lock(&kept->lock);
    struct entry *entry = entry_find(kept, id, principal, now_wall_usec);
    if (entry) {
        struct shelf *shelf = entry->shelf;
        entry_drop(kept, entry);
        shelf_drop_empty(kept, shelf);
    }
    pthread_mutex_unlock(&kept->lock);
    return entry ? 0 : SL_E_NOTFOUND;
}

size_t sl_kept_bytes(struct sl_kept *kept)
{
    pthread_mutex_lock(&kept->lock);
    size_t n = kept->n_bytes;
    pthread_mutex_unlock(&kept->lock);
    return n;
}
