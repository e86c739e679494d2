/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are gone: mosaicml and palm. Their routes load as in MLflow, and every call is refused with the name of
 * their successor. */
#include "base/secret.h"
#include "llm/core/errbody.h"
#include "llm/core/language.h"
#include "llm/core/prepare.h"
#include "llm/core/request.h"

struct conf {
    struct sl_secret key;
    struct sl_str base;
};

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    (void)call, (void)env, (void)ask_usage, (void)ret_req;
    const struct sl_provider *provider = target->provider;
    struct sl_str text = sl_arena_printf(arena, "%s is retired and answers no calls any more: use %s instead.",
                                         provider->label, provider->successor);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    *ret_error = (struct sl_llm_error){ .type = SL_ERR_CALLER_RETIRED, .message = text };
    return SL_E_UNSUPPORTED;
}

/* --- the rows --- */

/* Nothing is ever sent or read. */
static const struct sl_language nothing = { .name = "retired", .read_error = sl_errbody_classify };

#define KEY(name)                                                                                                 \
    {                                                                                                             \
        name, SL_OPT_SECRET, offsetof(struct conf, key), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, \
            NULL, "the credential that MLflow requires; it is sent nowhere"                                       \
    }
#define RETIRED                                                                                                      \
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,                                    \
    .languages = { &nothing, &nothing, &nothing }, .stream_usage = SL_USAGE_NEVER, .conf_size = sizeof(struct conf), \
    .build = build

static const struct sl_opt mosaicml_opts[] = {
    KEY("mosaicml_api_key"),
    { "mosaicml_api_base", SL_OPT_URL, offsetof(struct conf, base), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "as in MLflow; it is not used" },
    { NULL },
};

static const struct sl_opt palm_opts[] = { KEY("palm_api_key"), { NULL } };

extern const struct sl_provider sl_provider_mosaicml, sl_provider_palm;
const struct sl_provider sl_provider_mosaicml = {
    .name = "mosaicml",
    .label = "MosaicML",
    .successor = "Databricks model serving",
    .chat_models = "llama2",
    .opts = mosaicml_opts,
    RETIRED,
};

const struct sl_provider sl_provider_palm = {
    .name = "palm",
    .label = "PaLM",
    .successor = "the provider gemini",
    .opts = palm_opts,
    RETIRED,
};
