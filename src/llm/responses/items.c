/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/responses/items.h"

#include "base/num.h"
#include "llm/price/price.h"
#include "llm/responses/own.h"
#include "llm/responses/tools.h"

/* --- ids and names --- */

static struct sl_str text_of(struct sl_str text)
{
    return text.p ? text : SL_STR("");
}

void sl_answer_id(struct sl_jw *w, const struct sl_answer *answer, const char *key, const char *prefix, uint32_t index)
{
    char id[64];
    size_t n = SL_MIN(strlen(prefix), (size_t)16);
    memcpy(id, prefix, n);
    char *end = sl_format_hex(answer->id[0], 16, id + n);
    end = sl_format_hex(answer->id[1], 16, end);
    end = sl_format_hex(index, index >> 16 ? 8 : 4, end);
    sl_jw_member_str(w, key, sl_str_make(id, (size_t)(end - id)));
}

const char *sl_answer_prefix(enum sl_block_kind kind)
{
    return kind == SL_BLOCK_TOOL_CALL ? "fc_" : kind == SL_BLOCK_THINKING ? "rs_" : "msg_";
}

const char *sl_answer_status(enum sl_finish finish)
{
    return finish == SL_FINISH_LENGTH || finish == SL_FINISH_CONTENT_FILTER ? "incomplete" : "completed";
}

/* --- annotations and probabilities --- */

void sl_answer_note(struct sl_jw *w, struct sl_json_val note, int64_t before)
{
    static const char *const places[] = { "start_index", "end_index" }, *const texts[] = { "title", "url" };
    struct sl_json_val inside = sl_json_get(note, "url_citation");
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("url_citation"));
    for (size_t i = 0; i < SL_ARRAY_LEN(places); i++) {
        int64_t at = before;
        SL_IGNORE(sl_json_int(sl_json_get(inside, places[i]), true, &at) < 0); /* if not given, the beginning */
        sl_jw_member_i64(w, places[i], SL_MAX(at - before, (int64_t)0));
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_json_val v = sl_json_get(inside, texts[i]);
        sl_jw_member_raw(w, texts[i], sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR("\"\""));
    }
    sl_jw_end(w);
}

void sl_answer_notes(struct sl_buf *out, struct sl_str annotations, int64_t before)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    if (annotations.n && sl_json_parse(&doc, annotations) == 0) {
        for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); sl_json_next(&it);) {
            struct sl_jw w;
            sl_buf_add_c(out, out->len ? "," : "");
            sl_jw_init(&w, out);
            sl_answer_note(&w, it.val, before);
        }
    }
    sl_json_done(&doc);
}

void sl_answer_probs(struct sl_buf *out, struct sl_str logprobs)
{
    struct sl_json doc;
    sl_json_init(&doc, &(struct sl_json_limits){ .depth = 64, .tokens = SL_JSON_TOKENS_MAX, .record_depth = 2 });
    if (logprobs.n && sl_json_parse(&doc, logprobs) == 0) {
        struct sl_json_val list = sl_json_get(sl_json_root(&doc), "content");
        for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
            sl_buf_add_c(out, out->len ? "," : "");
            sl_json_compact(out, sl_json_raw(it.val));
        }
    }
    sl_json_done(&doc);
}

/* --- parts and items --- */

static void list_write(struct sl_jw *w, const char *key, struct sl_str inside)
{
    sl_jw_key(w, key);
    sl_jw_array(w);
    if (inside.n) {
        sl_jw_raw(w, inside);
    }
    sl_jw_end(w);
}

void sl_answer_text(struct sl_jw *w, struct sl_str text, struct sl_str notes, struct sl_str probs)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("output_text"));
    sl_jw_member_str(w, "text", text_of(text));
    list_write(w, "annotations", notes);
    list_write(w, "logprobs", probs);
    sl_jw_end(w);
}

void sl_answer_refusal(struct sl_jw *w, struct sl_str text)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("refusal"));
    sl_jw_member_str(w, "refusal", text_of(text));
    sl_jw_end(w);
}

static void item_begin(struct sl_jw *w, const struct sl_answer *answer, enum sl_block_kind kind, uint32_t index,
                       const char *type)
{
    sl_jw_object(w);
    sl_answer_id(w, answer, "id", sl_answer_prefix(kind), index);
    sl_jw_member_str(w, "type", sl_str_c(type));
}

void sl_answer_message(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                       struct sl_str parts)
{
    item_begin(w, answer, SL_BLOCK_TEXT, index, "message");
    sl_jw_member_str(w, "status", sl_str_c(status));
    sl_jw_member_str(w, "role", SL_STR("assistant"));
    list_write(w, "content", parts);
    sl_jw_end(w);
}

