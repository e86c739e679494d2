/* SPDX-License-Identifier: Apache-2.0 */
/* Signed tokens (JWS, RFC 7515) in their compact form, checked by libcjose against a set of public keys (JWKS, RFC
 * 7517). Any thread. */
#ifndef SL_JOSE_TOKEN_H
#define SL_JOSE_TOKEN_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;

/* The longest token. */
#define SL_TOKEN_MAX 65536

/* True when the library is there. SL_E_UNSUPPORTED. */
SL_MUST int sl_token_ready(struct sl_err *err);

/* True: the text is a set of keys. */
bool sl_token_is_set(struct sl_str jwks);

/* Checks the signature. *ret_claims gets what was signed, on the arena. `jwks`: the text of the set.
 *
 * Only signatures by public keys are taken (RS, PS and ES with 256, 384 and 512): never `none`, and never HS, for which
 * a public key would be the secret. SL_E_NOTFOUND: no key of the set is meant. SL_E_INVAL: anything else that is wrong
 * with the token or the set. SL_E_NOMEM, SL_E_UNSUPPORTED. The text never has a part of the signature. */
SL_MUST int sl_token_verify(struct sl_str token, struct sl_str jwks, struct sl_arena *arena, struct sl_str *ret_claims,
                            struct sl_err *err);

#endif
