/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the translation layer: a call, its reply, the deltas of a stream, usage, errors; and the two seams that
 * are mirror images of each other: a *dialect* is how a client speaks to us, a *provider* how an upstream does.
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

/* The language of a body on the wire. Where dialect and provider share it, nothing is re-serialised. */
enum sl_format { SL_FORMAT_OWN, /* shared with nobody */ SL_FORMAT_OPENAI, SL_FORMAT_ANTHROPIC };

/* --- a call --- */

/* What a dialect promises of a call beyond its format. */
enum sl_rules {
    SL_RULES_OPENAI, /* values mean what they mean at OpenAI */
    SL_RULES_MLFLOW, /* MLflow's scales and refusals: temperature is 0 to 2 for every provider, 422 with its texts */
};

struct sl_call {
    enum sl_llm_type type;
    enum sl_rules rules;
    enum sl_format format;      /* of `body` */
    struct sl_str body;         /* the client's bytes, alive for the whole exchange */
    const struct sl_json *doc;  /* of body; containers deep inside may be folded */
    struct sl_json_edits edits; /* what the dialect changes in it for everyone: coercions, nulls removed. Providers copy
                                   it before they add theirs */
    struct sl_str model;        /* as the client named it; "" when the path names the route */
    bool is_stream;
    bool wants_usage; /* the client itself asked for a usage chunk (stream_options.include_usage) */
    bool has_stream_options;
};

/* --- a reply, canonical --- */

enum sl_finish {
    SL_FINISH_NONE,
    SL_FINISH_STOP,
    SL_FINISH_LENGTH,
    SL_FINISH_TOOL_CALLS,
    SL_FINISH_CONTENT_FILTER,
    SL_FINISH_OTHER
};

enum sl_block_kind { SL_BLOCK_TEXT, SL_BLOCK_TOOL_CALL, SL_BLOCK_THINKING, SL_BLOCK_REFUSAL };

/* OpenAI's word; NULL for SL_FINISH_NONE. */
const char *sl_finish_name(enum sl_finish finish);

struct sl_block {
    enum sl_block_kind kind;
    struct sl_str text; /* text, thinking, refusal: decoded */
    struct sl_str tool_id;
    struct sl_str tool_name;
    struct sl_str arguments; /* tool call: the arguments' JSON text, decoded from the string it travels in */
    struct sl_str signature; /* thinking, where the provider signs it */
    struct sl_str redacted;  /* thinking that the provider gives in a form only it can read */
};

struct sl_choice {
    int64_t index;
    struct sl_block *blocks;
    uint32_t n_blocks;
    enum sl_finish finish;
    struct sl_str finish_text; /* the provider's own word */
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
};

/* --- a stream, canonical: blocks --- */

enum sl_delta_kind {
    SL_DELTA_START,       /* id, model, created */
    SL_DELTA_BLOCK_START, /* choice, block, block_kind; tool_id and tool_name for tool calls */
    SL_DELTA_BLOCK,       /* choice, block, block_kind, text: a piece of text, or of the arguments' JSON; thinking may
                             have its signature or its redacted form instead of a text */
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

/* A whole reply as the deltas of a stream. Returns what stopped it. */
SL_MUST int sl_reply_push(const struct sl_reply *reply, struct sl_delta_sink *sink);

/* --- what comes in from outside --- */

struct sl_env {
    uint64_t wall_usec;
    uint64_t random[2]; /* fresh for every call */
    struct sl_str request_id;
    const struct sl_headers
        *headers; /* the client's, for a provider that must look at one; never forwarded from here */
    const struct sl_headers *upstream_headers; /* of the reply being read; NULL before there is one */
    struct sl_json *scratch; /* to read with while a request is built or a reply read; never call->doc */
};

/* --- the provider's side --- */

struct sl_provider;

/* A reply's header under the name that clients know. */
struct sl_header_alias {
    const char *from, *to;
    bool is_instant; /* an instant there, the wait until it here */
};

/* One upstream of a route: provider, model, and the provider's own configuration. Lives in the route (a snapshot part),
 * immutable. */
struct sl_target {
    const struct sl_provider *provider;
    struct sl_str model;
    void *conf;         /* the provider's struct, bound by its option table */
    struct sl_uri base; /* base URL; set by provider->prepare, all slices alive as long as the target */
    bool is_local;      /* no network: provider->local answers */
};

/* A request without Host, Content-Length and hop-by-hop fields: those belong to the connection. */
struct sl_http_req {
    const char *method;
    struct sl_str target; /* path and query */
    struct sl_headers headers;
    struct sl_str *slices; /* the body: pieces of the client's body and of new text */
    size_t n_slices;
    size_t body_len;
    struct sl_str dropped; /* the call's members that this provider cannot express, comma-separated */
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
    enum sl_format format; /* of its requests and replies */
    enum sl_framing framing;
    enum sl_stream_usage stream_usage;
    const struct sl_opt *opts; /* its configuration section; ends with a NULL key */
    size_t conf_size;
    size_t state_size; /* per stream, zeroed by the caller */

