/* SPDX-License-Identifier: Apache-2.0 */
/* Members of one object with the same name: for Python the last one counts, so the others must not go up. */
#ifndef SL_LLM_MLFLOW_REPEATS_H
#define SL_LLM_MLFLOW_REPEATS_H

#include "json/json.h"

struct sl_arena;

struct sl_mf_repeats {
    uint32_t *keys; /* tokens of the keys that do not count, ascending; on the arena */
    uint32_t n, cap;
};

/* Compares the members of small objects in pairs, and sorts those of large ones. SL_E_NOMEM. */
SL_MUST int sl_mf_repeats_find(struct sl_mf_repeats *repeats, const struct sl_json *doc, struct sl_arena *arena);
bool sl_mf_repeats_has(const struct sl_mf_repeats *repeats, uint32_t key);

#endif
