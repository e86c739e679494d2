/* SPDX-License-Identifier: Apache-2.0 */
/* What an ID token of OpenID Connect must say (OpenID Connect Core 3.1.3.7), after its signature was checked. */
#ifndef SL_JOSE_CLAIMS_H
#define SL_JOSE_CLAIMS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sl_json_val;

/* How far the clocks of gateway and provider may differ. */
#define SL_CLAIMS_LEEWAY_SEC 60

struct sl_claims_wanted {
    struct sl_str issuer, client, nonce;
    uint64_t now_sec;
};

/* SL_E_INVAL: a claim is missing or wrong; the text names it. */
SL_MUST int sl_claims_check(struct sl_json_val claims, const struct sl_claims_wanted *wanted, struct sl_err *err);

/* A claim by its name; if no claim has it, each of its dots leads into an object (realm_access.roles). Absent, if there
 * is none. */
struct sl_json_val sl_claims_get(struct sl_json_val claims, struct sl_str name);

#endif
