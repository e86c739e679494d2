/* SPDX-License-Identifier: Apache-2.0 */
/* Golden cases (one JSON file each, see README.md) through the pure translation layer: the client's request to the
 * upstream's, the upstream's reply to the client's; streams cut into pieces of several sizes. */
#include "../unit/llm/help.h"
#include "base/arena.h"
#include "compare.h"
#include "llm/core/cred.h"
#include "llm/core/target.h"
#include "llm/core/types.h"

#include <dirent.h>

static const size_t pieces[] = { 1, 2, 3, 7, 64, 4096 };

struct golden {
    struct help h;
    struct sl_json file; /* the case */
    const char *folder;
    struct sl_target target;
    const struct sl_dialect *dialect;
    enum sl_llm_type type;
    const char *where; /* for messages */
};

/* --- reading --- */

static struct sl_str file_read(struct golden *g, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("%s: cannot be opened", path);
    }
    struct sl_buf buf = SL_BUF_INIT(1 << 24);
    char room[4096];
    size_t n;
    while ((n = fread(room, 1, sizeof(room), f)) > 0) {
        sl_buf_add(&buf, room, n);
    }
    fclose(f);
    assert_int_equal(sl_buf_status(&buf), 0);
    struct sl_str text = sl_arena_dup(&g->h.arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    return text;
}

static struct sl_str text_of(struct golden *g, struct sl_json_val object, const char *key)
{
    struct sl_str text = SL_STR_NONE;
    struct sl_json_val v = sl_json_get(object, key);
    if (sl_json_is(v, SL_JSON_STRING)) {
        assert_int_equal(sl_json_text(v, &g->h.arena, &text), 0);
        text = sl_arena_dup(&g->h.arena, text);
    }
    return text;
}

/* `body` as text, or the file that `body_file` names. */
static struct sl_str body_of(struct golden *g, struct sl_json_val message)
{
    struct sl_json_val body = sl_json_get(message, "body");
    if (sl_json_is_present(body)) {
        return sl_json_raw(body);
    }
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", g->folder, text_of(g, message, "body_file").p);
    return file_read(g, path);
}

static bool is_same_language(const struct golden *g)
{
    return sl_target_speaks(&g->target, g->type, g->dialect->language);
}

static int status_of(struct sl_json_val message)
{
    int64_t status = 0;
    assert_int_equal(sl_json_int(sl_json_get(message, "status"), true, &status), 0);
    return (int)status;
}

static void body_check(struct golden *g, struct sl_str got, struct sl_json_val want, struct sl_json_val volatiles)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    if (sl_json_parse(&doc, got) < 0) {
        fail_msg("%s: not JSON: %.*s", g->where, SL_STR_ARG(got));
    }
    struct compare cmp = { .arena = &g->h.arena, .volatiles = volatiles };
    if (!compare_vals(&cmp, sl_json_root(&doc), want)) {
        fail_msg("%s: %s: %s\n got  %.*s\n want %.*s", g->where, cmp.path, cmp.why, SL_STR_ARG(got),
                 SL_STR_ARG(sl_json_raw(want)));
    }
    sl_json_done(&doc);
}

/* --- requests --- */

#define BEDROCK_CONFIG                                                                                               \
    "{\"aws_config\":{\"aws_access_key_id\":\"AKIDEXAMPLE\",\"aws_region\":\"us-east-1\",\"aws_secret_access_key\":" \
    "\"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\"}}"

