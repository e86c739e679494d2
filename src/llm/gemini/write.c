/* SPDX-License-Identifier: Apache-2.0 */
/* Whole replies. */
#include "llm/gemini/write.h"

#include "base/num.h"
#include "llm/core/pieces.h"
#include "llm/gemini/beside.h"
#include "llm/gemini/member.h"
#include "llm/gemini/reader.h"

const char *sl_gemini_reason(enum sl_finish finish)
{
    switch (finish) {
    case SL_FINISH_LENGTH:
        return "MAX_TOKENS";
    case SL_FINISH_CONTENT_FILTER:
        return "SAFETY";
    case SL_FINISH_OTHER:
        return "OTHER";
    case SL_FINISH_NONE: /* some upstreams do not say why they end; a client of Google's takes that for a broken answer
                          */
    case SL_FINISH_STOP:
    case SL_FINISH_TOOL_CALLS:
        break;
    }
    return "STOP";
}

static void count_write(struct sl_jw *w, const char *key, int64_t n)
{
    if (n >= 0) {
        sl_jw_member_i64(w, key, n);
    }
}

/* Canonical output includes thoughts; this language's candidates do not. A count that is not known is 0, because
 * clients use all three. */
static void usage_write(struct sl_jw *w, const struct sl_usage *u)
{
    int64_t input = SL_MAX(u->input, (int64_t)0), output = SL_MAX(u->output, (int64_t)0);
    sl_jw_object(w);
    sl_jw_member_i64(w, "promptTokenCount", input);
    sl_jw_member_i64(w, "candidatesTokenCount", SL_MAX(output - SL_MAX(u->reasoning, (int64_t)0), (int64_t)0));
    sl_jw_member_i64(w, "totalTokenCount",
                     u->input < 0 && u->output < 0 ? SL_MAX(u->total, (int64_t)0) : input + output);
    count_write(w, "cachedContentTokenCount", u->cached_input);
    count_write(w, "thoughtsTokenCount", u->reasoning);
    sl_jw_end(w);
}

/* To this language's clients, another provider's signature is only bytes. */
static void signature_write(struct sl_jw *w, struct sl_str kind, struct sl_str text)
{
    struct sl_buf plain = SL_BUF_INIT(text.n + kind.n + 1);
    sl_buf_add_str(&plain, kind);
    sl_buf_add_str(&plain, text);
    sl_jw_key(w, "thoughtSignature");
    sl_jw_raw(w, SL_STR("\""));
    sl_buf_add_base64(w->out, sl_buf_str(&plain));
    sl_buf_add_char(w->out, '"');
    w->out->status = w->out->status ? w->out->status : sl_buf_status(&plain);
    sl_buf_done(&plain);
}

static void call_write(struct sl_jw *w, const struct sl_block *block)
{
    sl_jw_key(w, "functionCall");
    sl_jw_object(w);
    if (block->tool_id.n) {
        sl_jw_member_str(w, "id", block->tool_id);
    }
    sl_jw_member_str(w, "name", block->tool_name.p ? block->tool_name : SL_STR(""));
    sl_jw_key(w, "args");
    sl_arguments_write(w, block->arguments);
    sl_jw_end(w);
}

void sl_gemini_part_write(struct sl_jw *w, const struct sl_block *block)
{
    sl_jw_object(w);
    if (block->kind == SL_BLOCK_TOOL_CALL) {
        call_write(w, block);
    } else {
        sl_jw_member_str(w, "text", block->text.p ? block->text : SL_STR(""));
    }
    if (block->kind == SL_BLOCK_THINKING) {
        sl_jw_member_bool(w, "thought", true);
    }
    if (block->redacted.n) {
        signature_write(w, SL_STR(SL_GEMINI_CLOSED), block->redacted);
    } else if (block->signature.n) {
        signature_write(w, SL_STR(SL_GEMINI_SIGNED), block->signature);
    }
    sl_jw_end(w);
}

