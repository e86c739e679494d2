/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mock/answer.h"

#include <inttypes.h>

#include "llm/core/request.h"
#include "llm/mock/embed.h"
#include "llm/mock/read.h"

#define CHOICES_MAX SL_CHUNKS_CHOICES_MAX

static int refuse(struct sl_mock_reader *rd, const char *param, const char *text)
{
    rd->status = sl_mock_refuse(&rd->refusal, rd->arena, param, NULL, "%s", text);
    return rd->status;
}

static struct sl_mock_text template_text(const struct sl_mock_state *st, struct sl_str message)
{
    const struct sl_mock_pieces *pieces = &st->conf->pieces;
    struct sl_mock_text text = { pieces->v, pieces->n, false, message, st->model, 0 };
    sl_mock_text_measure(&text);
    return text;
}

/* `max_tokens` < 0: no bound. */
static void text_cut(struct sl_mock_text *text, int64_t max_tokens)
{
    if (max_tokens >= 0 && sl_mock_tokens(text->len) > max_tokens) {
        sl_mock_text_cut(text, (size_t)max_tokens * 4);
    }
}

static void block_literal(struct sl_mock_block *block, enum sl_block_kind kind, struct sl_str text)
{
    block->kind = kind;
    block->literal = (struct sl_mock_piece){ SL_MOCK_LITERAL, text };
    block->text = (struct sl_mock_text){ .pieces = &block->literal, .n_pieces = 1, .len = text.n };
}

/* True: the request offers the function, and its tool_choice allows calling it. */
static bool is_offered(struct sl_mock_reader *rd, struct sl_str name)
{
    struct sl_json_val choice = sl_json_get(rd->root, "tool_choice");
    struct sl_json_val named = sl_json_at(choice, "function.name");
    if (sl_json_str_eq(choice, SL_STR("none")) || (sl_json_is_present(named) && !sl_json_str_eq(named, name))) {
        return false;
    }
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "tools")); sl_json_next(&it);) {
        if (sl_json_str_eq(sl_json_at(it.val, "function.name"), name)) {
            return true;
        }
    }
    return false;
}

/* True: a tool has answered, so now the model answers with text. */
static bool is_tool_answered(struct sl_mock_reader *rd)
{
    struct sl_json_val role = SL_JSON_ABSENT;
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "messages")); sl_json_next(&it);) {
        role = sl_json_get(it.val, "role");
    }
    return sl_json_str_eq(role, SL_STR("tool")) || sl_json_str_eq(role, SL_STR("function"));
}

static uint32_t calls_add(struct sl_mock_reader *rd, const struct sl_mock_state *st, uint32_t n,
                          struct sl_mock_block *blocks)
{
    const struct sl_mock_tools *tools = &st->conf->tools;
    uint32_t max = sl_json_is(sl_json_get(rd->root, "parallel_tool_calls"), SL_JSON_FALSE) ? 1
                                                                                           : SL_CHUNKS_TOOLS_MAX / n;
    uint32_t found = 0;
    if (tools->n == 0 || is_tool_answered(rd)) {
        return 0;
    }
    for (uint32_t i = 0; i < tools->n && found < max; i++) {
        if (is_offered(rd, tools->v[i].name)) {
            struct sl_mock_block *block = &blocks[found++];
            block_literal(block, SL_BLOCK_TOOL_CALL, tools->v[i].arguments);
            block->tool_name = tools->v[i].name;
            block->tool_id = sl_arena_printf(rd->arena, "call_mock%016" PRIx64 "%02u", sl_mock_hash(st->call.body, 2),
                                             i);
            rd->status = block->tool_id.p ? rd->status : SL_E_NOMEM;
        }
    }
    return found;
}

