/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/keyset.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "json/json.h"
#include "store/store.h"

#define USED_EVERY_SEC 60

struct sl_keyset *sl_keyset_ref(struct sl_keyset *set)
{
    if (set) {
        atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    }
    return set;
}

void sl_keyset_unref(struct sl_keyset *set)
{
    if (set && atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1) {
        sl_keyring_done(&set->ring);
        free(set->v);
        free(set);
    }
}

static int add(struct sl_keyset *set, struct sl_key *key)
{
    if (set->n == set->cap) {
        uint32_t cap = set->cap ? set->cap * 2 : 16;
        struct sl_key **v = realloc(set->v, cap * sizeof(struct sl_key *));
        if (!v) {
            return SL_E_NOMEM;
        }
        set->v = v;
        set->cap = cap;
    }
    int r = sl_keyring_add(&set->ring, key);
    if (r < 0) {
        return r;
    }
    uint32_t at = sl_keyset_after(set, key->number);
    memmove(&set->v[at + 1], &set->v[at], (set->n - at) * sizeof(struct sl_key *));
    set->v[at] = key;
    set->n++;
    return 0;
}

/* One that nobody else has. */
static int own(struct sl_keyset **io_set)
{
    struct sl_keyset *old = *io_set;
    if (old && atomic_load_explicit(&old->refs, memory_order_acquire) == 1) {
        return 0;
    }
    struct sl_keyset *set = calloc(1, sizeof(*set));
    if (!set) {
        return SL_E_NOMEM;
    }
    atomic_init(&set->refs, 1);
    for (uint32_t i = 0; old && i < old->n; i++) {
        if (add(set, old->v[i]) < 0) {
            sl_keyset_unref(set);
            return SL_E_NOMEM;
        }
    }
    sl_keyset_unref(old);
    *io_set = set;
    return 0;
}

static int routes_read(struct sl_str json, struct sl_json *doc, struct sl_arena *arena, struct sl_strs *ret)
{
    int r = sl_json_parse(doc, json);
    struct sl_json_val list = sl_json_root(doc);
    ret->v = r < 0 ? NULL : SL_ARENA_ARRAY(arena, struct sl_str, sl_json_count(list) + 1);
    if (!ret->v) {
        return r < 0 ? r : SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = sl_json_text(it.val, arena, &ret->v[ret->n++]);
    }
    return r;
}

/* SL_E_INVAL: a row that this version cannot read. */
static int key_make(const struct sl_store_key *row, struct sl_key **ret)
{
    char id[32];
    struct sl_arena arena;
    struct sl_json doc;
    sl_arena_init_small(&arena, 512);
    sl_json_init(&doc, NULL);
    snprintf(id, sizeof(id), SL_STORE_KEY_ID, (unsigned long long)row->id);
    struct sl_key_spec spec = { .id = sl_str_c(id),
                                .number = row->id,
                                .name = row->name,
                                .principal = row->principal,
                                .has_routes = row->routes.p != NULL,
                                .created_sec = row->created_sec,
                                .expires_sec = row->expires_sec };
    int r = row->hash.n == sizeof(spec.hash) ? sl_role_parse(row->role, &spec.role) : SL_E_INVAL;
    if (r == 0 && row->routes.p) {
        r = routes_read(row->routes, &doc, &arena, &spec.routes);
    }
    if (r == 0) {
        memcpy(spec.hash, row->hash.p, sizeof(spec.hash));
        *ret = sl_key_new(&spec);
        r = *ret ? 0 : SL_E_NOMEM;
    }
    sl_json_done(&doc);
    sl_arena_done(&arena);
    return r;
}

int sl_keyset_put(struct sl_keyset **io_set, const struct sl_store_key *row, const struct sl_keyset *known)
{
    struct sl_key *key;
    int r = key_make(row, &key);
    if (r < 0 && r != SL_E_NOMEM) {
        sl_log(SL_LOG_ERROR, "store", "the stored key " SL_STORE_KEY_ID " is not readable: it opens nothing",
               (unsigned long long)row->id);
        return 0;
    }
    r = r < 0 ? r : own(io_set);
    if (r < 0) {
        return r;
    }
    const struct sl_key *before = known ? sl_keyring_find(&known->ring, key->hash) : NULL;
    uint64_t used = before ? atomic_load_explicit(&before->last_used_sec, memory_order_relaxed) : 0;
    atomic_store_explicit(&key->last_used_sec, SL_MAX(used, row->last_used_sec), memory_order_relaxed);
    key->written_sec = row->last_used_sec;
    r = sl_keyset_find(*io_set, key->number) ? 0 : add(*io_set, key);
    sl_key_unref(key); /* the ring holds it */
    return r == SL_E_EXISTS ? 0 : r;
}

int sl_keyset_remove(struct sl_keyset **io_set, uint64_t number)
{
    if (!sl_keyset_find(*io_set, number)) {
        return 0;
    }
    int r = own(io_set);
    if (r < 0) {
        return r;
    }
    struct sl_keyset *set = *io_set;
    uint32_t at = sl_keyset_after(set, number) - 1;
    struct sl_key *key = set->v[at];
    sl_keyring_remove(&set->ring, key);
    set->n--;
    memmove(&set->v[at], &set->v[at + 1], (set->n - at) * sizeof(struct sl_key *));
    return 0;
}

uint32_t sl_keyset_after(const struct sl_keyset *set, uint64_t number)
{
    uint32_t low = 0, high = set ? set->n : 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (set->v[mid]->number <= number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct sl_key *sl_keyset_find(const struct sl_keyset *set, uint64_t number)
{
    uint32_t at = sl_keyset_after(set, number);
    return at && set->v[at - 1]->number == number ? set->v[at - 1] : NULL;
}

int sl_keyset_write_used(const struct sl_keyset *set, struct sl_store *store, bool is_whole, struct sl_err *err)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && set && i < set->n; i++) {
        struct sl_key *key = set->v[i];
        uint64_t used = atomic_load_explicit(&key->last_used_sec, memory_order_relaxed);
        if (used && (is_whole || used >= key->written_sec + USED_EVERY_SEC)) {
            r = sl_store_key_used(store, key->number, used, err);
            key->written_sec = used;
        }
    }
    return r;
}
