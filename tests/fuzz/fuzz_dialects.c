/* SPDX-License-Identifier: Apache-2.0 */
/* Dialects that are read into the canonical call, with upstreams of every language. The first byte chooses the dialect,
 * the second the upstream and the size of a stream's pieces. The rest is a request, a whole reply, an error's body and
 * a stream at once. What goes up is JSON, what comes down is read by the language's own reader, and a stream gives the
 * same result whole and in pieces. */
#include "llm/chat/chat.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus has row numbers: add new rows at the end. */
static const struct sl_dialect *const dialects[] = { &sl_dialect_anthropic, &sl_dialect_cohere,  &sl_dialect_gemini,
                                                     &sl_dialect_responses, &sl_dialect_bedrock, &sl_dialect_openai,
                                                     &sl_dialect_mlflow,    &sl_dialect_mlflow3 };

static const struct llm_fuzz_upstream upstreams[] = {
    { "openai", "gpt-4.1", { "openai_api_key" }, NULL },
    { "openai", "gpt-5-mini", { "openai_api_key", "openai_api" }, NULL },
    { "anthropic", "claude-sonnet-4-5", { "anthropic_api_key" }, NULL },
    { "anthropic", "claude-opus-4-7", { "anthropic_api_key" }, NULL },
    { "gemini", "gemini-3-pro", { "gemini_api_key" }, NULL },
    { "gemini", "gemini-2.0-flash", { "gemini_api_key" }, NULL },
    { "bedrock",
      "anthropic.claude-sonnet-4-5",
      { "aws_access_key_id", "aws_secret_access_key", "aws_region" },
      "aws_config" },
    { "bedrock", "amazon.nova-pro", { "aws_access_key_id", "aws_secret_access_key", "aws_region" }, "aws_config" },
    { "cohere", "command-a-reasoning", { "cohere_api_key" }, NULL },
    { "mistral", "mistral-small-2603", { "mistral_api_key" }, NULL },
    { "deepseek", "deepseek-v4-flash", { "api_key" }, NULL },
    { "huggingface-text-generation-inference", "m", { "hf_server_url" }, NULL },
    { "mlflow-model-serving", "m", { "model_server_url" }, NULL },
};

static void refusal_check(const struct sl_dialect *dialect, const struct sl_llm_error *refused)
{
    struct sl_llm_error error = *refused;
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    dialect->language->write_error(&error, &out);
    SL_ASSERT(error.status >= 400 && error.status < 500);
    llm_fuzz_check_json(sl_buf_str(&out));
    sl_buf_done(&out);
}

static void request_check(const struct sl_http_req *req)
{
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    for (size_t i = 0; i < req->n_slices; i++) {
        sl_buf_add_str(&out, req->slices[i]);
    }
    SL_ASSERT(out.len == req->body_len && sl_buf_status(&out) == 0);
    llm_fuzz_check_json(sl_buf_str(&out));
    SL_ASSERT(req->dropped.n == 0 || sl_header_is_visible(req->dropped, 1024));
    sl_buf_done(&out);
}

/* Returns the result of its build. */
static void call_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, const struct sl_target *target,
                      struct sl_str body)
{
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_incoming in = { .type = SL_LLM_CHAT, .headers = &(struct sl_headers){ 0 }, .body = body };
    int r = sl_dialect_read(dialect, &in, &f->doc, &f->arena, &call, &error);
    r = r < 0 ? r : target->provider->build(&call, target, &f->env, false, &f->arena, &req, &error);
    SL_ASSERT(r == 0 || r == SL_E_NOMEM || error.type != SL_ERR_NONE);
    if (r == 0) {
        request_check(&req);
    } else if (r != SL_E_NOMEM) {
        refusal_check(dialect, &error);
    }
}

static void count_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, struct sl_str body)
{
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    struct sl_incoming in = {
        .type = SL_LLM_CHAT, .headers = &(struct sl_headers){ 0 }, .body = body, .is_count = true
    };
    int r = dialect->language->count ? sl_dialect_read(dialect, &in, &f->doc, &f->arena, &call, &error) : SL_E_NOMEM;
    r = r < 0 ? r : dialect->language->count(&call, &f->env, &f->arena, &out, &error);
    if (r == 0) {
        llm_fuzz_check_json(sl_buf_str(&out));
    } else if (r != SL_E_NOMEM) {
        refusal_check(dialect, &error);
    }
    sl_buf_done(&out);
}

