/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: who may call, and what. Only its holder knows a key's text; here is its SHA-256. That is enough: a key made
 * by Sluice has 256 random bits, and the file's own keys have a minimum length. Immutable, save the time of the last
 * use; reference-counted, shared between threads. */
#ifndef SL_GATE_KEY_H
#define SL_GATE_KEY_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "gate/config/role.h"

struct sl_limit_rule;
struct sl_limits;

#define SL_KEY_PREFIX "sk-sluice-"
/* Prefix and 43 characters of base64url (RFC 4648 section 5), NUL included. */
#define SL_KEY_TOKEN_SIZE (sizeof(SL_KEY_PREFIX) + 43)
#define SL_KEY_HASH_BYTES 32
/* The least length of a key that the operator chose: it must not be guessable. */
#define SL_KEY_OWN_MIN 16

struct sl_key {
    atomic_uint refs;
    struct sl_arena arena; /* holds everything below, and the key itself */
    struct sl_str id;      /* "key-7" for a stored key, "file:NAME" for one of the file */
    uint64_t number;       /* for a stored key; 0: of the file */
    uint64_t version;      /* the number of the change that made it what it is */
    struct sl_str name;
    struct sl_str principal;  /* the name that limits and the log use; by default the key's name, below its group */
    struct sl_str group;      /* its path; n == 0: none */
    struct sl_limits *limits; /* of the key itself; NULL: none */
    enum sl_role role;
    bool has_routes; /* may use only `routes` */
    struct sl_strs routes;
    uint64_t created_sec; /* unix time; 0: of the file */
    uint64_t expires_sec; /* unix time; 0: never */
    unsigned char hash[SL_KEY_HASH_BYTES];
    bool is_of_file;
    uint32_t line;                      /* in the file; 0: the admin key, which has none */
    atomic_uint_fast64_t last_used_sec; /* unix time; 0: not yet */
    uint64_t written_sec;               /* the value of last_used_sec that the store has; the store's thread only */
};

/* The values for a new key; all texts are copied. `principal` empty: the name, or GROUP/NAME. */
struct sl_key_spec {
    struct sl_str id, name, principal, group; /* `id` empty: made from the name */
    uint64_t number, version;
    uint32_t line;
    enum sl_role role;
    bool has_routes;
    struct sl_strs routes;
    uint64_t created_sec, expires_sec;
    unsigned char hash[SL_KEY_HASH_BYTES];
    bool is_of_file;
    const struct sl_limit_rule *rules; /* its limits */
    uint32_t n_rules;
};

/* What is wrong with a key in its group; NULL: nothing. */
const char *sl_key_group_fault(const struct sl_key_spec *spec);
/* NULL: no memory. */
SL_MUST struct sl_key *sl_key_new(const struct sl_key_spec *spec);
struct sl_key *sl_key_ref(struct sl_key *key);
void sl_key_unref(struct sl_key *key);

/* True: a valid name of a key or a principal: 1 to SL_KEY_NAME_MAX bytes of UTF-8, all visible, without spaces around
 * them. */
#define SL_KEY_NAME_MAX 255
bool sl_key_is_name(struct sl_str text);

/* Makes the text of a new key. The caller wipes it. */
void sl_key_make_token(char out[SL_KEY_TOKEN_SIZE]);
void sl_key_hash(struct sl_str token, unsigned char out[SL_KEY_HASH_BYTES]);
/* Reads 64 hexadecimal digits. */
SL_MUST int sl_key_hash_parse(struct sl_str hex, unsigned char out[SL_KEY_HASH_BYTES]);

bool sl_key_is_expired(const struct sl_key *key, uint64_t now_sec);
bool sl_key_may_use(const struct sl_key *key, struct sl_str route);
/* Whose share the key takes of what is bounded for all together: its topmost group's, so that an admin of a group has
 * no more of it by making keys; else its principal's. Borrowed. */
struct sl_str sl_key_tenant(const struct sl_key *key);
/* True: what is in that group (n == 0: in none) is in the key's reach: it has no group, or the group is its own or in
 * its own. */
bool sl_key_reaches(const struct sl_key *key, struct sl_str group);

#endif
