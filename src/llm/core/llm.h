/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the translation layer: a call, its reply, the deltas of a stream, usage, errors, and a provider. How a
 * client or an upstream speaks is in language.h.
 *
 * Everything here is pure: no I/O, no clock, no globals; time, randomness and credentials come in with the call, memory
 * from the arena given. */
#ifndef SL_LLM_LLM_H
#define SL_LLM_LLM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/opt.h"
#include "json/edit.h"
#include "json/json.h"
#include "json/scan.h"
#include "llm/core/error.h"
#include "llm/core/types.h"
#include "wire/headers.h"
#include "wire/uri.h"

/* --- a call --- */

struct sl_language;
struct sl_manners;

struct sl_form_aliases;
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
    bool wants_usage; /* the client itself asked for a usage chunk (stream_options.include_usage) */
    bool has_stream_options;
    bool wants_base64;                     /* embeddings as base64 of their floats */
    const struct sl_form_aliases *aliases; /* tools that went up under another name: of the request that was built */
    uint32_t n_choices;                    /* asked for; 0: not said, one */
};

/* --- a reply, canonical --- */

enum sl_block_kind { SL_BLOCK_TEXT, SL_BLOCK_TOOL_CALL, SL_BLOCK_THINKING, SL_BLOCK_REFUSAL };

struct sl_block {
    enum sl_block_kind kind;
    struct sl_str text; /* text, thinking, refusal: decoded */
    struct sl_str tool_id;
    struct sl_str tool_name;
    struct sl_str arguments; /* tool call: the arguments' JSON text, decoded from the string it travels in */
    struct sl_str signature; /* where the provider signs it: thinking, a tool call, a text */
    struct sl_str redacted;  /* thinking that the provider gives in a form only it can read */
};

struct sl_choice {
    int64_t index;
    struct sl_block *blocks;
    uint32_t n_blocks;
    enum sl_finish finish;
    struct sl_str finish_text; /* the provider's own word */
    struct sl_str logprobs;    /* raw JSON in OpenAI's words, or p == NULL */
};

struct sl_embedding {
    int64_t index;
    struct sl_str raw; /* JSON: an array of numbers, or a base64 string with its quotes */
};

struct sl_reply {
    struct sl_str id;
    struct sl_str model;
    int64_t created; /* unix seconds; -1: not said */
    struct sl_choice *choices;
    uint32_t n_choices;
    struct sl_embedding *embeddings;
    uint32_t n_embeddings;
    struct sl_usage usage;
    struct sl_str usage_raw; /* the JSON object as it came, or p == NULL */
    struct sl_str dropped;   /* what of it has no place here, comma-separated, or p == NULL */
};

/* --- a stream, canonical: blocks --- */

enum sl_delta_kind {
    SL_DELTA_START,       /* id, model, created */
    SL_DELTA_BLOCK_START, /* choice, block, block_kind; tool_id, tool_name and perhaps signature for tool calls */
    SL_DELTA_BLOCK,       /* choice, block, block_kind, text: a piece of text, or of the arguments' JSON; thinking may
                             have its signature or its redacted form instead of a text, a text its signature */
    SL_DELTA_BLOCK_STOP,  /* choice, block */
    SL_DELTA_FINISH,      /* choice, finish, finish_text */
    SL_DELTA_USAGE,       /* usage; cumulative: the last one counts */
    SL_DELTA_ERROR,       /* error: the upstream reported one inside the stream */
    SL_DELTA_ALIVE,       /* a sign of life and nothing else */
    SL_DELTA_CHUNK, /* chunk: all of a frame in OpenAI's words, before its deltas; for a dialect whose chunks it can
                       become one to one */
};

struct sl_delta {
    enum sl_delta_kind kind;
    uint32_t choice;
    uint32_t block; /* unique and ascending within a choice */
    enum sl_block_kind block_kind;
    struct sl_str text;
    struct sl_str signature, redacted;
    struct sl_str tool_id, tool_name;
    struct sl_str id, model;
    int64_t created;
    enum sl_finish finish;
    struct sl_str finish_text;
    struct sl_usage usage;
    const struct sl_llm_error *error;
    struct sl_json_val chunk;
};

/* Takes deltas in order; pointers in them are valid during the call only. Non-zero stops the producer, which returns
 * it. */
struct sl_env;

struct sl_delta_sink {
    int (*push)(void *arg, const struct sl_delta *delta);
    void *arg;
    struct sl_arena *arena; /* scratch of this frame: rewound when it is done */
    struct sl_json *doc;    /* to read the frame with; its tape is used again by the next one */
    const struct sl_env *env;
};

/* A whole reply as the deltas of a stream: for a client that asked for one of an upstream that gave none. Returns what
 * stopped it. */
SL_MUST int sl_reply_push(const struct sl_reply *reply, struct sl_delta_sink *sink);