/* The same bytes as one text or several texts for embedding. */
static void embed_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, const struct sl_target *target,
                       struct sl_str body)
{
    static const struct sl_str paths[] = { SL_STR_INIT("r:embedContent"), SL_STR_INIT("r:batchEmbedContents") };
    bool is_there = dialect->language->read_embed && target->languages[SL_LLM_EMBEDDINGS];
    for (size_t i = 0; is_there && i < SL_ARRAY_LEN(paths); i++) {
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        struct sl_http_req req = { 0 };
        struct sl_incoming in = {
            .type = SL_LLM_EMBEDDINGS, .path = paths[i], .headers = &(struct sl_headers){ 0 }, .body = body
        };
        int r = sl_dialect_read(dialect, &in, &f->doc, &f->arena, &call, &error);
        r = r < 0 ? r : target->provider->build(&call, target, &f->env, false, &f->arena, &req, &error);
        if (r == 0) {
            request_check(&req);
        } else if (r != SL_E_NOMEM) {
            refusal_check(dialect, &error);
        }
    }
}

static bool has_words(const struct sl_reply *reply)
{
    for (uint32_t i = 0; i < reply->n_choices; i++) {
        if (reply->choices[i].n_blocks) {
            return true;
        }
    }
    return false;
}

/* A whole reply, and the body of an error. Its own reader must accept what was written. */
static void reply_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, const struct sl_language *upstream,
                       struct sl_str body)
{
    struct sl_call call = { .type = SL_LLM_CHAT, .manners = dialect->manners, .language = dialect->language };
    struct sl_reply reply = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    if (upstream->read_reply(&call, &f->env, body, &f->arena, &reply, &err) == 0) {
        int r = dialect->language->write_reply(&call, &reply, &f->env, &out);
        SL_ASSERT(r == 0 || r == SL_E_INVAL); /* arguments that are no object */
        if (r == 0) {
            llm_fuzz_check_json(sl_buf_str(&out));
            bool is_answer = has_words(&reply); /* for an end alone, its own reader may say that it is no answer */
            r = dialect->language->read_reply   /* MLflow's is for clients only */
                    ? dialect->language->read_reply(&call, &f->env, sl_buf_str(&out), &f->arena, &reply, &err)
                    : 0;
            /* A held answer without words ends as an error in Cohere's language. */
            SL_ASSERT(r == 0 || !is_answer || (reply.n_choices && reply.choices[0].finish == SL_FINISH_CONTENT_FILTER));
        }
    }
    sl_buf_reset(&out);
    upstream->read_error(400, &(struct sl_headers){ 0 }, body, &f->arena, &error);
    error.status = 400;
    dialect->language->write_error(&error, &out);
    llm_fuzz_check_json(sl_buf_str(&out));
    sl_buf_done(&out);
}

static void stream_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, const struct sl_language *upstream,
                        struct sl_str bytes, size_t piece)
{
    struct sl_buf whole, cut, again;
    int r = llm_fuzz_stream(f, upstream, SL_LLM_CHAT, dialect, bytes, bytes.n, &whole);
    int r2 = llm_fuzz_stream(f, upstream, SL_LLM_CHAT, dialect, bytes, piece, &cut);
    SL_ASSERT(r == r2 && (r < 0 || sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut))));
    bool has_start = sl_str_find(sl_buf_str(&whole), SL_STR("start"), 0) >= 0 ||
                     sl_str_find(sl_buf_str(&whole), SL_STR("response.created"), 0) >= 0 ||
                     sl_str_find(sl_buf_str(&whole), SL_STR("\"candidates\":"), 0) >= 0;
    if (r == 0 && has_start && dialect->language->on_frame) { /* the gateway refuses an end alone */
        r = llm_fuzz_stream(f, dialect->language, SL_LLM_CHAT, dialect, sl_buf_str(&whole), whole.len, &again);
        SL_ASSERT(r == 0);
        sl_buf_done(&again);
    }
    sl_buf_done(&whole);
    sl_buf_done(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    struct llm_fuzz f;
    struct sl_target target;
    llm_fuzz_init(&f);
    const struct sl_dialect *dialect = dialects[data[0] % SL_ARRAY_LEN(dialects)];
    struct sl_str body = sl_arena_dup(&f.arena, sl_str_make((const char *)data + 2, size - 2));
    llm_fuzz_target(&f, &upstreams[(data[1] & 31) % SL_ARRAY_LEN(upstreams)], &target);
    const struct sl_language *upstream = target.languages[SL_LLM_CHAT];
    call_fuzz(&f, dialect, &target, body);
    count_fuzz(&f, dialect, body);
    embed_fuzz(&f, dialect, &target, body);
    reply_fuzz(&f, dialect, upstream, body);
    if (upstream->on_frame && upstream->framing == SL_FRAMING_SSE) { /* Amazon's frames: fuzz_bedrock.c */
        stream_fuzz(&f, dialect, upstream, body, 1 + (data[1] >> 5));
    }
    llm_fuzz_target_done(&target);
    llm_fuzz_done(&f);
    return 0;
}
