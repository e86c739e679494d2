/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that live in the store, as a part of the snapshot: immutable once published, shared between snapshots, in
 * the order of their creation. A change copies the set, not the keys. */
#ifndef SL_GATE_KEYSET_H
#define SL_GATE_KEYSET_H

#include "gate/config/key.h"

struct sl_store;
struct sl_store_key;

struct sl_keyset {
    atomic_uint refs;
    struct sl_keyring ring;
    struct sl_key **v; /* by number; the ring holds them */
    uint32_t n, cap;
};

/* Both accept NULL, the empty set. */
struct sl_keyset *sl_keyset_ref(struct sl_keyset *set);
void sl_keyset_unref(struct sl_keyset *set);

/* Before publishing only: a set that others have too is copied first. A key that is in `known` too keeps what that one
 * knows of its last use. SL_E_NOMEM: *io_set is as it was. */
SL_MUST int sl_keyset_put(struct sl_keyset **io_set, const struct sl_store_key *row, const struct sl_keyset *known);
/* One that is not there is no failure. */
SL_MUST int sl_keyset_remove(struct sl_keyset **io_set, uint64_t number);

/* Index of the first key with a number above `number`. */
uint32_t sl_keyset_after(const struct sl_keyset *set, uint64_t number);
/* NULL: none. */
struct sl_key *sl_keyset_find(const struct sl_keyset *set, uint64_t number);

/* For on_tick: writes when keys were last used, each at most once a minute. `is_whole`: all that is not written yet. */
SL_MUST int sl_keyset_write_used(const struct sl_keyset *set, struct sl_store *store, bool is_whole,
                                 struct sl_err *err);

#endif
