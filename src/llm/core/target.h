/* SPDX-License-Identifier: Apache-2.0 */
/* One upstream of a route, and the request that goes to it. */
#ifndef SL_LLM_TARGET_H
#define SL_LLM_TARGET_H

#include "llm/core/types.h"
#include "wire/headers.h"
#include "wire/uri.h"

struct sl_cred_source;
struct sl_form_aliases;
struct sl_language;
struct sl_model;
struct sl_provider;

/* One upstream of a route: provider, model, and the provider's own configuration. Lives in the route (a snapshot part),
 * immutable. */
struct sl_target {
    const struct sl_provider *provider;
    struct sl_str model;
    const struct sl_model *row; /* what is known of the model (form/models.h); set before prepare */
    const struct sl_language *languages[SL_LLM_TYPE_COUNT]; /* what this model speaks; NULL: it does not serve that */
    void *conf;                                             /* the provider's struct, bound by its option table */
    struct sl_uri base;                /* base URL; set by provider->prepare, all slices alive as long as the target */
    bool is_local;                     /* no network: provider->local answers */
    const struct sl_cred_source *cred; /* cred.h: set by prepare where the credential is fetched; NULL: it is not */
};

/* A request without Host, Content-Length and hop-by-hop fields: those belong to the connection. */
struct sl_http_req {
    const char *method;
    struct sl_str target; /* path and query */
    struct sl_headers headers;
    struct sl_str *slices; /* the body: pieces of the client's body and of new text */
    size_t n_slices;
    size_t body_len;
    const struct sl_form_aliases *aliases; /* tools that go up under another name (form/form.h); NULL: none */
    struct sl_str dropped;                 /* the call's members that this provider cannot express, comma-separated */
};

#endif