void sl_gemini_tail_write(struct sl_jw *w, const struct sl_usage *usage, struct sl_str model, struct sl_str id)
{
    if (usage) {
        sl_jw_key(w, "usageMetadata");
        usage_write(w, usage);
    }
    sl_jw_member_str(w, "modelVersion", model.p ? model : SL_STR(""));
    sl_jw_member_str(w, "responseId", id);
}

struct sl_str sl_gemini_id_make(const struct sl_env *env, char *out)
{
    char *end = sl_format_hex(env->random[1], 8, sl_format_hex(env->random[0], 16, out));
    return sl_str_make(out, (size_t)(end - out));
}

/* --- answers --- */

/* One word that came as JSON, because a schema asked for it: written without its quotes. */
static void word_write(struct sl_jw *w, const struct sl_block *block)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    bool is_json = sl_json_parse(&doc, block->text) == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_STRING);
    sl_jw_object(w);
    if (is_json) {
        sl_jw_member_raw(w, "text", sl_json_raw(sl_json_root(&doc)));
    } else {
        sl_jw_member_str(w, "text", block->text.p ? block->text : SL_STR(""));
    }
    sl_jw_end(w);
    sl_json_done(&doc);
}

static void choice_write(struct sl_jw *w, const struct sl_choice *choice, bool has_thoughts, bool is_word)
{
    sl_jw_object(w);
    sl_jw_key(w, "content");
    sl_jw_object(w);
    sl_jw_key(w, "parts");
    sl_jw_array(w);
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == SL_BLOCK_TEXT && is_word) {
            word_write(w, &choice->blocks[i]);
        } else if (choice->blocks[i].kind != SL_BLOCK_THINKING || has_thoughts) {
            sl_gemini_part_write(w, &choice->blocks[i]);
        }
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "role", SL_STR("model"));
    sl_jw_end(w);
    sl_jw_member_str(w, "finishReason", sl_str_c(sl_gemini_reason(choice->finish)));
    sl_jw_member_i64(w, "index", choice->index);
    sl_gemini_grounding_write_whole(w, choice, has_thoughts);
    sl_gemini_logprobs_write(w, choice->logprobs);
    sl_jw_end(w);
}

static void answer_write(struct sl_jw *w, const struct sl_call *call, const struct sl_reply *reply,
                         const struct sl_env *env)
{
    char room[SL_GEMINI_ID_MAX];
    sl_jw_key(w, "candidates");
    sl_jw_array(w);
    for (uint32_t i = 0; i < reply->n_choices; i++) {
        choice_write(w, &reply->choices[i], (call->noted & SL_GEMINI_THOUGHTS) != 0,
                     (call->noted & SL_GEMINI_WORD) != 0);
    }
    sl_jw_end(w);
    sl_gemini_tail_write(w, &reply->usage, reply->model, reply->id.n ? reply->id : sl_gemini_id_make(env, room));
}

/* --- embeddings --- */

static void vector_write(struct sl_jw *w, const struct sl_embedding *embedding)
{
    sl_jw_object(w);
    sl_jw_member_raw(w, "values", embedding->raw);
    sl_jw_end(w);
}

static void vectors_write(struct sl_jw *w, const struct sl_call *call, const struct sl_reply *reply)
{
    if (!(call->noted & SL_GEMINI_BATCH) && reply->n_embeddings == 1) {
        sl_jw_key(w, "embedding");
        vector_write(w, &reply->embeddings[0]);
    } else {
        sl_jw_key(w, "embeddings");
        sl_jw_array(w);
        for (uint32_t i = 0; i < reply->n_embeddings; i++) {
            vector_write(w, &reply->embeddings[i]);
        }
        sl_jw_end(w);
    }
    if (reply->usage.input >= 0) {
        sl_jw_key(w, "usageMetadata");
        sl_jw_object(w);
        sl_jw_member_i64(w, "promptTokenCount", reply->usage.input);
        sl_jw_end(w);
    }
}

int sl_gemini_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    if (call->type == SL_LLM_EMBEDDINGS) {
        vectors_write(&w, call, reply);
    } else {
        answer_write(&w, call, reply, env);
    }
    sl_jw_end(&w);
    return sl_buf_status(out);
}
