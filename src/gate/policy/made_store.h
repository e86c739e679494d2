/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of answers survives a restart: the store's thread collects what is new twice a second, and at the
 * end. */
#ifndef SL_GATE_MADE_STORE_H
#define SL_GATE_MADE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sl_made;
struct sl_store;

/* Before the store's start. */
SL_MUST int sl_made_load(struct sl_made *made, struct sl_store *store, struct sl_err *err);
/* For on_tick. */
SL_MUST int sl_made_tick(struct sl_made *made, struct sl_store *store, bool was_lost, struct sl_err *err);

#endif
