/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical embeddings calls: embedContent for one text, batchEmbedContents for several. */
#include "llm/gemini/gemini.h"

static const struct sl_fate_row fates[] = {
    { "task_type", SL_FATE_OWN },
    { "taskType", SL_FATE_OWN },
    { "title", SL_FATE_OWN },
    { NULL, SL_FATE_NEVER },
};

static void member_write(struct sl_body *body, const struct sl_embed *embed, const char *key, const char *name)
{
    struct sl_json_val v = sl_chat_member(&embed->rest, name);
    if (sl_json_is(v, SL_JSON_STRING)) {
        sl_body_member(body, key, sl_json_raw(v));
    }
}

static void request_write(struct sl_body *body, const struct sl_embed *embed, struct sl_str text)
{
    sl_jw_key(&body->w, "content");
    sl_jw_object(&body->w);
    sl_jw_key(&body->w, "parts");
    sl_jw_array(&body->w);
    sl_body_around(body, SL_STR("{\"text\":"), text, SL_STR("}"));
    sl_jw_end(&body->w);
    sl_jw_end(&body->w);
    member_write(body, embed, "taskType", "task_type");
    member_write(body, embed, "taskType", "taskType");
    member_write(body, embed, "title", "title");
    if (embed->dimensions > 0) {
        sl_jw_member_i64(&body->w, "outputDimensionality", embed->dimensions);
    }
}

int sl_gemini_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                          struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_gemini_conf *conf = target->conf;
    struct sl_embed read, *embed = &read;
    int r = sl_embed_read(call, env, arena, embed, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    if (embed->n_texts == 1) {
        request_write(&body, embed, embed->texts[0]);
    } else {
        sl_jw_key(&body.w, "requests");
        sl_jw_array(&body.w);
        for (uint32_t i = 0; i < embed->n_texts; i++) {
            sl_jw_object(&body.w);
            sl_body_member(&body, "model", conf->model_name);
            request_write(&body, embed, embed->texts[i]);
            sl_jw_end(&body.w);
        }
        sl_jw_end(&body.w);
    }
    if (embed->rest.user.p) {
        sl_body_leave_out(&body, SL_STR("user"));
    }
    r = sl_chat_members(call, &embed->rest, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    io_req->target = conf->targets[embed->n_texts == 1 ? SL_GEMINI_EMBED : SL_GEMINI_EMBED_BATCH];
    return sl_body_finish(&body, arena, io_req);
}
