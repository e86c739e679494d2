/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole replies of the OpenAI family to canonical ones. */
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/openai/openai.h"

enum sl_finish sl_openai_finish(struct sl_str word)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("stop"), SL_FINISH_STOP },
        { SL_STR_INIT("length"), SL_FINISH_LENGTH },
        { SL_STR_INIT("eos"), SL_FINISH_STOP },
        { SL_STR_INIT("model_length"), SL_FINISH_LENGTH },
        { SL_STR_INIT("tool_calls"), SL_FINISH_TOOL_CALLS },
        { SL_STR_INIT("content_filter"), SL_FINISH_CONTENT_FILTER },
        { { 0 }, SL_FINISH_NONE },
    };
    return sl_finish_find(words, word);
}

uint32_t sl_openai_lost(struct sl_json_val root)
{
    return (sl_json_count(sl_json_get(root, "citations")) ? SL_LOST_CITATIONS : 0u) |
           (sl_json_count(sl_json_get(root, "search_results")) ? SL_LOST_SEARCH_RESULTS : 0u);
}

struct reader {
    struct sl_reading in;
    struct sl_str id;
    const struct sl_form_aliases *aliases;
};

static int64_t int_get(struct sl_json_val object, const char *key, int64_t otherwise)
{
    int64_t n;
    return sl_json_int(sl_json_get(object, key), true, &n) == 0 ? n : otherwise;
}

static void *array_new(struct reader *rd, size_t n, size_t size)
{
    void *p = rd->in.status == 0 ? sl_arena_zalloc(rd->in.arena, SL_MAX(n, (size_t)1) * size) : NULL;
    if (!p && rd->in.status == 0) {
        sl_reading_no_memory(&rd->in);
    }
    return p;
}

static void block_add(struct sl_choice *choice, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n) {
        choice->blocks[choice->n_blocks++] = (struct sl_block){ .kind = kind, .text = text };
    }
}

static void tool_calls_read(struct reader *rd, struct sl_json_val calls, struct sl_choice *choice)
{
    for (struct sl_json_iter it = sl_json_each(calls); sl_json_next(&it);) {
        struct sl_json_val function = sl_json_get(it.val, "function");
        struct sl_json_val arguments = sl_json_get(function, "arguments");
        struct sl_block *block = &choice->blocks[choice->n_blocks];
        *block = (struct sl_block){
            .kind = SL_BLOCK_TOOL_CALL,
            .tool_id = sl_reading_text(&rd->in, sl_json_get(it.val, "id")),
            .tool_name = sl_form_name_back(rd->aliases, sl_reading_text(&rd->in, sl_json_get(function, "name"))),
            .arguments = sl_reading_text(&rd->in, sl_json_get(function, "arguments")),
        };
        if (block->tool_id.n == 0) {
            block->tool_id = sl_call_id_make(rd->id, (uint32_t)choice->index, choice->n_blocks, rd->in.arena);
        }
        if (!sl_json_is(arguments, SL_JSON_STRING) || sl_json_str_eq(arguments, SL_STR("null"))) {
            arguments = sl_json_is(arguments, SL_JSON_STRING) ? SL_JSON_ABSENT : arguments;
            block->arguments = sl_arguments_text(arguments, rd->in.arena); /* null, or an object itself */
        }
        choice->n_blocks++;
        if (rd->in.status == 0 && (!block->tool_id.p || !block->arguments.p)) {
            sl_reading_no_memory(&rd->in);
        }
    }
}

/* The text of a message: a string, or the text parts of a list. */
static void content_read(struct reader *rd, struct sl_json_val message, struct sl_choice *choice)
{
    struct sl_json_val content = sl_json_get(message, "content");
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        if (sl_json_is(content, SL_JSON_STRING)) { /* an empty text counts as one */
            choice->blocks[choice->n_blocks++] = (struct sl_block){
                .kind = SL_BLOCK_TEXT, .text = sl_reading_text(&rd->in, sl_json_get(message, "content"))
            };
        }
        return;
    }
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        /* Thoughts are lists themselves: Mistral's `thinking`, the `summary` of a `reasoning`. */
        struct sl_json_val thoughts = sl_json_get(it.val, "thinking");
        thoughts = sl_json_is_present(thoughts) ? thoughts : sl_json_get(it.val, "summary");
        for (struct sl_json_iter in = sl_json_each(thoughts); sl_json_next(&in);) {
            block_add(choice, SL_BLOCK_THINKING, sl_reading_text(&rd->in, sl_json_get(in.val, "text")));
        }
        block_add(choice, SL_BLOCK_TEXT, sl_reading_text(&rd->in, sl_json_get(it.val, "text")));
    }
}

/* Notes the members beside a message's content. */
static void beside_read(struct reader *rd, struct sl_json_val v, struct sl_json_val message, struct sl_choice *choice)
{
    struct sl_json_val logprobs = sl_json_get(v, "logprobs"), sources = sl_json_get(message, "annotations");
    bool has_sources = sl_json_is(sources, SL_JSON_ARRAY) && sl_json_count(sources) > 0;
    choice->logprobs = sl_json_is(logprobs, SL_JSON_OBJECT) ? sl_json_raw(logprobs) : SL_STR_NONE;
    if (has_sources && choice->n_blocks) {
        choice->blocks[choice->n_blocks - 1].annotations = sl_json_raw(sources);
    }
    sl_reading_lose(&rd->in, (has_sources && !choice->n_blocks ? SL_LOST_ANNOTATIONS : 0u) |
                                 (sl_json_count(sl_json_get(message, "audio")) ? SL_LOST_AUDIO : 0u) |
                                 (sl_json_count(sl_json_get(message, "images")) ? SL_LOST_IMAGES : 0u));
}

