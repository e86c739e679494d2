/* SPDX-License-Identifier: Apache-2.0 */
/* The records of made.h survive a restart: the store's thread collects the new ones twice a second, and at the end. */
#ifndef SL_GATE_MADE_STORE_H
#define SL_GATE_MADE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sl_made;
struct sl_store;

/* Call this before the store starts. */
SL_MUST int sl_made_load(struct sl_made *made, struct sl_store *store, struct sl_err *err);
/* For on_tick of struct sl_store_cbs. */
SL_MUST int sl_made_tick(struct sl_made *made, struct sl_store *store, bool was_lost, struct sl_err *err);

#endif
