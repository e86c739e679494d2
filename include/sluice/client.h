/* SPDX-License-Identifier: Apache-2.0 */
/* libsluice: the gateway's API for C and C++ programs. Link with `pkg-config --libs sluice`; see libsluice(3).
 *
 *   sluice_opts *opts = sluice_opts_new();
 *   sluice_opts_set_str(opts, "url", "http://127.0.0.1:5000", NULL);
 *   sluice_client *client = NULL;
 *   sluice_result *result = NULL;
 *   sluice_error *err = NULL;
 *   if (sluice_open(opts, &client, &err) == 0 &&
 *       sluice_query(client, "chat", json, SLUICE_NUL_TERMINATED, &result, &err) == 0) {
 *       puts(sluice_result_text(result, NULL));
 *   } else {
 *       fputs(sluice_error_text(err), stderr);
 *   }
 *   sluice_error_free(err);
 *   sluice_result_free(result);
 *   sluice_close(client);
 *   sluice_opts_free(opts);
 *
 * Rules that hold for every function:
 *   Errors     Functions that can fail return 0 (SLUICE_OK) or a negative SLUICE_E… code. `err` may be NULL; else it
 *              receives, on failure only, an error that the caller frees with sluice_error_free.
 *   Ownership  The library only borrows arguments for the call. What it stores through a `…**` belongs to the caller
 *              and has one free function, which accepts NULL. A returned `const …*` lives as long as the object that
 *              gave it.
 *   NULL       in place of an object never crashes: functions that return a code return SLUICE_EUSAGE; functions that
 *              return a part of an object return what they return when there is none (NULL, 0, "" for errors); the
 *              others do nothing. Pass NULL for a `sluice_result **` when you do not want the result.
 *   Text       Strings in are NUL-terminated UTF-8. JSON in has a length: bytes, or SLUICE_NUL_TERMINATED. Strings out
 *              are NUL-terminated UTF-8, whatever the server sent (invalid bytes become U+FFFD). Only
 *              sluice_result_json and sluice_error_body return a body's bytes as they are. A `len` is in bytes, without
 *              the NUL.
 *   Time       Milliseconds, in an int64_t; -1 is "none".
 *   Structs    either never grow (sluice_usage, sluice_fd), or begin with their size and may grow: then a program and a
 *              library of different versions both use the members that both know.
 *   Versions   Functions never change and are never removed. SINCE names the version that added one.
 *   Threads    A client, and its calls and requests, belong to one thread at a time; a second thread that enters is
 *              refused with SLUICE_EUSAGE. Many clients work at once. Results and errors are immutable: any number of
 *              threads may read one. Any thread may call sluice_cancel, sluice_cancel_all, sluice_resume and
 *              sluice_close.
 *   Process    The library has no global state except libcurl's own, no signal handlers, no output and no threads
 *              (libcurl resolves host names, not addresses, in a short-lived thread of its own). After fork, a client
 *              refuses to work in the child.
 *   Callbacks  run inside sluice_drive, sluice_wait or a blocking call, on that thread. A callback may only call
 *              sluice_start, sluice_start_stream, sluice_next, sluice_finish, sluice_call_free, sluice_cancel,
 *              sluice_cancel_all, sluice_resume, requests and accessors. A callback must return. If it throws a C++
 *              exception or jumps out (longjmp), the client stays in use and refuses every later call with
 *              SLUICE_EUSAGE; so catch inside, and return SLUICE_CANCEL. */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header, for #if; sluice_version returns the library's. SINCE 0.2.0. */
#define SLUICE_VERSION_MAJOR  0
#define SLUICE_VERSION_MINOR  2
#define SLUICE_VERSION_PATCH  0
#define SLUICE_VERSION_NUMBER (SLUICE_VERSION_MAJOR * 1000000 + SLUICE_VERSION_MINOR * 1000 + SLUICE_VERSION_PATCH)

#define SLUICE_NUL_TERMINATED ((size_t)-1)

