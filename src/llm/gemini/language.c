/* SPDX-License-Identifier: Apache-2.0 */
/* The language of generateContent. */
#include "llm/core/language.h"
#include "llm/core/llm.h"

#include "llm/core/errbody.h"
#include "llm/core/lost.h"

#include "llm/gemini/gemini.h"
#include "llm/gemini/read.h"
#include "llm/gemini/write.h"

static const char *const methods[SL_GEMINI_METHOD_COUNT] = {
    [SL_GEMINI_GENERATE] = "generateContent", [SL_GEMINI_STREAM] = "streamGenerateContent",
    [SL_GEMINI_EMBED] = "embedContent",       [SL_GEMINI_EMBED_BATCH] = "batchEmbedContents",
    [SL_GEMINI_PREDICT] = "predict",          [SL_GEMINI_COUNT] = "countTokens",
};

int sl_gemini_targets_make(struct sl_arena *arena, const struct sl_uri *base, struct sl_str prefix,
                           struct sl_gemini_conf *conf)
{
    int r = 0;
    for (enum sl_gemini_method m = 0; m < SL_GEMINI_METHOD_COUNT && r == 0; m++) {
        struct sl_str *target = &conf->targets[m];
        struct sl_str rel = sl_arena_printf(arena, "%.*s:%s", SL_STR_ARG(prefix), methods[m]);
        r = rel.p ? sl_uri_join(base, rel, arena, target) : SL_E_NOMEM;
        if (r == 0 && m == SL_GEMINI_STREAM) {
            /* Without this Google sends a list, in pieces; it would be read as a whole. */
            char mark = sl_str_find_char(*target, '?', 0) < 0 ? '?' : '&';
            *target = sl_arena_printf(arena, "%.*s%calt=sse", SL_STR_ARG(*target), mark);
            r = target->p ? 0 : SL_E_NOMEM;
        }
    }
    return r;
}

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* streams always have usage */
    if (sl_target_speaks(target, call->type, call->language)) {
        return sl_gemini_pass_call(call, target, arena, io_req, ret_error);
    }
    bool is_embed = call->type == SL_LLM_EMBEDDINGS;
    return (is_embed ? sl_gemini_embed_write : sl_gemini_chat_write)(call, target, env, arena, io_req, ret_error);
}

const struct sl_language sl_language_gemini = {
    .name = "gemini",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .alive = SL_STR_INIT(": alive\n\n"),
    .read_call = sl_gemini_read_call,
    .read_chat = sl_gemini_read_chat,
    .read_embed = sl_gemini_read_embed,
    .count = sl_gemini_count,
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_gemini_stream),
    .read_state_room = sizeof((struct sl_gemini_stream){ 0 }.begins),
    .read_reply = sl_gemini_on_reply,
    .on_frame = sl_gemini_on_frame,
    .on_end = sl_gemini_on_end,
    .is_over = sl_gemini_is_over,
    .read_error = sl_errbody_classify,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_CITATIONS },
    .write_state_size = sizeof(struct sl_gemini_writer),
    .write_begin = sl_gemini_write_begin,
    .write_held = sl_gemini_write_held,
    .write_done = sl_gemini_write_done,
    .write_reply = sl_gemini_write_reply,
    .write_delta = sl_gemini_write_delta,
    .write_item = sl_gemini_write_item,
    .write_end = sl_gemini_write_end,
    .write_error = sl_gemini_write_error,
    .error_member = "error",
    .write_stream_error = sl_gemini_write_stream_error,
    .reply_members = sl_gemini_reply_members,
    .read_usage = sl_gemini_read_usage,
    .pass_event = sl_gemini_pass_event,
};
