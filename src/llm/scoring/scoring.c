/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/scoring/scoring.h"

#include "llm/chat/chat.h"
#include "llm/chat/embed.h"
#include "llm/core/errbody.h"
#include "llm/core/reading.h"
#include "llm/openai/openai.h"

/* --- requests --- */

static const char *const keys[SL_LLM_TRANSLATED_COUNT] = { "messages", "prompt", "input" };

/* The call in OpenAI's words: whatever it has beside its input is a parameter, known or not. *ret_dropped: what these
 * words have no place for. */
static int call_flatten(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                        struct sl_arena *arena, struct sl_str *ret_text, struct sl_str *ret_dropped,
                        struct sl_llm_error *ret_error)
{
    struct sl_http_req req = { 0 };
    int r = call->language == &sl_language_openai
                ? sl_call_pass(call, NULL, 0, arena, &req, ret_error)
                : sl_openai_write_call(call, target, env, false, arena, &req, ret_error);
    if (r == 0) {
        *ret_dropped = req.dropped;
        *ret_text = sl_req_flat(&req, arena);
        r = ret_text->p ? 0 : SL_E_NOMEM;
    }
    return r;
}

/* A chat has one message, and its content is the input. */
static int message_read(const struct sl_call *call, struct sl_json_val messages, struct sl_arena *arena,
                        struct sl_json_val *ret_input, struct sl_llm_error *error)
{
    uint32_t n = sl_json_count(messages);
    if (n > 1) {
        return sl_refuse(call, arena, error, "messages",
                         "MLflow chat models are only capable of processing a single query at a time. The request "
                         "submitted consists of %u queries.",
                         n);
    }
    if (!sl_json_is(messages, SL_JSON_ARRAY) || n == 0) {
        return sl_refuse(call, arena, error, "messages", "'messages' must be a list of one message.");
    }
    *ret_input = sl_json_at(messages, "[0].content");
    return 0;
}

/* True: the member is no parameter: the server does not know it, or Sluice handles it. */
static bool is_ours(struct sl_json_val key, const char *input)
{
    static const char *const names[] = { "model", "stream", "stream_options", "encoding_format" };
    bool is_ours = sl_json_str_eq(key, sl_str_c(input));
    for (size_t i = 0; i < SL_ARRAY_LEN(names) && !is_ours; i++) {
        is_ours = sl_json_str_eq(key, sl_str_c(names[i]));
    }
    return is_ours;
}

static int body_write(const struct sl_call *call, struct sl_json_val root, struct sl_json_val input, bool is_list,
                      struct sl_arena *arena, struct sl_body *body)
{
    const char *key = keys[call->type];
    bool has_params = false;
    int r = 0;
    sl_jw_object(&body->w);
    sl_jw_key(&body->w, "inputs");
    if (!is_list) {
        sl_jw_array(&body->w);
    }
    sl_body_raw(body, sl_json_is_present(input) ? sl_json_raw(input) : SL_STR("null"));
    if (!is_list) {
        sl_jw_end(&body->w);
    }
    for (struct sl_json_iter it = sl_json_each(root); r == 0 && sl_json_next(&it);) {
        struct sl_str name;
        if (is_ours(it.key, key) || sl_json_is_nothing(it.val)) {
            continue;
        }
        if (!has_params) {
            has_params = true;
            sl_jw_key(&body->w, "params");
            sl_jw_object(&body->w);
        }
        r = sl_json_text(it.key, arena, &name);
        if (r == 0) {
            /* what was made here has OpenAI's newest name, and MLflow knows the older one */
            bool is_made = call->language != &sl_language_openai && sl_str_eq_c(name, "max_completion_tokens");
            sl_jw_key_str(&body->w, is_made ? SL_STR("max_tokens") : name);
            sl_body_raw(body, sl_json_raw(it.val));
        }
    }
    if (has_params) {
        sl_jw_end(&body->w);
    }
    sl_jw_end(&body->w);
    return r;
}

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* there are no streams */
    struct sl_str text, dropped = SL_STR_NONE, name;
    if (call->is_stream) {
        return sl_unsupported(call, ret_error, sl_provider_refusal(target->provider, call->type, true, arena));
    }
    int r = call_flatten(call, target, env, arena, &text, &dropped, ret_error);
    if (r < 0) {
        return r;
    }
    r = sl_json_parse_at(env->scratch, text, call->type == SL_LLM_CHAT ? 0 : 1);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : sl_refuse(call, arena, ret_error, NULL, "The request could not be read again.");
    }
    struct sl_json_val root = sl_json_root(env->scratch), input = sl_json_get(root, keys[call->type]);
    bool is_list = call->type != SL_LLM_CHAT && sl_json_is(input, SL_JSON_ARRAY);
    if (call->type == SL_LLM_CHAT) {
        r = message_read(call, input, arena, &input, ret_error);
    } else if (sl_json_is_nothing(input)) {
        r = sl_refuse(call, arena, ret_error, keys[call->type], "'%s' is missing.", keys[call->type]);
    }
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    while (sl_str_next(&dropped, ',', &name)) {
        sl_body_leave_out(&body, name);
    }
    r = body_write(call, root, input, is_list, arena, &body);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    return sl_body_finish(&body, arena, io_req);
}

