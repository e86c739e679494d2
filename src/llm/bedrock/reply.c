/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole replies of Converse and InvokeModel to canonical ones, and exceptions. */
#include "llm/bedrock/bedrock.h"
#include "llm/form/ids.h"

#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/bedrock/citations.h"

/* --- words and numbers --- */

bool sl_bedrock_is_malformed(struct sl_str word)
{
    return sl_str_eq_c(word, "malformed_model_output") || sl_str_eq_c(word, "malformed_tool_use");
}

enum sl_finish sl_bedrock_finish(struct sl_str word, bool was_answer)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("end_turn"), SL_FINISH_STOP },
        { SL_STR_INIT("stop_sequence"), SL_FINISH_STOP },
        { SL_STR_INIT("max_tokens"), SL_FINISH_LENGTH },
        { SL_STR_INIT("model_context_window_exceeded"), SL_FINISH_LENGTH },
        { SL_STR_INIT("tool_use"), SL_FINISH_TOOL_CALLS },
        { SL_STR_INIT("guardrail_intervened"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("content_filtered"), SL_FINISH_CONTENT_FILTER },
        { { 0 }, SL_FINISH_NONE },
    };
    enum sl_finish finish = sl_finish_find(words, word);
    return finish == SL_FINISH_TOOL_CALLS && was_answer ? SL_FINISH_STOP : finish;
}

void sl_bedrock_usage_read(struct sl_json_val v, struct sl_usage *ret)
{
    *ret = SL_USAGE_NONE;
    int64_t fresh = sl_count_get(v, "inputTokens");
    ret->output = sl_count_get(v, "outputTokens");
    ret->cached_input = sl_count_get(v, "cacheReadInputTokens");
    ret->cache_creation = sl_count_get(v, "cacheWriteInputTokens");
    struct sl_json_val details = sl_json_get(v, "cacheDetails");
    for (struct sl_json_iter it = sl_json_each(details); sl_json_is(details, SL_JSON_ARRAY) && sl_json_next(&it);) {
        if (sl_json_str_eq(sl_json_get(it.val, "ttl"), SL_STR("1h"))) {
            ret->cache_hour = sl_count_get(it.val, "inputTokens");
        }
    }
    if (fresh >= 0) { /* it does not include what was read from and written to the cache */
        ret->input = fresh + SL_MAX(ret->cached_input, (int64_t)0) + SL_MAX(ret->cache_creation, (int64_t)0);
    }
}

/* --- members beside the answer --- */

void sl_bedrock_beside_lose(struct sl_reading *rd, struct sl_json_val root)
{
    bool has_trace = sl_json_is_present(sl_json_get(root, "trace"));
    bool has_fields = sl_json_is_present(sl_json_get(root, "additionalModelResponseFields"));
    sl_reading_lose(rd, (has_trace ? SL_LOST_TRACE : 0u) | (has_fields ? SL_LOST_MODEL_FIELDS : 0u));
}

/* --- replies --- */

struct reader {
    const struct sl_call *call;
    struct sl_reading in;
    int64_t chars; /* of the texts so far */
    bool was_answer;
};

static void tool_read(struct reader *rd, struct sl_json_val v, struct sl_str reply_id, struct sl_choice *choice)
{
    struct sl_block block = { 0 };
    struct sl_str input = sl_arguments_text(sl_json_get(v, "input"), rd->in.arena),
                  name = sl_reading_text(&rd->in, sl_json_get(v, "name"));
    if (sl_str_eq_c(name, SL_BEDROCK_ANSWER_TOOL)) {
        rd->was_answer = true;
        block.text = input;
    } else {
        block.kind = SL_BLOCK_TOOL_CALL;
        block.tool_name = sl_form_name_back(rd->call->aliases, name);
        block.tool_id = sl_reading_text(&rd->in, sl_json_get(v, "toolUseId"));
        block.tool_id = block.tool_id.n ? block.tool_id : sl_call_id_make(reply_id, 0, choice->n_blocks, rd->in.arena);
        block.arguments = input;
    }
    if (rd->in.status == 0 && (!input.p || (block.kind == SL_BLOCK_TOOL_CALL && !block.tool_id.p))) {
        sl_reading_no_memory(&rd->in);
    }
    choice->blocks[choice->n_blocks++] = block;
}

