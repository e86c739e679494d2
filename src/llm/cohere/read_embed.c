/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Cohere's embeddings call to the canonical one. */
#include "llm/cohere/read_embed.h"

#include "llm/chat/reader.h"
#include "llm/core/llm.h"

enum key { K_MODEL, K_TEXTS, K_INPUTS, K_IMAGES, K_TYPES, K_DIMENSION, K_COUNT };

static const struct sl_str keys[K_COUNT] = {
    [K_MODEL] = SL_STR_INIT("model"),           [K_TEXTS] = SL_STR_INIT("texts"),
    [K_INPUTS] = SL_STR_INIT("inputs"),         [K_IMAGES] = SL_STR_INIT("images"),
    [K_TYPES] = SL_STR_INIT("embedding_types"), [K_DIMENSION] = SL_STR_INIT("output_dimension"),
};

/* Only models that take images have inputs of several parts: for other models an input is one text. */
static int input_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret)
{
    struct sl_json_val content = sl_json_get(v, "content"), part = sl_json_at(content, "[0]");
    *ret = sl_chat_raw_text(part, "text");
    bool is_text = sl_json_count(content) == 1 && sl_json_str_eq(sl_json_get(part, "type"), SL_STR("text")) && ret->p;
    return is_text ? 0 : sl_chat_fault(rd, v, "the provider of this route takes inputs of one text each");
}

static int texts_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT], struct sl_embed *embed)
{
    struct sl_json_val texts = found[K_TEXTS], inputs = found[K_INPUTS];
    bool is_inputs = sl_json_is_nothing(texts) && !sl_json_is_nothing(inputs);
    struct sl_json_val list = is_inputs ? inputs : texts;
    if (sl_json_count(found[K_IMAGES]) > 0) {
        return sl_chat_fault(rd, found[K_IMAGES], "the provider of this route takes texts only");
    }
    if (!sl_json_is(list, SL_JSON_ARRAY) || sl_json_count(list) == 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "texts",
                         "texts: a list of at least one string is expected, or inputs in its place.");
    }
    embed->texts = SL_ARENA_ARRAY(rd->arena, struct sl_str, sl_json_count(list));
    int r = embed->texts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        struct sl_str text = sl_json_raw(it.val);
        if (is_inputs) {
            r = input_read(rd, it.val, &text);
        } else if (!sl_json_is(it.val, SL_JSON_STRING)) {
            r = sl_chat_fault(rd, it.val, "a string is expected");
        }
        embed->texts[embed->n_texts++] = text;
    }
    return r;
}

/* Only Cohere has the shortened number types. */
static int types_check(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (!sl_json_is_nothing(v) && !sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "a list is expected");
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (!sl_json_str_eq(it.val, SL_STR("float")) && !sl_json_str_eq(it.val, SL_STR("base64"))) {
            return sl_chat_fault(rd, it.val, "the provider of this route gives float, and base64 of it");
        }
    }
    return 0;
}

int sl_cohere_read_embed(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                         struct sl_embed *ret_embed, struct sl_llm_error *ret_error)
{
    struct sl_embed embed = { .dimensions = -1 };
    struct sl_chat_reader rd = { call, env, arena, &embed.rest, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : sl_chat_sort(&rd, root, keys, K_COUNT, 0, found);
    r = r < 0 ? r : texts_read(&rd, found, &embed);
    r = r < 0 ? r : types_check(&rd, found[K_TYPES]);
    r = r < 0 ? r : sl_chat_int(&rd, found[K_DIMENSION], 1, &embed.dimensions);
    if (r == 0) {
        *ret_embed = embed;
    }
    return r;
}
