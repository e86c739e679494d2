/* SPDX-License-Identifier: Apache-2.0 */
/* Provider sagemaker: an endpoint's container, asked in the form that it takes, with a signature. Streams are what the
 * container streams, in the payloads of Amazon's frames. */
#include "llm/bedrock/bedrock.h"
#include "llm/core/errbody.h"
#include "llm/core/prepare.h"
#include "llm/openai/openai.h"
#include "llm/scoring/scoring.h"
#include "llm/sign/aws_cred.h"
#include "llm/tgi/tgi.h"

/* What the container takes. */
enum api { API_OPENAI, API_TGI, API_INPUTS };
static const char *const apis[] = { [API_OPENAI] = "openai", [API_TGI] = "tgi", [API_INPUTS] = "inputs", NULL };

struct conf {
    struct sl_openai_conf openai; /* first, because the languages read it */
    struct sl_aws_conf aws;
    int api; /* enum api */
    struct sl_str component, model, variant;
    /* made by prepare */
    struct sl_cred_source source;
    struct sl_str whole, stream; /* paths */
    struct sl_headers headers;
};

/* --- streams: the container's own, and Amazon's exceptions --- */

struct stream {
    bool has_error;
    union {
        struct sl_openai_stream openai;
        struct sl_tgi_stream tgi;
    };
};

static int exception_push(struct stream *st, const struct sl_frame *frame, struct sl_delta_sink *sink)
{
    struct sl_llm_error error;
    sl_bedrock_error_read(0, NULL, frame->name, frame->data, sink->arena, &error);
    error.upstream_body = SL_STR_NONE;
    error.message = error.message.n ? error.message : SL_STR("the upstream reported an error");
    st->has_error = true;
    return sink->push(sink->arg, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

static int openai_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                        struct sl_delta_sink *sink, struct sl_err *err)
{
    struct stream *st = state;
    return st->has_error   ? 0
           : frame->kind.n ? exception_push(st, frame, sink)
                           : sl_openai_on_frame(&st->openai, call, frame, sink, err);
}

static bool openai_over(const void *state)
{
    const struct stream *st = state;
    return st->has_error || sl_openai_is_over(&st->openai);
}

static int openai_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    struct stream *st = state;
    return st->has_error ? 0 : sl_openai_on_end(&st->openai, sink, err);
}

static int tgi_frame(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                     struct sl_err *err)
{
    struct stream *st = state;
    return st->has_error   ? 0
           : frame->kind.n ? exception_push(st, frame, sink)
                           : sl_tgi_on_frame(&st->tgi, call, frame, sink, err);
}

static bool tgi_over(const void *state)
{
    const struct stream *st = state;
    return st->has_error || sl_tgi_is_over(&st->tgi);
}

static int tgi_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    struct stream *st = state;
    return st->has_error ? 0 : sl_tgi_on_end(&st->tgi, sink, err);
}

#define FRAMED                                                                                       \
    .framing = SL_FRAMING_AWS_SSE, .stream_type = SL_STR_INIT("application/vnd.amazon.eventstream"), \
    .read_state_size = sizeof(struct stream), .read_error = sl_bedrock_read_error

static const struct sl_language openai = {
    .name = "sagemaker-openai",
    FRAMED,
    .write_call = sl_openai_write_call,
    .read_reply = sl_openai_on_reply,
    .on_frame = openai_frame,
    .on_end = openai_end,
    .is_over = openai_over,
};

static const struct sl_language tgi = {
    .name = "sagemaker-tgi",
    FRAMED,
    .write_call = sl_tgi_write_call,
    .read_reply = sl_tgi_read_reply,
    .on_frame = tgi_frame,
    .on_end = tgi_end,
    .is_over = tgi_over,
};

/* --- the target --- */