/* Reads texts with citations. Each becomes a block; there is room for as many blocks as there are members. */
static void cited_read(struct reader *rd, struct sl_json_val v, struct sl_choice *choice)
{
    struct sl_buf buf = SL_BUF_INIT(1u << 30);
    for (struct sl_json_iter it = sl_json_each(sl_json_get(v, "content")); sl_json_next(&it);) {
        sl_buf_add_str(&buf, sl_reading_text(&rd->in, sl_json_get(it.val, "text")));
    }
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->in.arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!text.p && rd->in.status == 0) {
        sl_reading_no_memory(&rd->in);
    }
    struct sl_block block = { .text = text };
    int64_t end = rd->chars + sl_reading_chars(text);
    struct sl_cited cited;
    sl_bedrock_citations_read(&rd->in, sl_json_get(v, "citations"), rd->chars, end, &cited);
    block.annotations = cited.annotations;
    block.quotes = cited.quotes;
    block.has_more_quotes = cited.has_more_quotes;
    rd->chars = end;
    choice->blocks[choice->n_blocks++] = block;
}

static void block_read(struct reader *rd, struct sl_json_val v, struct sl_str reply_id, struct sl_choice *choice)
{
    struct sl_json_val tool = sl_json_get(v, "toolUse"), reasoning = sl_json_get(v, "reasoningContent");
    struct sl_json_val cited = sl_json_get(v, "citationsContent");
    struct sl_block block = { 0 };
    if (sl_json_is(sl_json_get(v, "text"), SL_JSON_STRING)) {
        block.text = sl_reading_text(&rd->in, sl_json_get(v, "text"));
        rd->chars += sl_reading_chars(block.text);
    } else if (sl_json_is(tool, SL_JSON_OBJECT)) {
        tool_read(rd, tool, reply_id, choice);
        return;
    } else if (sl_json_is(reasoning, SL_JSON_OBJECT)) {
        struct sl_json_val text = sl_json_get(reasoning, "reasoningText");
        block.kind = SL_BLOCK_THINKING;
        block.text = sl_reading_text(&rd->in, sl_json_get(text, "text"));
        block.signature = sl_reading_text(&rd->in, sl_json_get(text, "signature"));
        block.redacted = sl_reading_text(&rd->in, sl_json_get(reasoning, "redactedContent"));
    } else if (sl_json_is(cited, SL_JSON_OBJECT)) {
        cited_read(rd, cited, choice);
        return;
    } else {
        sl_reading_lose(&rd->in, SL_LOST_PARTS);
        return;
    }
    choice->blocks[choice->n_blocks++] = block;
}

static void message_read(struct reader *rd, struct sl_json_val root, struct sl_reply *reply)
{
    struct sl_json_val content = sl_json_at(root, "output.message.content");
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of content");
        return;
    }
    struct sl_choice *choice = sl_reading_choice(&rd->in, sl_json_count(content), reply);
    if (!choice) {
        return;
    }
    for (struct sl_json_iter it = sl_json_each(content); rd->in.status == 0 && sl_json_next(&it);) {
        block_read(rd, it.val, reply->id, choice);
    }
    choice->finish_text = sl_reading_text(&rd->in, sl_json_get(root, "stopReason"));
    choice->finish = sl_bedrock_finish(choice->finish_text, rd->was_answer);
    if (rd->in.status == 0 && choice->n_blocks == 0 && sl_bedrock_is_malformed(choice->finish_text)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "the model's answer was malformed: %.*s",
                                SL_STR_ARG(choice->finish_text));
    }
    sl_bedrock_usage_read(sl_json_get(root, "usage"), &reply->usage);
    reply->usage.tier = sl_tier_read(sl_json_at(root, "serviceTier.type"));
    sl_bedrock_beside_lose(&rd->in, root);
    reply->lost = rd->in.lost;
}

int sl_bedrock_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                        struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 0, err);
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(doc);
    struct reader rd = { .call = call, .in = SL_READING_REPLY(arena, err) };
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "it is not a JSON object");
    }
    if (env->upstream_headers) {
        reply.id = sl_headers_get(env->upstream_headers, "x-amzn-requestid");
    }
    bool is_converse = sl_json_is_present(sl_json_get(root, "output"));
    r = !is_converse && call->type == SL_LLM_COMPLETIONS ? sl_bedrock_complete_read(call, root, arena, &reply, err)
                                                         : SL_E_TYPE;
    if (r == SL_E_TYPE) {
        message_read(&rd, root, &reply);
        r = rd.in.status;
    }
    if (r == 0) {
        sl_bedrock_counts_read(env->upstream_headers, &reply.usage);
        *ret_reply = reply;
    }
    return r;
}

/* --- exceptions --- */