static const char *config_of(struct sl_str provider)
{
    static const struct {
        const char *provider, *config;
    } rows[] = {
        { "anthropic", "{\"anthropic_api_key\":\"sk-ant-upstream-test\"}" },
        { "cohere", "{\"cohere_api_key\":\"co-upstream-test\"}" },
        { "amazon-bedrock", BEDROCK_CONFIG },
        { "bedrock", BEDROCK_CONFIG },
        { "sagemaker", BEDROCK_CONFIG },
        { "gemini", "{\"gemini_api_key\":\"AIza-upstream-test\"}" },
        { "vertex_ai", "{\"vertex_project\":\"acme\",\"vertex_location\":\"europe-west4\",\"vertex_credentials\":\""
                       "{\\\"type\\\":\\\"authorized_user\\\",\\\"client_id\\\":\\\"c\\\",\\\"client_secret\\\":"
                       "\\\"s\\\",\\\"refresh_token\\\":\\\"r\\\"}\"}" },
        { "openai", "{\"openai_api_key\":\"sk-upstream-test\"}" },
        { "ai21labs", "{\"ai21labs_api_key\":\"ai21-upstream-test\"}" },
        { "azure", "{\"openai_api_key\":\"az-upstream-test\",\"openai_api_base\":\"https://acme.openai.azure.com\","
                   "\"openai_deployment_name\":\"gpt\",\"openai_api_version\":\"2024-10-21\"}" },
        { "databricks", "{\"host\":\"https://acme.cloud.databricks.com\",\"token\":\"dapi-upstream-test\"}" },
        { "databricks-model-serving",
          "{\"host\":\"https://acme.cloud.databricks.com/serving-endpoints/\",\"token\":\"dapi-upstream-test\"}" },
        { "huggingface-text-generation-inference",
          "{\"hf_server_url\":\"https://tgi.example.com\",\"hf_api_key\":\"hf_upstream-test\"}" },
        { "mlflow-model-serving", "{\"model_server_url\":\"https://model.example.com\"}" },
        { "mosaicml", "{\"mosaicml_api_key\":\"mo-upstream-test\"}" },
        { "palm", "{\"palm_api_key\":\"pa-upstream-test\"}" },
        { "groq", "{\"api_key\":\"gsk-upstream-test\"}" },
        { "deepseek", "{\"api_key\":\"sk-upstream-test\"}" },
        { "xai", "{\"api_key\":\"xai-upstream-test\"}" },
        { "togetherai", "{\"togetherai_api_key\":\"tg-upstream-test\"}" },
        { "fireworks", "{\"api_key\":\"fw-upstream-test\"}" },
        { "openrouter", "{\"api_key\":\"sk-or-upstream-test\"}" },
        { "perplexity", "{\"api_key\":\"pplx-upstream-test\"}" },
        { "mistral", "{\"mistral_api_key\":\"mi-upstream-test\"}" },
        { "ollama", "{\"api_key\":\"ollama\"}" },
        { "vllm", "{\"api_base\":\"https://vllm.example.com/v1\",\"api_key\":\"vllm-upstream-test\"}" },
        { "openai-compatible", "{\"api_base\":\"https://llm.example.com/v1\"}" },
        { "portkey", "{\"api_key\":\"pk-upstream-test\",\"portkey_provider\":\"openai\",\"provider_api_key\":\"sk-"
                     "behind-test\"}" },
        { "litellm", "{\"litellm_api_base\":\"https://litellm.example.com/v1\",\"litellm_api_key\":\"sk-litellm-test\","
                     "\"litellm_provider\":\"openai\"}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (sl_str_eq_c(provider, rows[i].provider)) {
            return rows[i].config;
        }
    }
    fail_msg("%.*s has no row in config_of", SL_STR_ARG(provider));
    return NULL;
}

/* The provider's configuration, and the members that the case adds. */
static const char *config_make(struct golden *g, struct sl_str provider)
{
    struct sl_json_val more = sl_json_get(sl_json_root(&g->file), "config");
    struct sl_str base = sl_str_c(config_of(provider));
    if (!sl_json_is_present(more)) {
        return base.p;
    }
    struct sl_str raw = sl_json_raw(more);
    base = sl_str_sub(base, 0, base.n - 1);
    return sl_arena_printf(&g->h.arena, "%.*s,%.*s", SL_STR_ARG(base), SL_STR_ARG(sl_str_sub(raw, 1, raw.n))).p;
}

