/* SPDX-License-Identifier: Apache-2.0 */
/* A language: how bodies and streams are read and written, both ways. Clients and upstreams are two uses of it.
 *
 *   dialect  = language + manners                                    how a client speaks to us
 *   provider = address + credential + a language per type and model  how we speak to an upstream
 *
 * When both sides have the same language, the bytes pass unchanged. When they differ, the client's call is read into
 * the canonical call and written again in the upstream's language; the reply comes back as deltas. A language that only
 * upstreams speak needs no functions that write replies; a language of a dialect has all of them. A function that is
 * missing is NULL. Everything is pure, as llm.h says. */
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
    enum sl_llm_type type; /* the type of the path, else of the route that the path names */
    struct sl_str path, query;
    const struct sl_headers *headers;
    struct sl_str body;
    bool has_route; /* the path names the route, so the body need not name one */
    bool is_count;  /* the path asks for the number of tokens */
};

/* What a whole reply under 2xx is. */
struct sl_reply_judgement {
    bool is_object;  /* it is a JSON object */
    bool has_answer; /* it has the part that every answer has */
    bool is_error;   /* it reports an error */
    bool is_told;    /* the client reads the error at this place, so the reply passes */
    enum sl_error_type error_type;
    int error_status; /* the status that the error would have had as a reply of its own; 0: unknown */
};

struct sl_language {
    const char *name;
    enum sl_framing framing;   /* of its streams */
    struct sl_str stream_type; /* the content type of its streams */
    struct sl_str alive;       /* a heartbeat that may stand between two events; n == 0: its clients take none */

    /* --- requests --- */

    /* Checks a client's request and fills the call. It reads only as much of the body as routing needs. SL_E_INVAL with
     * *ret_error filled, or SL_E_NOMEM. `doc` is initialised; the call owns what is parsed into it. */
    int (*read_call)(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     struct sl_call *ret_call, struct sl_llm_error *ret_error);
    /* Reads a whole call whose body is in this language, for an upstream of another language: chat.h. */
    int (*read_chat)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                     struct sl_chat *ret_chat, struct sl_llm_error *ret_error);
    /* The same for an embeddings call: embed.h. */
    int (*read_embed)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                      struct sl_embed *ret_embed, struct sl_llm_error *ret_error);
    /* Estimates the tokens of a call that only counts them, for an upstream that cannot count: writes the reply's body.
     * Returns as read_chat does. NULL: none of its paths counts. */
    int (*count)(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_buf *out,
                 struct sl_llm_error *ret_error);
    /* Writes the request's body for a target of this language: slices, length and the list of what is left out go into
     * *io_req. Returns as the build of a provider does. */
    int (*write_call)(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error);

    /* --- an upstream's replies --- */

    size_t read_state_size; /* bytes of state for each stream, zeroed by the caller but for the last read_state_room */
    size_t read_state_room; /* the last of these bytes; the language clears them itself when it needs them */
    /* Reads a whole 2xx reply to a canonical one. Its slices are of `body` or on the arena. */
    int (*read_reply)(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err);
    /* Reads one frame to zero or more deltas, in order. It must not keep pointers into the frame; it may copy into an
     * arena of its state. */
    int (*on_frame)(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err);
    /* The body ended: 0, or SL_E_TRUNCATED when the stream was not complete. */
    int (*on_end)(void *state, struct sl_delta_sink *sink, struct sl_err *err);
    /* Where there is on_end: true when the stream has sent its last frame, an error too. A later break is only the
     * connection's. */
    bool (*is_over)(const void *state);
    /* Reads a reply with status >= 400, or an error body, to a canonical error. Never fails. `arena` is for texts. */
    void (*read_error)(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                       struct sl_llm_error *ret_error);

    /* --- what a client gets --- */

    const char *cost_at; /* the object of an event that has the usage, and in which a cost may stand; in a whole reply
                            it is `usage`. NULL: it has no place for a cost */
    uint32_t lacks[SL_LLM_TRANSLATED_COUNT]; /* the parts of a reply that it has no place for: enum sl_lost, lost.h */
    size_t write_state_size;                 /* bytes of state for each stream, zeroed by the caller */
    /* Tells the state what it must know before it writes. It may hold at most `max_held` bytes at a time (else
     * SL_E_LIMIT). NULL: it needs nothing. */
    void (*write_begin)(void *state, const struct sl_call *call, size_t max_held);
    /* Writes a canonical reply. SL_E_INVAL: the language needs an object where a tool call's arguments are none. */
    int (*write_reply)(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                       struct sl_buf *out);
    /* Streams: writes one delta as zero or more whole events. */
    int (*write_delta)(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *delta,
                       struct sl_buf *out);
    /* How many bytes the state holds on the heap, and how to free them; NULL: it holds nothing. */
    size_t (*write_held)(const void *state);
    void (*write_done)(void *state);
    /* For a stream that is one JSON list (call->is_list): writes a frame of this language as it came from an upstream.
     * NULL: it has no such streams. */
    void (*write_item)(void *state, struct sl_str json, struct sl_buf *out);
    /* The stream is complete. */
    void (*write_end)(void *state, struct sl_buf *out);
    /* Reads an answer that was written to its end: the whole of it, its id, and the inside of its list of items. False:
     * this answer cannot be read again. NULL: none can. */
    bool (*read_answer)(struct sl_str written, struct sl_json *scratch, struct sl_str *ret_answer,
                        struct sl_str *ret_id, struct sl_str *ret_items);
    /* Writes our own error, or an upstream's that cannot be passed on. It may change error->status to the language's.
     * The body goes into `out`. */
    void (*write_error)(struct sl_llm_error *error, struct sl_buf *out);
    /* The member that has its errors: an upstream's error object without it is written anew. NULL: any object
     * passes. */
    const char *error_member;
    /* The stream broke after its head: writes the error event and the end. */
    void (*write_stream_error)(void *state, const struct sl_llm_error *error, struct sl_buf *out);

    /* Judges a whole 2xx reply: an answer, or an error with the wrong status. NULL: it is an answer. `doc` is for
     * parsing. */
    void (*judge_reply)(struct sl_str body, enum sl_llm_type type, struct sl_json *doc, struct sl_reply_judgement *ret);

    /* --- bytes that pass unchanged --- */

    /* The members to look for at a whole reply's top level, in the order of enum sl_reply_member, and how to read the
     * token counts. NULL: none. */
    const struct sl_json_scan_want *reply_members;
    int (*read_usage)(struct sl_json_val usage, struct sl_usage *ret);
    /* Gets one whole event as it was sent (comments and blank line included): decides whether to forward it, and notes
     * what it says. */
    enum sl_pass (*pass_event)(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);
};

