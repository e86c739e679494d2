/* SPDX-License-Identifier: Apache-2.0 */
/* A provider: address and credential of an upstream, and which languages its models speak. */
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

/* Does the upstream report usage in a stream? */
enum sl_stream_usage { SL_USAGE_ASK /* with stream_options */, SL_USAGE_ALWAYS /* by itself */, SL_USAGE_NEVER };

#define SL_CAP_CHAT        SL_BIT(SL_LLM_CHAT)
#define SL_CAP_COMPLETIONS SL_BIT(SL_LLM_COMPLETIONS)
#define SL_CAP_EMBEDDINGS  SL_BIT(SL_LLM_EMBEDDINGS)
#define SL_CAP_STREAM      SL_BIT(8)

struct sl_provider {
    const char *name;
    const char *same_as; /* the name that counts where the provider has several; NULL: `name` */
    const char *label;   /* for people and MLflow's texts: "OpenAI" */
    unsigned caps;
    const struct sl_language *languages[SL_LLM_TYPE_COUNT]; /* of its targets, where prepare says nothing else */
    unsigned passes; /* types that it has and that pass as they are: SL_BIT(SL_LLM_IMAGES), … */
    enum sl_stream_usage stream_usage;
    const struct sl_opt *opts; /* its configuration section; ends with a NULL key */
    size_t conf_size;

    /* After binding: checks what the table cannot, sets target->base (slices on the arena) and is_local, and another
     * language where the model speaks it. Problems through the bind. */
    int (*prepare)(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
    /* Whose table knows a model of this provider (form/models.h); it may cut off what stands before the name that the
     * table has. NULL: nobody's. Without this function it is the provider's own table. */
    const char *(*model_table)(struct sl_str *io_model);
    /* One attempt's request: address and credential, and the body in the target's language. `ask_usage`: put
     * stream_options.include_usage into a stream's request (only for SL_USAGE_ASK). SL_E_NOMEM, or any other code with
     * *ret_error filled (request.h: sl_refuse, sl_unsupported). */
    int (*build)(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error);
    /* What the upstream calls its own id of a request besides x-request-id, and the headers of its replies that clients
     * know by another name (ends with a NULL name). NULL: none. */
    const char *request_id_header;
    const struct sl_header_alias *aliases;

    /* Headers by name; each list ends with a p of NULL, and NULL is an empty one. Of a request those that carry a
     * credential (an error that quotes one is masked), of a client those that this upstream may see, of a reply those
     * that no client may see. And the parameters of the query that carry a credential. */
    const struct sl_str *credential_headers, *pass_headers, *hidden_headers, *secret_query;

    /* Did this upstream refuse the stream_options member with its 400? Then it is asked again without. NULL: never. */
    bool (*refused_usage)(int status, struct sl_str body);

    const struct sl_passage_row *passage; /* what passes untouched: passage.h; NULL: nothing does */

    const struct sl_local *local; /* or NULL */

    const char
        *successor; /* a service that is gone, and what took its place: every call is refused; NULL: it is there */
    const char *chat_models; /* MLflow takes for chats only models that begin so, without case; NULL: any */
};

/* One name for all names of the same provider. */
static inline const char *sl_provider_common_name(const struct sl_provider *provider)
{
    return provider->same_as ? provider->same_as : provider->name;
}

/* NULL when there is none of that name (without case). */
const struct sl_provider *sl_provider_find(struct sl_str name);
/* All of them, one by one; NULL behind the last. */
const struct sl_provider *sl_provider_at(size_t i);
/* The name that is meant by one that there is not; NULL: none is near. */
const char *sl_provider_nearest(struct sl_str name);
/* Why a name that MLflow knows is no provider here; NULL: it is not one of those. */
const char *sl_provider_why_not(struct sl_str name);
/* The variable in which the operator lists the providers that routes may have. */
#define SL_PROVIDER_POLICY "MLFLOW_GATEWAY_ALLOWED_PROVIDERS"
/* Is it in that comma list? Other names of the same provider count. An empty list allows every one. */
bool sl_provider_is_allowed(const struct sl_provider *provider, struct sl_str list);
/* MLflow's words for what a provider does not serve: "The chat streaming route is not implemented for X models." */
struct sl_str sl_provider_refusal(const struct sl_provider *provider, enum sl_llm_type type, bool is_stream,
                                  struct sl_arena *arena);

#endif