/* Finds dialect and type of a path; the first that fits. */
static void path_find(struct golden *g, struct sl_str path)
{
    static const struct {
        const char *begins, *ends;
        const struct sl_dialect *dialect;
        enum sl_llm_type type;
    } rows[] = {
        { "/gateway/mlflow/", "", &sl_dialect_mlflow3, SL_LLM_CHAT },
        { "/gateway/", "/mlflow/invocations", &sl_dialect_mlflow3, SL_LLM_CHAT },
        { "/gateway/openai/", "/responses", &sl_dialect_mlflow3_responses, SL_LLM_CHAT },
        { "/gateway/openai/", "", &sl_dialect_mlflow3_openai, SL_LLM_CHAT },
        { "/gateway/anthropic/", "", &sl_dialect_mlflow3_anthropic, SL_LLM_CHAT },
        { "/gateway/gemini/", "", &sl_dialect_mlflow3_gemini, SL_LLM_CHAT },
        { "/v1beta/", "mbedContent", &sl_dialect_gemini, SL_LLM_EMBEDDINGS },
        { "/v1beta/", "mbedContents", &sl_dialect_gemini, SL_LLM_EMBEDDINGS },
        { "/v1beta/", "", &sl_dialect_gemini, SL_LLM_CHAT },
        { "/v1/messages", "", &sl_dialect_anthropic, SL_LLM_CHAT },
        { "/v1/responses", "", &sl_dialect_responses, SL_LLM_CHAT },
        { "/v1/", "/completions", &sl_dialect_openai, SL_LLM_COMPLETIONS },
        { "/v1/", "/embeddings", &sl_dialect_openai, SL_LLM_EMBEDDINGS },
        { "/v1/", "", &sl_dialect_openai, SL_LLM_CHAT },
        { "/v2/", "/embed", &sl_dialect_cohere, SL_LLM_EMBEDDINGS },
        { "/v2/", "", &sl_dialect_cohere, SL_LLM_CHAT },
        { "/model/", "", &sl_dialect_bedrock, SL_LLM_CHAT },
        { "", "", &sl_dialect_mlflow, SL_LLM_CHAT },
    };
    size_t i = 0;
    while (!sl_str_has_prefix(path, sl_str_c(rows[i].begins)) || !sl_str_has_suffix(path, sl_str_c(rows[i].ends))) {
        i++;
    }
    bool is_chat = sl_str_has_suffix(path, SL_STR("/chat/completions"));
    g->dialect = rows[i].dialect;
    g->type = is_chat ? SL_LLM_CHAT : rows[i].type;
}

/* /v1: the route has the model's own name. MLflow's paths: the case names the route. */
static void target_make(struct golden *g, struct sl_json_val request)
{
    struct sl_json_val root = sl_json_root(&g->file), route = sl_json_get(root, "route");
    struct sl_str path = text_of(g, request, "path"), type = text_of(g, route, "type");
    struct sl_str model = text_of(g, sl_json_is_present(route) ? route : sl_json_get(request, "body"), "model");
    struct sl_str rest = path, only = path;
    SL_IGNORE(!sl_str_next(&rest, '?', &only));
    path_find(g, only);
    if (type.p) {
        assert_int_equal(sl_llm_type_parse(type, &g->type), 0);
    }
    struct sl_str provider = text_of(g, root, "provider");
    assert_int_equal(help_target(&g->h, provider.p, model.p, config_make(g, provider), &g->target), 0);
    static const struct sl_cred fetched = { .parts = { SL_STR_INIT("Bearer ya29.upstream-test") } };
    g->h.model = g->target.model;
    g->h.env.provider = g->target.provider->name;
    g->h.env.credential = g->target.cred ? &fetched : NULL;
}

static void error_check(struct golden *g, struct sl_llm_error *error, struct sl_json_val response)
{
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    sl_dialect_errors(g->dialect)->write_error(error, &out);
    if (error->status != status_of(response)) {
        fail_msg("%s: status %d: %.*s", g->where, error->status, (int)out.len, out.p);
    }
    body_check(g, sl_buf_str(&out), sl_json_get(response, "body"), SL_JSON_ABSENT);
    sl_buf_done(&out);
}

static void request_check(struct golden *g, const struct sl_http_req *req, struct sl_json_val exchange)
{
    struct sl_json_val want = sl_json_get(exchange, "upstream_request");
    struct sl_str url = text_of(g, want, "url");
    struct sl_str got = sl_arena_printf(&g->h.arena, "http%s://%.*s%.*s", g->target.base.is_https ? "s" : "",
                                        SL_STR_ARG(g->target.base.authority), SL_STR_ARG(req->target));
    check_str(got, url.p);
    for (struct sl_json_iter it = sl_json_each(sl_json_get(want, "headers")); sl_json_next(&it);) {
        char name[128];
        struct sl_str text;
        assert_int_equal(sl_json_text(it.key, &g->h.arena, &text), 0);
        snprintf(name, sizeof(name), "%.*s", (int)text.n, text.p);
        assert_int_equal(sl_json_text(it.val, &g->h.arena, &text), 0);
        check_str(sl_headers_get(&req->headers, name), sl_arena_dup(&g->h.arena, text).p);
    }
    body_check(g, help_body(&g->h, req), sl_json_get(want, "body"), SL_JSON_ABSENT);
}

