/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/made.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"

/* The most upstreams that may have the same id; each further one pushes one out. */
#define SAME_MAX 16

struct entry {
    struct sl_link link;
    struct entry *next;           /* from another upstream, with the same id; NULL: no more */
    struct sl_made_record record; /* its texts point behind this struct */
    bool is_new;
    char texts[];
};

SL_LIST_HEAD(entry_list);
SL_LIST_FUNCTIONS(entry_list, struct entry, link);

struct sl_made {
    pthread_mutex_t lock;      /* guards all members below */
    struct sl_map by_id;       /* the first entry of each id; `next` leads to the others */
    struct entry_list entries; /* the oldest first */
    size_t max, n_new;
};

int sl_made_new(size_t max, struct sl_made **ret)
{
    struct sl_made *made = calloc(1, sizeof(*made));
    if (!made) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&made->lock, NULL);
    made->max = max;
    *ret = made;
    return 0;
}

static void entry_unchain(struct sl_made *made, struct entry *entry)
{
    struct entry *before = sl_map_find(&made->by_id, entry->record.id);
    if (before != entry) {
        for (; before->next != entry; before = before->next) {
        }
        before->next = entry->next;
        return;
    }
    SL_IGNORE(!sl_map_remove(&made->by_id, entry->record.id)); /* it is always there */
    if (entry->next) {
        /* There is room: the id was just removed. */
        SL_IGNORE(sl_map_put(&made->by_id, entry->next->record.id, entry->next) < 0);
    }
}

static void entry_drop(struct sl_made *made, struct entry *entry)
{
    made->n_new -= entry->is_new;
    entry_unchain(made, entry);
    entry_list_remove(&made->entries, entry);
    free(entry);
}

void sl_made_free(struct sl_made *made)
{
    if (!made) {
        return;
    }
    for (struct entry *e; (e = entry_list_first(&made->entries)) != NULL;) {
        entry_drop(made, e);
    }
    sl_map_done(&made->by_id);
    pthread_mutex_destroy(&made->lock);
    free(made);
}

void sl_made_set_max(struct sl_made *made, size_t max)
{
    pthread_mutex_lock(&made->lock);
    made->max = max;
    pthread_mutex_unlock(&made->lock);
}

size_t sl_made_max(struct sl_made *made)
{
    pthread_mutex_lock(&made->lock);
    size_t max = made->max;
    pthread_mutex_unlock(&made->lock);
    return max;
}

size_t sl_made_count(struct sl_made *made)
{
    pthread_mutex_lock(&made->lock);
    size_t n = made->entries.n;
    pthread_mutex_unlock(&made->lock);
    return n;
}

static struct sl_str text_put(char **io_at, struct sl_str text)
{
    char *at = *io_at;
    if (text.n) {
        memcpy(at, text.p, text.n);
    }
    *io_at += text.n;
    return sl_str_make(at, text.n);
}

static struct entry *entry_new(const struct sl_made_record *record)
{
    struct entry *entry = calloc(1, sizeof(*entry) + record->id.n + record->by.route.n + record->by.target.n +
                                        record->principal.n);
    if (entry) {
        char *at = entry->texts;
        entry->record.id = text_put(&at, record->id);
        entry->record.by.route = text_put(&at, record->by.route);
        entry->record.by.target = text_put(&at, record->by.target);
        entry->record.principal = text_put(&at, record->principal);
        entry->record.end_wall_usec = record->end_wall_usec;
    }
    return entry;
}

static bool is_same_upstream(const struct sl_made_by *a, const struct sl_made_by *b)
{
    return sl_str_eq(a->route, b->route) && sl_str_eq(a->target, b->target);
}

/* The entry of that upstream, from the first one of the id on; NULL: none. */
static struct entry *entry_find(struct entry *entry, const struct sl_made_by *by)
{
    while (entry && !is_same_upstream(&entry->record.by, by)) {
        entry = entry->next;
    }
    return entry;
}

/* When an upstream gives an id again, it means another response now: the old entry is dropped. */
static void older_drop(struct sl_made *made, struct entry *first, const struct entry *entry)
{
    struct entry *old = entry_find(first, &entry->record.by);
    if (old) {
        entry_drop(made, old);
    }
}

/* How many of the entries from `first` on belong to the principal, with the newcomer counted too. */
static size_t share_of(const struct entry *first, struct sl_str principal, const struct entry *newcomer)
{
    size_t n = sl_str_eq(newcomer->record.principal, principal);
    for (const struct entry *e = first; e; e = e->next) {
        n += sl_str_eq(e->record.principal, principal);
    }
    return n;
}

/* When too many upstreams have the id, drops the oldest entry of the principal with the most, so that nobody's
 * upstreams push out what others have. */