static const struct exception {
    const char *name;
    int status;              /* inside a stream */
    enum sl_error_type type; /* NONE: the status decides */
} exceptions[] = {
    { "ThrottlingException", 429, SL_ERR_PROVIDER_RATE_LIMITED },
    { "ServiceQuotaExceededException", 429, SL_ERR_PROVIDER_RATE_LIMITED },
    { "ModelNotReadyException", 429, SL_ERR_PROVIDER_RATE_LIMITED },
    { "ValidationException", 400, SL_ERR_NONE },
    { "AccessDeniedException", 403, SL_ERR_PROVIDER_AUTH_FAILED },
    { "ExpiredTokenException", 403, SL_ERR_PROVIDER_AUTH_FAILED },
    { "InvalidSignatureException", 403, SL_ERR_PROVIDER_AUTH_FAILED },
    { "UnrecognizedClientException", 403, SL_ERR_PROVIDER_AUTH_FAILED },
    { "IncompleteSignatureException", 403, SL_ERR_PROVIDER_AUTH_FAILED },
    { "ResourceNotFoundException", 404, SL_ERR_NONE },
    { "ModelTimeoutException", 408, SL_ERR_NONE },
    { "ModelErrorException", 424, SL_ERR_NONE },
    { "ModelError", 424, SL_ERR_NONE }, /* names without "Exception" are SageMaker's */
    { "ModelStreamError", 424, SL_ERR_NONE },
    { "ValidationError", 400, SL_ERR_NONE },
    { "InternalStreamFailure", 500, SL_ERR_NONE },
    { "ServiceUnavailable", 503, SL_ERR_NONE },
    { "ModelStreamErrorException", 424, SL_ERR_NONE },
    { "InternalServerException", 500, SL_ERR_NONE },
    { "ServiceUnavailableException", 503, SL_ERR_NONE },
};

/* "com.amazon#ThrottlingException:http://…": the name between '#' and ':'. */
static struct sl_str name_of(struct sl_str text)
{
    ptrdiff_t colon = sl_str_find_char(text, ':', 0);
    text = colon < 0 ? text : sl_str_sub(text, 0, (size_t)colon);
    ptrdiff_t hash = sl_str_find_char(text, '#', 0);
    return hash < 0 ? text : sl_str_sub(text, (size_t)hash + 1, text.n);
}

static bool is_too_long(struct sl_str message)
{
    static const char *const words[] = { "nput is too long", "rompt is too long", "aximum context length",
                                         "oo many input tokens", "exceed context limit" };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_find(message, sl_str_c(words[i]), 0) >= 0) {
            return true;
        }
    }
    return false;
}

/* Reads the other members of the body, beside its message. */
static int original_status(struct sl_str body, struct sl_arena *arena, struct sl_str *io_name)
{
    struct sl_json_limits limits = { .depth = 16, .tokens = 256 };
    struct sl_json doc;
    int64_t status = 0;
    sl_json_init(&doc, &limits);
    if (sl_json_parse(&doc, body) == 0) {
        struct sl_json_val root = sl_json_root(&doc), lower = sl_json_get(root, "originalStatusCode");
        struct sl_json_val type = sl_json_get(root, "__type");
        SL_IGNORE(sl_json_int(sl_json_is_present(lower) ? lower : sl_json_get(root, "OriginalStatusCode"), true,
                              &status) < 0); /* 0: not given */
        if (!io_name->n && sl_json_is(type, SL_JSON_STRING)) {
            SL_IGNORE(sl_json_text(type, arena, io_name) < 0); /* without memory there is no name */
        }
    }
    sl_json_done(&doc);
    return status >= 400 && status < 600 ? (int)status : 0;
}

void sl_bedrock_error_read(int status, const struct sl_headers *headers, struct sl_str name, struct sl_str body,
                           struct sl_arena *arena, struct sl_llm_error *ret_error)
{
    int original = original_status(body, arena, &name);
    const struct exception *known = NULL;
    name = name_of(name);
    for (size_t i = 0; i < SL_ARRAY_LEN(exceptions) && !known; i++) {
        known = sl_str_case_eq(name, sl_str_c(exceptions[i].name)) ? &exceptions[i] : NULL;
    }
    bool is_stream = status == 0;
    status = known && (is_stream || known->type != SL_ERR_NONE) ? known->status : is_stream ? 500 : status;
    status = status == 424 && original >= 400 && original < 500 ? original : status;
    sl_errbody_classify(status, headers, body, arena, ret_error);
    if (known && known->type != SL_ERR_NONE) {
        ret_error->type = known->type;
    }
    ret_error->code = status != 400 ? SL_STR_NONE : known ? sl_str_c(known->name) : name;
    if (status == 400 && is_too_long(ret_error->message)) {
        ret_error->code = SL_STR("context_length_exceeded");
    }
}

void sl_bedrock_read_error(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                           struct sl_llm_error *ret_error)
{
    struct sl_str name = headers ? sl_headers_get(headers, "x-amzn-errortype") : SL_STR_NONE;
    sl_bedrock_error_read(status, headers, name, body, arena, ret_error);
}