/* Options, shared by any number of opens. */
typedef struct sluice_opts sluice_opts;
/* Connections to one gateway and the calls in flight on them. */
typedef struct sluice_client sluice_client;
/* One call before it is made. */
typedef struct sluice_request sluice_request;
/* One call in flight. */
typedef struct sluice_call sluice_call;
/* What a call returned: JSON, headers, routes, limits. */
typedef struct sluice_result sluice_result;
/* What went wrong, for one call. */
typedef struct sluice_error sluice_error;
/* One event of a stream. */
typedef struct sluice_event sluice_event;
/* Views into a result. */
typedef struct sluice_route sluice_route;
typedef struct sluice_limit sluice_limit;
typedef struct sluice_choice sluice_choice;       /* SINCE 0.2.0 */
typedef struct sluice_tool_call sluice_tool_call; /* SINCE 0.2.0 */

/* ---- codes ------------------------------------------------------------------------------------------------ */

enum {
    SLUICE_OK = 0,
    SLUICE_EUSAGE = -1,     /* the caller's mistake: a wrong option, a bad URL, invalid JSON, a second thread */
    SLUICE_ENOMEM = -2,     /* an allocation failed; the client stays usable */
    SLUICE_ECONNECT = -3,   /* the gateway cannot be reached, or the connection broke before a reply */
    SLUICE_ETLS = -4,       /* TLS: a certificate, a handshake */
    SLUICE_ETIMEOUT = -5,   /* "timeout", "idle_timeout" or "connect_timeout" passed; or 408 */
    SLUICE_EAUTH = -6,      /* 401 */
    SLUICE_EPERM = -7,      /* 403 */
    SLUICE_ENOTFOUND = -8,  /* 404, 410 */
    SLUICE_ELIMIT = -9,     /* 429 */
    SLUICE_EINVALID = -10,  /* any other 4xx: the server refuses what was sent */
    SLUICE_ESERVER = -11,   /* 5xx */
    SLUICE_EPROTOCOL = -12, /* the reply is not what the API promises, or larger than allowed */
    SLUICE_ECANCELLED = -13,
    SLUICE_ESTREAM = -14 /* the stream broke, or reported an error, after it had begun */
};

/* What a stream callback returns beside 0, which means "go on". Any other value cancels, too. */
enum { SLUICE_PAUSE = 1, SLUICE_CANCEL = 2 };

/* What sluice_next returns, beside an error code. */
enum { SLUICE_AGAIN = 1, SLUICE_EVENT = 2, SLUICE_END = 3 };

/* The version of the library at run time, such as "1.2.3". Never fails; any thread. */
const char *sluice_version(void);
/* The same as a number, to compare with SLUICE_VERSION_NUMBER. SINCE 0.2.0. */
int sluice_version_number(void);

/* ---- errors: values, one per failed call; immutable, any thread; all accept NULL ("no error") ------------- */

/* The SLUICE_E… code; SLUICE_OK for NULL. */
int sluice_error_code(const sluice_error *err);
/* A stable name for logs and switches: "SLUICE_ELIMIT". Lives as long as the process. */
const char *sluice_error_name(const sluice_error *err);
/* The same for a code that a function returned. */
const char *sluice_code_name(int code);
/* A text for people: what was asked and what went wrong, with the server's own words. "" for NULL. Never has a key. */
const char *sluice_error_text(const sluice_error *err);
/* The HTTP status, or 0 when there was no reply. */
int sluice_error_http_status(const sluice_error *err);
/* How long the server asks to wait (Retry-After, seconds or a date), in milliseconds: 0 for a date that has passed, at
 * most 2147483647000, -1 when there is no Retry-After or it cannot be read. */
int64_t sluice_error_retry_after_msec(const sluice_error *err);
/* 1 when the same call may succeed later without a change: limits, overload, connection, time. 0 otherwise, also when
 * the server says that it will not (x-should-retry, or an error type such as invalid_request_error). */
int sluice_error_is_retriable(const sluice_error *err);
/* The server's name for this request (x-request-id), or "". */
const char *sluice_error_request_id(const sluice_error *err);
/* The gateway's word for whose fault it was ("policy_rate_limited"), of x-sluice-error-type or the stream's error, or
 * "". */
const char *sluice_error_type(const sluice_error *err);
/* Only the server's message, taken from its JSON (detail, error, message), or the whole text when there is none. */
const char *sluice_error_detail(const sluice_error *err);
/* The body of the reply as it came, NUL-terminated, cut at 64 KiB; "" when there was none. `len` may be NULL. */
const char *sluice_error_body(const sluice_error *err, size_t *len);
/* Frees an error of a failed call. */
void sluice_error_free(sluice_error *err);

