/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/keyset.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "gate/config/limits_json.h"
#include "gate/policy/limit_rule.h"
#include "json/json.h"
#include "store/store.h"

static void item_ref(void *item)
{
    sl_key_ref(item);
}

static void item_unref(void *item)
{
    sl_key_unref(item);
}

static const struct sl_page_ops key_ops = { item_ref, item_unref };

static bool is_of_hash(const void *item, const void *hash)
{
    return CRYPTO_memcmp(((const struct sl_key *)item)->hash, hash, SL_KEY_HASH_BYTES) == 0;
}

static uint64_t place_of(const unsigned char *hash)
{
    return sl_hash(sl_str_make((const char *)hash, SL_KEY_HASH_BYTES));
}

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
        sl_hashed_done(&set->by_hash);
        sl_ordered_done(&set->by_number);
        free(set);
    }
}

static int add(struct sl_keyset *set, struct sl_key *key)
{
    uint64_t place = place_of(key->hash);
    if (sl_hashed_at(&set->by_hash, place, is_of_hash, key->hash) >= 0) {
        return SL_E_EXISTS;
    }
    int r = sl_ordered_put(&set->by_number, key->number, key);
    if (r < 0) {
        return r;
    }
    r = sl_hashed_put(&set->by_hash, place, -1, key);
    if (r < 0) { /* nothing is allocated: the page belongs to this set alone now */
        SL_IGNORE(sl_ordered_remove(&set->by_number, key->number) < 0);
    }
    return r;
}

/* After a failure half way the same call can be made again. */
static int replace(struct sl_keyset *set, struct sl_key *key)
{
    uint64_t place = place_of(key->hash);
    int64_t at = sl_hashed_at(&set->by_hash, place, is_of_hash, key->hash);
    int r = at < 0 ? SL_E_EXISTS : sl_hashed_put(&set->by_hash, place, at, key);
    return r < 0 ? r : sl_ordered_put(&set->by_number, key->number, key);
}

/* Copies the set if others have it too. */
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
    int r = old ? sl_hashed_copy(&old->by_hash, &set->by_hash) : sl_hashed_init(&set->by_hash, &key_ops);
    r = r < 0 ? r
              : (old ? sl_ordered_copy(&old->by_number, &set->by_number) : sl_ordered_init(&set->by_number, &key_ops));
    if (r < 0) {
        sl_keyset_unref(set);
        return r;
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

/* SL_E_INVAL: this version cannot read the row. */
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
                                .version = row->version,
                                .name = row->name,
                                .principal = row->principal,
                                .group = row->group,
                                .has_routes = row->routes.p != NULL,
                                .created_sec = row->created_sec,
                                .expires_sec = row->expires_sec };
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    int n = row->limits.p ? sl_limits_list_read(row->limits, &arena, rules) : 0;
    spec.rules = rules;
    spec.n_rules = n < 0 ? 0 : (uint32_t)n;
    int r = n < 0 ? n : row->hash.n == sizeof(spec.hash) ? sl_role_parse(row->role, &spec.role) : SL_E_INVAL;
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
        sl_log(SL_LOG_ERROR, "store", "the stored key " SL_STORE_KEY_ID " cannot be read: nobody can use it",
               (unsigned long long)row->id);
        return 0;
    }
    if (r < 0) {
        return r;
    }
    const struct sl_key *before = sl_keyset_match(known, key->hash);
    uint64_t used = before ? atomic_load_explicit(&before->last_used_sec, memory_order_relaxed) : 0;
    atomic_store_explicit(&key->last_used_sec, SL_MAX(used, row->last_used_sec), memory_order_relaxed);
    key->written_sec = row->last_used_sec;
    struct sl_key *old = sl_keyset_find(*io_set, key->number);
    if (!old || old->version != key->version) { /* else it is loaded again */
        r = own(io_set);
        r = r < 0 ? r : old ? replace(*io_set, key) : add(*io_set, key);
    }
    sl_key_unref(key); /* the set holds its own reference */
    return r == SL_E_EXISTS ? 0 : r;
}

int sl_keyset_remove(struct sl_keyset **io_set, uint64_t number)
{
    struct sl_key *key = sl_keyset_find(*io_set, number);
    if (!key) {
        return 0;
    }
    int r = own(io_set);
    if (r < 0) {
        return r;
    }
    struct sl_keyset *set = *io_set;
    uint64_t place = place_of(key->hash);
    int64_t at = sl_hashed_at(&set->by_hash, place, is_of_hash, key->hash);
    /* After a failure half way the same call can be made again. */
    r = at < 0 ? 0 : sl_hashed_remove(&set->by_hash, place, at);
    return r < 0 ? r : sl_ordered_remove(&set->by_number, number);
}

struct sl_key *sl_keyset_find(const struct sl_keyset *set, uint64_t number)
{
    return set ? sl_ordered_find(&set->by_number, number) : NULL;
}

struct sl_key *sl_keyset_match(const struct sl_keyset *set, const unsigned char hash[SL_KEY_HASH_BYTES])
{
    uint64_t place = set ? place_of(hash) : 0;
    int64_t at = set ? sl_hashed_at(&set->by_hash, place, is_of_hash, hash) : -1;
    return at < 0 ? NULL : (*sl_hashed_slot(&set->by_hash, place))->v[at].item;
}

struct sl_keyset_iter sl_keyset_walk(const struct sl_keyset *set, uint64_t after)
{
    struct sl_keyset_iter it = { .set = set };
    if (set && set->by_number.n_pages && after < UINT64_MAX) {
        it.page = sl_ordered_page(&set->by_number, after + 1);
        it.at = sl_page_lower(set->by_number.pages[it.page], after + 1);
    }
    return it;
}

struct sl_key *sl_keyset_next(struct sl_keyset_iter *it)
{
    while (it->set && it->page < it->set->by_number.n_pages) {
        const struct sl_page *page = it->set->by_number.pages[it->page];
        if (it->at < page->n) {
            return page->v[it->at++].item;
        }
        it->page++;
        it->at = 0;
    }
    return NULL;
}