/* --- what comes in from outside --- */

struct sl_env {
    uint64_t wall_usec;
    uint64_t random[2]; /* fresh for every call */
    struct sl_str request_id;
    const struct sl_headers
        *headers; /* the client's, for a provider that must look at one; never forwarded from here */
    const struct sl_headers *upstream_headers; /* of the reply being read; NULL before there is one */
    struct sl_json *scratch;          /* to read with while a request is built or a reply read; never call->doc */
    const struct sl_cred *credential; /* where target->cred has one fetched: it, during build */
};

/* --- the provider's side --- */

struct sl_provider;
struct sl_cred;
struct sl_cred_source;

/* One upstream of a route: provider, model, and the provider's own configuration. Lives in the route (a snapshot part),
 * immutable. */
struct sl_model;
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

enum sl_framing { SL_FRAMING_SSE, SL_FRAMING_NDJSON, SL_FRAMING_AWS };

struct sl_frame {
    struct sl_str name; /* the event's, "" when it has none */
    struct sl_str data;
    struct sl_str kind; /* Amazon's: event, exception or error (whose text is the data) */
};

/* What is seen of a whole reply that passes. */
enum sl_reply_member {
    SL_REPLY_USAGE,
    SL_REPLY_ERROR,
    SL_REPLY_ANSWER, /* what every reply that is none of errors has something in */
    SL_REPLY_DATA,   /* the same of embeddings */
    SL_REPLY_COUNT
};

/* Does the upstream report usage in a stream? */
enum sl_stream_usage { SL_USAGE_ASK /* with stream_options */, SL_USAGE_ALWAYS /* by itself */, SL_USAGE_NEVER };

enum sl_pass {
    SL_PASS_FORWARD,
    SL_PASS_DROP,
    SL_PASS_REPLACE, /* what stands in pass_state.edited goes on in its place */
    SL_PASS_ALIVE,   /* a sign of life: forward it where the client can take one */
};

/* A pass-through stream's bookkeeping, per attempt. */
struct sl_pass_state {
    bool is_asked;                 /* we asked for the usage chunk, the client did not: it must not see it */
    bool is_done;                  /* [DONE] or its like was seen */
    bool has_finish;               /* a finish_reason was seen on a choice */
    bool has_error;                /* the upstream reported an error inside the stream */
    enum sl_error_type error_type; /* which one */
    struct sl_usage usage;
    uint32_t n_choices;    /* asked for; with more than one, each must finish */
    uint64_t finished;     /* bits: those that have */
    struct sl_buf *edited; /* the caller's, for SL_PASS_REPLACE; NULL: nothing is replaced */
};

/* A reply made here, in steps: for the provider `mock`. The bytes are what a real upstream would send, so that the
 * whole path is used. */
struct sl_local_step {
    uint64_t delay_usec; /* before it */
    struct sl_str bytes; /* of the body, on the arena given */
    bool is_end;
};

struct sl_local_head {
    uint64_t delay_usec;
    int status;
    struct sl_headers headers; /* content-type; the length is the relay's business */
};

struct sl_local {
    size_t state_size; /* zeroed by the caller */
    int (*start)(void *state, const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                 struct sl_arena *arena, struct sl_local_head *ret_head);
    int (*step)(void *state, struct sl_arena *arena, struct sl_local_step *ret_step);
};

#define SL_CAP_CHAT        SL_BIT(SL_LLM_CHAT)
#define SL_CAP_COMPLETIONS SL_BIT(SL_LLM_COMPLETIONS)
#define SL_CAP_EMBEDDINGS  SL_BIT(SL_LLM_EMBEDDINGS)
#define SL_CAP_STREAM      SL_BIT(8)

struct sl_provider {
    const char *name;
    const char *label; /* for people and MLflow's texts: "OpenAI" */
    unsigned caps;
    const struct sl_language *languages[SL_LLM_TYPE_COUNT]; /* of its targets, where prepare says nothing else */
    enum sl_stream_usage stream_usage;
    const struct sl_opt *opts; /* its configuration section; ends with a NULL key */
    size_t conf_size;

    /* After binding: checks what the table cannot, sets target->base (slices on the arena) and is_local, and another
     * language where the model speaks it. Problems through the bind. */
    int (*prepare)(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
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

    const struct sl_local *local; /* or NULL */
};

/* NULL when there is none of that name (without case). */
const struct sl_provider *sl_provider_find(struct sl_str name);
extern const struct sl_provider *const sl_providers[]; /* ends with NULL */
/* A name that MLflow knows (spec C.2), built here or not. */
bool sl_provider_is_known(struct sl_str name);
/* MLflow's words for what a provider does not serve: "The chat streaming route is not implemented for X models." */
struct sl_str sl_provider_refusal(const struct sl_provider *provider, enum sl_llm_type type, bool is_stream,
                                  struct sl_arena *arena);

#endif
