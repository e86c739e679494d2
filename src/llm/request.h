/* SPDX-License-Identifier: Apache-2.0 */
/* What providers share when they build a request. */
#ifndef SL_LLM_REQUEST_H
#define SL_LLM_REQUEST_H

#include "llm/llm.h"

/* `text` as a JSON string with its quotes, on the arena; p == NULL: no memory. */
SL_MUST struct sl_str sl_json_quote(struct sl_str text, struct sl_arena *arena);

/* An independent copy: edits added to it do not show in `from`. */
SL_MUST int sl_edits_copy(const struct sl_json_edits *from, struct sl_arena *arena, struct sl_json_edits *ret);

/* A request that this provider cannot take, told in the dialect's way: fills *error, returns SL_E_INVAL. `param` (or
 * NULL) is the member at fault. 400, and 422 by MLflow's rules. */
int sl_refuse(const struct sl_call *call, struct sl_arena *arena, struct sl_llm_error *error, const char *param,
              const char *fmt, ...) SL_PRINTF(5, 6);
/* A kind of request that it does not serve: SL_E_UNSUPPORTED (501; 400 on /v1). */
int sl_unsupported(const struct sl_call *call, struct sl_llm_error *error, struct sl_str message);

/* The top level of a call's body. A later attempt may find call->doc in use for something else; then the body is read
 * again into `spare` (initialised and freed by the caller, shallow: containers inside are folded). */
SL_MUST int sl_call_root(const struct sl_call *call, struct sl_json *spare, struct sl_json_val *ret_root);

#endif
