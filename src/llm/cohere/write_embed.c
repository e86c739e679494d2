/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/cohere/write_embed.h"

#include <inttypes.h>

#include "json/write.h"
#include "llm/chat/embed.h"

/* Cohere's own ids are UUIDs. */
void sl_cohere_id_write(struct sl_jw *w, struct sl_str id, const struct sl_env *env)
{
    if (id.n) {
        sl_jw_member_str(w, "id", id);
        return;
    }
    uint64_t a = env->random[0], b = env->random[1];
    sl_jw_key(w, "id");
    sl_jw_raw(w, SL_STR("\""));
    sl_buf_printf(w->out, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64 "\"", a >> 32,
                  a >> 16 & 0xffff, a & 0xfff, b >> 48 & 0xfff, b & 0xffffffffffff);
}

static void floats_write(struct sl_jw *w, const struct sl_reply *reply)
{
    sl_jw_key(w, "float");
    sl_jw_array(w);
    for (uint32_t i = 0; i < reply->n_embeddings; i++) {
        sl_jw_raw(w, reply->embeddings[i].raw);
    }
    sl_jw_end(w);
}

static int base64_write(struct sl_jw *w, const struct sl_reply *reply)
{
    int r = 0;
    sl_jw_key(w, "base64");
    sl_jw_array(w);
    for (uint32_t i = 0; i < reply->n_embeddings && r == 0; i++) {
        struct sl_arena arena;
        struct sl_str text;
        sl_arena_init(&arena, NULL);
        r = sl_embed_base64(reply->embeddings[i].raw, &arena, &text);
        if (r == 0) {
            sl_jw_raw(w, text);
        }
        sl_arena_done(&arena);
    }
    sl_jw_end(w);
    return r == SL_E_NOMEM ? r : 0;
}

/* The types that the call asked for are still in its body; without memory to parse it, only floats are written. */
static struct sl_json_val asked(const struct sl_call *call, struct sl_json *doc)
{
    return sl_json_parse_at(doc, call->body, 2) == 0 ? sl_json_root(doc) : SL_JSON_ABSENT;
}

static bool wants(struct sl_json_val types, const char *word)
{
    for (struct sl_json_iter it = sl_json_each(types); sl_json_next(&it);) {
        if (sl_json_str_eq(it.val, sl_str_c(word))) {
            return true;
        }
    }
    return false;
}

static int embeddings_write(struct sl_jw *w, struct sl_json_val types, const struct sl_reply *reply)
{
    bool has_base64 = wants(types, "base64");
    int r = 0;
    sl_jw_key(w, "embeddings");
    sl_jw_object(w);
    if (!has_base64 || wants(types, "float")) {
        floats_write(w, reply);
    }
    if (has_base64) {
        r = base64_write(w, reply);
    }
    sl_jw_end(w);
    return r;
}

int sl_cohere_write_embed(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out)
{
    struct sl_json doc;
    struct sl_jw w;
    sl_json_init(&doc, NULL);
    doc.budget = env->scratch->budget;
    struct sl_json_val root = asked(call, &doc), texts = sl_json_get(root, "texts");
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_cohere_id_write(&w, reply->id, env);
    int r = embeddings_write(&w, sl_json_get(root, "embedding_types"), reply);
    sl_jw_key(&w, "texts");
    sl_jw_raw(&w, sl_json_is(texts, SL_JSON_ARRAY) ? sl_json_raw(texts) : SL_STR("[]"));
    sl_jw_key(&w, "meta");
    sl_jw_object(&w);
    sl_jw_member_raw(&w, "api_version", SL_STR("{\"version\":\"2\"}"));
    if (reply->usage.input >= 0) {
        sl_jw_key(&w, "billed_units");
        sl_jw_object(&w);
        sl_jw_member_i64(&w, "input_tokens", reply->usage.input);
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    sl_jw_member_str(&w, "response_type", SL_STR("embeddings_by_type"));
    sl_jw_end(&w);
    sl_json_done(&doc);
    return r < 0 ? r : sl_buf_status(out);
}
