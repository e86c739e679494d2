/* SPDX-License-Identifier: Apache-2.0 */
/* Reads OpenAI's embeddings call to the canonical one. */
#include "llm/openai/read_embed.h"

#include "llm/chat/reader.h"

static int input_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_embed *embed)
{
    bool is_one = sl_json_is(v, SL_JSON_STRING);
    if (!is_one && (!sl_json_is(v, SL_JSON_ARRAY) || sl_json_count(v) == 0)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "input",
                         "Missing 'input': a string or a list of strings is expected.");
    }
    embed->texts = SL_ARENA_ARRAY(rd->arena, struct sl_str, is_one ? 1 : sl_json_count(v));
    if (!embed->texts) {
        return SL_E_NOMEM;
    }
    if (is_one) {
        embed->texts[embed->n_texts++] = sl_json_raw(v);
        return 0;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_STRING)) {
            return sl_refuse(rd->call, rd->arena, rd->error, "input",
                             "Invalid type for 'input[%u]': this provider takes texts, not tokens.", it.index);
        }
        embed->texts[embed->n_texts++] = sl_json_raw(it.val);
    }
    return 0;
}

static int dimensions_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_embed *embed)
{
    if (!sl_json_is_nothing(v) && (sl_json_int(v, true, &embed->dimensions) < 0 || embed->dimensions < 1)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "dimensions",
                         "Invalid value for 'dimensions': an integer of at least 1 is expected.");
    }
    return 0;
}

enum key { K_INPUT, K_DIMENSIONS, K_USER, K_SKIPPED, K_COUNT };

static const struct {
    struct sl_str name;
    enum key key;
} keys[] = {
    { SL_STR_INIT("input"), K_INPUT },   { SL_STR_INIT("dimensions"), K_DIMENSIONS },   { SL_STR_INIT("user"), K_USER },
    { SL_STR_INIT("model"), K_SKIPPED }, { SL_STR_INIT("encoding_format"), K_SKIPPED }, /* handled when the reply is
                                                                                           there */
};

static int members_sort(struct sl_chat_reader *rd, struct sl_json_val root, struct sl_json_val found[K_COUNT])
{
    rd->chat->members = SL_ARENA_ARRAY(rd->arena, struct sl_member, sl_json_count(root) + 1);
    if (!rd->chat->members) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(root); sl_json_next(&it);) {
        size_t i = 0;
        while (i < SL_ARRAY_LEN(keys) && !sl_json_str_eq(it.key, keys[i].name)) {
            i++;
        }
        if (i < SL_ARRAY_LEN(keys)) {
            found[keys[i].key] = it.val;
        } else if (!sl_json_is(it.val, SL_JSON_NULL)) {
            struct sl_member *member = &rd->chat->members[rd->chat->n_members++];
            member->val = it.val;
            int r = sl_json_text(it.key, rd->arena, &member->name);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int sl_openai_read_embed(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                         struct sl_embed *ret_embed, struct sl_llm_error *ret_error)
{
    struct sl_embed embed = { .dimensions = -1 };
    struct sl_chat_reader rd = { call, env, arena, &embed.rest, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : members_sort(&rd, root, found);
    r = r < 0 ? r : input_read(&rd, found[K_INPUT], &embed);
    r = r < 0 ? r : dimensions_read(&rd, found[K_DIMENSIONS], &embed);
    if (r < 0) {
        return r;
    }
    if (sl_json_is(found[K_USER], SL_JSON_STRING)) {
        embed.rest.user = sl_json_raw(found[K_USER]);
    }
    *ret_embed = embed;
    return 0;
}
