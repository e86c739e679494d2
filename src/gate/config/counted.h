/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a counter counts is still limited. */
#ifndef SL_GATE_COUNTED_H
#define SL_GATE_COUNTED_H

#include <stdbool.h>

struct sl_limit_record;

/* For struct sl_counters; `snapshot` is a struct sl_snapshot. `record` is of a key or a group that a call made. */
bool sl_is_counted(const void *snapshot, const struct sl_limit_record *record);

#endif