    /* After binding: checks what the table cannot and sets target->base (slices on the arena) and is_local. Problems
     * through the bind. */
    int (*prepare)(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
    /* One attempt's request. `ask_usage`: put stream_options.include_usage into a stream's request (only for
     * SL_USAGE_ASK). SL_E_NOMEM, or any other code with *ret_error filled (request.h: sl_refuse, sl_unsupported). */
    int (*build)(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error);
    /* A whole 2xx reply to a canonical one. Its slices are of `body` or on the arena. */
    int (*on_reply)(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                    struct sl_reply *ret_reply, struct sl_err *err);
    /* One frame to zero or more deltas, in order. MUST NOT keep pointers into it (copy into the state's arena is the
     * provider's own matter). */
    int (*on_frame)(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err);
    /* The body ended: 0, or SL_E_TRUNCATED when the stream was not complete. */
    int (*on_end)(void *state, struct sl_delta_sink *sink, struct sl_err *err);
    /* Where there is on_end: the stream said its last word, be it an error; what breaks behind it is only the
     * connection. */
    bool (*is_over)(const void *state);
    /* Status >= 400 (or an error body) to a canonical error. Never fails. `arena` for texts. */
    void (*classify)(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                     struct sl_llm_error *ret_error);

    /* What the upstream calls its own id of a request besides x-request-id, and the headers of its replies that clients
     * know by another name (ends with a NULL name). NULL: none. */
    const char *request_id_header;
    const struct sl_header_alias *aliases;

    /* Headers by name; each list ends with a p of NULL, and NULL is an empty one. Of a request those that carry a
     * credential (an error that quotes one is masked), of a client those that this upstream may see, of a reply those
     * that no client may see. And the parameters of the query that carry a credential. */
    const struct sl_str *credential_headers, *pass_headers, *hidden_headers, *secret_query;

    /* Pass-through. What is looked for at a whole reply's top level, in the order of enum sl_reply_member, and how the
     * token counts are read. NULL: nothing is. */
    const struct sl_json_scan_want *reply_members;
    int (*read_usage)(struct sl_json_val usage, struct sl_usage *ret);
    /* One whole event as it lies on the wire (comments and blank line included): forward it or not, and note what it
     * says. */
    enum sl_pass (*pass_event)(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);
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

/* --- the client's side --- */

struct sl_dialect_state; /* per stream, state_size bytes, zeroed by the caller */

struct sl_dialect {
    const char *name;
    enum sl_format request_format; /* a call's body is in this language */
    enum sl_format reply_format;   /* an upstream's replies and streams in this language go to the client untouched */
    size_t state_size;
    bool has_fastapi_texts;  /* of a path or method that is not there it says "Not Found" and no more */
    bool reads_should_retry; /* its clients obey x-should-retry */

    /* What it says of a name that is no route's; NULL: what it says of a path. */
    void (*no_route)(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error);
    /* Checks the body and fills the call (`ret_call->doc` etc.). SL_E_INVAL with *ret_error filled, or SL_E_NOMEM.
     * `doc` is initialised, the dialect parses into it with the limits it wants. */
    int (*parse)(enum sl_llm_type type, struct sl_str body, struct sl_str content_type, struct sl_json *doc,
                 struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error);
    /* Our own error, or an upstream's that cannot be passed: may change error->status to the dialect's (401 from
     * upstream, …). Body into `out`. */
    void (*write_error)(struct sl_llm_error *error, struct sl_buf *out);
    /* A canonical reply. */
    int (*write_reply)(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                       struct sl_buf *out);
    /* Streams: one delta to zero or more whole events. */
    int (*write_delta)(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *delta,
                       struct sl_buf *out);
    /* The stream broke after its head: the dialect's error event and its end. */
    void (*write_stream_error)(void *state, const struct sl_llm_error *error, struct sl_buf *out);
    /* The stream is complete. */
    void (*write_end)(void *state, struct sl_buf *out);
};

extern const struct sl_dialect sl_dialect_openai, sl_dialect_mlflow;
/* MLflow's calls with Databricks' errors: for its SDK on MLflow's paths, and for its own paths. */
extern const struct sl_dialect sl_dialect_mlflow_sdk, sl_dialect_databricks;
extern const struct sl_dialect sl_dialect_sluice; /* errors only: nothing is invoked in it */

#endif
