/* SPDX-License-Identifier: Apache-2.0 */
/* What a model must be able to do for a call, and what of it a model's row says that it is not. */
#ifndef SL_LLM_NEEDS_H
#define SL_LLM_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_arena;
struct sl_call;
struct sl_env;
struct sl_model;

struct sl_needs {
    uint32_t features; /* SL_MODEL_TOOLS, _IMAGES, _DOCUMENTS, _AUDIO; SL_MODEL_SCHEMA: an answer by a schema */
    uint64_t tokens;   /* about so many; 0: not looked at */
};

/* What a row refuses of what sl_needs_read looks for; 0: nothing. */
uint32_t sl_needs_refused(const struct sl_model *model);
/* Might the call need one of the features, or a larger window than that? Cheap, and true too often: then it is read.
 * `context` 0: any is large enough. */
bool sl_needs_might(const struct sl_call *call, uint32_t features, int64_t context);
/* Reads the chat. A call that cannot be read needs nothing: who builds the request says what is wrong. SL_E_NOMEM. */
SL_MUST int sl_needs_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                          struct sl_needs *ret);

/* What it is missing of them, in words: "takes no tools"; NULL: nothing, as far as is known. */
const char *sl_needs_missing(const struct sl_model *model, const struct sl_needs *needs);
/* Is the call too long for it, by far? Estimates are no more than that. */
bool sl_needs_room(const struct sl_model *model, const struct sl_needs *needs);

#endif