/* ---- options ----------------------------------------------------------------------------------------------
 *
 *  text   url                http:// or https://, with a path prefix if need be
 *         unix_socket        connect to this path instead of the url's host
 *         key                an API key, sent as a Bearer token
 *         username password  sent as Basic; used instead of key
 *         ca ca_path         trusted certificates: a PEM file; a hashed directory (default: the system's)
 *         cert cert_key cert_key_password   the client's certificate and its key (PEM files)
 *         proxy              http://host:port (default: none)
 *         user_agent         default libsluice/VERSION
 *  int    insecure           1: do not check the server's certificate
 *         proxy_from_env     1: http_proxy, https_proxy, no_proxy count; 0: none of them counts, no_proxy not even
 *                            for "proxy"
 *         retries            0 to 10, default 3 (see sluice_request(3) for what is retried)
 *         max_connections    to the gateway at once; 0: no limit (default). Further calls wait for a free one; this
 *                            wait counts for their timeout, but not for idle_timeout
 *         max_reply_bytes    of a reply that is not a stream; for a stream, of the text that its result keeps;
 *                            default 64 MiB
 *         max_event_bytes    of one event of a stream; default 16 MiB
 *  msec   connect_timeout    name, connection and TLS; default 10,000
 *         idle_timeout       the longest silence of the server once there is a connection, also before its first byte;
 *                            default 300,000; 0: none
 *         timeout            a whole call, retries and waits included; default 3,600,000; 0: none
 *         backoff backoff_max   first wait before a retry, doubled each time up to the second; default 250, 8,000
 *         retry_after_max    when a server asks for a longer wait, the call is not retried; default 120,000 */

/* The caller's realloc: n == 0 frees `p` and returns NULL. It may be called from any thread that frees an object of the
 * library. */
typedef void *(*sluice_alloc_fn)(void *arg, void *p, size_t n);

/* New options, all at their default; NULL when out of memory. Free with sluice_opts_free. Any thread. */
sluice_opts *sluice_opts_new(void);
/* The same; these options, clients opened with them and everything that these clients make take memory through `fn`
 * (NULL: the C library's). For libcurl's own memory, call curl_global_init_mem before the first sluice_open. */
sluice_opts *sluice_opts_new_alloc(sluice_alloc_fn fn, void *arg);
/* Wipes keys and passwords, and frees the options. Clients opened with them live on. */
void sluice_opts_free(sluice_opts *opts);

/* Reads the environment into `opts`: SLUICE_SERVER, else MLFLOW_GATEWAY_URI -> url; SLUICE_KEY -> key; without it
 * MLflow's: MLFLOW_TRACKING_USERNAME and _PASSWORD (or ~/.mlflow/credentials), else MLFLOW_TRACKING_TOKEN;
 * MLFLOW_TRACKING_INSECURE_TLS, _SERVER_CERT_PATH, _CLIENT_CERT_PATH; and sets proxy_from_env. Options without a
 * variable stay as they are. SLUICE_EUSAGE, SLUICE_ENOMEM. One thread at a time. */
int sluice_opts_from_env(sluice_opts *opts, sluice_error **err);

/* Sets one option; text is copied, NULL means the default. An unknown name, the wrong type or a value out of range is
 * SLUICE_EUSAGE and changes nothing. One thread at a time. */
int sluice_opts_set_str(sluice_opts *opts, const char *name, const char *value, sluice_error **err);
int sluice_opts_set_int(sluice_opts *opts, const char *name, int64_t value, sluice_error **err);
int sluice_opts_set_msec(sluice_opts *opts, const char *name, int64_t msec, sluice_error **err);

/* Replaces the clock for timeouts and waits: it returns microseconds and never goes backwards. NULL: the system's. */
void sluice_opts_set_clock(sluice_opts *opts, uint64_t (*now_usec)(void *arg), void *arg);
/* Replaces how sockets are made (for a network namespace, a mark, a bound address): `fn` gets the arguments of
 * socket(2) and returns a new socket, which the client connects and owns, or -1. NULL: the library makes them. */
void sluice_opts_set_socket(sluice_opts *opts, int (*fn)(void *arg, int family, int type, int protocol), void *arg);

