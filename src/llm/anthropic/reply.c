/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole replies of the Messages API, and of the old completions, to canonical ones. */
#include "llm/anthropic/anthropic.h"
#include "llm/core/errbody.h"
#include "llm/core/reading.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/lost.h"
#include "llm/core/sources.h"
#include "llm/form/ids.h"
#include "json/write.h"

enum sl_finish sl_anthropic_finish(const struct sl_call *call, struct sl_str word, bool was_answer)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("end_turn"), SL_FINISH_STOP },
        { SL_STR_INIT("stop_sequence"), SL_FINISH_STOP },
        { SL_STR_INIT("pause_turn"), SL_FINISH_STOP },
        { SL_STR_INIT("max_tokens"), SL_FINISH_LENGTH },
        { SL_STR_INIT("model_context_window_exceeded"), SL_FINISH_LENGTH },
        { SL_STR_INIT("tool_use"), SL_FINISH_TOOL_CALLS },
        { SL_STR_INIT("refusal"), SL_FINISH_CONTENT_FILTER },
        { { 0 }, SL_FINISH_NONE },
    };
    enum sl_finish finish = sl_finish_find(words, word);
    finish = finish == SL_FINISH_OTHER ? SL_FINISH_STOP : finish; /* words that are too new to be known here */
    if (finish == SL_FINISH_TOOL_CALLS && was_answer) {
        return SL_FINISH_STOP;
    }
    /* MLflow knows two finish reasons of this provider. */
    bool is_other = finish != SL_FINISH_NONE && finish != SL_FINISH_LENGTH;
    return call->manners->has_two_finishes && is_other ? SL_FINISH_STOP : finish;
}

static void count_read(struct sl_json_val v, const char *key, int64_t *io)
{
    int64_t n = sl_count_get(v, key);
    *io = n < 0 ? *io : n;
}

void sl_anthropic_usage_read(struct sl_json_val v, struct sl_usage *io_usage)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return;
    }
    /* Canonical input includes the tokens that were read from and written to the cache. */
    int64_t cached = io_usage->cached_input, written = io_usage->cache_creation;
    int64_t fresh = io_usage->input < 0 ? -1
                                        : io_usage->input - SL_MAX(cached, (int64_t)0) - SL_MAX(written, (int64_t)0);
    count_read(v, "input_tokens", &fresh);
    count_read(v, "cache_read_input_tokens", &cached);
    count_read(v, "cache_creation_input_tokens", &written);
    count_read(v, "output_tokens", &io_usage->output);
    count_read(sl_json_get(v, "output_tokens_details"), "thinking_tokens", &io_usage->reasoning);
    count_read(sl_json_get(v, "cache_creation"), "ephemeral_1h_input_tokens", &io_usage->cache_hour);
    count_read(sl_json_get(v, "server_tool_use"), "web_search_requests", &io_usage->searches);
    bool is_us = sl_json_str_eq(sl_json_get(v, "inference_geo"), SL_STR("us"));
    bool is_fast = sl_json_str_eq(sl_json_get(v, "speed"), SL_STR("fast"));
    io_usage->paid_more |= (uint8_t)((is_us ? SL_PAID_GEO_US : 0) | (is_fast ? SL_PAID_FAST : 0));
    enum sl_tier tier = sl_tier_read(sl_json_get(v, "service_tier"));
    io_usage->tier = tier ? tier : io_usage->tier;
    io_usage->cached_input = cached;
    io_usage->cache_creation = written;
    if (fresh >= 0) {
        io_usage->input = fresh + SL_MAX(cached, (int64_t)0) + SL_MAX(written, (int64_t)0);
    }
}

/* search_result_location has its address in `source`; other kinds are places in documents of the call. */
static const struct sl_source_paths citation_paths = { { "url", "source" }, { "title" } };

void sl_anthropic_citations_read(struct sl_reading *rd, struct sl_json_val list, int64_t start, int64_t end,
                                 struct sl_cited *ret)
{
    *ret = (struct sl_cited){ 0 };
    if (rd->status < 0 || sl_json_count(list) == 0) {
        return;
    }
    bool is_list = sl_json_is(list, SL_JSON_ARRAY);
    struct sl_str raw = sl_json_flat(sl_json_raw(list), rd->arena);
    ret->has_more_quotes = !sl_sources_read(rd, list, &citation_paths, start, end, &ret->annotations);
    ret->quotes = is_list ? raw : raw.p ? sl_arena_printf(rd->arena, "[%.*s]", SL_STR_ARG(raw)) : SL_STR_NONE;
    if (!ret->quotes.p && rd->status == 0) {
        sl_reading_no_memory(rd);
    }
}

struct reader {
    const struct sl_call *call;
    struct sl_reading in;
    int64_t chars; /* of the texts so far */
    bool was_answer;
};

static void text_read(struct reader *rd, struct sl_json_val v, struct sl_block *block)
{
    block->text = sl_reading_text(&rd->in, sl_json_get(v, "text"));
    int64_t end = rd->chars + sl_reading_chars(block->text);
    struct sl_cited cited;
    sl_anthropic_citations_read(&rd->in, sl_json_get(v, "citations"), rd->chars, end, &cited);
    block->annotations = cited.annotations;
    block->quotes = cited.quotes;
    block->has_more_quotes = cited.has_more_quotes;
    rd->chars = end;
}

