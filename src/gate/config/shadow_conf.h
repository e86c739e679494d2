/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.shadow` of a route. gate/config/beyond.h checks, when all routes are known, that the other route exists. */
#ifndef SL_GATE_SHADOW_CONF_H
#define SL_GATE_SHADOW_CONF_H

#include "base/opt.h"

/* For a pointer to struct sl_shadow, which is made on the binder's arena. It stays NULL without `shadow`. */
extern const struct sl_opt sl_shadow_rows[];

#endif
