/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are looked up by what callers send, and the reading of the file's. */
#ifndef SL_GATE_KEYRING_H
#define SL_GATE_KEYRING_H

#include "base/map.h"
#include "gate/config/key.h"

struct sl_bind;
struct sl_val;

/* A set of keys by hash; holds a reference to each. Found by a map of hashes of hashes, then compared in constant time:
 * how long a look-up takes says nothing about a key. */
struct sl_keyring {
    struct sl_map by_hash;
};

void sl_keyring_done(struct sl_keyring *ring);
/* SL_E_EXISTS when the same key is there. */
SL_MUST int sl_keyring_add(struct sl_keyring *ring, struct sl_key *key);
/* Borrowed, or NULL. */
struct sl_key *sl_keyring_find(const struct sl_keyring *ring, const unsigned char hash[SL_KEY_HASH_BYTES]);

/* The file's `auth.keys`: a list of {name, principal, role, routes, expires_at, key: a secret or {sha256: HEX}}. Every
 * problem goes to bind->problems. */
SL_MUST int sl_keys_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_keyring *ring);

/* One key of the file: a secret by reference, or { sha256: HEX }. At least SL_KEY_OWN_MIN characters. */
SL_MUST int sl_key_text_bind(struct sl_bind *bind, const struct sl_val *val, unsigned char ret_hash[SL_KEY_HASH_BYTES]);

#endif