static void tool_read(struct reader *rd, struct sl_json_val v, struct sl_str reply_id, uint32_t n,
                      struct sl_block *block)
{
    struct sl_str input = sl_arguments_text(sl_json_get(v, "input"), rd->in.arena);
    block->tool_name = sl_reading_text(&rd->in, sl_json_get(v, "name"));
    if (sl_str_eq_c(block->tool_name, SL_ANTHROPIC_ANSWER_TOOL)) {
        rd->was_answer = true;
        block->text = input;
    } else {
        block->kind = SL_BLOCK_TOOL_CALL;
        block->tool_name = sl_form_name_back(rd->call->aliases, block->tool_name);
        block->tool_id = sl_reading_text(&rd->in, sl_json_get(v, "id"));
        block->tool_id = block->tool_id.n ? block->tool_id : sl_call_id_make(reply_id, 0, n, rd->in.arena);
        block->arguments = input;
    }
    if (rd->in.status == 0 && (!input.p || (block->kind == SL_BLOCK_TOOL_CALL && !block->tool_id.p))) {
        sl_reading_no_memory(&rd->in);
    }
}

static void block_read(struct reader *rd, struct sl_json_val v, struct sl_str reply_id, struct sl_choice *choice)
{
    struct sl_block block = { 0 };
    struct sl_json_val type = sl_json_get(v, "type");
    if (sl_json_str_eq(type, SL_STR("text"))) {
        text_read(rd, v, &block);
    } else if (sl_json_str_eq(type, SL_STR("thinking"))) {
        block.kind = SL_BLOCK_THINKING;
        block.text = sl_reading_text(&rd->in, sl_json_get(v, "thinking"));
        block.signature = sl_reading_text(&rd->in, sl_json_get(v, "signature"));
    } else if (sl_json_str_eq(type, SL_STR("redacted_thinking"))) {
        block.kind = SL_BLOCK_THINKING;
        block.redacted = sl_reading_text(&rd->in, sl_json_get(v, "data"));
    } else if (sl_json_str_eq(type, SL_STR("tool_use"))) {
        tool_read(rd, v, reply_id, choice->n_blocks, &block);
    } else {
        sl_reading_lose(&rd->in, SL_LOST_SERVER_TOOLS);
        return;
    }
    choice->blocks[choice->n_blocks++] = block;
}

static void message_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    struct sl_json_val content = sl_json_get(root, "content");
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of content");
        return;
    }
    struct sl_choice *choice = sl_reading_choice(&rd->in, sl_json_count(content), reply);
    if (!choice) {
        return;
    }
    reply->id = sl_reading_text(&rd->in, sl_json_get(root, "id"));
    for (struct sl_json_iter it = sl_json_each(content); rd->in.status == 0 && sl_json_next(&it);) {
        block_read(rd, it.val, reply->id, choice);
    }
    choice->finish_text = sl_reading_text(&rd->in, sl_json_get(root, "stop_reason"));
    choice->finish = sl_anthropic_finish(rd->call, choice->finish_text, rd->was_answer);
    sl_anthropic_usage_read(sl_json_get(root, "usage"), &reply->usage);
}

static void completion_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    struct sl_json_val completion = sl_json_get(root, "completion");
    if (!sl_json_is(completion, SL_JSON_STRING)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no completion");
        return;
    }
    struct sl_choice *choice = sl_reading_choice(&rd->in, 1, reply);
    if (!choice) {
        return;
    }
    choice->blocks[choice->n_blocks++] = (struct sl_block){ .text = sl_reading_text(&rd->in,
                                                                                    sl_json_get(root, "completion")) };
    choice->finish_text = sl_reading_text(&rd->in, sl_json_get(root, "stop_reason"));
    choice->finish = sl_str_eq_c(choice->finish_text, "stop_sequence") ? SL_FINISH_STOP : SL_FINISH_LENGTH;
}

static void root_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is not a JSON object");
        return;
    }
    struct sl_json_val error = sl_json_get(root, "error");
    if (!sl_json_is_nothing(error)) {
        struct sl_errbody said;
        sl_errbody_read_val(error, rd->in.arena, &said);
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is an error: %.*s", SL_STR_ARG(said.message));
        return;
    }
    reply->model = sl_reading_text(&rd->in, sl_json_get(root, "model"));
    bool is_complete = rd->call->type == SL_LLM_COMPLETIONS && !sl_json_is_present(sl_json_get(root, "content"));
    (is_complete ? completion_read : message_read)(rd, root, reply);
}

int sl_anthropic_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                          struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 0, err);
    if (r < 0) {
        return r;
    }
    struct reader rd = { .call = call, .in = SL_READING_REPLY(arena, err) };
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    root_read(&rd, sl_json_root(doc), &reply);
    if (rd.in.status == 0) {
        reply.lost = rd.in.lost;
        *ret_reply = reply;
    }
    return rd.in.status;
}
