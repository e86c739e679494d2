/* SPDX-License-Identifier: Apache-2.0 */
/* Reads embedContent and batchEmbedContents to the canonical embeddings call. */
#include "llm/gemini/member.h"
#include "llm/gemini/read.h"
#include "llm/gemini/reader.h"

/* Joins the texts of a content: a vector is made of all of them. */
static int content_read(struct sl_chat_reader *rd, struct sl_json_val content, struct sl_str *ret)
{
    struct sl_json_val parts = sl_json_get(content, "parts");
    struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
    uint32_t n = 0;
    sl_buf_add_char(&buf, '"');
    for (struct sl_gemini_iter it = sl_gemini_each(parts); sl_gemini_next(&it); n++) {
        struct sl_str raw = sl_chat_raw_text(it.val, "text");
        if (!raw.p) {
            sl_buf_done(&buf);
            return sl_chat_fault(rd, it.val, "this route's provider embeds texts: a part has a text");
        }
        *ret = raw;
        sl_buf_add_str(&buf, sl_str_sub(raw, 1, raw.n - 1));
    }
    sl_buf_add_char(&buf, '"');
    int r = sl_buf_status(&buf);
    if (n != 1) {
        *ret = r == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    }
    sl_buf_done(&buf);
    return n == 0 ? sl_chat_fault(rd, content, "an object with parts is expected") : ret->p ? 0 : SL_E_NOMEM;
}

/* Checks that a setting has one value for all texts: different ones would be lost. */
static int same_check(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val first, bool is_first)
{
    bool has = !sl_json_is_nothing(v), had = !sl_json_is_nothing(first);
    if (!is_first && (has != had || (has && !sl_str_eq(sl_json_raw(v), sl_json_raw(first))))) {
        return sl_chat_fault(rd, has ? v : first, "this route's provider takes one value for all requests of a batch");
    }
    return 0;
}

enum option { O_DIMENSIONS, O_TASK, O_TITLE, O_COUNT };

/* The names of the settings here and in the canonical call. */
static const struct {
    const char *key, *name;
} options[O_COUNT] = {
    [O_DIMENSIONS] = { "outputDimensionality", NULL },
    [O_TASK] = { "taskType", "task_type" },
    [O_TITLE] = { "title", "title" },
};

static int request_read(struct sl_chat_reader *rd, struct sl_json_val request, struct sl_json_val found[O_COUNT],
                        struct sl_embed *embed)
{
    bool is_first = embed->n_texts == 0;
    struct sl_json_val content = sl_json_get(request, "content");
    int r = 0;
    if (!sl_json_is(content, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, request, "the member 'content', an object with parts, is missing");
    }
    for (size_t i = 0; i < O_COUNT && r == 0; i++) {
        struct sl_json_val v = sl_gemini_get(request, options[i].key);
        r = same_check(rd, v, found[i], is_first);
        found[i] = is_first ? v : found[i];
    }
    return r < 0 ? r : content_read(rd, content, &embed->texts[embed->n_texts++]);
}

static int options_read(struct sl_chat_reader *rd, const struct sl_json_val found[O_COUNT], struct sl_embed *embed)
{
    struct sl_json_val v = found[O_DIMENSIONS];
    if (!sl_json_is_nothing(v) && (sl_gemini_int(v, &embed->dimensions) < 0 || embed->dimensions < 1)) {
        return sl_chat_fault(rd, v, "an integer of at least 1 is expected");
    }
    rd->chat->members = SL_ARENA_ARRAY(rd->arena, struct sl_member, O_COUNT);
    for (size_t i = 0; i < O_COUNT && rd->chat->members; i++) {
        if (options[i].name && !sl_json_is_nothing(found[i])) {
            rd->chat->members[rd->chat->n_members++] = (struct sl_member){ sl_str_c(options[i].name), found[i] };
        }
    }
    return rd->chat->members ? 0 : SL_E_NOMEM;
}

int sl_gemini_read_embed(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                         struct sl_embed *ret_embed, struct sl_llm_error *ret_error)
{
    struct sl_embed embed = { .dimensions = -1 };
    struct sl_chat_reader rd = { call, env, arena, &embed.rest, ret_error };
    struct sl_json_val root, found[O_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    if (r < 0) {
        return r;
    }
    struct sl_gemini_iter it = sl_gemini_each((call->noted & SL_GEMINI_BATCH) ? sl_json_get(root, "requests") : root);
    if (it.n == 0) {
        return sl_refuse(call, arena, ret_error, "requests", "Missing 'requests': a list of at least one is expected.");
    }
    embed.texts = SL_ARENA_ARRAY(arena, struct sl_str, it.n);
    r = embed.texts ? 0 : SL_E_NOMEM;
    while (r == 0 && sl_gemini_next(&it)) {
        r = request_read(&rd, it.val, found, &embed);
    }
    r = r < 0 ? r : options_read(&rd, found, &embed);
    if (r == 0) {
        *ret_embed = embed;
    }
    return r;
}
