/* SPDX-License-Identifier: Apache-2.0 */
/* What an identity provider says of itself (OpenID Connect Discovery 1.0). */
#ifndef SL_GATE_LOGIN_META_H
#define SL_GATE_LOGIN_META_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_oidc_conf;

struct sl_login_meta {
    struct sl_str authorization, token, keys; /* URLs; the first has no fragment and fits into a header */
    bool has_basic;                           /* the client's secret goes into a header, else into the form */
    bool says_issuer;                         /* its answers name the issuer (RFC 9207) */
};

/* Reads its document. SL_E_INVAL: it is not that of the issuer, or lacks an address. On the arena. */
SL_MUST int sl_login_meta_read(const struct sl_oidc_conf *conf, struct sl_str text, struct sl_arena *arena,
                               struct sl_login_meta *ret, struct sl_err *err);

#endif