/* ---- clients ---------------------------------------------------------------------------------------------- */

/* Makes a client of the gateway that `opts` names; NULL: that of sluice_opts_from_env. Options are copied. It does not
 * use the network yet. SLUICE_EUSAGE (no url, or one that cannot be used), SLUICE_ENOMEM. Any thread. */
int sluice_open(const sluice_opts *opts, sluice_client **client, sluice_error **err);
/* Cancels what is in flight and closes the connections. The caller still has to free calls that are not yet finished.
 * While another thread is in a call on the client, that call is cancelled too, and sluice_close waits until it has
 * returned; after that nobody may use the client. In a forked child it does nothing, so that the parent's connections
 * stay whole. It also does nothing when a callback calls it, because the client is still in use. */
void sluice_close(sluice_client *client);

/* Cancels every call that is in flight on this client now, blocking ones too, and a sluice_routes_each between two
 * pages. Any thread; also from a signal handler. */
void sluice_cancel_all(sluice_client *client);

/* ---- the calls, blocking ----------------------------------------------------------------------------------
 *
 * Each returns when the call is over, retries included. On success *result (where there is one) belongs to the
 * caller. */

/* GET /api/2.0/gateway/routes/{name}: a result with one route. */
int sluice_get_route(sluice_client *client, const char *name, sluice_result **result, sluice_error **err);
/* One page of routes. `page_token`: NULL for the first, then sluice_result_next_page_token of the one before. */
int sluice_search_routes(sluice_client *client, const char *page_token, sluice_result **result, sluice_error **err);
/* Calls `on_route` for all routes of all pages, in order. `on_route` returns 0 to go on; anything else ends the walk,
 * which then returns 0. The route is valid during the callback. sluice_cancel_all ends the walk at any time with
 * SLUICE_ECANCELLED. */
int sluice_routes_each(sluice_client *client, int (*on_route)(void *arg, const sluice_route *route), void *arg,
                       sluice_error **err);
/* POST /api/2.0/gateway/routes/. `model` is a JSON object: {"name": …, "provider": …, "openai_config": {…}};
 * `route_type` and `model` may be NULL (sent as null). */
int sluice_create_route(sluice_client *client, const char *name, const char *route_type, const char *model,
                        size_t model_len, sluice_result **result, sluice_error **err);
/* DELETE /api/2.0/gateway/routes/{name}. SLUICE_ENOTFOUND when there is none. */
int sluice_delete_route(sluice_client *client, const char *name, sluice_error **err);
/* `limits` is a JSON list: [{"calls": 5, "key": null, "renewal_period": "minute"}]; [] removes them. */
int sluice_set_limits(sluice_client *client, const char *route, const char *limits, size_t limits_len,
                      sluice_result **result, sluice_error **err);
/* The limits of a route: see sluice_result_limit. A route without limits gives an empty list. */
int sluice_get_limits(sluice_client *client, const char *route, sluice_result **result, sluice_error **err);
/* POST /gateway/{route}/invocations with `json` as the body. A body with "stream": true is refused: see below. */
int sluice_query(sluice_client *client, const char *route, const char *json, size_t len, sluice_result **result,
                 sluice_error **err);

/* ---- streams by callback ---------------------------------------------------------------------------------- */

/* Tokens of a call. Never grows. */
typedef struct sluice_usage {
    int64_t prompt_tokens; /* -1: not said */
    int64_t completion_tokens;
    int64_t total_tokens;
} sluice_usage;

/* The same as sluice_usage and more; may grow. Start with SLUICE_TOKENS_INIT. SINCE 0.2.0. */
typedef struct sluice_tokens {
    size_t size;    /* sizeof(sluice_tokens) of the program */
    int64_t prompt; /* -1: not said */
    int64_t completion;
    int64_t total;
    int64_t cached;    /* of the prompt: read from the provider's cache */
    int64_t reasoning; /* of the completion: used for thinking, not in the answer */
} sluice_tokens;

/* clang-format off */
#define SLUICE_TOKENS_INIT { sizeof(sluice_tokens), -1, -1, -1, -1, -1 }
/* clang-format on */

/* Any member may be NULL. For one event they run in this order. on_end runs once, last, with the final code. Start with
 * SLUICE_CALLBACKS_INIT. May grow: the library accepts a larger size than it knows when the unknown members are
 * NULL. */
