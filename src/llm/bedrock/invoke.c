/* SPDX-License-Identifier: Apache-2.0 */
/* InvokeModel, whose bodies have each model's own form: embeddings, and completions of models that are older than
 * Converse. */
#include "llm/bedrock/bedrock.h"
#include "llm/core/reading.h"
#include "base/num.h"
#include "llm/chat/embed.h"

#define TEXTS_MAX       96 /* of one call to Cohere's models */
#define CLAUDE_ROOM     8191
#define CLAUDE_FALLBACK 200

/* --- completions --- */

static const struct sl_fate_row fates[] = {
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { "logprobs", SL_FATE_REFUSE },
    { NULL, SL_FATE_NEVER },
};

/* Converts the scale, for example from MLflow's 0 to 2 to the model's 0 to 1. */
static void temperature_write(const struct sl_call *call, const struct sl_chat *chat, double factor,
                              struct sl_body *body)
{
    double t;
    if (!sl_json_is_present(chat->temperature)) {
        return;
    }
    if (call->manners->temperature_max > 0 && sl_json_double(chat->temperature, &t) == 0) {
        sl_jw_key(&body->w, "temperature");
        sl_jw_double(&body->w, t * factor);
    } else {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    }
}

static void number_write(struct sl_body *body, const char *key, int64_t n)
{
    if (n >= 0) {
        sl_jw_member_i64(&body->w, key, n);
    }
}

static void top_p_write(const struct sl_chat *chat, const char *key, struct sl_body *body)
{
    if (sl_json_is_present(chat->top_p)) {
        sl_body_member(body, key, sl_json_raw(chat->top_p));
    }
}

static void stop_write(const struct sl_chat *chat, const char *key, struct sl_str more, struct sl_body *body)
{
    if (chat->n_stop || more.n) {
        sl_jw_key(&body->w, key);
        sl_jw_array(&body->w);
        for (uint32_t i = 0; i < chat->n_stop; i++) {
            sl_body_raw(body, chat->stop[i]);
        }
        if (more.n) {
            sl_body_raw(body, more);
        }
        sl_jw_end(&body->w);
    }
}

static void titan_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    sl_body_member(body, "inputText", chat->messages[0].text);
    sl_jw_key(&body->w, "textGenerationConfig");
    sl_jw_object(&body->w);
    temperature_write(call, chat, 0.5, body);
    number_write(body, "maxTokenCount", chat->max_tokens);
    top_p_write(chat, "topP", body);
    stop_write(chat, "stopSequences", SL_STR_NONE, body);
    sl_jw_end(&body->w);
}

static void claude_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_str raw = chat->messages[0].text, inside = sl_str_sub(raw, 1, raw.n - 1);
    bool has_head = sl_str_has_prefix(inside, SL_STR("\\n\\nHuman:"));
    bool has_tail = sl_str_has_suffix(inside, SL_STR("\\n\\nAssistant:"));
    sl_jw_key(&body->w, "prompt");
    sl_body_around(body, has_head ? SL_STR("\"") : SL_STR("\"\\n\\nHuman: "), inside,
                   has_tail ? SL_STR("\"") : SL_STR("\\n\\nAssistant:\""));
    sl_jw_member_i64(&body->w, "max_tokens_to_sample",
                     chat->max_tokens < 0 ? CLAUDE_FALLBACK : SL_MIN(chat->max_tokens, (int64_t)CLAUDE_ROOM));
    if (chat->max_tokens > CLAUDE_ROOM) {
        sl_body_leave_out(body, SL_STR("max_tokens"));
    }
    temperature_write(call, chat, 0.5, body);
    top_p_write(chat, "top_p", body);
    stop_write(chat, "stop_sequences", SL_STR("\"\\n\\nHuman:\""), body);
    sl_jw_member_str(&body->w, "anthropic_version", SL_STR("bedrock-2023-05-31"));
}

static void ai21_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    sl_body_member(body, "prompt", chat->messages[0].text);
    number_write(body, "maxTokens", chat->max_tokens);
    temperature_write(call, chat, 1, body);
    top_p_write(chat, "topP", body);
    stop_write(chat, "stopSequences", SL_STR_NONE, body);
    number_write(body, "numResults", chat->n > 1 ? chat->n : -1);
}

