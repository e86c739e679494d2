/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for binding all parts of a route's entry: problems at a member, and unknown members. */
#ifndef SL_GATE_ENTRY_H
#define SL_GATE_ENTRY_H

#include "base/opt.h"

/* `key`: the member, added to the binder's path; "": the whole. */
void sl_entry_problem(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos, const char *key,
                      const char *fmt, ...) SL_PRINTF(5, 6);
/* Reports each member of `map` that is not in `names` (which ends with NULL). A strict binder refuses it. */
SL_MUST int sl_entry_keys(struct sl_bind *bind, const struct sl_val *map, const char *const *names, const char *where);

/* 1 to 255 letters and digits of any script, '_', '-' or '.', in UTF-8. */
bool sl_route_is_name(struct sl_str s);

#endif