typedef struct sluice_callbacks {
    size_t size; /* sizeof(sluice_callbacks) of the program */
    int (*on_event)(void *arg, sluice_call *call, const sluice_event *event);
    int (*on_text)(void *arg, sluice_call *call, const char *text, size_t len); /* of choice 0; NUL-terminated */
    int (*on_usage)(void *arg, sluice_call *call, const sluice_usage *usage);
    void (*on_end)(void *arg, sluice_call *call, int code);
} sluice_callbacks;

/* clang-format off */
#define SLUICE_CALLBACKS_INIT { sizeof(sluice_callbacks), NULL, NULL, NULL, NULL }
/* clang-format on */

/* As sluice_query, as a stream ("stream": true is put into the body). Returns when the stream is over. After
 * SLUICE_PAUSE it reads nothing more until sluice_resume is called from another thread or another call's callback; this
 * holds also after the last event: on_end then runs after the resume. *result gets status, headers and the answer that
 * the events make up: sluice_result_text and the like; sluice_result_json is "". SLUICE_ESTREAM when the stream broke
 * after it had begun, or reported an error, or when the connection ended before the stream's end: "[DONE]", a
 * finish_reason, or the length of the body where the server had announced one. */
int sluice_query_stream(sluice_client *client, const char *route, const char *json, size_t len,
                        const sluice_callbacks *callbacks, void *arg, sluice_result **result, sluice_error **err);

/* ---- events: live during their callback, or until the next sluice_next on their call ---------------------- */

/* The event's data: JSON, NUL-terminated. `len` may be NULL. */
const char *sluice_event_json(const sluice_event *event, size_t *len);
/* The event's name, "" when it has none. */
const char *sluice_event_name(const sluice_event *event);
/* The text that the event adds to choice 0, NUL-terminated; NULL when it adds none. */
const char *sluice_event_text(const sluice_event *event, size_t *len);
/* 1 and *usage when the event has the usage, else 0. */
int sluice_event_usage(const sluice_event *event, sluice_usage *usage);
/* Why choice 0 ended ("stop", "length", "tool_calls", …); only one event has it, NULL in all others. SINCE 0.2.0. */
const char *sluice_event_finish_reason(const sluice_event *event);
/* As sluice_result_tokens. SINCE 0.2.0. */
int sluice_event_tokens(const sluice_event *event, sluice_tokens *tokens);
/* As sluice_json_get, in this event: "choices[0].delta.tool_calls". */
const char *sluice_event_get(const sluice_event *event, const char *path, size_t *len);
/* As sluice_json_str, _kind, _count, _int, _double, _bool and _key, in this event. SINCE 0.2.0. */
const char *sluice_event_str(const sluice_event *event, const char *path, size_t *len);
int sluice_event_kind(const sluice_event *event, const char *path);
size_t sluice_event_count(const sluice_event *event, const char *path);
int sluice_event_int(const sluice_event *event, const char *path, int64_t *value);
int sluice_event_double(const sluice_event *event, const char *path, double *value);
int sluice_event_bool(const sluice_event *event, const char *path, int *value);
const char *sluice_event_key(const sluice_event *event, const char *path, size_t index);

/* ---- requests: a call as a value, for the functions below -------------------------------------------------
 *
 * A request is made for one client and may be started any number of times; free it before or after the calls.
 * SLUICE_EUSAGE for what cannot be sent (invalid JSON, an empty name), SLUICE_ENOMEM. */
int sluice_request_get_route(sluice_client *client, const char *name, sluice_request **request, sluice_error **err);
int sluice_request_search_routes(sluice_client *client, const char *page_token, sluice_request **request,
                                 sluice_error **err);
int sluice_request_create_route(sluice_client *client, const char *name, const char *route_type, const char *model,
                                size_t model_len, sluice_request **request, sluice_error **err);
int sluice_request_delete_route(sluice_client *client, const char *name, sluice_request **request, sluice_error **err);
int sluice_request_set_limits(sluice_client *client, const char *route, const char *limits, size_t limits_len,
                              sluice_request **request, sluice_error **err);
