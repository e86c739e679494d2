/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/exchange.h"
#include "gate/config/keyset.h"

#define CREDENTIAL_MAX 4096

static struct sl_str scheme_rest(struct sl_str value, struct sl_str scheme)
{
    value = sl_str_trim(value);
    if (value.n > scheme.n && sl_str_case_eq(sl_str_sub(value, 0, scheme.n), scheme) && value.p[scheme.n] == ' ') {
        return sl_str_trim(sl_str_sub(value, scheme.n + 1, value.n));
    }
    return SL_STR_NONE;
}

/* The password of user:password (RFC 7617). */
static struct sl_str basic_password(struct sl_str encoded, struct sl_arena *arena)
{
    if (encoded.n == 0 || encoded.n % 4 || encoded.n > CREDENTIAL_MAX) {
        return SL_STR_NONE;
    }
    unsigned char *text = sl_arena_alloc(arena, encoded.n);
    int n = text ? EVP_DecodeBlock(text, (const unsigned char *)encoded.p, (int)encoded.n) : -1;
    if (n < 0) {
        return SL_STR_NONE;
    }
    for (size_t i = encoded.n; i > 0 && encoded.p[i - 1] == '='; i--) {
        n--; /* the decoder counts padding as zero bytes */
    }
    struct sl_str pair = sl_str_make((const char *)text, (size_t)SL_MAX(n, 0));
    ptrdiff_t colon = sl_str_find_char(pair, ':', 0);
    return colon < 0 ? SL_STR_NONE : sl_str_sub(pair, (size_t)colon + 1, pair.n);
}

struct sl_str sl_auth_credential(const struct sl_headers *headers, struct sl_arena *arena)
{
    struct sl_str authorization = sl_headers_get(headers, "authorization");
    struct sl_str found[] = {
        scheme_rest(authorization, SL_STR("Bearer")),
        basic_password(scheme_rest(authorization, SL_STR("Basic")), arena),
        sl_str_trim(sl_headers_get(headers, "x-api-key")),
        sl_str_trim(sl_headers_get(headers, "api-key")),
    };
    struct sl_str first = SL_STR_NONE;
    for (size_t i = 0; i < SL_ARRAY_LEN(found); i++) {
        if (sl_str_has_prefix(found[i], SL_STR(SL_KEY_PREFIX))) {
            return found[i];
        }
        if (!first.n && found[i].n) {
            first = found[i];
        }
    }
    return first;
}

static enum sl_access access_of(const struct sl_xchg *x)
{
    enum sl_access access = x->path ? x->path->access : SL_ACCESS_QUERY;
    if (access == SL_ACCESS_METRICS) {
        access = x->settings->auth.metrics ? SL_ACCESS_ADMIN : SL_ACCESS_OPEN;
    }
    return access;
}

static struct sl_key *key_find(const struct sl_xchg *x, struct sl_str credential)
{
    unsigned char hash[SL_KEY_HASH_BYTES];
    if (!credential.n || credential.n > CREDENTIAL_MAX) {
        return NULL;
    }
    sl_key_hash(credential, hash);
    struct sl_key *key = sl_keyring_find(x->settings->auth.ring, hash);
    struct sl_key *admin = x->worker->gate->admin_key;
    const struct sl_keyset *stored = x->worker->snapshot->keys;
    if (!key && stored) {
        key = sl_keyring_find(&stored->ring, hash);
    }
    if (!key && admin && CRYPTO_memcmp(admin->hash, hash, sizeof(hash)) == 0) {
        key = admin;
    }
    return key;
}

bool sl_auth_check(struct sl_xchg *x)
{
    enum sl_access access = access_of(x);
    if (x->settings->auth.mode != SL_AUTH_KEYS || access == SL_ACCESS_OPEN) {
        return true;
    }
    struct sl_str credential = sl_auth_credential(&x->req->msg.headers, &x->req->arena);
    struct sl_key *key = key_find(x, credential);
    uint64_t now_sec = sl_clock_wall_usec() / SL_USEC_PER_SEC;
    if (!key || sl_key_is_expired(key, now_sec)) {
        const char *why = key            ? "The API key has expired."
                          : credential.n ? "The API key is not known to this gateway."
                                         : "An API key is needed.";
        sl_xchg_fail_text(x, SL_ERR_CALLER_UNAUTHENTICATED,
                          "%s Send one as Authorization: Bearer KEY, as the password of Basic, as x-api-key or as "
                          "api-key.",
                          why);
        return false;
    }
    x->key = sl_key_ref(key);
    x->principal = key->principal;
    atomic_store_explicit(&key->last_used_sec, now_sec, memory_order_relaxed);
    if (access == SL_ACCESS_ADMIN && key->role != SL_ROLE_ADMIN) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN, "This call needs a key of role admin; this one has role %s.",
                          sl_role_name(key->role));
        return false;
    }
    return true;
}

bool sl_auth_may_use(const struct sl_xchg *x, struct sl_str route)
{
    return !x->key || sl_key_may_use(x->key, route);
}

bool sl_auth_may_listen(const struct sl_settings *settings, struct sl_str address, bool is_loopback, struct sl_err *err)
{
    if (settings->auth.mode != SL_AUTH_ABSENT || is_loopback) {
        return true;
    }
    SL_IGNORE(
        sl_fail(err, SL_E_INVAL,
                "%.*s is reachable from other machines and no auth is configured: everyone could call. Either add "
                "an auth section (auth: {} makes an admin key), or say auth: none (or SLUICE_AUTH=none) when that "
                "is wanted",
                SL_STR_ARG(address)) < 0); /* the text is what counts */
    return false;
}
