/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/token.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/word.h"
#include "jose/cjose.h"
#include "json/json.h"

/* For a token that does not name its key: so many keys of the set are tried. */
#define TRIED_MAX 16
/* The most tokens of a set of keys. */
static const struct sl_json_limits set_limits = { .depth = 16, .tokens = 65536 };

static const struct {
    const char *alg, *kty, *crv; /* crv NULL: any */
} algs[] = {
    { "RS256", "RSA", NULL },   { "RS384", "RSA", NULL },   { "RS512", "RSA", NULL },
    { "PS256", "RSA", NULL },   { "PS384", "RSA", NULL },   { "PS512", "RSA", NULL },
    { "ES256", "EC", "P-256" }, { "ES384", "EC", "P-384" }, { "ES512", "EC", "P-521" },
};

/* What the token's head says. */
struct head {
    size_t alg;        /* index into `algs` */
    struct sl_str kid; /* p == NULL: it names no key */
};

int sl_token_ready(struct sl_err *err)
{
    const struct sl_cjose *cjose;
    return sl_cjose_load(&cjose, err);
}

static struct sl_str shown(struct sl_str text)
{
    return sl_str_sub(text, 0, sl_utf8_fit(text, 64));
}

/* The texts belong to `jws`. */
static int head_read(const struct sl_cjose *cjose, cjose_jws_t *jws, struct head *ret, struct sl_err *err)
{
    cjose_err ignored;
    cjose_header_t *head = cjose->cjose_jws_get_protected(jws);
    struct sl_str alg = sl_str_c(head ? cjose->cjose_header_get(head, "alg", &ignored) : NULL);
    char *crit = head ? cjose->cjose_header_get_raw(head, "crit", &ignored) : NULL;
    bool has_crit = crit != NULL;
    free(crit);
    if (has_crit) {
        return sl_fail(err, SL_E_INVAL, "it has the member crit, which nothing here understands");
    }
    for (size_t i = 0; alg.p && i < SL_ARRAY_LEN(algs); i++) {
        if (sl_str_eq_c(alg, algs[i].alg)) {
            *ret = (struct head){ i, sl_str_c(cjose->cjose_header_get(head, "kid", &ignored)) };
            return 0;
        }
    }
    return sl_fail(err, SL_E_INVAL, "its algorithm \"%.*s\" is not taken: it must be RS256, PS256, ES256 or longer",
                   SL_STR_ARG(shown(alg)));
}

static bool is_text(struct sl_json_val val, const char *text)
{
    return sl_json_str_eq(val, sl_str_c(text));
}

/* True: the key is for signatures of that algorithm, and the token means it. */
static bool key_fits(struct sl_json_val key, const struct head *head)
{
    struct sl_json_val use = sl_json_get(key, "use"), alg = sl_json_get(key, "alg");
    return is_text(sl_json_get(key, "kty"), algs[head->alg].kty) &&
           (!algs[head->alg].crv || is_text(sl_json_get(key, "crv"), algs[head->alg].crv)) &&
           (sl_json_is_nothing(use) || is_text(use, "sig")) &&
           (sl_json_is_nothing(alg) || is_text(alg, algs[head->alg].alg)) &&
           (!head->kid.p || sl_json_str_eq(sl_json_get(key, "kid"), head->kid));
}

static bool is_signed_by(const struct sl_cjose *cjose, cjose_jws_t *jws, struct sl_str key)
{
    cjose_err ignored;
    cjose_jwk_t *jwk = cjose->cjose_jwk_import(key.p, key.n, &ignored);
    bool is_good = jwk && cjose->cjose_jws_verify(jws, jwk, &ignored);
    if (jwk) {
        cjose->cjose_jwk_release(jwk);
    }
    return is_good;
}

static int keys_try(const struct sl_cjose *cjose, cjose_jws_t *jws, const struct head *head, struct sl_json_val set,
                    struct sl_err *err)
{
    uint32_t n_tried = 0;
    for (struct sl_json_iter it = sl_json_each(sl_json_get(set, "keys")); sl_json_next(&it) && n_tried < TRIED_MAX;) {
        if (!key_fits(it.val, head)) {
            continue;
        }
        n_tried++;
        if (is_signed_by(cjose, jws, sl_json_raw(it.val))) {
            return 0;
        }
    }
    if (n_tried) {
        return sl_fail(err, SL_E_INVAL, "its signature is wrong");
    }
    return sl_fail(err, SL_E_NOTFOUND, "its key%s%.*s%s is not among the provider's for %s", head->kid.p ? " \"" : "",
                   SL_STR_ARG(shown(head->kid)), head->kid.p ? "\"" : "", algs[head->alg].alg);
}

bool sl_token_is_set(struct sl_str jwks)
{
    struct sl_json doc;
    sl_json_init(&doc, &set_limits);
    bool is_set = sl_json_parse(&doc, jwks) == 0 && sl_json_is(sl_json_get(sl_json_root(&doc), "keys"), SL_JSON_ARRAY);
    sl_json_done(&doc);
    return is_set;
}

static int set_try(const struct sl_cjose *cjose, cjose_jws_t *jws, struct sl_str jwks, struct sl_err *err)
{
    struct head head = { 0 };
    struct sl_json doc;
    int r = head_read(cjose, jws, &head, err);
    if (r < 0) {
        return r;
    }
    sl_json_init(&doc, &set_limits);
    r = sl_json_parse(&doc, jwks);
    if (r == SL_E_NOMEM) {
        r = sl_fail_nomem(err);
    } else if (r < 0 || !sl_json_is(sl_json_get(sl_json_root(&doc), "keys"), SL_JSON_ARRAY)) {
        r = sl_fail(err, SL_E_INVAL, "the provider's keys are not a set of keys in JSON");
    } else {
        r = keys_try(cjose, jws, &head, sl_json_root(&doc), err);
    }
    sl_json_done(&doc);
    return r;
}

int sl_token_verify(struct sl_str token, struct sl_str jwks, struct sl_arena *arena, struct sl_str *ret_claims,
                    struct sl_err *err)
{
    const struct sl_cjose *cjose;
    cjose_err ignored;
    uint8_t *text = NULL;
    size_t n = 0;
    int r = sl_cjose_load(&cjose, err);
    if (r < 0) {
        return r;
    }
    cjose_jws_t *jws = token.n && token.n <= SL_TOKEN_MAX ? cjose->cjose_jws_import(token.p, token.n, &ignored) : NULL;
    if (!jws) {
        return sl_fail(err, SL_E_INVAL, "it is no signed token in the compact form");
    }
    r = set_try(cjose, jws, jwks, err);
    if (r == 0 && !cjose->cjose_jws_get_plaintext(jws, &text, &n, &ignored)) {
        r = sl_fail(err, SL_E_INVAL, "it has no content");
    }
    if (r == 0) {
        *ret_claims = sl_arena_dup(arena, sl_str_make((const char *)text, n));
        r = ret_claims->p ? 0 : sl_fail_nomem(err);
    }
    cjose->cjose_jws_release(jws);
    return r;
}