static void cohere_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    sl_body_member(body, "prompt", chat->messages[0].text);
    number_write(body, "max_tokens", chat->max_tokens);
    temperature_write(call, chat, 2.5, body);
    top_p_write(chat, "p", body);
    stop_write(chat, "stop_sequences", SL_STR_NONE, body);
    number_write(body, "num_generations", chat->n > 1 ? chat->n : -1);
}

static void prompt_write(const struct sl_call *call, const struct sl_chat *chat, enum sl_bedrock_family family,
                         struct sl_body *body)
{
    switch (family) {
    case SL_BEDROCK_CLAUDE:
        claude_write(call, chat, body);
        return;
    case SL_BEDROCK_AI21:
        ai21_write(call, chat, body);
        return;
    case SL_BEDROCK_COHERE:
        cohere_write(call, chat, body);
        return;
    case SL_BEDROCK_OTHER:
    case SL_BEDROCK_NOVA:
    case SL_BEDROCK_TITAN:
    case SL_BEDROCK_MISTRAL:
    case SL_BEDROCK_GPT:
        titan_write(call, chat, body); /* no other model is old */
        return;
    }
}

int sl_bedrock_complete_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                              struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_bedrock_conf *conf = target->conf;
    bool has_several = conf->family == SL_BEDROCK_AI21 || conf->family == SL_BEDROCK_COHERE;
    struct sl_chat chat;
    int r = sl_chat_read(call, env, arena, &chat, ret_error);
    if (r == 0 && chat.n != 1 && !has_several) {
        r = sl_refuse(call, arena, ret_error, "n", "'n' must be '1' for this Amazon Bedrock model. Received: '%lld'.",
                      (long long)chat.n);
    }
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    prompt_write(call, &chat, conf->family, &body);
    if (chat.user.p) {
        sl_body_leave_out(&body, SL_STR("user"));
    }
    r = sl_chat_members(call, &chat, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    io_req->target = conf->targets[SL_BEDROCK_INVOKE];
    return sl_body_finish(&body, arena, io_req);
}

/* Where each kind of reply has its list, a text in the list, and the finish reason. */
static const struct shape {
    const char *list, *text, *reason;
    bool is_silent; /* on MLflow's paths it has no finish reason */
} shapes[] = {
    { "results", "outputText", "completionReason", true },
    { "completions", "data.text", "finishReason.reason", true },
    { "generations", "text", "finish_reason", false },
    { NULL, "completion", "stop_reason", false }, /* the root itself */
};

static enum sl_finish finish_of(struct sl_str word)
{
    static const struct {
        const char *word;
        enum sl_finish finish;
    } words[] = {
        { "FINISH", SL_FINISH_STOP },
        { "LENGTH", SL_FINISH_LENGTH },
        { "CONTENT_FILTERED", SL_FINISH_CONTENT_FILTER },
        { "stop", SL_FINISH_STOP },
        { "endoftext", SL_FINISH_STOP },
        { "length", SL_FINISH_LENGTH },
        { "COMPLETE", SL_FINISH_STOP },
        { "MAX_TOKENS", SL_FINISH_LENGTH },
        { "ERROR_TOXIC", SL_FINISH_CONTENT_FILTER },
        { "stop_sequence", SL_FINISH_STOP },
        { "max_tokens", SL_FINISH_LENGTH },
    };
    enum sl_finish finish = word.n ? SL_FINISH_OTHER : SL_FINISH_NONE;
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        finish = sl_str_eq_c(word, words[i].word) ? words[i].finish : finish;
    }
    return finish;
}