/* What a dialect promises beyond its language. */
struct sl_manners {
    int refusal_status;         /* the status for a wrong body, and for a call that its provider cannot take */
    bool passes_unknown;        /* unknown members go up unchanged; else they are left out and named */
    bool takes_any_role;        /* a message may have any role; providers leave out roles that they do not know */
    double temperature_max;     /* temperature is 0 to this for every provider; 0: it keeps the provider's own scale */
    int64_t max_tokens_default; /* for upstreams that insist on max_tokens; 0: the provider's own number, INT64_MAX: the
                                   model's limit */
    bool checks_as_mlflow;      /* a call that MLflow refuses for a provider is refused with MLflow's text */
    bool has_old_completions;   /* completions go to the older API that some providers have for them */
    bool joins_system;          /* several system texts become one with a line for each, if all are plain text */
    bool has_two_finishes; /* for providers that MLflow maps itself, the finish reason is only `stop` or `length` */
    bool limit_names_wait; /* an error about a limit says how long to wait, and names the limit with the longest wait */
    bool needs_absolute_urls; /* its clients use a route's URL unchanged */
    bool has_fastapi_texts;   /* for a path or method that does not exist it says only "Not Found" */
    uint64_t first_byte_usec; /* how long its clients wait for a reply, minus a little; 0: 600 s */
};

struct sl_dialect {
    const char *name; /* for metrics, which tell labels apart by address */
    const struct sl_language *language;
    const struct sl_manners *manners;
    /* The text about a name that is no route; NULL: the text about an unknown path. */
    void (*no_route)(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error);
    /* The name of the route for a model whose name no route can have, on the arena; p == NULL: the model's name. */
    struct sl_str (*route_name)(struct sl_str model, struct sl_arena *arena);
    /* The language that writes its errors: write_error, write_stream_error, error_member. NULL: the dialect's own
     * language. */
    const struct sl_language *errors;
    /* How its clients read the routes as models; NULL: none of its paths lists them. */
    const struct sl_listing *listing;
    const struct sl_str *own_headers; /* headers of its clients that mean something only in its language; NULL: none */
    /* Headers with the time that a reply took in all, and in the gateway alone, in whole milliseconds; NULL: its
     * clients get other headers. */
    const char *duration_header, *overhead_header;
    const char *credential_header; /* read like Authorization, and before it; NULL: there is none */
    /* Where its clients look for the request id, beside x-request-id; NULL: only there. */
    const char *request_id_header;
    const char *error_header; /* where its clients look for the kind of an error; NULL: nowhere */
    struct sl_str (*error_kind)(const struct sl_llm_error *error); /* that kind; the error's status is set */
    /* For clients that may sign a call instead of sending a key: the scheme of their Authorization, and the text for
     * them when a key is needed. NULL: there are none. */
    const char *signed_scheme, *signed_words;
    const char *key_member; /* the member of the query in which its clients may send their key; NULL: none */
    /* The text about one of its own paths that does not exist; NULL: that of every dialect. False: it has no other
     * text. */
    bool (*no_path)(struct sl_str path, struct sl_arena *arena, struct sl_llm_error *io_error);
    /* The same for clients whose User-Agent contains this. */
    const char *variant_agent;
    const struct sl_dialect *variant;
};

SL_INLINE const struct sl_language *sl_dialect_errors(const struct sl_dialect *dialect)
{
    return dialect->errors ? dialect->errors : dialect->language;
}
/* The dialect of a client with these headers. */
const struct sl_dialect *sl_dialect_for(const struct sl_dialect *dialect, const struct sl_headers *headers);
/* The content type of a call's stream, and the heartbeat that may stand between two events of it ("": none). */
struct sl_str sl_stream_type(const struct sl_language *language, const struct sl_call *call);
struct sl_str sl_stream_alive(const struct sl_language *language, const struct sl_call *call);
/* Calls the language's read_call with the dialect's manners. */
SL_MUST int sl_dialect_read(const struct sl_dialect *dialect, const struct sl_incoming *in, struct sl_json *doc,
                            struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error);

#endif
