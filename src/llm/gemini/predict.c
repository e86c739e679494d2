/* SPDX-License-Identifier: Apache-2.0 */
/* Embeddings in Vertex AI's form: `predict` with instances, or embedContent with its settings apart. */
#include "llm/core/errbody.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/reading.h"
#include "llm/gemini/gemini.h"

static const struct sl_fate_row fates[] = {
    { "task_type", SL_FATE_OWN },     { "taskType", SL_FATE_OWN },     { "title", SL_FATE_OWN },
    { "auto_truncate", SL_FATE_OWN }, { "autoTruncate", SL_FATE_OWN }, { NULL, SL_FATE_NEVER },
};

static void member_write(struct sl_body *body, const struct sl_embed *embed, const char *key, const char *name,
                         const char *other)
{
    struct sl_json_val v = sl_chat_member(&embed->rest, name);
    v = sl_json_is_present(v) ? v : sl_chat_member(&embed->rest, other);
    if (sl_json_is_present(v)) {
        sl_body_member(body, key, sl_json_raw(v));
    }
}

static void numbers_write(struct sl_body *body, const struct sl_embed *embed)
{
    if (embed->dimensions > 0) {
        sl_jw_member_i64(&body->w, "outputDimensionality", embed->dimensions);
    }
    member_write(body, embed, "autoTruncate", "auto_truncate", "autoTruncate");
}

static void predict_write(struct sl_body *body, const struct sl_embed *embed)
{
    sl_jw_key(&body->w, "instances");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < embed->n_texts; i++) {
        sl_jw_object(&body->w);
        sl_body_member(body, "content", embed->texts[i]);
        member_write(body, embed, "task_type", "task_type", "taskType");
        member_write(body, embed, "title", "title", "title");
        sl_jw_end(&body->w);
    }
    sl_jw_end(&body->w);
    sl_jw_key(&body->w, "parameters");
    sl_jw_object(&body->w);
    numbers_write(body, embed);
    sl_jw_end(&body->w);
}

static void content_write(struct sl_body *body, const struct sl_embed *embed)
{
    sl_jw_key(&body->w, "content");
    sl_jw_object(&body->w);
    sl_jw_key(&body->w, "parts");
    sl_jw_array(&body->w);
    sl_body_around(body, SL_STR("{\"text\":"), embed->texts[0], SL_STR("}"));
    sl_jw_end(&body->w);
    sl_jw_end(&body->w);
    sl_jw_key(&body->w, "embedContentConfig");
    sl_jw_object(&body->w);
    member_write(body, embed, "taskType", "task_type", "taskType");
    member_write(body, embed, "title", "title", "title");
    numbers_write(body, embed);
    sl_jw_end(&body->w);
}

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage;
    const struct sl_gemini_conf *conf = target->conf;
    struct sl_embed embed;
    struct sl_body body;
    int r = sl_embed_read(call, env, arena, &embed, ret_error);
    if (r == 0 && embed.n_texts > 1 && conf->embeds_one) {
        r = sl_refuse(call, arena, ret_error, "input", "This model takes one text a call: 'input' has %u.",
                      embed.n_texts);
    }
    if (r < 0) {
        return r;
    }
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    (conf->has_embed_content ? content_write : predict_write)(&body, &embed);
    if (embed.rest.user.p) {
        sl_body_leave_out(&body, SL_STR("user"));
    }
    r = sl_chat_members(call, &embed.rest, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    io_req->target = conf->targets[conf->has_embed_content ? SL_GEMINI_EMBED : SL_GEMINI_PREDICT];
    return sl_body_finish(&body, arena, io_req);
}

/* The statistics are as deep as the numbers, and are folded with them. */
static void tokens_add(struct sl_json_val embeddings, struct sl_usage *io_usage)
{
    struct sl_json_limits limits = { .depth = 4, .tokens = 64 };
    struct sl_json_val said = sl_json_get(embeddings, "statistics");
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    if (sl_json_is_present(said) && sl_json_parse(&doc, sl_json_raw(said)) == 0) {
        int64_t n = sl_count_get(sl_json_root(&doc), "token_count");
        io_usage->input = n < 0 ? io_usage->input : SL_MAX(io_usage->input, (int64_t)0) + n;
        io_usage->total = io_usage->input;
    }
    sl_json_done(&doc);
}

static int read_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 4, err); /* the numbers stay raw */
    if (r < 0) {
        return r;
    }
    struct sl_json_val list = sl_json_get(sl_json_root(doc), "predictions");
    if (!sl_json_is(list, SL_JSON_ARRAY)) { /* embedContent */
        return sl_gemini_on_reply(call, env, body, arena, ret_reply, err);
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    reply.embeddings = SL_ARENA_ARRAY(arena, struct sl_embedding, sl_json_count(list) + 1);
    if (!reply.embeddings) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_json_val embeddings = sl_json_get(it.val, "embeddings"), values = sl_json_get(embeddings, "values");
        if (!sl_json_is(values, SL_JSON_ARRAY)) {
            return sl_fail(err, SL_E_INVAL, "prediction %u has no values", it.index);
        }
        reply.embeddings[reply.n_embeddings++] = (struct sl_embedding){ it.index, sl_json_raw(values) };
        tokens_add(embeddings, &reply.usage);
    }
    r = sl_embed_reply(call, env, arena, &reply, err);
    if (r == 0) {
        *ret_reply = reply;
    }
    return r;
}

const struct sl_language sl_language_vertex_embeddings = {
    .name = "vertex-embeddings",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .write_call = write_call,
    .read_reply = read_reply,
    .read_error = sl_errbody_classify,
};