static int choice_read(const struct sl_call *call, const struct shape *shape, struct sl_json_val v,
                       struct sl_arena *arena, struct sl_choice *choice, struct sl_err *err)
{
    struct sl_json_val text = sl_json_at(v, shape->text), reason = sl_json_at(v, shape->reason);
    choice->blocks = SL_ARENA_NEW(arena, struct sl_block);
    int r = choice->blocks ? sl_json_text(text, arena, &choice->blocks[0].text) : SL_E_NOMEM;
    if (r == 0 && sl_json_is(reason, SL_JSON_STRING)) {
        r = sl_json_text(reason, arena, &choice->finish_text);
    }
    choice->n_blocks = 1;
    choice->finish = shape->is_silent && call->manners->checks_as_mlflow ? SL_FINISH_NONE
                                                                         : finish_of(choice->finish_text);
    return r == SL_E_TYPE ? sl_fail(err, SL_E_INVAL, "a completion has no text") : r;
}

void sl_bedrock_counts_read(const struct sl_headers *headers, struct sl_usage *io_usage)
{
    uint64_t n;
    struct sl_str input = headers ? sl_headers_get(headers, "x-amzn-bedrock-input-token-count") : SL_STR_NONE;
    struct sl_str output = headers ? sl_headers_get(headers, "x-amzn-bedrock-output-token-count") : SL_STR_NONE;
    if (io_usage->input < 0 && input.n && sl_parse_u64(input, 0, SL_USAGE_COUNT_MAX, &n) == 0) {
        io_usage->input = (int64_t)n;
    }
    if (io_usage->output < 0 && output.n && sl_parse_u64(output, 0, SL_USAGE_COUNT_MAX, &n) == 0) {
        io_usage->output = (int64_t)n;
    }
}

int sl_bedrock_complete_read(const struct sl_call *call, struct sl_json_val root, struct sl_arena *arena,
                             struct sl_reply *io_reply, struct sl_err *err)
{
    const struct shape *shape = NULL;
    for (size_t i = 0; i < SL_ARRAY_LEN(shapes) && !shape; i++) {
        const char *key = shapes[i].list ? shapes[i].list : shapes[i].text;
        shape = sl_json_is(sl_json_get(root, key), shapes[i].list ? SL_JSON_ARRAY : SL_JSON_STRING) ? &shapes[i] : NULL;
    }
    if (!shape) {
        return SL_E_TYPE;
    }
    struct sl_json_val list = shape->list ? sl_json_get(root, shape->list) : SL_JSON_ABSENT;
    io_reply->choices = SL_ARENA_ARRAY(arena, struct sl_choice, sl_json_count(list) + 1);
    int r = io_reply->choices ? 0 : SL_E_NOMEM;
    if (r == 0 && !shape->list) {
        r = choice_read(call, shape, root, arena, &io_reply->choices[io_reply->n_choices++], err);
    }
    for (struct sl_json_iter it = sl_json_each(list); shape->list && r == 0 && sl_json_next(&it);) {
        io_reply->choices[io_reply->n_choices].index = it.index;
        r = choice_read(call, shape, it.val, arena, &io_reply->choices[io_reply->n_choices++], err);
        int64_t n = sl_count_get(it.val, "tokenCount");
        io_reply->usage.output = n < 0 ? io_reply->usage.output : SL_MAX(io_reply->usage.output, (int64_t)0) + n;
    }
    io_reply->usage.input = sl_count_get(root, "inputTextTokenCount");
    return r;
}

/* --- embeddings --- */

static const struct sl_fate_row embed_fates[] = {
    { "input_type", SL_FATE_OWN },
    { "truncate", SL_FATE_OWN },
    { "normalize", SL_FATE_OWN },
    { NULL, SL_FATE_NEVER },
};

static void member_write(struct sl_body *body, const struct sl_embed *embed, const char *key, bool is_taken)
{
    struct sl_json_val v = sl_chat_member(&embed->rest, key);
    if (sl_json_is_present(v) && is_taken) {
        sl_body_member(body, key, sl_json_raw(v));
    } else if (sl_json_is_present(v)) {
        sl_body_leave_out(body, sl_str_c(key));
    }
}

