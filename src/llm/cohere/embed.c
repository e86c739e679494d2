/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical embeddings calls for /v2/embed. */
#include "llm/cohere/cohere.h"
#include "llm/core/language.h"

#define TEXTS_MAX 96 /* the most texts in one call */

static const struct sl_fate_row fates[] = {
    { "input_type", SL_FATE_OWN },  { "embedding_types", SL_FATE_OWN }, { "truncate", SL_FATE_PASS },
    { "max_tokens", SL_FATE_PASS }, { "priority", SL_FATE_PASS },       { "texts", SL_FATE_REFUSE },
    { "images", SL_FATE_REFUSE },   { "inputs", SL_FATE_REFUSE },       { NULL, SL_FATE_NEVER },
};

static int check(const struct sl_call *call, const struct sl_embed *embed, struct sl_arena *arena,
                 struct sl_llm_error *error)
{
    if (call->manners->checks_as_mlflow && sl_json_is_present(sl_chat_member(&embed->rest, "texts"))) {
        return sl_refuse(call, arena, error, "texts", "Invalid parameter texts. Use input instead.");
    }
    if (embed->n_texts > TEXTS_MAX) {
        return sl_refuse(call, arena, error, "input", "Cohere models take at most %d texts a call, this one has %u.",
                         TEXTS_MAX, embed->n_texts);
    }
    if (sl_json_count(sl_chat_member(&embed->rest, "embedding_types")) > 1) {
        return sl_refuse(call, arena, error, "embedding_types",
                         "Embeddings come in one type: 'embedding_types' has %u.",
                         sl_json_count(sl_chat_member(&embed->rest, "embedding_types")));
    }
    return 0;
}

static void body_write(const struct sl_cohere_conf *conf, const struct sl_embed *embed, struct sl_body *body)
{
    struct sl_json_val type = sl_chat_member(&embed->rest, "input_type");
    struct sl_json_val types = sl_chat_member(&embed->rest, "embedding_types");
    sl_body_member(body, "model", conf->model_json);
    sl_body_member(body, "input_type", sl_json_is(type, SL_JSON_STRING) ? sl_json_raw(type) : conf->type_json);
    sl_body_member(body, "embedding_types", sl_json_count(types) ? sl_json_raw(types) : SL_STR("[\"float\"]"));
    sl_jw_key(&body->w, "texts");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < embed->n_texts; i++) {
        sl_body_raw(body, embed->texts[i]);
    }
    sl_jw_end(&body->w);
    if (embed->dimensions > 0) {
        sl_jw_member_i64(&body->w, "output_dimension", embed->dimensions);
    }
}

int sl_cohere_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                          struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_cohere_conf *conf = target->conf;
    struct sl_embed embed;
    int r = sl_embed_read(call, env, arena, &embed, ret_error);
    r = r < 0 ? r : check(call, &embed, arena, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    body_write(conf, &embed, &body);
    if (embed.rest.user.p) {
        sl_body_leave_out(&body, SL_STR("user"));
    }
    r = sl_chat_members(call, &embed.rest, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    io_req->target = conf->embed;
    return sl_body_finish(&body, arena, io_req);
}