/* Makes thoughts, then a text, a refusal or calls. */
static void answer_make(struct sl_mock_reader *rd, const struct sl_mock_state *st, struct sl_str message, uint32_t n,
                        int64_t max_tokens, struct sl_mock_answer *ret)
{
    bool is_chat = st->call.type == SL_LLM_CHAT;
    struct sl_mock_block *blocks = SL_ARENA_ARRAY(rd->arena, struct sl_mock_block, st->conf->tools.n + 2);
    if (!blocks) {
        rd->status = SL_E_NOMEM;
        return;
    }
    *ret = (struct sl_mock_answer){ .blocks = blocks, .finish = SL_FINISH_STOP };
    if (is_chat && st->conf->reasoning.n) {
        block_literal(&blocks[ret->n_blocks++], SL_BLOCK_THINKING, st->conf->reasoning);
        ret->reasoning_tokens = sl_mock_tokens(st->conf->reasoning.n);
    }
    uint32_t n_calls = is_chat ? calls_add(rd, st, n, &blocks[ret->n_blocks]) : 0;
    ret->n_blocks += n_calls;
    if (n_calls) {
        ret->finish = SL_FINISH_TOOL_CALLS;
    } else if (is_chat && st->conf->refusal.n) {
        block_literal(&blocks[ret->n_blocks++], SL_BLOCK_REFUSAL, st->conf->refusal);
    } else {
        struct sl_mock_block *block = &blocks[ret->n_blocks++];
        block->kind = SL_BLOCK_TEXT;
        block->text = template_text(st, message);
        text_cut(&block->text, max_tokens);
        ret->finish = block->text.is_cut ? SL_FINISH_LENGTH : SL_FINISH_STOP;
    }
    for (uint32_t i = 0; i < ret->n_blocks; i++) {
        ret->tokens += sl_mock_tokens(blocks[i].text.len);
    }
}

static int64_t max_tokens_get(struct sl_mock_reader *rd)
{
    static const char *const names[] = { "max_completion_tokens", "max_tokens" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_json_is(sl_json_get(rd->root, names[i]), SL_JSON_NUMBER)) {
            return sl_mock_number_get(rd, names[i], 0, INT64_C(1) << 40, -1);
        }
    }
    return -1;
}

void sl_mock_answers_make(struct sl_mock_reader *rd, struct sl_mock_state *st)
{
    struct sl_str one = SL_STR_NONE;
    struct sl_str *messages = &one;
    uint32_t n_messages = 1, n = (uint32_t)sl_mock_number_get(rd, "n", 1, CHOICES_MAX, 1);
    if (st->call.type == SL_LLM_CHAT) {
        one = sl_mock_last_user_message(rd);
    } else {
        messages = sl_mock_items_get(rd, "prompt", &n_messages);
    }
    n_messages = SL_MIN(n_messages, (uint32_t)CHOICES_MAX / n);
    st->answers = rd->status == 0 ? SL_ARENA_ARRAY(rd->arena, struct sl_mock_answer, (size_t)n * n_messages + 1) : NULL;
    if (!st->answers) {
        rd->status = rd->status < 0 ? rd->status : SL_E_NOMEM;
        return;
    }
    int64_t output = 0, reasoning = 0, max_tokens = max_tokens_get(rd);
    for (uint32_t i = 0; i < n_messages && rd->status == 0; i++) {
        struct sl_mock_answer answer = { 0 };
        answer_make(rd, st, messages[i], n, max_tokens, &answer);
        for (uint32_t k = 0; k < n; k++) {
            st->answers[st->n_choices++] = answer;
            output += answer.tokens;
            reasoning += answer.reasoning_tokens;
        }
    }
    if (rd->status == 0 && output > (int64_t)(SL_MOCK_TEXTS_MAX / 4)) {
        refuse(rd, "n", "The answers to this request would be larger than 64 MiB, which is too much for a mock.");
    }
    st->usage = SL_USAGE_NONE;
    st->usage.input = rd->input_tokens;
    st->usage.output = output;
    st->usage.total = rd->input_tokens + output;
    st->usage.reasoning = reasoning ? reasoning : -1;
}

void sl_mock_embeddings_make(struct sl_mock_reader *rd, struct sl_mock_state *st)
{
    st->inputs = sl_mock_items_get(rd, "input", &st->n_inputs);
    st->dimensions = (uint32_t)sl_mock_number_get(rd, "dimensions", 1, SL_MOCK_DIMENSIONS_MAX, st->conf->dimensions);
    st->is_base64 = sl_json_str_eq(sl_json_get(rd->root, "encoding_format"), SL_STR("base64"));
    st->usage = SL_USAGE_NONE;
    st->usage.input = st->usage.total = rd->input_tokens;
    if (rd->status == 0 && (uint64_t)st->n_inputs * st->dimensions > SL_MOCK_NUMBERS_MAX) {
        refuse(rd, "input",
               "Inputs times dimensions would be more than 1048576 numbers, which is too much for a mock: send the "
               "inputs in several requests.");
    }
}
