/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/made_store.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/policy/made.h"
#include "store/store.h"

/* The records of one upstream and one principal that end in the same minute: one row of the store. */
struct group {
    struct group *next;
    struct sl_store_answer of;
    uint64_t minute;   /* in which they end */
    struct sl_buf ids; /* a line for each */
    uint64_t n;
};

struct groups {
    struct sl_arena arena;
    struct sl_map by_key;
    struct group *first, **last; /* the oldest first */
    struct group *used;          /* by the record before: the next one mostly has the same */
    struct sl_buf key;
};

/* All ids of one group: a longer list is not known after a restart. */
#define IDS_MAX ((size_t)256 << 20)

static uint64_t minute_of(const struct sl_made_record *record)
{
    return record->end_wall_usec / (60 * SL_USEC_PER_SEC);
}

static bool is_of(const struct group *group, const struct sl_made_record *record)
{
    return group && group->minute == minute_of(record) && sl_str_eq(group->of.route, record->by.route) &&
           sl_str_eq(group->of.target, record->by.target) && sl_str_eq(group->of.principal, record->principal);
}

/* What the records of a group have in common. */
static struct sl_str key_make(struct sl_buf *out, const struct sl_made_record *record)
{
    const uint64_t head[] = { minute_of(record), record->by.route.n, record->by.target.n };
    sl_buf_reset(out);
    sl_buf_add(out, head, sizeof(head));
    sl_buf_add_str(out, record->by.route);
    sl_buf_add_str(out, record->by.target);
    sl_buf_add_str(out, record->principal);
    return sl_buf_str(out);
}

/* NULL: no memory. */
static struct group *group_new(struct groups *groups, struct sl_str key, const struct sl_made_record *record)
{
    struct sl_arena *arena = &groups->arena;
    struct group *group = SL_ARENA_NEW(arena, struct group);
    if (!group) {
        return NULL;
    }
    group->ids = SL_BUF_INIT(IDS_MAX);
    group->of.route = sl_arena_dup(arena, record->by.route);
    group->of.target = sl_arena_dup(arena, record->by.target);
    group->of.principal = sl_arena_dup(arena, record->principal);
    group->minute = minute_of(record);
    key = sl_arena_dup(arena, key);
    if (!group->of.route.p || !group->of.target.p || !group->of.principal.p || !key.p ||
        sl_map_put(&groups->by_key, key, group) < 0) {
        return NULL;
    }
    *groups->last = group;
    groups->last = &group->next;
    return group;
}

/* NULL: no memory. */
static struct group *group_get(struct groups *groups, const struct sl_made_record *record)
{
    if (is_of(groups->used, record)) {
        return groups->used;
    }
    struct sl_str key = key_make(&groups->key, record);
    if (sl_buf_status(&groups->key) < 0) {
        return NULL;
    }
    struct group *group = sl_map_find(&groups->by_key, key);
    return group ? group : group_new(groups, key, record);
}

/* The walk holds a lock, so this only copies. Without memory the response is not known after a restart. */
static void on_record(void *arg, const struct sl_made_record *record)
{
    struct groups *groups = arg;
    struct group *group = sl_str_find_char(record->id, '\n', 0) < 0 ? group_get(groups, record) : NULL;
    groups->used = group ? group : groups->used;
    if (group && sl_buf_reserve(&group->ids, record->id.n + 1) == 0) {
        sl_buf_add_str(&group->ids, record->id);
        sl_buf_add_char(&group->ids, '\n');
        group->of.end_usec = SL_MAX(group->of.end_usec, record->end_wall_usec);
        group->n++;
    }
}

int sl_made_tick(struct sl_made *made, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct groups groups = { .last = &groups.first, .key = SL_BUF_INIT(65536) };
    int r = 0;
    sl_arena_init(&groups.arena, NULL);
    sl_made_each(made, was_lost, on_record, &groups);
    for (struct group *group = groups.first; group; group = group->next) {
        r = r < 0 || !group->n ? r : sl_store_answers_put(store, &group->of, sl_buf_str(&group->ids), group->n, err);
        sl_buf_done(&group->ids);
    }
    if (r == 0 && groups.first) {
        r = sl_store_answers_expire(store, sl_clock_wall_usec(), sl_made_max(made), err);
    }
    sl_buf_done(&groups.key);
    sl_map_done(&groups.by_key);
    sl_arena_done(&groups.arena);
    return r;
}

static void on_answer(void *arg, const struct sl_store_answer *answer)
{
    const struct sl_made_by by = { answer->route, answer->target };
    sl_made_restore(arg, &(struct sl_made_record){ answer->id, answer->principal, by, answer->end_usec });
}

int sl_made_load(struct sl_made *made, struct sl_store *store, struct sl_err *err)
{
    return sl_store_answers_load(store, sl_clock_wall_usec(), on_answer, made, err);
}
