/* SPDX-License-Identifier: Apache-2.0 */
/* What a model must be able to do for a call, and which of this its row says that it cannot do. */
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
    uint64_t tokens;   /* an estimate of the call's tokens; 0: not counted */
};

/* The features, of those that sl_needs_read looks for, that a row says its model cannot do; 0: none. */
uint32_t sl_needs_refused(const struct sl_model *model);
/* A quick guess: might the call need one of the features, or a larger window than `context`? It is true too often; then
 * read the call. `context` 0: any window is large enough. */
bool sl_needs_might(const struct sl_call *call, uint32_t features, int64_t context);
/* Reads the chat. A call that cannot be read needs nothing: the code that builds the request reports the fault.
 * SL_E_NOMEM. */
SL_MUST int sl_needs_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                          struct sl_needs *ret);

/* What the model cannot do of them, in words: "takes no tools"; NULL: nothing, as far as is known. */
const char *sl_needs_missing(const struct sl_model *model, const struct sl_needs *needs);
/* False: the call is much too long for the model. A little too long is not enough, because the length is an
 * estimate. */
bool sl_needs_room(const struct sl_model *model, const struct sl_needs *needs);

#endif