static int headers_make(struct sl_bind *bind, const struct sl_val *val, struct conf *conf)
{
    struct sl_headers *h = &conf->headers;
    int r = sl_headers_add(h, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r
              : sl_prepare_header(bind, val, "sagemaker_inference_component",
                                  SL_STR("x-amzn-sagemaker-inference-component"), conf->component, h);
    r = r < 0 ? r
              : sl_prepare_header(bind, val, "sagemaker_target_model", SL_STR("x-amzn-sagemaker-target-model"),
                                  conf->model, h);
    return r < 0 ? r
                 : sl_prepare_header(bind, val, "sagemaker_target_variant", SL_STR("x-amzn-sagemaker-target-variant"),
                                     conf->variant, h);
}

static int path_make(struct sl_bind *bind, const struct sl_target *target, const char *method, struct sl_str *ret)
{
    struct sl_str name = sl_percent_encode(target->model, bind->arena);
    struct sl_str rel = name.p ? sl_arena_printf(bind->arena, "endpoints/%.*s/%s", SL_STR_ARG(name), method) : name;
    return rel.p ? sl_uri_join(&target->base, rel, bind->arena, ret) : SL_E_NOMEM;
}

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    static const struct sl_language *const of_api[][SL_LLM_TRANSLATED_COUNT] = {
        [API_OPENAI] = { &openai, &openai, &openai },
        [API_TGI] = { [SL_LLM_COMPLETIONS] = &tgi },
        [API_INPUTS] = { &sl_language_scoring, &sl_language_scoring, &sl_language_scoring },
    };
    struct conf *conf = target->conf;
    int r = sl_aws_prepare(bind, val, false, &conf->aws, &conf->source);
    struct sl_str url = conf->aws.endpoint;
    target->cred = conf->source.ops ? &conf->source : NULL;
    memcpy(target->languages, of_api[conf->api], sizeof(target->languages));
    if (r == 0 && !url.n) {
        url = sl_arena_printf(bind->arena, "https://runtime.sagemaker.%.*s.%s", SL_STR_ARG(conf->aws.region),
                              sl_aws_domain(conf->aws.region));
    }
    r = r < 0 || url.p ? r : SL_E_NOMEM;
    r = r < 0 ? r : sl_prepare_base(bind, val, "aws_config", url, &target->base);
    r = r < 0 ? r : path_make(bind, target, "invocations", &conf->whole);
    r = r < 0 ? r : path_make(bind, target, "invocations-response-stream", &conf->stream);
    r = r < 0 ? r : headers_make(bind, val, conf);
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct conf *conf = target->conf;
    struct sl_str path = call->is_stream ? conf->stream : conf->whole;
    int r = sl_build_post(&conf->headers, path, call, target, env, ask_usage, arena, ret_req, ret_error);
    return r < 0 ? r : sl_aws_authorize(&conf->aws, "sagemaker", target, env, arena, ret_req);
}

/* A refusal of the container comes as an error of the model. */
static bool refused_usage(int status, struct sl_str body)
{
    return sl_openai_refused_usage(status == 424 ? 400 : status, body);
}

/* --- the row --- */

static const struct sl_str credential_headers[] = { SL_STR_INIT("authorization"),
                                                    SL_STR_INIT("x-amz-security-token"),
                                                    { 0 } };

#define TEXT(name, field, help)                                                                           \
    {                                                                                                     \
        name, SL_OPT_STR, offsetof(struct conf, field), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL, help \
    }

static const struct sl_opt opts[] = {
    { "aws_config", SL_OPT_MAP, offsetof(struct conf, aws), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      sl_aws_opts, NULL, "whose keys sign, and where" },
    { "sagemaker_api", SL_OPT_ENUM, offsetof(struct conf, api), "openai", 0, 0, SL_OPT_RELOAD, apis, NULL, NULL,
      "what the container takes: openai, tgi (texts with inputs and parameters), inputs (MLflow's form, with params)" },
    TEXT("sagemaker_inference_component", component, "the inference component of the endpoint that is called"),
    TEXT("sagemaker_target_model", model, "the model, if the endpoint has several"),
    TEXT("sagemaker_target_variant", variant, "the production variant that is called"),
    { NULL },
};

extern const struct sl_provider sl_provider_sagemaker;
const struct sl_provider sl_provider_sagemaker = {
    .name = "sagemaker",
    .label = "Amazon SageMaker",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &openai, &openai, &openai },
    .stream_usage = SL_USAGE_ASK,
    .refused_usage = refused_usage,
    .request_id_header = "x-amzn-requestid",
    .credential_headers = credential_headers,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct conf),
    .prepare = prepare,
    .build = build,
};