int sluice_request_get_limits(sluice_client *client, const char *route, sluice_request **request, sluice_error **err);
/* `stream`: 1 asks for a stream. */
int sluice_request_query(sluice_client *client, const char *route, const char *json, size_t len, int stream,
                         sluice_request **request, sluice_error **err);
/* Any other call of the gateway: `path` begins with '/' and is sent unchanged, behind the url; `body` is JSON or NULL,
 * and NULL for GET and HEAD. The reply need not be JSON. GET, HEAD, PUT and DELETE count as safe to send twice. With
 * accept set to text/event-stream a reply of that type is a stream; so it is from 0.2.0 on. */
int sluice_request_http(sluice_client *client, const char *method, const char *path, const char *body, size_t len,
                        sluice_request **request, sluice_error **err);
/* Options of one call, which win over the client's: text idempotency_key (then the call may be sent again whatever
 * happened), traceparent, request_id, accept; int retries; msec timeout, idle_timeout. Do not set them while a call
 * made from the request is in flight. */
int sluice_request_set_str(sluice_request *request, const char *name, const char *value, sluice_error **err);
int sluice_request_set_int(sluice_request *request, const char *name, int64_t value, sluice_error **err);
int sluice_request_set_msec(sluice_request *request, const char *name, int64_t msec, sluice_error **err);
/* Frees it; calls made from it go on. */
void sluice_request_free(sluice_request *request);

/* Makes the call and waits for its end. *result may be NULL. */
int sluice_perform(sluice_client *client, const sluice_request *request, sluice_result **result, sluice_error **err);

/* ---- pull, and the caller's own loop ---------------------------------------------------------------------- */

/* Starts a call and returns at once; sluice_drive, sluice_wait or another blocking call does the work. Get its events
 * with sluice_next. Free the call with sluice_finish or sluice_call_free. */
int sluice_start(sluice_client *client, const sluice_request *request, sluice_call **call, sluice_error **err);
/* The same with callbacks: `callbacks` (copied) run inside sluice_drive; get the outcome with sluice_finish in on_end
 * or later. */
int sluice_start_stream(sluice_client *client, const sluice_request *request, const sluice_callbacks *callbacks,
                        void *arg, sluice_call **call, sluice_error **err);
/* Returns SLUICE_EVENT and *event (a stream's next event), SLUICE_AGAIN (nothing yet: drive the client), or SLUICE_END
 * (over: call sluice_finish). Never blocks, does no network I/O. A call that is no stream has no events. */
int sluice_next(sluice_call *call, const sluice_event **event);
/* The final outcome: SLUICE_OK and *result, or the code and *err. It frees the call. Before SLUICE_END it cancels the
 * call and returns SLUICE_ECANCELLED. `result` may be NULL. */
int sluice_finish(sluice_call *call, sluice_result **result, sluice_error **err);
/* Cancels the call if it is not over, and frees it. */
void sluice_call_free(sluice_call *call);
/* Resumes a call that a callback paused. Any thread, while the call is not freed. */
void sluice_resume(sluice_call *call);
/* Ends the call with SLUICE_ECANCELLED at the next drive, and wakes that up. A call that is over keeps its outcome. Any
 * thread, while the call is not freed; also from a signal handler. */
void sluice_cancel(sluice_call *call);

enum { SLUICE_READ = 1, SLUICE_WRITE = 2, SLUICE_FAULT = 4 };

/* Never grows. */
typedef struct sluice_fd {
    int fd;
    int events; /* wanted: SLUICE_READ | SLUICE_WRITE */
} sluice_fd;

/* The descriptors to watch now: writes at most `cap` and returns how many there are (at least one, the wake-up). Ask
 * again after every drive. */
size_t sluice_fds(sluice_client *client, sluice_fd *fds, size_t cap);
/* Milliseconds until sluice_drive(client, -1, 0, …) is due; 0: now; -1: nothing to wait for. */
int64_t sluice_timeout_msec(sluice_client *client);
/* Does what can be done without blocking. `fd` and `events` say what is ready (SLUICE_READ | SLUICE_WRITE |
 * SLUICE_FAULT); `fd` is -1 when the timeout passed. Runs callbacks. */
int sluice_drive(sluice_client *client, int fd, int events, sluice_error **err);
/* Waits until something happens, at most `msec` (-1: without end), and drives. Returns 0 also when the time passed. */
int sluice_wait(sluice_client *client, int64_t msec, sluice_error **err);

