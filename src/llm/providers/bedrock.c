/* SPDX-License-Identifier: Apache-2.0 */
/* Provider bedrock: Amazon's models by Converse, signed or with a bearer token. */
#include "llm/bedrock/bedrock.h"
#include "llm/core/prepare.h"
#include "llm/sign/aws_cred.h"

struct conf {
    struct sl_bedrock_conf bedrock; /* first, because the language reads it */
    struct sl_aws_conf aws;
    /* made by prepare */
    struct sl_cred_source source;
    struct sl_headers headers;
};

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct conf *conf = target->conf;
    int r = sl_aws_prepare(bind, val, true, &conf->aws, &conf->source);
    struct sl_str url = conf->aws.endpoint;
    target->cred = conf->source.ops ? &conf->source : NULL;
    if (r == 0 && !url.n) {
        url = sl_arena_printf(bind->arena, "https://bedrock-runtime.%.*s.%s", SL_STR_ARG(conf->aws.region),
                              sl_aws_domain(conf->aws.region));
    }
    r = r < 0 || url.p ? r : SL_E_NOMEM;
    r = r < 0 ? r : sl_prepare_base(bind, val, "aws_config", url, &target->base);
    r = r < 0 ? r : sl_bedrock_prepare(bind->arena, &conf->bedrock, target);
    r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct conf *conf = target->conf;
    int r = sl_build_post(&conf->headers, SL_STR_NONE, call, target, env, ask_usage, arena, ret_req, ret_error);
    return r < 0 ? r : sl_aws_authorize(&conf->aws, "bedrock", target, env, arena, ret_req);
}

/* --- the row --- */

static const struct sl_str credential_headers[] = { SL_STR_INIT("authorization"),
                                                    SL_STR_INIT("x-amz-security-token"),
                                                    { 0 } };

static const struct sl_opt opts[] = {
    { "aws_config", SL_OPT_MAP, offsetof(struct conf, aws), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      sl_aws_opts, NULL, "whose keys sign, and where" },
    { NULL },
};

/* MLflow knows it by two names, and messages use the name that the configuration has. */
#define ROW                                                                                                       \
    .label = "Amazon Bedrock", .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,      \
    .languages = { &sl_language_bedrock, &sl_language_bedrock, &sl_language_bedrock_embeddings },                 \
    .stream_usage = SL_USAGE_ALWAYS, .request_id_header = "x-amzn-requestid",                                     \
    .credential_headers = credential_headers, .pass_headers = sl_pass_common, .hidden_headers = sl_hidden_common, \
    .opts = opts, .conf_size = sizeof(struct conf), .prepare = prepare, .build = build,                           \
    .model_table = sl_bedrock_model_table

extern const struct sl_provider sl_provider_bedrock, sl_provider_amazon_bedrock;
const struct sl_provider sl_provider_bedrock = { .name = "bedrock", ROW };
const struct sl_provider sl_provider_amazon_bedrock = { .name = "amazon-bedrock", .same_as = "bedrock", ROW };