static void left_out_check(struct golden *g, struct sl_str got, struct sl_str want)
{
    if (!sl_str_eq(want, got)) {
        fail_msg("%s: left out: got %.*s, want %.*s", g->where, SL_STR_ARG(got), SL_STR_ARG(want));
    }
}

/* For the call and for a whole reply the head names it. */
static void dropped_check(struct golden *g, struct sl_str of_call, uint32_t lost, struct sl_json_val down)
{
    char names[SL_LOST_TEXT_MAX];
    struct sl_str of_reply = sl_lost_text(lost, names);
    struct sl_str got = sl_arena_printf(&g->h.arena, "%.*s%s%.*s", SL_STR_ARG(of_call),
                                        of_call.n && of_reply.n ? "," : "", SL_STR_ARG(of_reply));
    left_out_check(g, got, text_of(g, sl_json_get(down, "headers"), "x-sluice-dropped"));
}

/* --- replies --- */

struct events {
    struct golden *g;
    struct sl_buf list; /* a JSON list of the data lines; texts that are not JSON are strings */
};

static int event_add(void *arg, const struct sl_sse_event *event)
{
    struct events *e = arg;
    sl_buf_add_char(&e->list, e->list.len ? ',' : '[');
    if (event->data.p[0] == '{') {
        sl_buf_add_str(&e->list, event->data);
    } else {
        sl_buf_printf(&e->list, "\"%.*s\"", SL_STR_ARG(event->data));
    }
    return 0;
}

/* Amazon's frames: {TYPE: payload}. */
static int frame_add(void *arg, const struct sl_aws_event *frame)
{
    struct events *e = arg;
    sl_buf_printf(&e->list, "%c{\"%.*s\":%.*s}", e->list.len ? ',' : '[', SL_STR_ARG(frame->type),
                  SL_STR_ARG(frame->payload));
    return 0;
}

static void sse_add(struct events *e, struct sl_str stream)
{
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, SL_SSE_EVENT_MAX, event_add, e);
    assert_int_equal(sl_sse_push(&dec, stream), 0);
    assert_int_equal(sl_sse_finish(&dec), 0);
    sl_sse_decoder_done(&dec);
}

static void aws_add(struct events *e, struct sl_str stream)
{
    struct sl_aws_decoder dec;
    sl_aws_decoder_init(&dec, frame_add, e);
    assert_int_equal(sl_aws_push(&dec, stream), 0);
    assert_int_equal(sl_aws_finish(&dec), 0);
    sl_aws_decoder_done(&dec);
}

static bool is_aws(const struct golden *g)
{
    return g->dialect->language->framing == SL_FRAMING_AWS;
}

static struct sl_str events_list(struct golden *g, struct sl_str stream)
{
    if (stream.n && stream.p[0] == '[') {
        return stream; /* it is one already */
    }
    struct events e = { g, SL_BUF_INIT(1 << 24) };
    (is_aws(g) ? aws_add : sse_add)(&e, stream);
    sl_buf_add_c(&e.list, e.list.len ? "]" : "[]");
    struct sl_str list = sl_arena_dup(&g->h.arena, sl_buf_str(&e.list));
    sl_buf_done(&e.list);
    return list;
}