static void same_drop(struct sl_made *made, const struct entry *newcomer)
{
    struct entry *first = sl_map_find(&made->by_id, newcomer->record.id), *loses = NULL;
    size_t n = 0, most = 0;
    for (const struct entry *e = first; e; e = e->next) {
        n++;
    }
    for (struct entry *e = first; n >= SAME_MAX && e; e = e->next) {
        size_t share = share_of(first, e->record.principal, newcomer);
        bool is_older = loses && e->record.end_wall_usec < loses->record.end_wall_usec;
        if (share > most || (share == most && is_older)) {
            loses = e;
            most = share;
        }
    }
    if (loses) {
        entry_drop(made, loses);
    }
}

/* `known`: the first entry of the id; NULL: it is new. */
static void entry_add(struct sl_made *made, struct entry *known, struct entry *entry, bool is_new)
{
    if (known) {
        older_drop(made, known, entry);
        same_drop(made, entry);
    }
    for (struct entry *e; made->entries.n >= made->max && (e = entry_list_first(&made->entries)) != NULL;) {
        entry_drop(made, e);
    }
    struct entry *first = known ? sl_map_find(&made->by_id, entry->record.id) : NULL; /* some were dropped */
    if (made->max == 0 || (!first && sl_map_put(&made->by_id, entry->record.id, entry) < 0)) {
        free(entry);
        return;
    }
    if (first) {
        entry->next = first->next;
        first->next = entry;
    }
    entry->is_new = is_new;
    made->n_new += is_new;
    entry_list_add(&made->entries, entry);
}

/* Nothing changes but how long it is known. */
static void entry_renew(struct sl_made *made, struct entry *entry, uint64_t end_wall_usec)
{
    entry->record.end_wall_usec = end_wall_usec;
    entry_list_remove(&made->entries, entry);
    entry_list_add(&made->entries, entry);
    made->n_new += !entry->is_new;
    entry->is_new = true;
}

static void expire(struct sl_made *made, uint64_t now)
{
    for (struct entry *e; (e = entry_list_first(&made->entries)) != NULL && e->record.end_wall_usec <= now;) {
        entry_drop(made, e);
    }
}

void sl_made_put(struct sl_made *made, struct sl_str id, const struct sl_made_by *by, struct sl_str principal,
                 uint64_t now_wall_usec)
{
    const struct sl_made_record record = { id, principal, *by, now_wall_usec + SL_MADE_USEC };
    if (!id.n || id.n > SL_MADE_ID_MAX) {
        return;
    }
    pthread_mutex_lock(&made->lock);
    expire(made, now_wall_usec);
    struct entry *known = sl_map_find(&made->by_id, id), *entry = entry_find(known, by);
    if (entry && sl_str_eq(entry->record.principal, principal) && made->entries.n <= made->max) {
        entry_renew(made, entry, record.end_wall_usec);
    } else if ((entry = entry_new(&record)) != NULL) {
        entry_add(made, known, entry, true);
    }
    pthread_mutex_unlock(&made->lock);
}

int sl_made_find(struct sl_made *made, struct sl_str id, struct sl_str principal, uint64_t now_wall_usec,
                 struct sl_arena *arena, struct sl_made_by *ret)
{
    pthread_mutex_lock(&made->lock);
    const struct entry *entry = NULL;
    int r = SL_E_NOTFOUND;
    for (const struct entry *e = sl_map_find(&made->by_id, id); e; e = e->next) {
        bool is_known = e->record.end_wall_usec > now_wall_usec, is_theirs = sl_str_eq(e->record.principal, principal);
        if (is_known && is_theirs && (!entry || entry->record.end_wall_usec <= e->record.end_wall_usec)) {
            entry = e;
        }
        r = is_known ? SL_E_FOREIGN : r;
    }
    r = entry ? 0 : r;
    if (r == 0) {
        ret->route = sl_arena_dup(arena, entry->record.by.route);
        ret->target = sl_arena_dup(arena, entry->record.by.target);
        r = ret->route.p && ret->target.p ? 0 : SL_E_NOMEM;
    }
    pthread_mutex_unlock(&made->lock);
    return r;
}

void sl_made_each(struct sl_made *made, bool all, void (*on_record)(void *arg, const struct sl_made_record *record),
                  void *arg)
{
    pthread_mutex_lock(&made->lock);
    /* new ones are at the end */
    struct sl_link *at = made->n_new || all ? made->entries.last : NULL;
    struct entry *first = NULL;
    for (size_t left = all ? made->entries.n : made->n_new; at && left > 0; at = at->prev) {
        first = SL_CONTAINER_OF(at, struct entry, link);
        left -= all || first->is_new;
    }
    for (struct entry *e = first; e; e = entry_list_next(e)) {
        if (all || e->is_new) {
            e->is_new = false;
            on_record(arg, &e->record);
        }
    }
    made->n_new = 0;
    pthread_mutex_unlock(&made->lock);
}

void sl_made_restore(struct sl_made *made, const struct sl_made_record *record)
{
    struct entry *entry = entry_new(record);
    if (entry) {
        pthread_mutex_lock(&made->lock);
        entry_add(made, sl_map_find(&made->by_id, record->id), entry, false);
        pthread_mutex_unlock(&made->lock);
    }
}
