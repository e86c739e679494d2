/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps secrets out of the messages about a configuration. */
#ifndef SL_GATE_HIDDEN_H
#define SL_GATE_HIDDEN_H

#include "base/err.h"

struct sl_arena;
struct sl_problems;
struct sl_val;

/* Makes messages show *** for each text of the tree that stands where a secret may stand. The list is on the arena.
 * SL_E_NOMEM. */
SL_MUST int sl_secrets_hide(const struct sl_val *root, struct sl_problems *problems, struct sl_arena *arena);

#endif
