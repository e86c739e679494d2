/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's Responses API in both directions: bits 4 to 6 of the first byte choose a client's request, a whole reply, or
 * a stream. Its highest bit is the dialect, its lowest bits are the size of a stream's pieces. */
#include "llm/form/models.h"
#include "llm/responses/responses.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void target_make(struct llm_fuzz *f, struct sl_target *target)
{
    struct sl_problems problems;
    sl_problems_init(&problems, &f->arena);
    struct sl_val vals[] = { { .kind = SL_VAL_STRING, .text = SL_STR("k") },
                             { .kind = SL_VAL_STRING, .text = SL_STR("responses") } };
    struct sl_val_item items[] = { { .key = SL_STR("openai_api_key"), .val = &vals[0] },
                                   { .key = SL_STR("openai_api"), .val = &vals[1] } };
    struct sl_val map = { .kind = SL_VAL_MAP, .items = items, .n = SL_ARRAY_LEN(items) };
    *target = (struct sl_target){ .provider = sl_provider_find(SL_STR("openai")), .model = SL_STR("gpt-5-mini") };
    target->row = sl_model_find(target->provider, target->model, NULL);
    target->conf = sl_arena_zalloc(&f->arena, target->provider->conf_size);
    struct sl_bind bind = { .arena = &f->arena, .problems = &problems };
    SL_ASSERT(target->conf && sl_opt_bind(&bind, target->provider->opts, &map, target->conf) == 0 &&
              sl_target_prepare(&bind, &map, target) == 0);
}

static void request_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, struct sl_str body)
{
    struct sl_target target;
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_buf buf = SL_BUF_INIT(1 << 26);
    struct sl_incoming in = { .type = SL_LLM_CHAT, .headers = &(struct sl_headers){ 0 }, .body = body };
    target_make(f, &target);
    int r = sl_dialect_read(dialect, &in, &f->doc, &f->arena, &call, &error);
    if (r == 0 && target.provider->build(&call, &target, &f->env, false, &f->arena, &req, &error) == 0) {
        for (size_t i = 0; i < req.n_slices; i++) {
            sl_buf_add_str(&buf, req.slices[i]);
        }
        SL_ASSERT(buf.len == req.body_len && sl_buf_status(&buf) == 0);
        SL_ASSERT(req.dropped.n == 0 || sl_header_is_visible(req.dropped, 1024));
        llm_fuzz_check_json(sl_buf_str(&buf));
    }
    sl_buf_done(&buf);
    sl_opt_done(target.provider->opts, target.conf);
}

static void whole_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, struct sl_str body)
{
    struct sl_call call = { .type = SL_LLM_CHAT, .manners = dialect->manners };
    struct sl_reply reply = { 0 };
    struct sl_reply_judgement judgement;
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    sl_responses_judge_reply(body, SL_LLM_CHAT, &f->doc, &judgement);
    if (sl_responses_on_reply(&call, &f->env, body, &f->arena, &reply, &err) == 0) {
        SL_ASSERT(judgement.is_object);
        SL_ASSERT(dialect->language->write_reply(&call, &reply, &f->env, &out) == 0);
        llm_fuzz_check_json(sl_buf_str(&out));
    }
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    unsigned mode = data[0] >> 4 & 7;
    if (mode > 1) {
        return llm_fuzz_stream_of(&sl_language_responses, SL_LLM_CHAT, data, size);
    }
    struct llm_fuzz f;
    llm_fuzz_init(&f);
    const struct sl_dialect *dialect = data[0] & 0x80 ? &sl_dialect_mlflow : &sl_dialect_openai;
    (mode == 0 ? request_fuzz : whole_fuzz)(&f, dialect,
                                            sl_arena_dup(&f.arena, sl_str_make((const char *)data + 1, size - 1)));
    llm_fuzz_done(&f);
    return 0;
}
