/* SPDX-License-Identifier: Apache-2.0 */
/* A client's call, and what comes in with it from outside: time, randomness, credentials. */
#ifndef SL_LLM_CALL_H
#define SL_LLM_CALL_H

#include "json/edit.h"
#include "json/json.h"
#include "llm/core/types.h"

struct sl_cred;
struct sl_form_aliases;
struct sl_headers;
struct sl_language;
struct sl_manners;
struct sl_passage;

/* What is asked about an answer that an upstream made before, or asked for beside its path, in the upstream's own
 * words. */
struct sl_follow {
    const char *method;
    struct sl_str tail;  /* behind the path of its answers: "/resp_1/cancel" */
    struct sl_str query; /* without its mark */
    bool has_body;       /* the call's */
};

struct sl_call {
    enum sl_llm_type type;
    const struct sl_manners *manners;   /* what the client's dialect promises beyond its language */
    const struct sl_language *language; /* of `body` with its edits: some dialects are read to another's */
    struct sl_str body;                 /* the client's bytes, alive for the whole exchange */
    const struct sl_json *doc;          /* of body; containers deep inside may be folded */
    struct sl_json_edits edits; /* what the dialect changes in it for everyone: coercions, nulls removed. Providers copy
                                   it before they add theirs */
    struct sl_str model;        /* as the client named it; "" when the path names the route */
    bool is_stream;
    bool is_list;     /* and the stream is one list of JSON, not events */
    bool is_silent;   /* and nothing may stand between two events: its client takes no comments */
    bool is_count;    /* not an answer is asked for, but how many tokens the call has */
    bool wants_usage; /* the client itself asked for a usage chunk (stream_options.include_usage) */
    bool has_stream_options;
    bool wants_base64;                     /* embeddings as base64 of their floats */
    const struct sl_form_aliases *aliases; /* tools that went up under another name: of the request that was built */
    bool is_wrapped;                       /* the answer comes inside an object (form/wrap.h): of that request, too */
    uint32_t n_choices;                    /* asked for; 0: not said, one */
    const void *own;                       /* what its language noted of it, on the arena; NULL: nothing */
    const struct sl_passage *passage;      /* it goes to a path of the provider's as it is; NULL: it does not */
    struct sl_str items;            /* of a conversation, as the call brings them: a text or a list; p == NULL: none */
    struct sl_str previous;         /* the answer that it goes on from, which somebody has kept; p == NULL: none */
    const struct sl_follow *follow; /* NULL: an answer is asked for */
    bool is_kept;                   /* the gateway keeps the answer for who asks for it later */
    uint32_t noted;                 /* the language's own, from read_call to its other functions */
};

struct sl_env {
    uint64_t wall_usec;
    uint64_t upstream_usec; /* how long the upstream has been at it, of the reply that is written */
    uint64_t random[2];     /* fresh for every call */
    struct sl_str request_id;
    const struct sl_headers
        *headers; /* the client's, for a provider that must look at one; never forwarded from here */
    const struct sl_headers *upstream_headers; /* of the reply being read; NULL before there is one */
    const char *provider;                      /* who is asked; NULL before somebody is */
    struct sl_json *scratch;          /* to read with while a request is built or a reply read; never call->doc */
    const struct sl_cred *credential; /* where target->cred has one fetched: it, during build */
};

#endif
