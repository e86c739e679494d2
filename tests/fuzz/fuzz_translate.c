/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of both dialects to every provider of another language: what goes up is JSON, and a refusal has an error.
 * The first byte chooses dialect, type and provider; the upstream's reply is the same bytes. */
#include "llm/form/models.h"
#include "llm_fuzz.h"
#include "llm/core/llm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *provider, *key, *model;
} rows[] = {
    { "anthropic", "anthropic_api_key", "claude-sonnet-4-5" },
    { "anthropic", "anthropic_api_key", "claude-3-opus" },
    { "anthropic", "anthropic_api_key", "claude-opus-4-7" },
    { "gemini", "gemini_api_key", "gemini-3-pro" },
    { "gemini", "gemini_api_key", "gemini-2.0-flash" },
    { "ai21labs", "ai21labs_api_key", "j2-mid" },
    { "cohere", "cohere_api_key", "command-a-reasoning" },
    { "ai21labs", "ai21labs_api_key", "jamba-large" },
    { "huggingface-text-generation-inference", "hf_server_url", "m" },
    { "mlflow-model-serving", "model_server_url", "m" },
};

static void target_make(struct llm_fuzz *f, size_t row, struct sl_target *target)
{
    struct sl_problems problems;
    sl_problems_init(&problems, &f->arena);
    struct sl_val *key = SL_ARENA_NEW(&f->arena, struct sl_val), *map = SL_ARENA_NEW(&f->arena, struct sl_val);
    struct sl_val_item *item = SL_ARENA_NEW(&f->arena, struct sl_val_item);
    SL_ASSERT(key && map && item);
    *key = (struct sl_val){ .kind = SL_VAL_STRING, .text = SL_STR("https://k") };
    *item = (struct sl_val_item){ .key = sl_str_c(rows[row].key), .val = key };
    *map = (struct sl_val){ .kind = SL_VAL_MAP, .items = item, .n = 1 };
    *target = (struct sl_target){ .provider = sl_provider_find(sl_str_c(rows[row].provider)),
                                  .model = sl_str_c(rows[row].model) };
    target->row = sl_model_find(target->provider, target->model, NULL);
    target->conf = sl_arena_zalloc(&f->arena, target->provider->conf_size);
    struct sl_bind bind = { .arena = &f->arena, .problems = &problems };
    SL_ASSERT(target->conf && sl_opt_bind(&bind, target->provider->opts, map, target->conf) == 0 &&
              sl_target_prepare(&bind, map, target) == 0);
}

static void request_check(const struct sl_http_req *req)
{
    struct sl_buf buf = SL_BUF_INIT(1 << 26);
    for (size_t i = 0; i < req->n_slices; i++) {
        sl_buf_add_str(&buf, req->slices[i]);
    }
    SL_ASSERT(buf.len == req->body_len && sl_buf_status(&buf) == 0);
    llm_fuzz_check_json(sl_buf_str(&buf));
    sl_buf_done(&buf);
    SL_ASSERT(req->dropped.n == 0 || sl_header_is_visible(req->dropped, 1024));
}

static void reply_check(struct llm_fuzz *f, const struct sl_target *target, const struct sl_dialect *dialect,
                        const struct sl_call *call, struct sl_str body)
{
    struct sl_reply reply = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    if (target->languages[call->type]->read_reply(call, &f->env, body, &f->arena, &reply, &err) == 0) {
        SL_ASSERT(dialect->language->write_reply(call, &reply, &f->env, &out) == 0);
        llm_fuzz_check_json(sl_buf_str(&out));
    }
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct llm_fuzz f;
    llm_fuzz_init(&f);
    const struct sl_dialect *dialect = data[0] & 1 ? &sl_dialect_mlflow : &sl_dialect_openai;
    enum sl_llm_type type = data[0] & 0x80 ? SL_LLM_EMBEDDINGS : data[0] & 2 ? SL_LLM_COMPLETIONS : SL_LLM_CHAT;
    size_t row = (data[0] >> 2 & 31) % SL_ARRAY_LEN(rows);
    struct sl_target target;
    target_make(&f, row, &target);
    struct sl_str body = sl_arena_dup(&f.arena, sl_str_make((const char *)data + 1, size - 1));
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_incoming in = { .type = type, .headers = &(struct sl_headers){ 0 }, .body = body };
    int r = sl_dialect_read(dialect, &in, &f.doc, &f.arena, &call, &error);
    if (r == 0 && target.languages[type]) {
        r = target.provider->build(&call, &target, &f.env, false, &f.arena, &req, &error);
        SL_ASSERT(r == 0 || r == SL_E_NOMEM || error.type != SL_ERR_NONE);
        if (r == 0) {
            request_check(&req);
        }
        reply_check(&f, &target, dialect, &call, body);
    }
    sl_opt_done(target.provider->opts, target.conf);
    llm_fuzz_done(&f);
    return 0;
}
