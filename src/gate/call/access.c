/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/access.h"

#include "base/base64.h"
#include "gate/config/key.h"
#include "wire/headers.h"

static struct sl_str scheme_rest(struct sl_str value, struct sl_str scheme)
{
    value = sl_str_trim(value);
    if (value.n > scheme.n && sl_str_case_eq(sl_str_sub(value, 0, scheme.n), scheme) && value.p[scheme.n] == ' ') {
        return sl_str_trim(sl_str_sub(value, scheme.n + 1, value.n));
    }
    return SL_STR_NONE;
}

/* The password of "user:password" (RFC 7617). */
static struct sl_str basic_password(struct sl_str encoded, struct sl_arena *arena)
{
    bool is_sound = encoded.n <= SL_CREDENTIAL_MAX && sl_base64_is_sound(encoded);
    struct sl_str pair = is_sound ? sl_base64_decode(encoded, arena) : SL_STR_NONE;
    ptrdiff_t colon = sl_str_find_char(pair, ':', 0);
    return colon < 0 ? SL_STR_NONE : sl_str_sub(pair, (size_t)colon + 1, pair.n);
}

enum { AUTHORIZATION, X_API_KEY, API_KEY, X_GOOG_API_KEY, CARRIERS };

/* Reads the headers that carry a key, in one pass. False: one came twice with two values. */
static bool carriers_read(const struct sl_headers *headers, struct sl_str ret_values[CARRIERS])
{
    static const struct sl_str names[CARRIERS] = {
        [AUTHORIZATION] = SL_STR_INIT("authorization"),
        [X_API_KEY] = SL_STR_INIT("x-api-key"),
        [API_KEY] = SL_STR_INIT("api-key"),
        [X_GOOG_API_KEY] = SL_STR_INIT("x-goog-api-key"),
    };
    bool is_sound = true;
    for (uint32_t i = 0; i < headers->n; i++) {
        for (size_t k = 0; k < CARRIERS; k++) {
            if (sl_str_case_eq(headers->v[i].name, names[k])) {
                is_sound = is_sound && (!ret_values[k].p || sl_str_eq(ret_values[k], headers->v[i].value));
                ret_values[k] = ret_values[k].p ? ret_values[k] : headers->v[i].value;
                break;
            }
        }
    }
    return is_sound;
}

/* False: the header came again with another value. */
static bool own_read(const struct sl_headers *headers, const char *own, struct sl_str *ret_value)
{
    bool is_sound = true;
    for (uint32_t i = 0; own && i < headers->n; i++) {
        if (sl_str_case_eq(headers->v[i].name, sl_str_c(own))) {
            is_sound = is_sound && (!ret_value->p || sl_str_eq(*ret_value, headers->v[i].value));
            *ret_value = ret_value->p ? *ret_value : headers->v[i].value;
        }
    }
    return is_sound;
}

struct sl_str sl_access_credential(const struct sl_headers *headers, const char *own, struct sl_str query,
                                   struct sl_arena *arena, bool *io_is_torn)
{
    bool is_query_torn = *io_is_torn;
    struct sl_str of_own = SL_STR_NONE, values[CARRIERS] = { SL_STR_NONE };
    bool is_own_sound = own_read(headers, own, &of_own), is_sound = carriers_read(headers, values);
    enum { N_OWN = 2 };
    struct sl_str found[] = {
        scheme_rest(of_own, SL_STR("Bearer")),
        basic_password(scheme_rest(of_own, SL_STR("Basic")), arena),
        scheme_rest(values[AUTHORIZATION], SL_STR("Bearer")),
        basic_password(scheme_rest(values[AUTHORIZATION], SL_STR("Basic")), arena),
        sl_str_trim(values[X_API_KEY]),
        sl_str_trim(values[API_KEY]),
        sl_str_trim(values[X_GOOG_API_KEY]),
        sl_str_trim(query),
    };
    struct sl_str first = SL_STR_NONE, ours = SL_STR_NONE;
    *io_is_torn = !is_own_sound;
    for (size_t i = 0; i < SL_ARRAY_LEN(found); i++) {
        bool is_ours = sl_str_has_prefix(found[i], SL_STR(SL_KEY_PREFIX));
        if (is_ours && i < N_OWN) {
            return found[i]; /* keys in other places are for the upstream */
        }
        if (is_ours && ours.p && !sl_str_eq(ours, found[i])) {
            *io_is_torn = true;
        }
        ours = is_ours && !ours.p ? found[i] : ours;
        first = !first.n && found[i].n ? found[i] : first;
    }
    *io_is_torn = *io_is_torn || !is_sound || is_query_torn;
    return ours.p ? ours : first;
}

#define QUERY    SL_BIT(SL_ROLE_QUERY)
#define VIEWER   SL_BIT(SL_ROLE_VIEWER)
#define OPERATOR SL_BIT(SL_ROLE_OPERATOR)
#define ADMIN    SL_BIT(SL_ROLE_ADMIN)

static const struct {
    unsigned roles; /* bits */
    bool is_for_groups;
    const char *words;
} rights[] = {
    [SL_ACCESS_QUERY] = { QUERY | VIEWER | OPERATOR | ADMIN, true, "any" },
    [SL_ACCESS_INVOKE] = { QUERY | ADMIN, true, "query or admin" },
    [SL_ACCESS_VIEWER] = { VIEWER | OPERATOR | ADMIN, false, "viewer, operator or admin" },
    [SL_ACCESS_OPERATOR] = { OPERATOR | ADMIN, false, "operator or admin" },
    [SL_ACCESS_ADMIN] = { ADMIN, false, "admin" },
    [SL_ACCESS_GROUP_VIEWER] = { VIEWER | OPERATOR | ADMIN, true, "viewer, operator or admin" },
    [SL_ACCESS_GROUP_ADMIN] = { ADMIN, true, "admin" },
};

const char *sl_access_roles(enum sl_access access)
{
    return rights[access].words;
}

enum sl_access_verdict sl_access_judge(enum sl_access access, const struct sl_key *key, bool has_credential,
                                       uint64_t now_sec)
{
    if (!key) {
        return has_credential ? SL_ACCESS_UNKNOWN : SL_ACCESS_NO_KEY;
    }
    if (sl_key_is_expired(key, now_sec)) {
        return SL_ACCESS_EXPIRED;
    }
    if (!(rights[access].roles & SL_BIT(key->role))) {
        return SL_ACCESS_FORBIDDEN;
    }
    return key->group.n && !rights[access].is_for_groups ? SL_ACCESS_OUTSIDE : SL_ACCESS_GRANTED;
}