void sl_answer_call(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                    struct sl_str call_id, struct sl_str name, struct sl_str arguments)
{
    const struct sl_responses_tool *tool = sl_responses_tool_find(answer->call, name);
    bool is_custom = tool && tool->is_custom;
    item_begin(w, answer, SL_BLOCK_TOOL_CALL, index, is_custom ? "custom_tool_call" : "function_call");
    sl_jw_member_str(w, "status", sl_str_c(status));
    sl_jw_member_str(w, "call_id", text_of(call_id));
    if (tool && tool->space.p) {
        sl_jw_member_str(w, "namespace", tool->space);
    }
    sl_jw_member_str(w, "name", text_of(tool ? tool->own : name));
    if (is_custom) {
        sl_jw_key(w, "input");
        sl_jw_raw(w, SL_STR(""));
        sl_responses_tool_input(text_of(arguments), w->out);
    } else {
        sl_jw_member_str(w, "arguments", text_of(arguments));
    }
    sl_jw_end(w);
}

void sl_answer_reasoning(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, struct sl_str text,
                         const char *word, struct sl_str seal)
{
    item_begin(w, answer, SL_BLOCK_THINKING, index, "reasoning");
    sl_jw_key(w, "summary");
    sl_jw_array(w);
    if (text.n) {
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("summary_text"));
        sl_jw_member_str(w, "text", text);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    if (seal.n) {
        sl_jw_key(w, "encrypted_content");
        sl_jw_raw(w, SL_STR("\""));
        sl_buf_add_c(w->out, word);
        sl_json_escape(w->out, seal);
        sl_buf_add_char(w->out, '"');
    }
    sl_jw_end(w);
}

/* --- the response --- */

static void usage_write(struct sl_jw *w, const struct sl_usage *u)
{
    sl_jw_key(w, "usage");
    if (!u) { /* a response that goes on has no usage; at the end unknown counts are 0, because clients add them up */
        sl_jw_null(w);
        return;
    }
    int64_t input = SL_MAX(u->input, (int64_t)0), output = SL_MAX(u->output, (int64_t)0);
    sl_jw_object(w);
    sl_jw_member_i64(w, "input_tokens", input);
    sl_jw_key(w, "input_tokens_details");
    sl_jw_object(w);
    sl_jw_member_i64(w, "cached_tokens", SL_MAX(u->cached_input, (int64_t)0));
    sl_jw_member_i64(w, "cache_write_tokens", SL_MAX(u->cache_creation, (int64_t)0));
    sl_jw_end(w);
    sl_jw_member_i64(w, "output_tokens", output);
    sl_jw_key(w, "output_tokens_details");
    sl_jw_object(w);
    sl_jw_member_i64(w, "reasoning_tokens", SL_MAX(u->reasoning, (int64_t)0));
    sl_jw_end(w);
    sl_jw_member_i64(w, "total_tokens", u->total >= 0 ? u->total : input + output);
    sl_cost_write(w, u);
    sl_jw_end(w);
}

/* The API has a closed list of codes here. */
static void failure_write(struct sl_jw *w, const struct sl_answer_end *end)
{
    sl_jw_key(w, "error");
    if (!end->error) {
        sl_jw_null(w);
        return;
    }
    int status = end->error_status;
    sl_jw_object(w);
    sl_jw_member_str(w, "code",
                     status == 429                   ? SL_STR("rate_limit_exceeded")
                     : status >= 400 && status < 500 ? SL_STR("invalid_prompt")
                                                     : SL_STR("server_error"));
    sl_jw_member_str(w, "message", text_of(end->error->message));
    sl_jw_end(w);
}

static void incomplete_write(struct sl_jw *w, const struct sl_answer_end *end)
{
    sl_jw_key(w, "incomplete_details");
    bool is_cut = end->finish == SL_FINISH_LENGTH || end->finish == SL_FINISH_CONTENT_FILTER;
    if (!is_cut || end->error || end->is_going_on) {
        sl_jw_null(w);
        return;
    }
    sl_jw_object(w);
    sl_jw_member_str(w, "reason",
                     end->finish == SL_FINISH_LENGTH ? SL_STR("max_output_tokens") : SL_STR("content_filter"));
    sl_jw_end(w);
}

void sl_answer_write(struct sl_jw *w, const struct sl_answer *answer, const struct sl_answer_end *end)
{
    const char *status = end->error ? "failed" : end->is_going_on ? "in_progress" : sl_answer_status(end->finish);
    sl_jw_object(w);
    sl_answer_id(w, answer, "id", "resp_", 0);
    sl_jw_member_str(w, "object", SL_STR("response"));
    sl_jw_member_i64(w, "created_at", answer->created);
    sl_jw_member_str(w, "status", sl_str_c(status));
    sl_jw_member_bool(w, "background", false);
    sl_jw_key(w, "completed_at");
    if (sl_str_eq_c(sl_str_c(status), "completed")) {
        sl_jw_i64(w, answer->completed);
    } else {
        sl_jw_null(w);
    }
    failure_write(w, end);
    incomplete_write(w, end);
    sl_jw_member_str(w, "model", text_of(answer->model));
    list_write(w, "output", end->output);
    sl_responses_echo_write(w, answer->call);
    const char *tier = end->usage ? sl_tier_name(end->usage->tier) : NULL;
    sl_jw_member_str(w, "service_tier", sl_str_c(tier ? tier : "default"));
    sl_jw_member_bool(w, "store", answer->call->is_kept);
    usage_write(w, end->usage);
    sl_jw_end(w);
}
