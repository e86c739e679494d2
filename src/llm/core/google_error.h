/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of Google's APIs (google.rpc.Status). Models of others report them too when Google serves them. */
#ifndef SL_LLM_GOOGLE_ERROR_H
#define SL_LLM_GOOGLE_ERROR_H

#include "llm/core/llm.h"

/* True: the value of an `error` member has that shape: its code is a number, its status a word. */
bool sl_google_error_is(struct sl_json_val error);
/* Fills the error from it; `status` 0: its own code counts. Texts are slices of the document, or on the arena. */
void sl_google_error_read(struct sl_json_val error, int status, struct sl_arena *arena, struct sl_llm_error *io_error);

#endif
