/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the file's `auth.oidc`. */
#ifndef SL_GATE_OIDC_CONF_H
#define SL_GATE_OIDC_CONF_H

#include "base/opt.h"

struct sl_oidc_conf;

extern const struct sl_opt sl_oidc_opts[];
/* The check of the section; the field is a struct sl_oidc_conf *. */
int sl_oidc_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
/* Wipes the secret. Accepts NULL. */
void sl_oidc_conf_done(struct sl_oidc_conf *conf);

#endif