static void choice_read(struct reader *rd, struct sl_json_val v, struct sl_choice *choice)
{
    struct sl_json_val message = sl_json_get(v, "message");
    struct sl_json_val calls = sl_json_get(message, "tool_calls");
    struct sl_json_val content = sl_json_get(message, "content");
    size_t n = 4 + sl_json_count(calls) + sl_json_count(content);
    for (struct sl_json_iter it = sl_json_each(content); sl_json_is(content, SL_JSON_ARRAY) && sl_json_next(&it);) {
        n += sl_json_count(sl_json_get(it.val, "thinking")) + sl_json_count(sl_json_get(it.val, "summary"));
    }
    choice->blocks = array_new(rd, n, sizeof(*choice->blocks));
    if (!choice->blocks) {
        return;
    }
    choice->finish_text = sl_reading_text(&rd->in, sl_json_get(v, "finish_reason"));
    choice->finish = sl_openai_finish(choice->finish_text);
    if (!sl_json_is(message, SL_JSON_OBJECT)) {
        block_add(choice, SL_BLOCK_TEXT, sl_reading_text(&rd->in, sl_json_get(v, "text"))); /* a real completion */
        beside_read(rd, v, message, choice);
        return;
    }
    struct sl_str thinking = sl_reading_text(&rd->in, sl_json_get(message, "reasoning_content"));
    block_add(choice, SL_BLOCK_THINKING,
              thinking.n ? thinking : sl_reading_text(&rd->in, sl_json_get(message, "reasoning")));
    content_read(rd, message, choice);
    beside_read(rd, v, message, choice);
    block_add(choice, SL_BLOCK_REFUSAL, sl_reading_text(&rd->in, sl_json_get(message, "refusal")));
    tool_calls_read(rd, calls, choice);
}

static void choices_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    struct sl_json_val choices = sl_json_get(root, "choices");
    if (!sl_json_is(choices, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of choices");
        return;
    }
    if (sl_json_count(choices) == 0) {
        rd->in.status = sl_fail(rd->in.err, SL_E_TRUNCATED, "its list of choices is empty");
        return;
    }
    reply->choices = array_new(rd, sl_json_count(choices), sizeof(*reply->choices));
    for (struct sl_json_iter it = sl_json_each(choices); rd->in.status == 0 && sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_OBJECT)) {
            rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "choices[%u] is not an object", it.index);
            return;
        }
        struct sl_choice *choice = &reply->choices[reply->n_choices++];
        choice->index = it.index;
        choice_read(rd, it.val, choice);
    }
}

static void embeddings_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    struct sl_json_val data = sl_json_get(root, "data");
    if (!sl_json_is(data, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of embeddings");
        return;
    }
    reply->embeddings = array_new(rd, sl_json_count(data), sizeof(*reply->embeddings));
    for (struct sl_json_iter it = sl_json_each(data); rd->in.status == 0 && sl_json_next(&it);) {
        struct sl_json_val embedding = sl_json_get(it.val, "embedding");
        if (!sl_json_is(embedding, SL_JSON_ARRAY) && !sl_json_is(embedding, SL_JSON_STRING)) {
            rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "data[%u] has no embedding", it.index);
            return;
        }
        reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ it.index, sl_json_raw(embedding) };
    }
}

static void root_read(struct reader *rd, const struct sl_call *call, struct sl_json_val root, struct sl_reply *reply)
{
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is not a JSON object");
        return;
    }
    struct sl_json_val error = sl_json_get(root, "error");
    if (!sl_json_is_nothing(error) && !sl_json_is_present(sl_json_get(root, "choices"))) {
        struct sl_errbody said;
        sl_errbody_read_val(error, rd->in.arena, &said);
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is an error: %.*s", SL_STR_ARG(said.message));
        return;
    }
    reply->id = rd->id = sl_reading_text(&rd->in, sl_json_get(root, "id"));
    reply->model = sl_reading_text(&rd->in, sl_json_get(root, "model"));
    reply->created = int_get(root, "created", -1);
    struct sl_json_val usage = sl_json_get(root, "usage");
    if (sl_openai_read_usage(usage, &reply->usage) == 0) {
        reply->usage_raw = sl_json_raw(usage);
    }
    reply->usage.tier = sl_tier_read(sl_json_get(root, "service_tier"));
    if (call->type == SL_LLM_EMBEDDINGS) {
        embeddings_read(rd, root, reply);
    } else {
        choices_read(rd, root, reply);
        sl_reading_lose(&rd->in, sl_openai_lost(root));
    }
}

int sl_openai_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    uint32_t depth = call->type == SL_LLM_EMBEDDINGS ? 3 : 0; /* the numbers stay raw */
    int r = sl_json_parse_at(doc, sl_skip_bom(body), depth);
    if (r == SL_E_INVAL && sl_json_has_constants(body)) {
        struct sl_str mended = sl_json_constants_null(sl_skip_bom(body), arena);
        r = mended.p ? sl_json_parse_at(doc, mended, depth) : SL_E_NOMEM;
    }
    if (r < 0) {
        return sl_fail(err, r, "%s at offset %zu", sl_json_fault_text(doc->fault), doc->fault_offset);
    }
    struct reader rd = { .in = SL_READING_REPLY(arena, err), .aliases = call->aliases };
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    root_read(&rd, call, sl_json_root(doc), &reply);
    if (rd.in.status == 0) {
        reply.lost = rd.in.lost;
        *ret_reply = reply; /* its slices are of the body */
    }
    return rd.in.status;
}
