/* SPDX-License-Identifier: Apache-2.0 */
/* A provider: address and credential of an upstream, and the languages that its models speak. */
#ifndef SL_LLM_PROVIDER_H
#define SL_LLM_PROVIDER_H

#include "llm/core/types.h"

struct sl_arena;
struct sl_bind;
struct sl_buf;
struct sl_call;
struct sl_env;
struct sl_http_req;
struct sl_language;
struct sl_llm_error;
struct sl_local;
struct sl_opt;
struct sl_passage_row;
struct sl_target;
struct sl_val;

/* How the upstream reports usage in a stream. */
enum sl_stream_usage { SL_USAGE_ASK /* with stream_options */, SL_USAGE_ALWAYS /* by itself */, SL_USAGE_NEVER };

#define SL_CAP_CHAT        SL_BIT(SL_LLM_CHAT)
#define SL_CAP_COMPLETIONS SL_BIT(SL_LLM_COMPLETIONS)
#define SL_CAP_EMBEDDINGS  SL_BIT(SL_LLM_EMBEDDINGS)
#define SL_CAP_STREAM      SL_BIT(8)

struct sl_provider {
    const char *name;
    const char *same_as; /* the main name, if the provider has several; NULL: `name` */
    const char *label;   /* for people and MLflow's texts: "OpenAI" */
    unsigned caps;
    const struct sl_language *languages[SL_LLM_TRANSLATED_COUNT]; /* of its targets, unless prepare sets others */
    unsigned passes; /* types that it has and that pass untranslated: SL_BIT(SL_LLM_IMAGES), … */
    enum sl_stream_usage stream_usage;
    const struct sl_opt *opts; /* its configuration section; ends with a NULL key */
    size_t conf_size;

    /* Runs after binding: checks what the option table cannot, sets target->base (slices on the arena) and is_local,
     * and another language if the model speaks it. It reports problems through the bind. */
    int (*prepare)(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
    /* The name of the provider whose table has a model of this provider (form/models.h); it may cut off a part in front
     * of the model's name. NULL: no table. Without this function it is the provider's own table. */
    const char *(*model_table)(struct sl_str *io_model);
    /* Its name in the public price table (price/table.h), if that is another; NULL: it is not. */
    const char *priced_as;
    /* Builds one attempt's request: address and credential, and the body in the target's language. `ask_usage`: put
     * stream_options.include_usage into a stream's request (only for SL_USAGE_ASK). SL_E_NOMEM, or any other code with
     * *ret_error filled (request.h: sl_refuse, sl_unsupported). */
    int (*build)(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error);
    /* The header with the upstream's own request id, if it is not x-request-id, and the headers of its replies that
     * clients know by another name (ends with a NULL name). NULL: none. */
    const char *request_id_header;
    const struct sl_header_alias *aliases;

    /* Headers by name; each list ends with a NULL p, and NULL is an empty list: request headers that carry a credential
     * (an error that quotes it is masked), client headers that this upstream may see, reply headers that no client may
     * see. The last list has query parameters that carry a credential. */
    const struct sl_str *credential_headers, *pass_headers, *hidden_headers, *secret_query;

    /* True: this upstream's 400 refused the member stream_options, so the call is sent again without it. NULL:
     * never. */
    bool (*refused_usage)(int status, struct sl_str body);

    const struct sl_passage_row *passage; /* what passes untouched: passage.h; NULL: nothing */

    /* Makes the path of the provider's list of models, for a GET with the headers of the configuration: a health check
     * that costs nothing. NULL: the provider has no such list. SL_E_NOMEM. */
    int (*models_target)(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret);

    const struct sl_local *local; /* NULL: the provider has an upstream */

    const char
        *successor; /* for a service that is gone: what replaced it; every call is refused. NULL: the service exists */
    /* For a provider that needs one key and nothing else: the environment variable in which programs keep the key, and
     * a model for chats to begin with (`sluice serve --env-routes`, `sluice init`). NULL: it needs more, or no key. */
    const char *key_variable, *first_model;
    const char *chat_models; /* MLflow takes only models whose name begins with this for chats (any case); NULL: any */
};

/* The one name that stands for all names of the same provider. */
static inline const char *sl_provider_common_name(const struct sl_provider *provider)
{
    return provider->same_as ? provider->same_as : provider->name;
}

/* NULL when no provider has that name (any case). */
const struct sl_provider *sl_provider_find(struct sl_str name);
/* All providers by index; NULL behind the last. */
const struct sl_provider *sl_provider_at(size_t i);
/* The name nearest to one that does not exist; NULL: none is near. */
const char *sl_provider_nearest(struct sl_str name);
/* Why a name that MLflow knows is no provider here; NULL: it is none of these names. */
const char *sl_provider_why_not(struct sl_str name);
/* The environment variable that lists the providers which routes may have. */
#define SL_PROVIDER_POLICY "MLFLOW_GATEWAY_ALLOWED_PROVIDERS"
/* True: the provider is in that comma-separated list, by any of its names. An empty list allows all. */
bool sl_provider_is_allowed(const struct sl_provider *provider, struct sl_str list);
/* MLflow's text for what a provider does not serve: "The chat streaming route is not implemented for X models." */
struct sl_str sl_provider_refusal(const struct sl_provider *provider, enum sl_llm_type type, bool is_stream,
                                  struct sl_arena *arena);

#endif
