/* SPDX-License-Identifier: Apache-2.0 */
/* `auth.oidc`, the identity provider by which people log in to the console. */
#ifndef SL_GATE_OIDC_H
#define SL_GATE_OIDC_H

#include "base/secret.h"
#include "gate/config/role.h"
#include "wire/uri.h"

/* A value of the claim, and the role that it gives. */
struct sl_oidc_role {
    struct sl_str value;
    enum sl_role role;
};

/* On the arena of the settings; it holds one secret. */
struct sl_oidc_conf {
    struct sl_str issuer;    /* without a slash at its end only if it is written so */
    struct sl_uri base;      /* `issuer`, parsed */
    struct sl_str discovery; /* the target of its document, as a path */
    struct sl_str client_id;
    struct sl_secret client_secret; /* may be empty: a public client */
    struct sl_strs scopes;
    struct sl_str role_claim;
    struct sl_oidc_role *roles;
    uint32_t n_roles;
    struct sl_str group_claim; /* n == 0: who logs in is in no group */
    uint64_t print;            /* of all that decides who may log in as what */
};

#endif