static void texts_write(struct sl_body *body, const struct sl_embed *embed, bool is_cohere, bool has_dimensions)
{
    if (is_cohere) {
        sl_jw_key(&body->w, "texts");
        sl_jw_array(&body->w);
        for (uint32_t i = 0; i < embed->n_texts; i++) {
            sl_body_raw(body, embed->texts[i]);
        }
        sl_jw_end(&body->w);
        if (!sl_json_is_present(sl_chat_member(&embed->rest, "input_type"))) {
            sl_jw_member_str(&body->w, "input_type", SL_STR("search_document"));
        }
    } else {
        sl_body_member(body, "inputText", embed->texts[0]);
    }
    member_write(body, embed, "input_type", is_cohere);
    member_write(body, embed, "truncate", is_cohere);
    member_write(body, embed, "normalize", !is_cohere && has_dimensions);
    if (embed->dimensions > 0 && has_dimensions) {
        sl_jw_member_i64(&body->w, is_cohere ? "output_dimension" : "dimensions", embed->dimensions);
    } else if (embed->dimensions > 0) {
        sl_body_leave_out(body, SL_STR("dimensions"));
    }
}

static int embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                       bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                       struct sl_llm_error *ret_error)
{
    (void)ask_usage;
    const struct sl_bedrock_conf *conf = target->conf;
    bool is_cohere = conf->family == SL_BEDROCK_COHERE;
    /* Titan's second generation, and Cohere's fourth. */
    bool has_dimensions = sl_str_find(target->model, is_cohere ? SL_STR("embed-v4") : SL_STR("embed-text-v2"), 0) >= 0;
    struct sl_embed embed;
    struct sl_body body;
    int r = sl_embed_read(call, env, arena, &embed, ret_error);
    if (r == 0 && embed.n_texts > (is_cohere ? TEXTS_MAX : 1)) {
        r = sl_refuse(call, arena, ret_error, "input", "This model takes %d text%s a call: 'input' has %u.",
                      is_cohere ? TEXTS_MAX : 1, is_cohere ? "s" : "", embed.n_texts);
    }
    if (r < 0) {
        return r;
    }
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    texts_write(&body, &embed, is_cohere, has_dimensions);
    if (embed.rest.user.p) {
        sl_body_leave_out(&body, SL_STR("user"));
    }
    r = sl_chat_members(call, &embed.rest, target->provider, embed_fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    io_req->target = conf->targets[SL_BEDROCK_INVOKE];
    return sl_body_finish(&body, arena, io_req);
}

/* Titan: {"embedding": […], "inputTextTokenCount"}; Cohere: {"embeddings": [[…]]} or {"embeddings": {"float":
 * [[…]]}}. */
static int embed_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 3, err); /* the numbers stay raw */
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(doc), one = sl_json_get(root, "embedding");
    struct sl_json_val list = sl_json_get(root, "embeddings");
    list = sl_json_is(list, SL_JSON_OBJECT) ? sl_json_get(list, "float") : list;
    bool is_one = sl_json_is(one, SL_JSON_ARRAY);
    if (!is_one && !sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_fail(err, SL_E_INVAL, "it has no embedding");
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    reply.embeddings = SL_ARENA_ARRAY(arena, struct sl_embedding, is_one ? 1 : sl_json_count(list) + 1);
    if (!reply.embeddings) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    if (is_one) {
        reply.embeddings[reply.n_embeddings++] = (struct sl_embedding){ 0, sl_json_raw(one) };
    }
    for (struct sl_json_iter it = sl_json_each(list); !is_one && sl_json_next(&it);) {
        reply.embeddings[reply.n_embeddings++] = (struct sl_embedding){ it.index, sl_json_raw(it.val) };
    }
    reply.usage.input = sl_count_get(root, "inputTextTokenCount");
    sl_bedrock_counts_read(env->upstream_headers, &reply.usage);
    reply.usage.total = reply.usage.input;
    r = sl_embed_reply(call, env, arena, &reply, err);
    if (r == 0) {
        *ret_reply = reply;
    }
    return r;
}

const struct sl_language sl_language_bedrock_embeddings = {
    .name = "bedrock-embeddings",
    .framing = SL_FRAMING_AWS,
    .stream_type = SL_STR_INIT("application/vnd.amazon.eventstream"),
    .write_call = embed_write,
    .read_reply = embed_reply,
    .read_error = sl_bedrock_read_error,
};
