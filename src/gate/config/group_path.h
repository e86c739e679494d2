/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of groups: "acme/search" is in "acme". */
#ifndef SL_GATE_GROUP_PATH_H
#define SL_GATE_GROUP_PATH_H

#include "base/str.h"

/* The longest path, and the most levels. */
#define SL_GROUP_PATH_MAX  255
#define SL_GROUP_DEPTH_MAX 8

/* NULL: it is a path. Else what is wrong with it, as "must …". */
const char *sl_group_path_fault(struct sl_str path);
/* The path of the group that it is in; n == 0: none. */
struct sl_str sl_group_above(struct sl_str path);
/* The first name of the path. */
struct sl_str sl_group_top(struct sl_str path);
/* True: `path` is `top` or in it. */
bool sl_group_is_in(struct sl_str path, struct sl_str top);

#endif