/* For loops that register descriptors (epoll, libuv): `on_fd` is called when the events to watch on a descriptor change
 * (events 0: stop watching it, it will be closed), `on_timeout` when sluice_timeout_msec may have become shorter.
 * `on_fd` is called at once for descriptors that are watched already. Both must not call the library. NULL ends the
 * watch. */
void sluice_watch(sluice_client *client, void (*on_fd)(void *arg, int fd, int events), void (*on_timeout)(void *arg),
                  void *arg);

/* ---- results: immutable, any thread; live as long as the result ------------------------------------------- */

/* The reply's body as it came, NUL-terminated; "" when there was none, and of a stream. `len` may be NULL. */
const char *sluice_result_json(const sluice_result *result, size_t *len);
/* The HTTP status; 0 for NULL and for a result of sluice_json_parse. */
int sluice_result_status(const sluice_result *result);
/* A reply header by its name (any case), or NULL. */
const char *sluice_result_header(const sluice_result *result, const char *name);
/* The server's name for this request (x-request-id), or "". */
const char *sluice_result_request_id(const sluice_result *result);
/* 1 and *usage when the reply (or the stream) had the usage, else 0. */
int sluice_result_usage(const sluice_result *result, sluice_usage *usage);
/* The same with further token counts; `tokens->size` says how large the program's struct is. SINCE 0.2.0. */
int sluice_result_tokens(const sluice_result *result, sluice_tokens *tokens);
/* Frees the result, and with it everything that was read from it. */
void sluice_result_free(sluice_result *result);

/* ---- answers: what the model said, of whole replies and of streams alike ----------------------------------
 *
 * The result of a stream has the answer that all its events make up: texts joined, tool calls put together by their
 * index. It is kept up to max_reply_bytes; a longer one has no choices in its result. `len` (bytes) may be NULL. */

/* The text of the first choice: a chat's content (parts of type "text" joined) or a completion's text. NULL when there
 * is none, for example beside a tool call; "" when the model said nothing. SINCE 0.2.0. */
const char *sluice_result_text(const sluice_result *result, size_t *len);
/* Why the first choice ended: "stop", "length", "tool_calls", "content_filter", …; NULL when the reply does not say.
 * SINCE 0.2.0. */
const char *sluice_result_finish_reason(const sluice_result *result);
/* The tool calls of the first choice, in order. NULL beyond the last. SINCE 0.2.0. */
size_t sluice_result_tool_call_count(const sluice_result *result);
const sluice_tool_call *sluice_result_tool_call(const sluice_result *result, size_t index);
/* The id of the call ("call_…"), which its tool result must name; NULL when it has none. SINCE 0.2.0. */
const char *sluice_tool_call_id(const sluice_tool_call *call);
/* The function's name; NULL when it has none. SINCE 0.2.0. */
const char *sluice_tool_call_name(const sluice_tool_call *call);
/* Its arguments as the model wrote them, nearly always JSON; sluice_json_parse reads and checks it. NULL when there are
 * none. SINCE 0.2.0. */
const char *sluice_tool_call_arguments(const sluice_tool_call *call, size_t *len);

/* All choices ("n" above 1), by their index. NULL beyond the last. SINCE 0.2.0. */
size_t sluice_result_choice_count(const sluice_result *result);
const sluice_choice *sluice_result_choice(const sluice_result *result, size_t index);
/* As for the first choice, above. SINCE 0.2.0. */
const char *sluice_choice_text(const sluice_choice *choice, size_t *len);
const char *sluice_choice_finish_reason(const sluice_choice *choice);
size_t sluice_choice_tool_call_count(const sluice_choice *choice);
const sluice_tool_call *sluice_choice_tool_call(const sluice_choice *choice, size_t index);
/* Why the model would not answer; NULL when it did. SINCE 0.2.0. */
const char *sluice_choice_refusal(const sluice_choice *choice, size_t *len);

/* How many embeddings the reply has; 0 for any other reply. SINCE 0.2.0. */
size_t sluice_result_embedding_count(const sluice_result *result);
/* The embedding of input number `index`: writes at most `cap` floats (`values` may be NULL) and returns how many it
 * has. 0: there is no embedding, or something in it is not a number. It reads "encoding_format": "base64" too. SINCE
 * 0.2.0. */
