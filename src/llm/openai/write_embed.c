/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the canonical embeddings call in OpenAI's form. */
#include "llm/chat/embed.h"
#include "llm/openai/openai.h"

static const struct sl_fate_row fates[] = { { NULL, SL_FATE_NEVER } };

static void texts_write(struct sl_body *body, const struct sl_embed *embed)
{
    sl_jw_key(&body->w, "input");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < embed->n_texts; i++) {
        sl_body_raw(body, embed->texts[i]);
    }
    sl_jw_end(&body->w);
}

int sl_openai_embed_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                          struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_openai_conf *conf = target->conf;
    struct sl_embed embed;
    struct sl_body body;
    int r = sl_embed_read(call, env, arena, &embed, ret_error);
    if (r < 0) {
        return r;
    }
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    if (conf->model_json.p) {
        sl_body_member(&body, "model", conf->model_json);
    }
    texts_write(&body, &embed);
    if (embed.dimensions > 0) {
        sl_jw_member_i64(&body.w, "dimensions", embed.dimensions);
    }
    if (embed.rest.user.p) {
        sl_body_member(&body, "user", embed.rest.user);
    }
    r = sl_chat_members(call, &embed.rest, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    return sl_body_finish(&body, arena, io_req);
}
