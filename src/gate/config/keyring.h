/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a key by the text that a caller sent, and reads the keys of the file. */
#ifndef SL_GATE_KEYRING_H
#define SL_GATE_KEYRING_H

#include "base/map.h"
#include "gate/config/key.h"

struct sl_bind;
struct sl_opt;
struct sl_val;

/* A set of keys; it holds a reference to each. A map of hashes of hashes finds the key, then its hash is compared in
 * constant time: so the time of a look-up says nothing about a key. */
struct sl_keyring {
    struct sl_map by_hash;
};

void sl_keyring_done(struct sl_keyring *ring);
/* SL_E_EXISTS: the ring has the same key. */
SL_MUST int sl_keyring_add(struct sl_keyring *ring, struct sl_key *key);
/* Borrowed; NULL: not found. */
struct sl_key *sl_keyring_find(const struct sl_keyring *ring, const unsigned char hash[SL_KEY_HASH_BYTES]);

/* Reads `auth.keys` of the file: a list of {name, principal, group, limits, role, routes, expires_at, key: a secret or
 * {sha256: HEX}}. Every problem goes to bind->problems. */
SL_MUST int sl_keys_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_keyring *ring);

/* The members of a key there. */
const struct sl_opt *sl_file_key_rows(void);

/* Reads one key of the file: a reference to a secret, or { sha256: HEX }. At least SL_KEY_OWN_MIN characters. */
SL_MUST int sl_key_text_bind(struct sl_bind *bind, const struct sl_val *val, unsigned char ret_hash[SL_KEY_HASH_BYTES]);

#endif
