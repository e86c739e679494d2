/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole replies of /v2/chat and /v2/embed to canonical ones. */
#include "json/write.h"
#include "llm/cohere/cohere.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"

/* --- what whole replies and streams share --- */

enum sl_finish sl_cohere_finish(struct sl_str word)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("COMPLETE"), SL_FINISH_STOP },
        { SL_STR_INIT("STOP_SEQUENCE"), SL_FINISH_STOP },
        { SL_STR_INIT("MAX_TOKENS"), SL_FINISH_LENGTH },
        { SL_STR_INIT("TOOL_CALL"), SL_FINISH_TOOL_CALLS },
        { { 0 }, SL_FINISH_NONE },
    };
    return sl_finish_find(words, word);
}

void sl_cohere_usage_read(struct sl_json_val usage, struct sl_usage *io_usage)
{
    struct sl_json_val tokens = sl_json_get(usage, "tokens"), billed = sl_json_get(usage, "billed_units");
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return;
    }
    struct sl_usage u = SL_USAGE_NONE;
    u.input = sl_count_get(tokens, "input_tokens");
    u.output = sl_count_get(tokens, "output_tokens");
    u.input = u.input < 0 ? sl_count_get(billed, "input_tokens") : u.input;
    u.output = u.output < 0 ? sl_count_get(billed, "output_tokens") : u.output;
    u.cached_input = sl_count_get(usage, "cached_tokens");
    u.billed_input = sl_count_get(billed, "input_tokens");
    u.billed_output = sl_count_get(billed, "output_tokens");
    u.queries = sl_count_get(billed, "search_units");
    u.total = u.input >= 0 && u.output >= 0 ? u.input + u.output : -1;
    *io_usage = u;
}

void sl_cohere_citation_add(struct sl_sources *sources, struct sl_reading *rd, struct sl_json_val citation,
                            int64_t before)
{
    static const struct sl_source_paths paths = {
        { "document.url", "document.data.url", "tool_output.url" },
        { "document.title", "document.data.title", "tool_output.title" },
    };
    struct sl_json_val type = sl_json_get(citation, "type"), list = sl_json_get(citation, "sources");
    int64_t start = sl_count_get(citation, "start"), end = sl_count_get(citation, "end");
    bool is_thought = sl_json_str_eq(type, SL_STR("THINKING_CONTENT"));
    if (is_thought || sl_json_count(list) == 0) {
        sl_reading_lose(rd, SL_LOST_CITATIONS);
        return;
    }
    bool has_place = before >= 0 && start >= 0 && end >= start;
    if (!sl_sources_add_all(sources, list, &paths, has_place ? before + start : -1, has_place ? before + end : -1)) {
        sl_reading_lose(rd, SL_LOST_CITATIONS);
    }
}

/* --- whole replies --- */

struct reader {
    const struct sl_call *call;
    struct sl_reading in;
    struct sl_reply *reply;
    int64_t *before; /* characters of the texts before each part of the content; -1: the part is no text */
    int64_t chars;   /* characters of all texts */
    uint32_t n_parts;
};

static void block_add(struct sl_choice *choice, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n) {
        choice->blocks[choice->n_blocks++] = (struct sl_block){ .kind = kind, .text = text };
    }
}

static void call_add(struct reader *rd, struct sl_json_val v, struct sl_choice *choice)
{
    struct sl_json_val function = sl_json_get(v, "function");
    struct sl_block block = {
        .kind = SL_BLOCK_TOOL_CALL,
        .tool_id = sl_reading_text(&rd->in, sl_json_get(v, "id")),
        .tool_name = sl_form_name_back(rd->call->aliases, sl_reading_text(&rd->in, sl_json_get(function, "name"))),
        .arguments = sl_arguments_text(sl_json_get(function, "arguments"), rd->in.arena),
    };
    if (block.tool_id.n == 0) {
        block.tool_id = sl_call_id_make(rd->reply->id, 0, choice->n_blocks, rd->in.arena);
    }
    if (!block.tool_id.p || !block.arguments.p) {
        sl_reading_no_memory(&rd->in);
    }
    choice->blocks[choice->n_blocks++] = block;
}

