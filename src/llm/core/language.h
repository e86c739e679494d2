/* SPDX-License-Identifier: Apache-2.0 */
/* A language: how bodies and streams are read and written, both ways. Clients and upstreams are two uses of it.
 *
 *   dialect  = language + manners                                    how a client speaks to us
 *   provider = address + credential + a language per type and model  how we speak to an upstream
 *
 * When both sides have the same language, the bytes pass unchanged. When they differ, the client's call is read into
 * the canonical call and written again in the upstream's language; the reply comes back as deltas. A language for
 * upstreams alone leaves out what a client gets. A language of a dialect has every function that writes. A
 * function that is missing is NULL. Everything is pure, as llm.h says. */
#ifndef SL_LLM_LANGUAGE_H
#define SL_LLM_LANGUAGE_H

#include "base/err.h"
#include "llm/core/frame.h"

struct sl_arena;
struct sl_bind;
struct sl_buf;
struct sl_call;
struct sl_chat;
struct sl_delta;
struct sl_delta_sink;
struct sl_embed;
struct sl_env;
struct sl_err;
struct sl_headers;
struct sl_http_req;
struct sl_json;
struct sl_json_scan_want;
struct sl_json_val;
struct sl_listing;
struct sl_llm_error;
struct sl_reply;
struct sl_target;
struct sl_val;

/* A client's request as it came. */
struct sl_incoming {
    enum sl_llm_type type; /* of the path, else of the route that the path names */
    struct sl_str path, query;
    const struct sl_headers *headers;
    struct sl_str body;
    bool has_route; /* the path names it: the body need not */
    bool is_count;  /* of the path: tokens are to be counted */
};

/* What is to be thought of a whole reply under 2xx. */
struct sl_reply_judgement {
    bool is_object;  /* it is one of JSON */
    bool has_answer; /* it has what every answer has */
    bool is_error;   /* it reports an error */
    bool is_told;    /* and its clients read that where it stands: it passes to them */
    enum sl_error_type error_type;
    int error_status; /* that the error would have had as a reply of its own; 0: none is named */
};

struct sl_language {
    const char *name;
    enum sl_framing framing;   /* of its streams */
    struct sl_str stream_type; /* their content type */
    struct sl_str alive;       /* what may stand between two events and says nothing; n == 0: its clients take none */

    /* --- requests --- */

    /* Checks a client's request and fills the call, of its body no more than routing needs. SL_E_INVAL with *ret_error
     * filled, or SL_E_NOMEM. `doc` is initialised; the call owns what is parsed into it. */
    int (*read_call)(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     struct sl_call *ret_call, struct sl_llm_error *ret_error);
    /* All of a call whose body is in this language, for an upstream of another: chat.h. */
    int (*read_chat)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                     struct sl_chat *ret_chat, struct sl_llm_error *ret_error);
    /* The same of an embeddings call: embed.h. */
    int (*read_embed)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                      struct sl_embed *ret_embed, struct sl_llm_error *ret_error);
    /* An estimate of how many tokens a call has that only counts them, for an upstream that cannot: the reply's body.
     * Returns as read_chat does. NULL: no path of it counts. */
    int (*count)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_buf *out,
                 struct sl_llm_error *ret_error);
    /* The request's body for a target of this language: slices, length and what is left out go into *io_req. As the
     * build of a provider. */
    int (*write_call)(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error);

    /* --- an upstream's replies --- */

    size_t read_state_size; /* per stream, zeroed by the caller */
    /* A whole 2xx reply to a canonical one. Its slices are of `body` or on the arena. */
    int (*read_reply)(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err);
    /* One frame to zero or more deltas, in order. MUST NOT keep pointers into it (copy into the state's arena is the
     * language's own matter). */
    int (*on_frame)(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err);
    /* The body ended: 0, or SL_E_TRUNCATED when the stream was not complete. */
    int (*on_end)(void *state, struct sl_delta_sink *sink, struct sl_err *err);
    /* Where there is on_end: the stream said its last word, be it an error; what breaks behind it is only the
     * connection. */
    bool (*is_over)(const void *state);
    /* Status >= 400 (or an error body) to a canonical error. Never fails. `arena` for texts. */
    void (*read_error)(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                       struct sl_llm_error *ret_error);

    /* --- what a client gets --- */

    uint32_t lacks[SL_LLM_TYPE_COUNT]; /* what of a reply it has no place for: enum sl_lost, lost.h */
    size_t write_state_size;           /* per stream, zeroed by the caller */
    /* What it has to know before it writes anything; no more than `max_held` bytes are to be held at a time (then
     * SL_E_LIMIT). NULL: nothing. */
    void (*write_begin)(void *state, const struct sl_call *call, size_t max_held);
    /* A canonical reply. SL_E_INVAL: a tool call's arguments are no object, and the language has one there. */
    int (*write_reply)(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                       struct sl_buf *out);
    /* Streams: one delta to zero or more whole events. */
    int (*write_delta)(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *delta,
                       struct sl_buf *out);
    /* What the state holds on the heap, in bytes, and its end; NULL: nothing. */
    size_t (*write_held)(const void *state);
    void (*write_done)(void *state);
    /* Of a stream that is one list of JSON (call->is_list): a frame of this language's, as it came from an upstream.
     * NULL: it has no such streams. */
    void (*write_item)(void *state, struct sl_str json, struct sl_buf *out);
    /* The stream is complete. */
    void (*write_end)(void *state, struct sl_buf *out);
    /* Of what was written of an answer, to its end: the whole of it, its id and the inside of the list of its items.
     * False: this answer cannot be asked for again. NULL: none can. */
    bool (*read_answer)(struct sl_str written, struct sl_json *scratch, struct sl_str *ret_answer,
                        struct sl_str *ret_id, struct sl_str *ret_items);
    /* Our own error, or an upstream's that cannot be passed: may change error->status to the language's (401 from
     * upstream, …). Body into `out`. */
    void (*write_error)(struct sl_llm_error *error, struct sl_buf *out);
    /* The member that its errors stand in: an upstream's object without it is told anew. NULL: any object passes. */
    const char *error_member;
    /* The stream broke after its head: the error event and its end. */
    void (*write_stream_error)(void *state, const struct sl_llm_error *error, struct sl_buf *out);

    /* What a whole 2xx reply is: an answer, or an error that came with the wrong status. NULL: it is an answer.
     * `doc` to read with. */
    void (*judge_reply)(struct sl_str body, enum sl_llm_type type, struct sl_json *doc, struct sl_reply_judgement *ret);

    /* --- bytes that pass untouched --- */

    /* What is looked for at a whole reply's top level, in the order of enum sl_reply_member, and how the token counts
     * are read. NULL: nothing is. */
    const struct sl_json_scan_want *reply_members;
    int (*read_usage)(struct sl_json_val usage, struct sl_usage *ret);
    /* One whole event as it lies on the wire (comments and blank line included): forward it or not, and note what it
     * says. */
    enum sl_pass (*pass_event)(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);
};

