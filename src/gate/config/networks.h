/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of networks in the file: "10.0.0.0/8", "192.0.2.1". */
#ifndef SL_GATE_NETWORKS_H
#define SL_GATE_NETWORKS_H

#include "base/attr.h"

struct sl_bind;
struct sl_cidrs;
struct sl_strs;
struct sl_val;

/* Parses `strs`, which were bound from `val`, to networks on the bind's arena. */
SL_MUST int sl_networks_bind(struct sl_bind *bind, const struct sl_val *val, const struct sl_strs *strs,
                             struct sl_cidrs *ret);

#endif