/* Reads pieces of the text, each with the sum of its tokens' probabilities, to OpenAI's form. */
static void logprobs_read(struct reader *rd, struct sl_json_val list, struct sl_choice *choice)
{
    struct sl_buf buf = SL_BUF_INIT(1u << 26);
    struct sl_jw w;
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return;
    }
    sl_jw_init(&w, &buf);
    sl_jw_object(&w);
    sl_jw_key(&w, "content");
    sl_jw_array(&w);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_json_val text = sl_json_get(it.val, "text"), numbers = sl_json_get(it.val, "logprobs");
        double sum = 0, n;
        for (struct sl_json_iter k = sl_json_each(numbers); sl_json_next(&k);) {
            sum += sl_json_double(k.val, &n) == 0 ? n : 0;
        }
        sl_jw_object(&w);
        sl_jw_key(&w, "token");
        sl_jw_raw(&w, sl_json_is(text, SL_JSON_STRING) ? sl_json_raw(text) : SL_STR("\"\""));
        sl_jw_key(&w, "logprob");
        sl_jw_double(&w, sum);
        sl_jw_member_null(&w, "bytes");
        sl_jw_key(&w, "top_logprobs");
        sl_jw_array(&w);
        sl_jw_end(&w);
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    sl_jw_member_null(&w, "refusal");
    sl_jw_end(&w);
    choice->logprobs = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->in.arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!choice->logprobs.p) {
        sl_reading_no_memory(&rd->in);
    }
}

static void content_read(struct reader *rd, struct sl_json_val content, struct sl_choice *choice)
{
    if (sl_json_is(content, SL_JSON_STRING)) {
        block_add(choice, SL_BLOCK_TEXT, sl_reading_text(&rd->in, content));
    }
    for (struct sl_json_iter it = sl_json_each(content); rd->in.status == 0 && sl_json_next(&it);) {
        struct sl_json_val thinking = sl_json_get(it.val, "thinking");
        bool is_thought = sl_json_is(thinking, SL_JSON_STRING);
        struct sl_str text = sl_reading_text(&rd->in, is_thought ? thinking : sl_json_get(it.val, "text"));
        block_add(choice, is_thought ? SL_BLOCK_THINKING : SL_BLOCK_TEXT, text);
        rd->before[it.index] = is_thought ? -1 : rd->chars;
        rd->chars += is_thought ? 0 : sl_reading_chars(text);
    }
    rd->n_parts = sl_json_is(content, SL_JSON_ARRAY) ? sl_json_count(content) : 0;
}

/* Places count in a part of the content, or in the tool plan, which stands behind it; when the content is one text,
 * that text begins with all of them. */
static void citations_read(struct reader *rd, struct sl_json_val list, struct sl_choice *choice)
{
    struct sl_sources sources;
    if (sl_json_count(list) == 0 || rd->in.status < 0) {
        return;
    }
    if (choice->n_blocks == 0) {
        sl_reading_lose(&rd->in, SL_LOST_CITATIONS);
        return;
    }
    sl_sources_begin(&sources);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        int64_t index = 0;
        SL_IGNORE(sl_json_int(sl_json_get(it.val, "content_index"), true, &index) < 0); /* if not given, the first */
        bool is_plan = sl_json_str_eq(sl_json_get(it.val, "type"), SL_STR("PLAN"));
        int64_t before = rd->n_parts == 0 && index == 0               ? 0
                         : is_plan                                    ? rd->chars
                         : index >= 0 && index < (int64_t)rd->n_parts ? rd->before[index]
                                                                      : -1;
        sl_cohere_citation_add(&sources, &rd->in, it.val, before);
    }
    if (sl_sources_end(&sources, rd->in.arena, &choice->blocks[choice->n_blocks - 1].annotations) < 0) {
        sl_reading_no_memory(&rd->in);
    }
}