size_t sluice_result_embedding(const sluice_result *result, size_t index, float *values, size_t cap);

/* ---- JSON of a result, by path ----------------------------------------------------------------------------
 *
 * A path has names and indices: "choices[0].message.content", "data[2].embedding". A name with a dot or a bracket
 * stands in brackets and quotes, escaped as in JSON: "a[\"b.c\"][0]". "" is the whole. When a name is there twice, the
 * last one counts. */

/* The value at `path`, or NULL when there is none. A string comes decoded; a number, true, false and null come as
 * written (sluice_json_kind tells null from "null"); all these are NUL-terminated. An object or a list comes as its
 * JSON and is not NUL-terminated: use `len`, which may be NULL otherwise. */
const char *sluice_json_get(const sluice_result *result, const char *path, size_t *len);
/* The string at `path`, decoded; NULL for anything else, also for null. A string may contain NULs: `len` counts them.
 * SINCE 0.2.0. */
const char *sluice_json_str(const sluice_result *result, const char *path, size_t *len);
/* The kind of the value at `path`: 's'tring, 'n'umber, 'b'oolean, '0' for null, 'o'bject, 'l'ist, or 0 for nothing. */
int sluice_json_kind(const sluice_result *result, const char *path);
/* Members of an object or items of a list; 0 for anything else. */
size_t sluice_json_count(const sluice_result *result, const char *path);
/* 1 and *value (`value` may be NULL), or 0 when there is no number (for int: no whole number that fits). */
int sluice_json_int(const sluice_result *result, const char *path, int64_t *value);
int sluice_json_double(const sluice_result *result, const char *path, double *value);
/* 1 and *value (1 for true, 0 for false; `value` may be NULL), or 0 when there is neither. SINCE 0.2.0. */
int sluice_json_bool(const sluice_result *result, const char *path, int *value);
/* The name of the object's member number `index`, or NULL. */
const char *sluice_json_key(const sluice_result *result, const char *path, size_t index);
/* Makes a result of the program's own JSON (copied), for these functions; its status is 0. SLUICE_EUSAGE when it is no
 * JSON, SLUICE_ENOMEM. Any thread. */
int sluice_json_parse(const char *json, size_t len, sluice_result **result, sluice_error **err);

/* ---- routes and limits of a result: live as long as the result -------------------------------------------- */

/* The number of routes: one for get_route and create_route, a page for search_routes. */
size_t sluice_result_route_count(const sluice_result *result);
/* The route number `index`; NULL when there is none. */
const sluice_route *sluice_result_route(const sluice_result *result, size_t index);
/* The token for sluice_search_routes to get the next page; NULL on the last page. */
const char *sluice_result_next_page_token(const sluice_result *result);
/* The name, and the type, such as "llm/v1/chat". Every route has both. */
const char *sluice_route_name(const sluice_route *route);
const char *sluice_route_type(const sluice_route *route);
/* The upstream's name of the model, and the provider ("openai"). The name is NULL when the route has none. */
const char *sluice_route_model_name(const sluice_route *route);
const char *sluice_route_model_provider(const sluice_route *route);
/* The URL for queries: absolute for routes of get_route and search_routes; for create_route as the server wrote it. */
const char *sluice_route_url(const sluice_route *route);
/* The limit of the route's definition; NULL when it has none. */
const sluice_limit *sluice_route_limit(const sluice_route *route);
/* The route's JSON object, `*len` bytes; not NUL-terminated. */
const char *sluice_route_json(const sluice_route *route, size_t *len);

/* The number of limits in a result of get_limits or set_limits. */
size_t sluice_result_limit_count(const sluice_result *result);
/* The limit number `index`; NULL when there is none. */
const sluice_limit *sluice_result_limit(const sluice_result *result, size_t index);
/* How many calls are allowed in a period. */
int64_t sluice_limit_calls(const sluice_limit *limit);
/* Whose calls are counted together ("user", …); NULL: those of all callers. */
const char *sluice_limit_key(const sluice_limit *limit);
/* The window, as it was set: "minute", "5 hour", … */
const char *sluice_limit_renewal_period(const sluice_limit *limit);

#ifdef __cplusplus
}
#endif

#endif
