/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/claims.h"

#include <openssl/crypto.h>

#include "base/word.h"
#include "json/json.h"

static struct sl_str shown(struct sl_json_val val)
{
    struct sl_str raw = sl_json_raw(val);
    return raw.p ? sl_str_sub(raw, 0, sl_utf8_fit(raw, 128)) : SL_STR("missing");
}

/* `aud` is a text, or a list of them. */
static bool is_for(struct sl_json_val aud, struct sl_str client, uint32_t *ret_n)
{
    *ret_n = 1;
    if (!sl_json_is(aud, SL_JSON_ARRAY)) {
        return sl_json_str_eq(aud, client);
    }
    bool has = false;
    *ret_n = sl_json_count(aud);
    for (struct sl_json_iter it = sl_json_each(aud); sl_json_next(&it);) {
        has = has || sl_json_str_eq(it.val, client);
    }
    return has;
}

static int audience_check(struct sl_json_val claims, struct sl_str client, struct sl_err *err)
{
    uint32_t n;
    struct sl_json_val aud = sl_json_get(claims, "aud"), azp = sl_json_get(claims, "azp");
    if (!is_for(aud, client, &n)) {
        return sl_fail(err, SL_E_INVAL, "it is for another program: aud is %.*s", SL_STR_ARG(shown(aud)));
    }
    if (!sl_json_is_present(azp)) {
        return n > 1 ? sl_fail(err, SL_E_INVAL, "it is for several programs, and azp does not say for which") : 0;
    }
    return sl_json_str_eq(azp, client)
               ? 0
               : sl_fail(err, SL_E_INVAL, "it was given to another program: azp is %.*s", SL_STR_ARG(shown(azp)));
}

/* Reads a time in seconds; some providers write fractions. False: it is none. */
static bool time_read(struct sl_json_val val, double *ret)
{
    return sl_json_double(val, ret) == 0 && *ret >= 0;
}

static int times_check(struct sl_json_val claims, uint64_t now_sec, struct sl_err *err)
{
    static const char *const not_yet[] = { "nbf", "iat" };
    double now = (double)now_sec, at;
    if (!time_read(sl_json_get(claims, "exp"), &at)) {
        return sl_fail(err, SL_E_INVAL, "it has no end: exp is %.*s", SL_STR_ARG(shown(sl_json_get(claims, "exp"))));
    }
    if (now >= at + SL_CLAIMS_LEEWAY_SEC) {
        return sl_fail(err, SL_E_INVAL, "it has expired %.0f seconds ago; or the clocks differ", now - at);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(not_yet); i++) {
        struct sl_json_val val = sl_json_get(claims, not_yet[i]);
        if (!sl_json_is_present(val)) {
            continue;
        }
        if (!time_read(val, &at)) {
            return sl_fail(err, SL_E_INVAL, "%s is no time: %.*s", not_yet[i], SL_STR_ARG(shown(val)));
        }
        if (at > now + SL_CLAIMS_LEEWAY_SEC) {
            return sl_fail(err, SL_E_INVAL, "it holds only in %.0f seconds (%s); or the clocks differ", at - now,
                           not_yet[i]);
        }
    }
    return 0;
}

static bool is_nonce(struct sl_json_val val, struct sl_str nonce)
{
    struct sl_str raw = sl_json_raw(val); /* ours has no character that JSON escapes */
    return sl_json_is(val, SL_JSON_STRING) && raw.n == nonce.n + 2 && CRYPTO_memcmp(raw.p + 1, nonce.p, nonce.n) == 0;
}

int sl_claims_check(struct sl_json_val claims, const struct sl_claims_wanted *wanted, struct sl_err *err)
{
    struct sl_json_val iss = sl_json_get(claims, "iss");
    if (!sl_json_is(claims, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "its content is no JSON object");
    }
    if (!sl_json_str_eq(iss, wanted->issuer)) {
        return sl_fail(err, SL_E_INVAL, "it is of another issuer: iss is %.*s", SL_STR_ARG(shown(iss)));
    }
    int r = audience_check(claims, wanted->client, err);
    r = r < 0 ? r : times_check(claims, wanted->now_sec, err);
    if (r == 0 && !is_nonce(sl_json_get(claims, "nonce"), wanted->nonce)) {
        r = sl_fail(err, SL_E_INVAL, "it is of another login: its nonce is not the one that was sent");
    }
    return r;
}

struct sl_json_val sl_claims_get(struct sl_json_val claims, struct sl_str name)
{
    struct sl_json_val val = sl_json_get_str(claims, name);
    struct sl_str part;
    if (sl_json_is_present(val)) {
        return val;
    }
    for (val = claims; sl_json_is_present(val) && sl_str_next(&name, '.', &part);) {
        val = sl_json_get_str(val, part);
    }
    return val;
}