static void message_read(struct reader *rd, struct sl_json_val root, struct sl_json_val message)
{
    struct sl_json_val content = sl_json_get(message, "content"), calls = sl_json_get(message, "tool_calls");
    size_t n = 1 + (size_t)sl_json_count(calls) + (sl_json_is(content, SL_JSON_ARRAY) ? sl_json_count(content) : 1);
    struct sl_choice *choice = sl_reading_choice(&rd->in, n, rd->reply);
    rd->before = SL_ARENA_ARRAY(rd->in.arena, int64_t, n);
    if (!choice || !rd->before) {
        sl_reading_no_memory(&rd->in);
        return;
    }
    content_read(rd, content, choice);
    block_add(choice, SL_BLOCK_TEXT, sl_reading_text(&rd->in, sl_json_get(message, "tool_plan")));
    citations_read(rd, sl_json_get(message, "citations"), choice);
    if (sl_json_is(calls, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(calls); rd->in.status == 0 && sl_json_next(&it);) {
            call_add(rd, it.val, choice);
        }
    }
    logprobs_read(rd, sl_json_get(root, "logprobs"), choice);
    choice->finish_text = sl_reading_text(&rd->in, sl_json_get(root, "finish_reason"));
    choice->finish = sl_cohere_finish(choice->finish_text);
    if (choice->finish == SL_FINISH_OTHER && choice->n_blocks == 0 && rd->in.status == 0) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "the model ended with %.*s and no answer",
                                SL_STR_ARG(choice->finish_text));
    }
}

static void chat_read(struct reader *rd, struct sl_json_val root)
{
    struct sl_json_val message = sl_json_get(root, "message");
    if (!sl_json_is(message, SL_JSON_OBJECT)) {
        struct sl_str said = sl_reading_text(&rd->in, message);
        rd->in.status = rd->in.status ? rd->in.status
                        : said.n      ? sl_fail(rd->in.err, SL_E_INVAL, "it is an error: %.*s", SL_STR_ARG(said))
                                      : sl_fail(rd->in.err, SL_E_INVAL, "it has no message");
        return;
    }
    rd->reply->id = sl_reading_text(&rd->in, sl_json_get(root, "id"));
    message_read(rd, root, message);
    sl_cohere_usage_read(sl_json_get(root, "usage"), &rd->reply->usage);
}

/* --- embeddings --- */

/* Lists of vectors by their type: the call asked for one type. */
static void embeddings_read(struct reader *rd, struct sl_json_val root)
{
    struct sl_json_val found = sl_json_get(root, "embeddings"), list = SL_JSON_ABSENT;
    struct sl_reply *reply = rd->reply;
    if (sl_json_is(found, SL_JSON_ARRAY)) {
        list = found;
    }
    for (struct sl_json_iter it = sl_json_each(found); sl_json_is(found, SL_JSON_OBJECT) && sl_json_next(&it);) {
        list = sl_json_count(it.val) ? it.val : list;
    }
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of embeddings");
        return;
    }
    reply->embeddings = SL_ARENA_ARRAY(rd->in.arena, struct sl_embedding, sl_json_count(list) + 1);
    if (!reply->embeddings) {
        sl_reading_no_memory(&rd->in);
    }
    for (struct sl_json_iter it = sl_json_each(list); rd->in.status == 0 && sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_ARRAY) && !sl_json_is(it.val, SL_JSON_STRING)) {
            rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "embedding %u has no values", it.index);
            return;
        }
        reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ it.index, sl_json_raw(it.val) };
    }
    struct sl_usage u = SL_USAGE_NONE;
    u.input = u.total = sl_count_get(sl_json_at(root, "meta.billed_units"), "input_tokens");
    reply->usage = u;
}

int sl_cohere_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    bool is_embed = call->type == SL_LLM_EMBEDDINGS;
    int r = sl_reply_parse(doc, body, is_embed ? 4 : 0, err); /* the numbers stay raw */
    if (r < 0) {
        return r;
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct reader rd = { .call = call, .in = SL_READING_REPLY(arena, err), .reply = &reply };
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "it is not a JSON object");
    }
    (is_embed ? embeddings_read : chat_read)(&rd, root);
    bool is_list = reply.n_embeddings && reply.embeddings[0].raw.p[0] == '[';
    if (rd.in.status == 0 && is_list) {
        rd.in.status = sl_embed_reply(call, env, arena, &reply, err);
    }
    if (rd.in.status == 0) {
        reply.lost = rd.in.lost;
        *ret_reply = reply;
    }
    return rd.in.status;
}
