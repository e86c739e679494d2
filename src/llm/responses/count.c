/* SPDX-License-Identifier: Apache-2.0 */
/* input_tokens for upstreams that have no such call. */
#include "json/write.h"
#include "llm/chat/estimate.h"
#include "llm/responses/read.h"

int sl_responses_count(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_buf *out,
                       struct sl_llm_error *ret_error)
{
    struct sl_chat chat;
    int r = sl_responses_read_chat(call, env, arena, &chat, ret_error);
    if (r < 0) {
        return r;
    }
    sl_buf_printf(out, "{\"object\":\"response.input_tokens\",\"input_tokens\":%llu}",
                  (unsigned long long)sl_chat_estimate(&chat));
    return sl_buf_status(out);
}
