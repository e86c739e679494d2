/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.shadow` of a route. gate/config/beyond.h checks, when all routes are known, that the other route exists. */
#ifndef SL_GATE_SHADOW_CONF_H
#define SL_GATE_SHADOW_CONF_H

#include "base/opt.h"

/* For struct sl_shadow. */
extern const struct sl_opt sl_shadow_rows[];

/* The `check` of a row over a pointer to a struct sl_shadow, which it makes on the binder's arena; the pointer stays
 * NULL if there is none. */
int sl_shadow_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);

#endif