/* What a dialect promises beyond its language. */
struct sl_manners {
    int refusal_status;         /* of a body that does not fit, and of a call that its provider cannot take */
    bool passes_unknown;        /* members that nobody knows go up as they are; else they are left out and named */
    bool takes_any_role;        /* in a message; providers leave those they do not know out */
    double temperature_max;     /* temperature is 0 to this for every provider; 0: it means what it means there */
    int64_t max_tokens_default; /* where an upstream insists on one; 0: the provider's own number, INT64_MAX: the
                                   model's limit */
    bool checks_as_mlflow;      /* what MLflow refuses of a provider's calls is refused with its texts */
    bool has_old_completions;   /* completions go to the older call that some providers have for them */
    bool joins_system;          /* system texts become one, a line each, where they are texts alone */
    bool has_two_finishes;      /* of providers that MLflow maps itself: `stop` and `length` */
    bool limit_names_wait;      /* a limit that refuses says how long to wait, and is the one that makes wait longest */
    bool needs_absolute_urls;   /* its clients follow a route's URL as it is */
    bool has_fastapi_texts;     /* of a path or method that is not there it says "Not Found" and no more */
    uint64_t first_byte_usec;   /* how long its clients wait for a reply, and a little less; 0: 600 s */
};

struct sl_dialect {
    const char *name; /* of metrics, where labels are told apart by address */
    const struct sl_language *language;
    const struct sl_manners *manners;
    /* What it says of a name that is no route's; NULL: what it says of a path. */
    void (*no_route)(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error);
    /* What a route may be called for a model whose name no route can have, on the arena; p == NULL: as the model. */
    struct sl_str (*route_name)(struct sl_str model, struct sl_arena *arena);
    /* In whose words errors are told: write_error, write_stream_error, error_member. NULL: the language's own. */
    const struct sl_language *errors;
    const struct sl_listing *listing; /* the routes as its clients read models; NULL: no path of it lists them */
    const struct sl_str *own_headers; /* of its clients, that say something in its language alone; NULL: none */
    /* How long a reply took in the gateway as a whole, and of that in the gateway alone, in whole milliseconds; NULL:
     * its clients are told in other ways. */
    const char *duration_header, *overhead_header;
    const char *credential_header; /* read as Authorization, and before it; NULL: there is none */
    const char *request_id_header; /* in which its clients look for it, besides x-request-id; NULL: there alone */
    const char *error_header;      /* in which its clients look for an error's kind; NULL: in none */
    struct sl_str (*error_kind)(const struct sl_llm_error *error); /* that kind; the error's status is set */
    /* Of clients that may sign a call instead of sending a key: the scheme of their Authorization, and what they are
     * told where a key is needed. NULL: there are none. */
    const char *signed_scheme, *signed_words;
    const char *key_member; /* of the query, in which its clients may send their key; NULL: none */
    /* What it says of one of its own paths that does not exist; NULL: what every dialect says. False: it has nothing
     * else to say. */
    bool (*no_path)(struct sl_str path, struct sl_arena *arena, struct sl_llm_error *io_error);
    /* The same for clients whose User-Agent holds this. */
    const char *variant_agent;
    const struct sl_dialect *variant;
};

SL_INLINE const struct sl_language *sl_dialect_errors(const struct sl_dialect *dialect)
{
    return dialect->errors ? dialect->errors : dialect->language;
}
/* The dialect that a client with these headers speaks. */
const struct sl_dialect *sl_dialect_for(const struct sl_dialect *dialect, const struct sl_headers *headers);
/* The content type of a call's stream, and what may stand between two events of it and says nothing ("": none may). */
struct sl_str sl_stream_type(const struct sl_language *language, const struct sl_call *call);
struct sl_str sl_stream_alive(const struct sl_language *language, const struct sl_call *call);
/* The language's read_call with the dialect's manners. */
SL_MUST int sl_dialect_read(const struct sl_dialect *dialect, const struct sl_incoming *in, struct sl_json *doc,
                            struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error);

#endif