/* Changing parts: each event's `created` (the gateway's clock), and those that the case lists for its reply. */
static struct sl_json_val events_volatile(struct golden *g, struct sl_json *doc, uint32_t n)
{
    struct sl_json_val more = sl_json_get(sl_json_root(&g->file), "volatile");
    struct sl_buf buf = SL_BUF_INIT(1 << 20);
    for (uint32_t i = 0; i < n; i++) {
        sl_buf_printf(&buf, "%s\"/%u/created\"", i ? "," : "[", i);
        for (struct sl_json_iter it = sl_json_each(more); sl_json_next(&it);) {
            struct sl_str raw = sl_json_raw(it.val);
            sl_buf_printf(&buf, ",\"/%u%.*s", i, (int)raw.n - 1, raw.p + 1);
        }
    }
    sl_buf_add_char(&buf, ']');
    struct sl_str text = sl_arena_dup(&g->h.arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    assert_int_equal(sl_json_parse(doc, text), 0);
    return sl_json_root(doc);
}

/* A stream that passes unchanged: its events, without those that are dropped. */
static struct sl_str stream_pass(struct golden *g, struct sl_str bytes)
{
    struct sl_pass_state state = { .usage = SL_USAGE_NONE };
    struct sl_sse_split split;
    struct sl_buf out = SL_BUF_INIT(1 << 24);
    sl_sse_split_init(&split);
    size_t n = 0;
    while (bytes.n) {
        if (is_aws(g)) {
            assert_int_equal(sl_aws_frame_length(bytes, &n), 0);
        } else {
            n = sl_sse_split_push(&split, bytes);
        }
        if (n == 0 || n > bytes.n) {
            break;
        }
        struct sl_str event = sl_str_sub(bytes, 0, n);
        if (g->target.languages[g->type]->pass_event(&state, event, &g->h.scratch) != SL_PASS_DROP) {
            sl_buf_add_str(&out, event);
        }
        bytes = sl_str_sub(bytes, n, bytes.n);
    }
    assert_int_equal(bytes.n, 0);
    struct sl_str text = sl_arena_dup(&g->h.arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

static void stream_check(struct golden *g, const struct sl_call *call, struct sl_json_val up, struct sl_json_val down)
{
    struct sl_str bytes = body_of(g, up), want = events_list(g, body_of(g, down));
    bool is_same = is_same_language(g);
    struct sl_json want_doc, volatile_doc;
    sl_json_init(&want_doc, NULL);
    sl_json_init(&volatile_doc, NULL);
    assert_int_equal(sl_json_parse(&want_doc, want), 0);
    uint32_t n = sl_json_count(sl_json_root(&want_doc));
    struct sl_json_val volatiles = events_volatile(g, &volatile_doc, n);
    for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
        struct sl_str got;
        if (is_same) {
            got = stream_pass(g, bytes);
        } else {
            assert_int_equal(help_stream(&g->h, g->target.languages[g->type], g->dialect, call, bytes, pieces[i], &got),
                             0);
        }
        body_check(g, events_list(g, got), sl_json_root(&want_doc), volatiles);
        char names[SL_LOST_TEXT_MAX];
        left_out_check(g, sl_lost_text(g->h.lost, names), text_of(g, down, "logged"));
        g->h.lost = 0;
    }
    sl_json_done(&want_doc);
    sl_json_done(&volatile_doc);
}

/* Returns the parts of it that are lost. */
static uint32_t reply_check(struct golden *g, const struct sl_call *call, struct sl_json_val up,
                            struct sl_json_val down)
{
    struct sl_reply reply = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 24);
    int r = g->target.languages[g->type]->read_reply(call, &g->h.env, body_of(g, up), &g->h.arena, &reply, &err);
    if (r < 0) {
        fail_msg("%s: %s", g->where, err.text);
    }
    reply.model = reply.model.n ? reply.model : g->target.model;
    bool is_same = is_same_language(g);
    if (!is_same) {
        assert_int_equal(g->dialect->language->write_reply(call, &reply, &g->h.env, &out), 0);
    }
    body_check(g, is_same ? body_of(g, up) : sl_buf_str(&out), sl_json_get(down, "body"),
               sl_json_get(sl_json_root(&g->file), "volatile"));
    sl_buf_done(&out);
    return is_same ? 0 : reply.lost | sl_lost_of_reply(g->dialect->language, g->type, &reply);
}

/* True: the error is where clients of its language look for it, so it passes unchanged. */
static bool has_error_member(struct golden *g, struct sl_str body)
{
    const char *member = g->dialect->language->error_member;
    return !member || (sl_json_parse(&g->h.scratch, body) == 0 &&
                       sl_json_is_present(sl_json_get(sl_json_root(&g->h.scratch), member)));
}

/* True: it is about the gateway's own credential or account, which is not the client's business. */
static bool is_operators(struct golden *g, struct sl_json_val up, const struct sl_headers *headers)
{
    struct sl_llm_error error = { 0 };
    g->target.languages[g->type]->read_error(status_of(up), headers, body_of(g, up), &g->h.arena, &error);
    return error.type == SL_ERR_PROVIDER_AUTH_FAILED || error.type == SL_ERR_PROVIDER_BILLING;
}

static void response_check(struct golden *g, const struct sl_call *call, struct sl_str dropped,
                           struct sl_json_val exchange)
{
    struct sl_json_val up = sl_json_get(exchange, "upstream_response"), down = sl_json_get(exchange, "client_response");
    int status = status_of(up);
    uint32_t lost = 0;
    struct sl_headers headers = { 0 };
    for (struct sl_json_iter it = sl_json_each(sl_json_get(up, "headers")); sl_json_next(&it);) {
        struct sl_str name, value;
        assert_int_equal(sl_json_text(it.key, &g->h.arena, &name), 0);
        assert_int_equal(sl_json_text(it.val, &g->h.arena, &value), 0);
        name = sl_arena_dup(&g->h.arena, name);
        assert_int_equal(sl_headers_add(&headers, &g->h.arena, name, sl_arena_dup(&g->h.arena, value)), 0);
    }
    g->h.env.upstream_headers = &headers;
    if (status >= 300 && is_same_language(g) && has_error_member(g, body_of(g, up)) && !is_operators(g, up, &headers)) {
        assert_int_equal(status_of(down), status); /* it passes unchanged */
        body_check(g, body_of(g, up), sl_json_get(down, "body"), SL_JSON_ABSENT);
    } else if (status >= 300) {
        struct sl_llm_error error = { 0 };
        g->target.languages[g->type]->read_error(status, &headers, body_of(g, up), &g->h.arena, &error);
        error_check(g, &error, down);
    } else if (sl_json_is_present(sl_json_get(up, "body_file"))) {
        stream_check(g, call, up, down);
    } else {
        lost = reply_check(g, call, up, down);
    }
    dropped_check(g, dropped, lost, down);
    g->h.env.upstream_headers = NULL;
}

/* Like the gateway: it always wants the usage of a translated stream. */
static bool asks_usage(const struct golden *g, const struct sl_call *call)
{
    return call->is_stream && !call->has_stream_options && g->target.provider->stream_usage == SL_USAGE_ASK &&
           !sl_target_speaks(&g->target, g->type, call->language);
}

static void exchange_check(struct golden *g, struct sl_json_val exchange)
{
    struct sl_json_val request = sl_json_get(exchange, "client_request");
    struct sl_str body = sl_arena_dup(&g->h.arena, sl_json_raw(sl_json_get(request, "body")));
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    target_make(g, request);
    int r = help_read_at(&g->h, g->dialect, g->type, text_of(g, request, "path"), body, "application/json", &call,
                         &error);
    if (r == 0) {
        r = g->target.provider->build(&call, &g->target, &g->h.env, asks_usage(g, &call), &g->h.arena, &req, &error);
    }
    bool is_sent = !sl_json_is_nothing(sl_json_get(exchange, "upstream_request"));
    if (r < 0 && is_sent) {
        fail_msg("%s: refused: %.*s %.*s", g->where, SL_STR_ARG(error.message), SL_STR_ARG(error.detail));
    }
    if (r < 0) {
        error_check(g, &error, sl_json_get(exchange, "client_response"));
    } else {
        if (!is_sent) {
            fail_msg("%s: not refused: %.*s", g->where, SL_STR_ARG(body));
        }
        request_check(g, &req, exchange);
        response_check(g, &call, req.dropped, exchange);
    }
    help_target_done(&g->target);
}

static void test_case(void **state)
{
    struct golden g = { .where = *state };
    char folder[512];
    help_init(&g.h);
    sl_json_init(&g.file, NULL);
    snprintf(folder, sizeof(folder), "%s", g.where);
    *strrchr(folder, '/') = '\0';
    g.folder = folder;
    assert_int_equal(sl_json_parse(&g.file, file_read(&g, g.where)), 0);
    struct sl_json_val exchanges = sl_json_get(sl_json_root(&g.file), "exchanges");
    assert_true(sl_json_count(exchanges) > 0);
    for (struct sl_json_iter it = sl_json_each(exchanges); sl_json_next(&it);) {
        exchange_check(&g, it.val);
    }
    sl_json_done(&g.file);
    help_done(&g.h);
}

static int is_case(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int n = argc == 2 ? scandir(argv[1], &entries, is_case, alphasort) : -1;
    if (n <= 0) {
        fprintf(stderr, "usage: %s FOLDER (of cases)\n", argv[0]);
        return 2;
    }
    struct CMUnitTest *tests = calloc((size_t)n, sizeof(*tests));
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", argv[1], entries[i]->d_name) < 0) {
            return 2;
        }
        tests[i] = (struct CMUnitTest){ .name = entries[i]->d_name, .test_func = test_case, .initial_state = path };
    }
    int failed = _cmocka_run_group_tests("golden", tests, (size_t)n, NULL, NULL);
    for (int i = 0; i < n; i++) {
        free(tests[i].initial_state);
        free(entries[i]);
    }
    free(entries);
    free(tests);
    return failed;
}
