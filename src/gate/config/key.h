/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: who may call, and what. A key's text is known to its holder alone; here lies its SHA-256, which is enough,
 * since a key made by us has 256 random bits and the file's own keys a minimum length. Immutable but for the time of
 * its last use; reference-counted, shared between threads. */
#ifndef SL_GATE_KEY_H
#define SL_GATE_KEY_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum sl_role {
    SL_ROLE_QUERY,  /* invokes, and reads its routes */
    SL_ROLE_VIEWER, /* reads routes and metrics, invokes nothing */
    SL_ROLE_ADMIN,  /* everything */
};

/* In the order of the roles; ends with NULL. */
extern const char *const sl_role_names[];
const char *sl_role_name(enum sl_role role);
SL_MUST int sl_role_parse(struct sl_str text, enum sl_role *ret);
/* Routes bound what a key may invoke: of one that sees or does more they would only look like a bound. NULL: fine. */
const char *sl_role_routes_fault(enum sl_role role, bool has_routes);

#define SL_KEY_PREFIX "sk-sluice-"
/* Prefix and 43 characters of base64url (RFC 4648 section 5), NUL included. */
#define SL_KEY_TOKEN_SIZE (sizeof(SL_KEY_PREFIX) + 43)
#define SL_KEY_HASH_BYTES 32
/* Keys of the operator's own making must not be guessable. */
#define SL_KEY_OWN_MIN 16

struct sl_key {
    atomic_uint refs;
    struct sl_arena arena; /* everything below; the key itself lies on it */
    struct sl_str id;      /* "key-7" of a stored one, "file:NAME" */
    uint64_t number;       /* of a stored one; 0: of the file */
    struct sl_str name;
    struct sl_str principal; /* the name under which limits and the log count; the key's name by default */
    enum sl_role role;
    bool has_routes; /* may use only `routes` */
    struct sl_strs routes;
    uint64_t created_sec; /* unix; 0: of the file */
    uint64_t expires_sec; /* unix; 0: never */
    unsigned char hash[SL_KEY_HASH_BYTES];
    bool is_of_file;
    uint32_t line;                      /* in the file; 0: the admin key, which has none */
    atomic_uint_fast64_t last_used_sec; /* unix; 0: not yet */
    uint64_t written_sec;               /* of that, what the store has; the store's thread only */
};

/* What a key is made of; all texts are copied. `principal` empty: the name. */
struct sl_key_spec {
    struct sl_str id, name, principal; /* `id` empty: made of the name */
    uint64_t number;
    uint32_t line;
    enum sl_role role;
    bool has_routes;
    struct sl_strs routes;
    uint64_t created_sec, expires_sec;
    unsigned char hash[SL_KEY_HASH_BYTES];
    bool is_of_file;
};

/* NULL: no memory. */
SL_MUST struct sl_key *sl_key_new(const struct sl_key_spec *spec);
struct sl_key *sl_key_ref(struct sl_key *key);
void sl_key_unref(struct sl_key *key);

/* Of a key or a principal: 1 to SL_KEY_NAME_MAX bytes of UTF-8 that read as they are, without spaces around them. */
#define SL_KEY_NAME_MAX 255
bool sl_key_is_name(struct sl_str text);

/* A fresh key's text. The caller wipes it. */
void sl_key_make_token(char out[SL_KEY_TOKEN_SIZE]);
void sl_key_hash(struct sl_str token, unsigned char out[SL_KEY_HASH_BYTES]);
/* 64 hexadecimal digits. */
SL_MUST int sl_key_hash_parse(struct sl_str hex, unsigned char out[SL_KEY_HASH_BYTES]);

bool sl_key_is_expired(const struct sl_key *key, uint64_t now_sec);
bool sl_key_may_use(const struct sl_key *key, struct sl_str route);

#endif
