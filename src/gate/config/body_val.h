/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON value as the neutral tree of base/val.h, so that a body is bound by the rows and told the texts of the
 * configuration file. */
#ifndef SL_GATE_BODY_VAL_H
#define SL_GATE_BODY_VAL_H

#include "json/json.h"

struct sl_arena;
struct sl_jw;
struct sl_val;

/* On the arena, strings decoded; lists and maps keep their exact JSON in `text`. A name that is repeated: the last one
 * counts, as everywhere. SL_E_NOMEM; SL_E_LIMIT beyond a nesting of 64 or
 * 1,024 members of one container. */
SL_MUST int sl_body_val(struct sl_json_val json, struct sl_arena *arena, struct sl_val **ret);
/* Writes what was read: each name once, nothing that the reader passed over. */
void sl_body_val_write(struct sl_jw *w, const struct sl_val *val);

#endif
