/* SPDX-License-Identifier: Apache-2.0 */
/* countTokens for upstreams that have no such call. */
#include "json/write.h"
#include "llm/chat/estimate.h"
#include "llm/gemini/read.h"

int sl_gemini_count(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_buf *out,
                    struct sl_llm_error *ret_error)
{
    struct sl_chat chat;
    int r = sl_gemini_read_chat(call, env, arena, &chat, ret_error);
    if (r == 0) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_member_u64(&w, "totalTokens", sl_chat_estimate(&chat));
        sl_jw_end(&w);
        r = sl_buf_status(out);
    }
    return r;
}
