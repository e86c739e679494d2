/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mock/read.h"

#include "llm/core/request.h"
#include "llm/openai/openai.h"

/* --- values --- */

int64_t sl_mock_tokens(size_t bytes)
{
    return (int64_t)((bytes + 3) / 4);
}

static struct sl_str text_get(struct sl_mock_reader *rd, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    if (rd->status == 0 && sl_json_is(v, SL_JSON_STRING)) {
        rd->status = sl_json_text(v, rd->arena, &text);
    }
    return text;
}

/* A message's content: a string, or its text parts joined. */
static struct sl_str content_get(struct sl_mock_reader *rd, struct sl_json_val content)
{
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        return text_get(rd, content);
    }
    struct sl_buf buf = SL_BUF_INIT(SL_MOCK_TEXTS_MAX);
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        sl_buf_add_str(&buf, text_get(rd, sl_json_get(it.val, "text")));
    }
    struct sl_str text = sl_arena_dup(rd->arena, sl_buf_str(&buf));
    if (sl_buf_status(&buf) < 0 || !text.p) {
        rd->status = SL_E_NOMEM;
    }
    sl_buf_done(&buf);
    return text;
}

struct sl_str sl_mock_last_user_message(struct sl_mock_reader *rd)
{
    struct sl_str last = SL_STR_NONE;
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "messages"));
         rd->status == 0 && sl_json_next(&it);) {
        struct sl_str text = content_get(rd, sl_json_get(it.val, "content"));
        rd->input_tokens += sl_mock_tokens(text.n);
        if (sl_json_str_eq(sl_json_get(it.val, "role"), SL_STR("user"))) {
            last = text;
        }
    }
    return last;
}

/* A prompt or input: a text stays as it is; each token number counts as one token. */
static struct sl_str item_get(struct sl_mock_reader *rd, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        struct sl_str text = text_get(rd, v);
        rd->input_tokens += sl_mock_tokens(text.n);
        return text;
    }
    rd->input_tokens += sl_json_count(v);
    return sl_json_raw(v);
}

struct sl_str *sl_mock_items_get(struct sl_mock_reader *rd, const char *key, uint32_t *ret_n)
{
    struct sl_json_val v = sl_json_get(rd->root, key);
    bool is_list = sl_json_is(v, SL_JSON_ARRAY) && !sl_json_is(sl_json_at(v, "[0]"), SL_JSON_NUMBER);
    uint32_t n = is_list ? sl_json_count(v) : 1;
    struct sl_str *items = SL_ARENA_ARRAY(rd->arena, struct sl_str, n ? n : 1);
    if (!items) {
        rd->status = SL_E_NOMEM;
        return NULL;
    }
    *ret_n = 0;
    if (!is_list) {
        items[(*ret_n)++] = sl_json_is_nothing(v) ? SL_STR("") : item_get(rd, v);
        return items;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        items[(*ret_n)++] = item_get(rd, it.val);
    }
    return items;
}

int64_t sl_mock_number_get(struct sl_mock_reader *rd, const char *key, int64_t min, int64_t max, int64_t otherwise)
{
    int64_t n = otherwise;
    /* A value of another kind counts as the default. */
    SL_IGNORE(sl_json_int(sl_json_get(rd->root, key), true, &n) < 0);
    return SL_MIN(SL_MAX(n, min), max);
}

/* --- the whole request --- */

/* The request as an upstream would see it, edits included. `doc` is initialised. */
static int request_read(const struct sl_call *call, struct sl_arena *arena, struct sl_json *doc)
{
    struct sl_str body = call->body;
    if (call->edits.n) {
        struct sl_buf buf = SL_BUF_INIT(SIZE_MAX / 2);
        sl_json_edits_write(&call->edits, call->body, &buf);
        body = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
        sl_buf_done(&buf);
        if (!body.p) {
            return SL_E_NOMEM;
        }
    }
    return sl_json_parse(doc, body);
}

/* The same for a call in another language: as it would go to OpenAI. SL_E_INVAL with *ret filled: OpenAI's form cannot
 * express it. */
static int foreign_read(const struct sl_mock_state *st, const struct sl_target *target, struct sl_arena *arena,
                        struct sl_json *doc, struct sl_mock_refusal *ret)
{
    struct sl_openai_conf conf = { .model_json = SL_STR("\"mock\"") };
    struct sl_target openai = *target;
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    openai.conf = &conf;
    int r = sl_openai_write_call(&st->call, &openai, &st->env, false, arena, &req, &error);
    if (r < 0) {
        ret->message = error.message;
        ret->param = error.param;
        return r;
    }
    struct sl_str body = sl_req_flat(&req, arena);
    return body.p ? sl_json_parse(doc, body) : SL_E_NOMEM;
}

int sl_mock_read(const struct sl_mock_state *st, const struct sl_target *target, struct sl_arena *arena,
                 struct sl_json *doc, struct sl_mock_refusal *ret)
{
    bool is_own = sl_target_speaks(target, st->call.type, st->call.language);
    return is_own ? request_read(&st->call, arena, doc) : foreign_read(st, target, arena, doc, ret);
}
