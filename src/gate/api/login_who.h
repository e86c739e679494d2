/* SPDX-License-Identifier: Apache-2.0 */
/* Who logs in, by the claims of an ID token: a key that nobody has the text of. */
#ifndef SL_GATE_LOGIN_WHO_H
#define SL_GATE_LOGIN_WHO_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_groups;
struct sl_json_val;
struct sl_key;
struct sl_oidc_conf;

/* SL_E_INVAL: the claims name nobody. SL_E_KEY: they give no role, or no group that is here. The text is for the
 * person. The caller unrefs the key. SL_E_NOMEM. */
SL_MUST int sl_login_who(const struct sl_oidc_conf *conf, const struct sl_groups *groups, struct sl_json_val claims,
                         struct sl_arena *arena, struct sl_key **ret, struct sl_err *err);

#endif
