/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.shadow` of a route. Whether the other route is there, gate/config/beyond.h says when all are. */
#ifndef SL_GATE_SHADOW_CONF_H
#define SL_GATE_SHADOW_CONF_H

#include "base/opt.h"

/* Over struct sl_shadow. */
extern const struct sl_opt sl_shadow_rows[];

/* The `check` of a row over a pointer to one, which is made on the binder's arena; it stays NULL where there is none.
 */
int sl_shadow_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);

#endif
