/* SPDX-License-Identifier: Apache-2.0 */
/* The file's `alerts:` section: at which shares of a limit the operator is told, and where. */
#ifndef SL_GATE_ALERT_CONF_H
#define SL_GATE_ALERT_CONF_H

#include "base/opt.h"
#include "base/secret.h"
#include "gate/policy/alert.h"
#include "wire/uri.h"

/* On the arena of the settings; it holds one secret. */
struct sl_alert_conf {
    struct sl_alert_marks marks;
    struct sl_str url;     /* p == NULL: no webhook */
    struct sl_uri base;    /* `url`, parsed */
    struct sl_str target;  /* its path and query */
    struct sl_secret text; /* the secret as it was written; empty after the load */
    struct sl_secret key;  /* the bytes that sign */
};

extern const struct sl_opt sl_alert_opts[];
/* The check of the section; the field is a struct sl_alert_conf *. */
int sl_alerts_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
/* Wipes the secret. Accepts NULL. */
void sl_alert_conf_done(struct sl_alert_conf *conf);

#endif
