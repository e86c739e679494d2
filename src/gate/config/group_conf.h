/* SPDX-License-Identifier: Apache-2.0 */
/* `groups` of the file. */
#ifndef SL_GATE_GROUP_CONF_H
#define SL_GATE_GROUP_CONF_H

#include "base/opt.h"

struct sl_group_defs;

/* The members of a group in the file. */
extern const struct sl_opt sl_group_opts[];
/* Reads `groups` of the file: a list of { name }. Every problem goes to bind->problems. */
SL_MUST int sl_groups_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_group_defs *ret);
/* Looks at the whole file: `auth.keys` must name groups that are there, and groups without keys are of no use. */
void sl_groups_look(struct sl_bind *bind, const struct sl_val *root, const struct sl_group_defs *defs);

#endif
