/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/key_used.h"

#include "gate/config/keyset.h"
#include "store/store.h"

#define USED_EVERY_SEC 60

int sl_keys_used_write(const struct sl_keyset *set, struct sl_store *store, bool is_whole, struct sl_err *err)
{
    int r = 0;
    struct sl_keyset_iter it = sl_keyset_walk(set, 0);
    for (struct sl_key *key; r == 0 && (key = sl_keyset_next(&it)) != NULL;) {
        uint64_t used = atomic_load_explicit(&key->last_used_sec, memory_order_relaxed);
        if (used && (is_whole || used >= key->written_sec + USED_EVERY_SEC)) {
            r = sl_store_key_used(store, key->number, used, err);
            key->written_sec = used;
        }
    }
    return r;
}