/* --- replies --- */

/* The texts: a list of them, the only value of an object, or its `choices`. A value that is no text counts as an empty
 * answer. */
static struct sl_json_val texts_of(struct sl_json_val predictions)
{
    if (!sl_json_is(predictions, SL_JSON_OBJECT)) {
        return predictions;
    }
    struct sl_json_iter it = sl_json_each(predictions);
    return sl_json_count(predictions) == 1 && sl_json_next(&it) ? it.val : sl_json_get(predictions, "choices");
}

static void texts_read(struct sl_reading *rd, const struct sl_call *call, struct sl_json_val list,
                       struct sl_reply *reply)
{
    /* The server gives no finish reason. MLflow's clients get null, other clients need a word. */
    enum sl_finish finish = call->manners->checks_as_mlflow ? SL_FINISH_NONE : SL_FINISH_STOP;
    reply->choices = SL_ARENA_ARRAY(rd->arena, struct sl_choice, sl_json_count(list) + 1);
    if (!reply->choices) {
        sl_reading_no_memory(rd);
    }
    for (struct sl_json_iter it = sl_json_each(list); rd->status == 0 && sl_json_next(&it);) {
        struct sl_choice *choice = &reply->choices[reply->n_choices++];
        *choice = (struct sl_choice){ .index = it.index,
                                      .finish = finish,
                                      .blocks = SL_ARENA_NEW(rd->arena, struct sl_block) };
        if (!choice->blocks) {
            sl_reading_no_memory(rd);
        } else if (!sl_json_is(it.val, SL_JSON_STRING)) {
            rd->status = sl_fail(rd->err, SL_E_TRUNCATED, "predictions[%u] is no text", it.index);
        } else {
            choice->blocks[choice->n_blocks++].text = sl_reading_text(rd, it.val);
        }
    }
}

/* Reads a list of vectors, or one vector. */
static void vectors_read(struct sl_reading *rd, const struct sl_call *call, const struct sl_env *env,
                         struct sl_json_val list, struct sl_reply *reply)
{
    bool is_one = sl_json_is(sl_json_at(list, "[0]"), SL_JSON_NUMBER);
    reply->embeddings = SL_ARENA_ARRAY(rd->arena, struct sl_embedding, sl_json_count(list) + 1);
    if (!reply->embeddings) {
        sl_reading_no_memory(rd);
        return;
    }
    if (is_one) {
        reply->embeddings[reply->n_embeddings++].raw = sl_json_raw(list);
    }
    for (struct sl_json_iter it = sl_json_each(list); rd->status == 0 && sl_json_next(&it);) {
        if (!sl_json_is(it.val, is_one ? SL_JSON_NUMBER : SL_JSON_ARRAY) || sl_str_eq_c(sl_json_raw(it.val), "[]")) {
            rd->status = sl_fail(rd->err, SL_E_TRUNCATED, "predictions[%u] is no vector", it.index);
        } else if (!is_one) {
            reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ it.index, sl_json_raw(it.val) };
        }
    }
    if (rd->status == 0) {
        rd->status = sl_embed_reply(call, env, rd->arena, reply, rd->err);
    }
}

static int read_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err)
{
    bool is_text = call->type != SL_LLM_EMBEDDINGS;
    int r = sl_reply_parse(env->scratch, body, is_text ? 0 : 3, err); /* numbers stay raw */
    if (r < 0) {
        return r;
    }
    struct sl_json_val list = sl_json_get(sl_json_root(env->scratch), "predictions");
    if (!sl_json_is_present(list)) {
        return sl_fail(err, SL_E_TRUNCATED, "The response is missing the required key: predictions.");
    }
    list = is_text ? texts_of(list) : list;
    if (!sl_json_is(list, SL_JSON_ARRAY) || sl_json_count(list) == 0) {
        return sl_fail(err, SL_E_TRUNCATED, "predictions is no list with something in it");
    }
    struct sl_reading rd = SL_READING_REPLY(arena, err);
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    if (is_text) {
        texts_read(&rd, call, list, &reply);
    } else {
        vectors_read(&rd, call, env, list, &reply);
    }
    if (rd.status == 0) {
        *ret_reply = reply;
    }
    return rd.status;
}

const struct sl_language sl_language_scoring = {
    .name = "scoring",
    .framing = SL_FRAMING_SSE,
    .write_call = write_call,
    .read_reply = read_reply,
    .read_error = sl_errbody_classify,
};
