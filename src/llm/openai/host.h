/* SPDX-License-Identifier: Apache-2.0 */
/* A request in the words of a host. */
#ifndef SL_LLM_OPENAI_HOST_H
#define SL_LLM_OPENAI_HOST_H

#include "llm/openai/host_row.h"

/* The client's own bytes with `edits` (request.h: sl_call_pass) and the host's. */
SL_MUST int sl_host_pass(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                         const struct sl_env *env, const struct sl_call_edit *edits, size_t n, struct sl_arena *arena,
                         struct sl_http_req *io_req, struct sl_llm_error *ret_error);
/* A request that was written in OpenAI's own words, the same. */
SL_MUST int sl_host_mend(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                         const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req,
                         struct sl_llm_error *ret_error);

/* Halves of surrogate pairs in a body of the client's own bytes become U+FFFD: readers refuse them. */
SL_MUST int sl_host_halves_mend(const struct sl_call *call, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
