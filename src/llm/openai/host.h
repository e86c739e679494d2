/* SPDX-License-Identifier: Apache-2.0 */
/* Changes a request for a host. */
#ifndef SL_LLM_OPENAI_HOST_H
#define SL_LLM_OPENAI_HOST_H

#include "llm/openai/host_row.h"

/* Writes the client's own bytes with `edits` (request.h: sl_call_pass) and with the host's changes. */
SL_MUST int sl_host_pass(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                         const struct sl_env *env, const struct sl_call_edit *edits, size_t n, struct sl_arena *arena,
                         struct sl_http_req *io_req, struct sl_llm_error *ret_error);
/* The same for a request that was written in OpenAI's form. */
SL_MUST int sl_host_mend(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                         const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req,
                         struct sl_llm_error *ret_error);

/* Lone halves of surrogate pairs in the client's own bytes become U+FFFD, because JSON readers refuse them. */
SL_MUST int sl_host_halves_mend(const struct sl_call *call, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
