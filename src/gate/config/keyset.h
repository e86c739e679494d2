/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that live in the store, as a part of the snapshot: immutable once published, shared between snapshots, in
 * the order of their creation. A change costs the same whatever their number (pages.h). */
#ifndef SL_GATE_KEYSET_H
#define SL_GATE_KEYSET_H

#include "gate/config/key.h"
#include "gate/config/pages.h"

struct sl_store;
struct sl_store_key;

struct sl_keyset {
    atomic_uint refs;
    struct sl_hashed by_hash;
    struct sl_ordered by_number;
};

/* Both accept NULL, the empty set. */
struct sl_keyset *sl_keyset_ref(struct sl_keyset *set);
void sl_keyset_unref(struct sl_keyset *set);

/* Before publishing only: a set that others have too is copied first. A key that is in `known` too keeps what that one
 * knows of its last use. SL_E_NOMEM: *io_set is as it was. */
SL_MUST int sl_keyset_put(struct sl_keyset **io_set, const struct sl_store_key *row, const struct sl_keyset *known);
/* One that is not there is no failure. */
SL_MUST int sl_keyset_remove(struct sl_keyset **io_set, uint64_t number);

/* Borrowed; NULL: none. */
struct sl_key *sl_keyset_find(const struct sl_keyset *set, uint64_t number);
/* By the hash of its text. How long that takes says nothing about a key: the place is chosen by a seeded hash of it,
 * and all its bytes are compared. */
struct sl_key *sl_keyset_match(const struct sl_keyset *set, const unsigned char hash[SL_KEY_HASH_BYTES]);

struct sl_keyset_iter {
    const struct sl_keyset *set;
    uint32_t page, at;
};
/* Begins behind the key with that number, there or not; 0: with the first. */
struct sl_keyset_iter sl_keyset_walk(const struct sl_keyset *set, uint64_t after);
/* Borrowed; NULL at the end. */
struct sl_key *sl_keyset_next(struct sl_keyset_iter *it);

/* For on_tick: writes when keys were last used, each at most once a minute. `is_whole`: all that is not written yet. */
SL_MUST int sl_keyset_write_used(const struct sl_keyset *set, struct sl_store *store, bool is_whole,
                                 struct sl_err *err);

#endif
