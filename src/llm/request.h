/* SPDX-License-Identifier: Apache-2.0 */
/* What providers share when they build a request. */
#ifndef SL_LLM_REQUEST_H
#define SL_LLM_REQUEST_H

#include "llm/llm.h"

/* `text` as a JSON string with its quotes, on the arena; p == NULL: no memory. */
SL_MUST struct sl_str sl_json_quote(struct sl_str text, struct sl_arena *arena);

/* An independent copy: edits added to it do not show in `from`. */
SL_MUST int sl_edits_copy(const struct sl_json_edits *from, struct sl_arena *arena, struct sl_json_edits *ret);

/* The top level of a call's body. A later attempt may find call->doc in use for something else; then the body is read
 * again into `spare` (initialised and freed by the caller, shallow: containers inside are folded). */
SL_MUST int sl_call_root(const struct sl_call *call, struct sl_json *spare, struct sl_json_val *ret_root);

#endif
