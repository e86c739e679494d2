/* SPDX-License-Identifier: Apache-2.0 */
/* Whole replies of calls that are no chats: embeddings and old completions, each in its upstream's own language. The
 * first byte chooses the upstream, its highest bit the dialect. What is written for the client is JSON, and a reply
 * without one answer for each text that was sent is refused. */
#include "llm/chat/chat.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AWS { "aws_access_key_id", "aws_secret_access_key", "aws_region" }, "aws_config"

/* The corpus has row numbers: add new rows at the end. */
static const struct {
    struct llm_fuzz_upstream upstream;
    enum sl_llm_type type;
} rows[] = {
    { { "vertex_ai", "text-embedding-005", { "vertex_project", "vertex_credentials" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "vertex_ai", "gemini-embedding-2", { "vertex_project", "vertex_credentials" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "gemini", "gemini-embedding-001", { "gemini_api_key" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "bedrock", "amazon.titan-embed-text-v2:0", AWS }, SL_LLM_EMBEDDINGS },
    { { "bedrock", "cohere.embed-multilingual-v3", AWS }, SL_LLM_EMBEDDINGS },
    { { "cohere", "embed-v4.0", { "cohere_api_key" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "openai", "text-embedding-3-small", { "openai_api_key" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "mlflow-model-serving", "m", { "model_server_url" }, NULL }, SL_LLM_EMBEDDINGS },
    { { "mlflow-model-serving", "m", { "model_server_url" }, NULL }, SL_LLM_COMPLETIONS },
    { { "ai21labs", "j2-ultra", { "ai21labs_api_key" }, NULL }, SL_LLM_COMPLETIONS },
    { { "bedrock", "anthropic.claude-v2", AWS }, SL_LLM_COMPLETIONS },
    { { "bedrock", "amazon.titan-text-express-v1", AWS }, SL_LLM_COMPLETIONS },
    { { "huggingface-text-generation-inference", "m", { "hf_server_url" }, NULL }, SL_LLM_COMPLETIONS },
    { { "sagemaker", "m", AWS }, SL_LLM_EMBEDDINGS },
    { { "anthropic", "claude-2.1", { "anthropic_api_key" }, NULL }, SL_LLM_COMPLETIONS },
};

static void call_make(struct llm_fuzz *f, const struct sl_dialect *dialect, enum sl_llm_type type,
                      struct sl_call *ret_call)
{
    static const struct sl_str embeddings = SL_STR_INIT("{\"model\":\"m\",\"input\":[\"a\",\"b\"]}");
    static const struct sl_str completions = SL_STR_INIT("{\"model\":\"m\",\"prompt\":\"a\"}");
    static const struct sl_str mlflow_embeddings = SL_STR_INIT("{\"input\":[\"a\",\"b\"]}");
    static const struct sl_str mlflow_completions = SL_STR_INIT("{\"prompt\":\"a\"}");
    bool is_mlflow = dialect == &sl_dialect_mlflow, is_embed = type == SL_LLM_EMBEDDINGS;
    struct sl_incoming in = { .type = type, .headers = &(struct sl_headers){ 0 } };
    in.body = is_mlflow ? (is_embed ? mlflow_embeddings : mlflow_completions) : is_embed ? embeddings : completions;
    struct sl_llm_error error = { 0 };
    int r = sl_dialect_read(dialect, &in, &f->doc, &f->arena, ret_call, &error);
    SL_ASSERT(r == 0);
}

static void reply_fuzz(struct llm_fuzz *f, const struct sl_dialect *dialect, const struct sl_language *upstream,
                       enum sl_llm_type type, struct sl_str body)
{
    struct sl_call call = { 0 };
    struct sl_reply reply = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 26);
    call_make(f, dialect, type, &call);
    if (upstream->read_reply(&call, &f->env, body, &f->arena, &reply, &err) == 0) {
        if (dialect->language->write_reply(&call, &reply, &f->env, &out) == 0) {
            llm_fuzz_check_json(sl_buf_str(&out));
        }
    } else {
        SL_ASSERT(err.text[0]);
    }
    sl_buf_reset(&out);
    upstream->read_error(400, &(struct sl_headers){ 0 }, body, &f->arena, &error);
    error.status = 400;
    dialect->language->write_error(&error, &out);
    llm_fuzz_check_json(sl_buf_str(&out));
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct llm_fuzz f;
    struct sl_target target;
    llm_fuzz_init(&f);
    size_t row = (data[0] & 0x7f) % SL_ARRAY_LEN(rows);
    const struct sl_dialect *dialect = data[0] & 0x80 ? &sl_dialect_mlflow : &sl_dialect_openai;
    llm_fuzz_target(&f, &rows[row].upstream, &target);
    const struct sl_language *upstream = target.languages[rows[row].type];
    SL_ASSERT(upstream && upstream->read_reply);
    reply_fuzz(&f, dialect, upstream, rows[row].type,
               sl_arena_dup(&f.arena, sl_str_make((const char *)data + 1, size - 1)));
    llm_fuzz_target_done(&target);
    llm_fuzz_done(&f);
    return 0;
}
