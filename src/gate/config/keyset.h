/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the store, as a part of the snapshot: immutable once published, shared between snapshots, in the order of
 * their creation. A change costs the same for any number of keys (pages.h). */
#ifndef SL_GATE_KEYSET_H
#define SL_GATE_KEYSET_H

#include "gate/config/key.h"
#include "gate/config/pages.h"

struct sl_store_key;

struct sl_keyset {
    atomic_uint refs;
    struct sl_hashed by_hash;
    struct sl_ordered by_number;
};

/* Both accept NULL, the empty set. */
struct sl_keyset *sl_keyset_ref(struct sl_keyset *set);
void sl_keyset_unref(struct sl_keyset *set);

/* Adds a key, or replaces the one with its number. Call it before publishing only: a set that others have too is copied
 * first. When `known` has the same key, the time of its last use is taken from there. SL_E_NOMEM: *io_set is unchanged.
 */
SL_MUST int sl_keyset_put(struct sl_keyset **io_set, const struct sl_store_key *row, const struct sl_keyset *known);
/* Not an error when there is no such key. */
SL_MUST int sl_keyset_remove(struct sl_keyset **io_set, uint64_t number);

/* Borrowed; NULL: none. */
struct sl_key *sl_keyset_find(const struct sl_keyset *set, uint64_t number);
/* Finds a key by the hash of its text. The time says nothing about a key: a seeded hash chooses the place, and all
 * bytes are compared. */
struct sl_key *sl_keyset_match(const struct sl_keyset *set, const unsigned char hash[SL_KEY_HASH_BYTES]);

struct sl_keyset_iter {
    const struct sl_keyset *set;
    uint32_t page, at;
};
/* Begins after the key with that number, which need not exist; 0: at the first. */
struct sl_keyset_iter sl_keyset_walk(const struct sl_keyset *set, uint64_t after);
/* Borrowed; NULL at the end. */
struct sl_key *sl_keyset_next(struct sl_keyset_iter *it);

#endif
