/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Converse, and what a model's name shows. */
#include "llm/bedrock/bedrock.h"

#include "llm/bedrock/pass.h"
#include "llm/bedrock/read.h"
#include "llm/bedrock/write.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/prepare.h"
#include "llm/dialects.h"

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* streams always have usage */
    const struct sl_bedrock_conf *conf = target->conf;
    if (sl_target_speaks(target, call->type, call->language)) {
        io_req->target = conf->targets[call->is_stream ? SL_BEDROCK_STREAM : SL_BEDROCK_CONVERSE];
        return sl_call_pass(call, NULL, 0, arena, io_req, ret_error);
    }
    bool is_old = conf->is_old && call->type == SL_LLM_COMPLETIONS && !call->is_stream;
    return (is_old ? sl_bedrock_complete_write : sl_bedrock_chat_write)(call, target, env, arena, io_req, ret_error);
}

static void judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc, struct sl_reply_judgement *ret)
{
    (void)type;
    sl_errbody_judge(body, "output", doc, ret);
}

const struct sl_language sl_language_bedrock = {
    .name = "bedrock",
    .framing = SL_FRAMING_AWS,
    .stream_type = SL_STR_INIT("application/vnd.amazon.eventstream"),
    .read_call = sl_bedrock_read_call,
    .read_chat = sl_bedrock_read_chat,
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_bedrock_stream),
    .read_reply = sl_bedrock_on_reply,
    .on_frame = sl_bedrock_on_frame,
    .on_end = sl_bedrock_on_end,
    .is_over = sl_bedrock_is_over,
    .read_error = sl_bedrock_read_error,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_LOGPROBS },
    .write_state_size = sizeof(struct sl_bedrock_writer),
    .write_reply = sl_bedrock_write_reply,
    .write_delta = sl_bedrock_write_delta,
    .write_end = sl_bedrock_write_end,
    .write_error = sl_bedrock_write_error,
    .error_member = "message",
    .write_stream_error = sl_bedrock_write_stream_error,
    .judge_reply = judge_reply,
    .reply_members = sl_bedrock_reply_members,
    .read_usage = sl_bedrock_read_usage,
    .pass_event = sl_bedrock_pass_event,
};

static const struct sl_manners manners = { .refusal_status = 400, .limit_names_wait = true };

/* Amazon's ids have a colon, and its ARNs also slashes: "arn:…:inference-profile/us.a.b-v1:0" becomes "us.a.b-v1-0". */
static struct sl_str route_name(struct sl_str model, struct sl_arena *arena)
{
    size_t from = 0;
    for (size_t i = 0; i < model.n; i++) {
        from = model.p[i] == '/' ? i + 1 : from;
    }
    struct sl_str id = sl_str_sub(model, from, model.n);
    if (!id.n || (from == 0 && sl_str_find_char(id, ':', 0) < 0)) {
        return SL_STR_NONE;
    }
    char *p = sl_arena_bytes(arena, id.n);
    for (size_t i = 0; p && i < id.n; i++) {
        p[i] = id.p[i] == ':' ? '-' : id.p[i];
    }
    return p ? sl_str_make(p, id.n) : SL_STR_NONE;
}

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    struct sl_str other = route_name(name, arena);
    io_error->message = sl_arena_printf(
        arena, "Could not find the model '%.*s': no route of this gateway has that name%s%.*s%s", SL_STR_ARG(name),
        other.p ? ", nor '" : "", SL_STR_ARG(other), other.p ? "', which one for it may have" : "");
}

const struct sl_dialect sl_dialect_bedrock = {
    .name = "bedrock",
    .language = &sl_language_bedrock,
    .manners = &manners,
    .no_route = no_route,
    .route_name = route_name,
    .request_id_header = "x-amzn-requestid",
    .error_header = "x-amzn-errortype",
    .error_kind = sl_bedrock_error_kind,
    .signed_scheme = "AWS4-",
    .signed_words = "A call that is signed with keys of AWS (SigV4) names no key of this gateway: set "
                    "AWS_BEARER_TOKEN_BEDROCK to one, which AWS's clients send over TLS.",
};

/* --- names of models --- */

static const struct {
    const char *vendor;
    enum sl_bedrock_family family;
} vendors[] = {
    { "anthropic.", SL_BEDROCK_CLAUDE },  { "amazon.nova", SL_BEDROCK_NOVA }, { "amazon.titan", SL_BEDROCK_TITAN },
    { "cohere.", SL_BEDROCK_COHERE },     { "ai21.", SL_BEDROCK_AI21 },       { "mistral.", SL_BEDROCK_MISTRAL },
    { "openai.gpt-oss", SL_BEDROCK_GPT }, { "meta.", SL_BEDROCK_OTHER },      { "deepseek.", SL_BEDROCK_OTHER },
};

/* Text models that are older than Converse; MLflow knows their completions. */
static bool is_old(struct sl_str name)
{
    static const char *const names[] = { "amazon.titan-text",       "cohere.command-text",
                                         "cohere.command-light",    "ai21.j2",
                                         "anthropic.claude-v1",     "anthropic.claude-v2",
                                         "anthropic.claude-instant" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_str_has_prefix(name, sl_str_c(names[i]))) {
            return true;
        }
    }
    return false;
}

/* "us.anthropic.claude-…", "arn:…/us.anthropic.claude-…": the name from the vendor on. */
static struct sl_str name_of(struct sl_str model, enum sl_bedrock_family *ret_family)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(vendors); i++) {
        ptrdiff_t at = sl_str_find(model, sl_str_c(vendors[i].vendor), 0);
        if (at >= 0) {
            *ret_family = vendors[i].family;
            return sl_str_sub(model, (size_t)at, model.n);
        }
    }
    *ret_family = SL_BEDROCK_OTHER;
    return model;
}

static bool is_embedding(struct sl_str name)
{
    return sl_str_has_prefix(name, SL_STR("amazon.titan-embed")) || sl_str_has_prefix(name, SL_STR("cohere.embed"));
}

const char *sl_bedrock_model_table(struct sl_str *io_model)
{
    enum sl_bedrock_family family;
    struct sl_str name = name_of(*io_model, &family);
    bool is_claude = family == SL_BEDROCK_CLAUDE;
    *io_model = is_claude ? sl_str_sub(name, strlen("anthropic."), name.n) : name;
    return is_old(name) || is_embedding(name) ? NULL : is_claude ? "anthropic" : "bedrock";
}

int sl_bedrock_prepare(struct sl_arena *arena, struct sl_bedrock_conf *conf, struct sl_target *target)
{
    static const char *const methods[SL_BEDROCK_METHOD_COUNT] = { "converse", "converse-stream", "invoke" };
    struct sl_str name = name_of(target->model, &conf->family), model = sl_percent_encode(target->model, arena);
    int r = model.p ? 0 : SL_E_NOMEM;
    conf->is_old = is_old(name);
    bool is_told = conf->family != SL_BEDROCK_OTHER; /* an ARN may not show the model: then any kind is possible */
    if (is_told && is_embedding(name)) {
        target->languages[SL_LLM_CHAT] = target->languages[SL_LLM_COMPLETIONS] = NULL;
    } else if (is_told) {
        target->languages[SL_LLM_EMBEDDINGS] = NULL;
    }
    for (size_t i = 0; i < SL_BEDROCK_METHOD_COUNT && r == 0; i++) {
        struct sl_str rel = sl_arena_printf(arena, "model/%.*s/%s", SL_STR_ARG(model), methods[i]);
        r = rel.p ? sl_uri_join(&target->base, rel, arena, &conf->targets[i]) : SL_E_NOMEM;
    }
    return r;
}
