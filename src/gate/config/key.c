/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/key.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#include "base/base64.h"
#include "base/num.h"
#include "base/word.h"
#include "base/random.h"
#include "gate/config/group_path.h"
#include "gate/policy/limit_rule.h"

/* Holds a key and its few texts: thousands of keys must not cost a page each. */
#define KEY_CHUNK 480

const char *sl_key_group_fault(const struct sl_key_spec *spec)
{
    if (!spec->group.n) {
        return NULL;
    }
    if (spec->role == SL_ROLE_OPERATOR) {
        return "the role operator goes without a group: it changes routes, which are in no group";
    }
    return !spec->principal.n && spec->group.n + 1 + spec->name.n > SL_KEY_NAME_MAX
               ? "GROUP/NAME is too long for a principal: give it one"
               : NULL;
}

static int strs_dup(struct sl_arena *arena, struct sl_strs from, struct sl_strs *ret)
{
    struct sl_strs to = { SL_ARENA_ARRAY(arena, struct sl_str, from.n ? from.n : 1), 0 };
    if (!to.v) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < from.n; i++) {
        to.v[i] = sl_arena_dup(arena, from.v[i]);
        if (!to.v[i].p) {
            return SL_E_NOMEM;
        }
        to.n++;
    }
    *ret = to;
    return 0;
}

/* Callers of two groups are never the same one by chance. */
static struct sl_str principal_of(struct sl_key *key)
{
    const struct sl_str parts[] = { key->group, SL_STR("/"), key->name };
    return key->group.n ? sl_arena_join(&key->arena, parts, SL_ARRAY_LEN(parts)) : key->name;
}

struct sl_key *sl_key_new(const struct sl_key_spec *spec)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, KEY_CHUNK);
    struct sl_key *key = SL_ARENA_NEW(&arena, struct sl_key);
    if (!key) {
        return NULL;
    }
    key->arena = arena;
    atomic_init(&key->refs, 1);
    atomic_init(&key->last_used_sec, 0);
    key->id = spec->id.n ? sl_arena_dup(&key->arena, spec->id)
                         : sl_arena_printf(&key->arena, "file:%.*s", SL_STR_ARG(spec->name));
    key->number = spec->number;
    key->version = spec->version;
    key->line = spec->line;
    key->name = sl_arena_dup(&key->arena, spec->name);
    key->group = sl_arena_dup(&key->arena, spec->group);
    key->principal = spec->principal.n ? sl_arena_dup(&key->arena, spec->principal) : principal_of(key);
    key->role = spec->role;
    key->has_routes = spec->has_routes;
    key->created_sec = spec->created_sec;
    key->expires_sec = spec->expires_sec;
    key->is_of_file = spec->is_of_file;
    memcpy(key->hash, spec->hash, sizeof(key->hash));
    int r = !spec->n_rules || !key->name.p ? 0
                                           : sl_limits_new(&key->arena, SL_LIMIT_OF_KEY, key->name, key->number,
                                                           spec->rules, spec->n_rules, &key->limits);
    if (r < 0 || !key->id.p || !key->name.p || !key->group.p || !key->principal.p ||
        strs_dup(&key->arena, spec->routes, &key->routes) < 0) {
        sl_key_unref(key);
        return NULL;
    }
    return key;
}

struct sl_key *sl_key_ref(struct sl_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void sl_key_unref(struct sl_key *key)
{
    if (key && atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) == 1) {
        struct sl_arena arena = key->arena; /* the key is on this arena */
        sl_arena_done(&arena);
    }
}

/* --- texts and hashes --- */

bool sl_key_is_name(struct sl_str text)
{
    struct sl_str rest = text;
    uint32_t c;
    if (!text.n || text.n > SL_KEY_NAME_MAX || text.p[0] == ' ' || text.p[text.n - 1] == ' ') {
        return false;
    }
    while (sl_utf8_next(&rest, &c)) {
        if (sl_is_steering(c)) {
            return false;
        }
    }
    return rest.n == 0;
}

void sl_key_make_token(char out[SL_KEY_TOKEN_SIZE])
{
    unsigned char bytes[32];
    size_t at = sizeof(SL_KEY_PREFIX) - 1;
    sl_random_bytes(bytes, sizeof(bytes));
    memcpy(out, SL_KEY_PREFIX, at);
    sl_base64url_format(bytes, sizeof(bytes), out + at);
    OPENSSL_cleanse(bytes, sizeof(bytes));
}

void sl_key_hash(struct sl_str token, unsigned char out[SL_KEY_HASH_BYTES])
{
    SHA256((const unsigned char *)token.p, token.n, out);
}

int sl_key_hash_parse(struct sl_str hex, unsigned char out[SL_KEY_HASH_BYTES])
{
    if (hex.n != (size_t)2 * SL_KEY_HASH_BYTES) {
        return SL_E_INVAL;
    }
    for (size_t i = 0; i < SL_KEY_HASH_BYTES; i++) {
        uint64_t byte;
        if (sl_parse_hex64(sl_str_sub(hex, 2 * i, 2 * i + 2), &byte) < 0) {
            return SL_E_INVAL;
        }
        out[i] = (unsigned char)byte;
    }
    return 0;
}

bool sl_key_is_expired(const struct sl_key *key, uint64_t now_sec)
{
    return key->expires_sec && now_sec >= key->expires_sec;
}

bool sl_key_may_use(const struct sl_key *key, struct sl_str route)
{
    for (uint32_t i = 0; key->has_routes && i < key->routes.n; i++) {
        if (sl_str_eq(key->routes.v[i], route)) {
            return true;
        }
    }
    return !key->has_routes;
}

struct sl_str sl_key_tenant(const struct sl_key *key)
{
    return key->group.n ? sl_group_top(key->group) : key->principal;
}

bool sl_key_reaches(const struct sl_key *key, struct sl_str group)
{
    return !key->group.n || sl_group_is_in(group, key->group);
}
