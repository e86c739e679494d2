/* SPDX-License-Identifier: Apache-2.0 */
/* libcjose, which checks signatures of tokens, loaded when a configuration has auth.oidc and not before. */
#ifndef SL_JOSE_CJOSE_H
#define SL_JOSE_CJOSE_H

#include <cjose/cjose.h>

#include "base/err.h"

#define SL_CJOSE_FUNCTIONS(X)  \
    X(cjose_header_get)        \
    X(cjose_header_get_raw)    \
    X(cjose_jwk_import)        \
    X(cjose_jwk_release)       \
    X(cjose_jws_get_plaintext) \
    X(cjose_jws_get_protected) \
    X(cjose_jws_import)        \
    X(cjose_jws_release)       \
    X(cjose_jws_verify)

struct sl_cjose {
#define X(name) __typeof__(&name) name;
    SL_CJOSE_FUNCTIONS(X)
#undef X
};

/* Loads it once. SL_E_UNSUPPORTED: it is not there; the text says what to install. */
SL_MUST int sl_cjose_load(const struct sl_cjose **ret, struct sl_err *err);

#endif
