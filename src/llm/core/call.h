/* SPDX-License-Identifier: Apache-2.0 */
/* A client's call, and the environment that it needs: time, randomness, credentials. */
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

/* A request about an answer that an upstream made before, or a request beside the upstream's usual paths. It passes in
 * the upstream's own language. */
struct sl_follow {
    const char *method;
    struct sl_str tail;  /* the rest of the path behind that of its answers: "/resp_1/cancel" */
    struct sl_str query; /* without the '?' */
    bool has_body;       /* the call's body is sent */
};

struct sl_call {
    enum sl_llm_type type;
    const struct sl_manners *manners;   /* what the client's dialect promises beyond its language */
    const struct sl_language *language; /* the language of `body` with its edits; some dialects are converted to another
                                           language when they are read */
    struct sl_str body;                 /* the client's bytes; they live for the whole exchange */
    const struct sl_json *doc;          /* `body`, parsed; containers deep inside may be folded */
    struct sl_json_edits edits; /* the dialect's changes to `body`, for every provider: coercions, removed nulls. A
                                   provider copies them before it adds its own */
    struct sl_str model;        /* as the client named it; "" when the path names the route */
    bool is_stream;
    bool is_list;     /* the stream is one JSON list, not events */
    bool is_silent;   /* the client's streams may have no comments between events */
    bool is_count;    /* the call asks not for an answer, but for the number of its tokens */
    bool wants_usage; /* the client itself asked for a usage chunk (stream_options.include_usage) */
    bool has_stream_options;
    bool wants_base64; /* embeddings as base64 of their floats */
    /* Names of tools in the request that was built, where they differ from the client's. */
    const struct sl_form_aliases *aliases;
    bool is_wrapped;    /* in the request that was built, the answer comes inside an object (form/wrap.h) */
    uint32_t n_choices; /* asked for; 0: not set, which means one */
    const void *own;    /* notes of the call's language, on the arena; NULL: none */
    const struct sl_passage *passage; /* the call goes untranslated to a path of the provider's; NULL: it does not */
    struct sl_str items;    /* the items that the call adds to a conversation: a text or a list; p == NULL: none */
    struct sl_str previous; /* the id of the kept answer that the call continues; p == NULL: none */
    const struct sl_follow *follow; /* NULL: the call asks for a new answer */
    bool is_kept;                   /* the gateway keeps the answer, so that clients can read it again */
    uint32_t noted;                 /* for the call's language: set in read_call, read in its other functions */
};

struct sl_env {
    uint64_t wall_usec;
    uint64_t upstream_usec; /* how long the upstream has worked on the reply that is being written */
    uint64_t random[2];     /* new for every call */
    struct sl_str request_id;
    const struct sl_headers
        *headers; /* the client's, for a provider that must look at one; never forwarded from here */
    const struct sl_headers *upstream_headers; /* of the reply being read; NULL before there is one */
    const char *provider;                      /* the provider that is asked; NULL before the first attempt */
    struct sl_json *scratch;          /* to parse with while a request is built or a reply is read; never call->doc */
    const struct sl_cred *credential; /* the fetched credential during build, if target->cred is set */
};

#endif
