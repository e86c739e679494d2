/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON value as the neutral tree of base/val.h: so the rows of the configuration file bind a body, with the same
 * messages. */
#ifndef SL_GATE_BODY_VAL_H
#define SL_GATE_BODY_VAL_H

#include "json/json.h"

struct sl_arena;
struct sl_jw;
struct sl_val;

/* On the arena, strings decoded; lists and maps keep their exact JSON in `text`. When a name is repeated, the last one
 * counts, as everywhere. SL_E_NOMEM; SL_E_LIMIT beyond a nesting of 64 or 1,024 members in one container. */
SL_MUST int sl_body_val(struct sl_json_val json, struct sl_arena *arena, struct sl_val **ret);
/* Writes what was read: each name once, and nothing that the reader skipped. */
void sl_body_val_write(struct sl_jw *w, const struct sl_val *val);

#endif
