/* SPDX-License-Identifier: Apache-2.0 */
/* When keys were last used, on its way to the store. */
#ifndef SL_GATE_KEY_USED_H
#define SL_GATE_KEY_USED_H

#include <stdbool.h>

#include "base/err.h"

struct sl_keyset;
struct sl_store;

/* For on_tick: writes when keys were last used, each at most once a minute. `is_whole`: writes all times that are not
 * written yet. */
SL_MUST int sl_keys_used_write(const struct sl_keyset *set, struct sl_store *store, bool is_whole, struct sl_err *err);

#endif
