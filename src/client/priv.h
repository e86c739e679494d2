/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libsluice share. One machine does every call:
 *
 *   start ─> SENDING ──────────────> DONE ─> finish
 *               │  ^                  ^
 *               v  │ wait is over     │ cancelled, timeout
 *             WAITING ────────────────┘
 *
 * call.c owns the states; event.c turns a stream's bytes into a queue of events; client.c drives libcurl's multi socket
 * interface and hands queued events to callbacks after it (never inside libcurl). Blocking calls are start, wait until
 * done, finish. */
#ifndef SL_CLIENT_PRIV_H
#define SL_CLIENT_PRIV_H

#include <curl/curl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/list.h"
#include "json/json.h"
#include "sluice/client.h"
#include "wire/sse.h"

#define SLC_USEC_PER_MSEC 1000ULL
#define SLC_NEVER         UINT64_MAX

/* --- memory: through the opts' allocator; every object carries a copy of it, so that it can outlive its maker --- */

void *slc_zalloc(const struct sl_alloc *alloc, size_t n);
/* A copy with a NUL behind it; NULL when out of memory. */
char *slc_dup(const struct sl_alloc *alloc, const char *p, size_t n);
void slc_wipe(void *p, size_t n);

/* --- errors --- */

struct slc_failure {
    int code;
    int http_status;
    int64_t retry_after_msec; /* -1: none */
    bool is_retriable;
    struct sl_str request_id, type, body; /* copied */
};

/* Makes the error (that of ENOMEM when there is no memory for it) and returns its code. `err` may be NULL. */
int slc_fail(const struct sl_alloc *alloc, sluice_error **err, int code, const char *fmt, ...) SL_PRINTF(4, 5);
int slc_fail_with(const struct sl_alloc *alloc, sluice_error **err, const struct slc_failure *failure, const char *fmt,
                  ...) SL_PRINTF(4, 5);

/* Reports the same failure again, for a caller that keeps `from`. */
int slc_fail_copy(const struct sl_alloc *alloc, sluice_error **err, const sluice_error *from);

/* Texts of the library are UTF-8, whatever a server sends: each invalid byte becomes U+FFFD. In texts for people each
 * control character (C0, DEL, C1) becomes a space, so that it cannot control a terminal. */
void slc_text_add(struct sl_buf *out, struct sl_str s, bool is_shown);
/* The length of the whole characters in `n` bytes that were cut somewhere. */
size_t slc_text_whole(const char *p, size_t n);
/* At most `max` bytes of it, cut between two characters. */
struct sl_str slc_text_cut(struct sl_str s, size_t max);
/* As vsnprintf and snprintf, but cut between two characters. */
void slc_text_print(char *out, size_t cap, const char *fmt, va_list args) SL_PRINTF(3, 0);
void slc_text_format(char *out, size_t cap, const char *fmt, ...) SL_PRINTF(3, 4);

/* --- options --- */

struct sluice_opts {
    struct sl_alloc alloc;
    char *url, *unix_socket, *key, *username, *password, *ca, *ca_path, *cert, *cert_key, *cert_key_password, *proxy;
    char *user_agent;
    int64_t insecure, proxy_from_env, retries, max_connections, max_reply_bytes, max_event_bytes;
    int64_t connect_timeout, idle_timeout, timeout, backoff, backoff_max, retry_after_max;
    uint64_t (*now_usec)(void *arg);
    void *clock_arg;
    int (*socket)(void *arg, int family, int type, int protocol);
    void *socket_arg;
};

/* A copy with the same allocator; NULL when out of memory. */
struct sluice_opts *slc_opts_copy(const struct sluice_opts *opts);
bool slc_opts_equal(const struct sluice_opts *a, const struct sluice_opts *b);
/* True: it is a URI in the sense of the Python client: scheme and network location, or databricks. */
bool slc_uri_is_valid(struct sl_str uri);
/* True: it has scheme and network location. */
bool slc_uri_is_absolute(struct sl_str uri);
/* Checks that a client can be opened with this URL. */
int slc_url_check(const struct sluice_opts *opts, sluice_error **err);
/* Reads the MLflow variables of sluice_opts_from_env. */
int slc_env_mlflow(struct sluice_opts *opts, sluice_error **err);

/* --- documents: JSON with decoded, NUL-terminated texts --- */

struct slc_doc {
    struct sl_json json;
    char *texts; /* as long as the JSON; the text of a string, number, … is at its token's offset */
    void *mem;
};

/* `text` is borrowed, or copied if `copies`. 0, SL_E_INVAL (fault in doc->json) or SL_E_NOMEM. */
SL_MUST int slc_doc_parse(struct slc_doc *doc, const struct sl_alloc *alloc, struct sl_str text, bool copies);
void slc_doc_done(struct slc_doc *doc, const struct sl_alloc *alloc);
/* For a scalar: decoded and NUL-terminated. For a container: its JSON. NULL when absent. */
const char *slc_doc_text(const struct slc_doc *doc, struct sl_json_val v, size_t *ret_len);
/* The text of a string member, else NULL. */
const char *slc_doc_member(const struct slc_doc *doc, struct sl_json_val object, const char *key);
/* False when the document has no usage. */
bool slc_doc_usage(const struct slc_doc *doc, sluice_tokens *ret);
/* 1 and the values that were asked for; 0 for NULL. */
int slc_usage_give(const sluice_tokens *from, sluice_usage *usage);
int slc_tokens_give(const sluice_tokens *from, sluice_tokens *tokens);

/* --- outcomes (outcome.c) --- */

/* `words`: libcurl's text, for codes that say too little. */
int slc_curl_code_map(CURLcode code, const char *words);
/* For 4xx and 5xx. */
int slc_status_code_map(int status);
/* True: the status may be another one later: limits, overload and time. */
bool slc_status_may_pass(int status);
/* True: with this type or code of an error another try is useless. */
bool slc_error_is_final(const char *word);
/* The same for an error as JSON, {"type", "code"}, and for a body that may have one as "error". */
bool slc_error_value_is_final(const struct slc_doc *doc, struct sl_json_val error);
bool slc_error_body_is_final(const struct sl_alloc *alloc, struct sl_str body);
/* A value of Retry-After, seconds or a date: 0 when it has passed, at most INT32_MAX seconds, -1 when it is neither.
 * `wall_now`: seconds since 1970. */
int64_t slc_retry_after_msec(const char *value, int64_t wall_now);

/* --- requests --- */

enum slc_shape { SLC_ANY, SLC_JSON, SLC_ROUTE, SLC_NEW_ROUTE, SLC_ROUTES, SLC_LIMITS };

struct sluice_request {
    struct sl_alloc alloc;
    _Atomic int refs;
    _Atomic int n_started; /* calls in flight: no setter may run then */
    char method[8];
    char *path; /* behind the url; with its query */
    char *body; /* NULL: none */
    size_t body_len;
    enum slc_shape shape;
    bool wants_stream;
    bool is_safe; /* HTTP's rules allow sending it twice */
    char *idempotency_key, *traceparent, *request_id, *accept;
    int64_t retries, timeout, idle_timeout; /* -1: the client's */
};

void slc_request_unref(struct sluice_request *request);

/* --- answers (answer.c) --- */

/* A text, in the document or in `own`. NUL-terminated; p is NULL when there is none. */
struct slc_text {
    const char *p;
    size_t n;
    struct sl_buf own;
};

struct sluice_tool_call {
    int64_t index;
    struct slc_text id, name, arguments;
};

struct sluice_choice {
    int64_t index;
    struct slc_text text, refusal, finish_reason;
    struct sluice_tool_call *calls; /* in the order of their indices */
    size_t n_calls, cap_calls;
};

struct slc_answer {
    const struct sl_alloc *alloc;
    bool copies;                   /* for a stream, whose documents are freed */
    bool is_finished;              /* a finish_reason was seen */
    bool is_dropped;               /* the answer grew too large */
    struct sluice_choice *choices; /* in the order of their indices */
    size_t n, cap;
    size_t held, max; /* bytes of copied text */
};

/* Adds the content of the reply or the event `doc`. 0 or SL_E_NOMEM. */
SL_MUST int slc_answer_add(struct slc_answer *answer, const struct slc_doc *doc);
void slc_answer_done(struct slc_answer *answer, const struct sl_alloc *alloc);

/* --- results --- */

struct sluice_limit {
    int64_t calls;
    const char *key, *renewal_period;
};

struct sluice_route {
    const char *name, *type, *model_name, *model_provider, *url;
    char *own_url; /* the url, if it was made absolute */
    struct sl_str json;
    struct sluice_limit limit;
    bool has_limit;
};

struct sluice_result {
    struct sl_alloc alloc;
    int status;
    struct sl_buf headers; /* lines "name: value", with a NUL in place of ": " and of the newline */
    struct sl_buf body;
    struct slc_doc doc;
    bool has_doc;
    sluice_tokens usage;
    bool has_usage;
    struct slc_answer answer;
    struct sluice_route *routes;
    size_t n_routes;
    struct sluice_limit *limits;
    size_t n_limits;
};

struct sluice_result *slc_result_new(const struct sl_alloc *alloc);
/* Takes the buffers and reads the body in the form `shape`. `base`: put in front of relative route URLs. 0, SL_E_NOMEM,
 * or SL_E_INVAL with the reason. */
SL_MUST int slc_result_read(struct sluice_result *result, enum slc_shape shape, const char *base, struct sl_err *err);
const char *slc_headers_find(const struct sl_buf *headers, const char *name);

/* --- events --- */

struct sluice_event {
    struct sluice_event *next;
    size_t size; /* its bytes in the queue */
    struct slc_doc doc;
    char *name;
    const char *text;
    size_t text_len;
    const char *finish_reason;
    sluice_tokens usage;
    bool has_usage;
};

struct slc_events {
    struct sl_alloc alloc;
    struct sl_sse_decoder decoder;
    struct sluice_event *head, **tail;
    size_t queued; /* bytes */
    bool is_done;  /* "[DONE]" was seen */
    bool has_begun;
    sluice_tokens usage;
    bool has_usage;
    struct slc_answer answer; /* the answer that the events make up */
    int fault;                /* SLUICE_E…: why the stream itself ended the call */
    char fault_text[512];
    char fault_type[64];
    bool is_final; /* the stream's own error says that the same call fails again */
};

void slc_events_init(struct slc_events *events, const struct sl_alloc *alloc, size_t max_event, size_t max_answer);
void slc_events_done(struct slc_events *events);
/* Negative when the stream must end: `fault` has the reason. */
SL_MUST int slc_events_push(struct slc_events *events, struct sl_str bytes);
SL_MUST int slc_events_finish(struct slc_events *events);
/* Makes one event of a whole reply that is no stream. */
SL_MUST int slc_events_whole(struct slc_events *events, struct sl_str json);
struct sluice_event *slc_events_pop(struct slc_events *events);
void slc_event_free(struct sluice_event *event, const struct sl_alloc *alloc);

/* --- calls --- */

/* The part that other threads may use: shared by a client and its calls, freed with the last of them. */
struct slc_waker {
    struct sl_alloc alloc;
    _Atomic int refs;
    _Atomic unsigned cancelled; /* counts sluice_cancel_all */
    int fd;                     /* eventfd */
};

enum slc_state { SLC_SENDING, SLC_WAITING, SLC_DONE };

SL_LIST_HEAD(slc_calls);

struct sluice_call {
    struct sl_link link; /* in client->calls until its end was delivered */
    struct sl_alloc alloc;
    struct sluice_client *client; /* NULL once unlinked */
    struct slc_waker *waker;
    struct sluice_request *request;
    sluice_callbacks callbacks;
    void *arg;
    bool is_pushed;   /* uses callbacks */
    bool is_blocking; /* belongs to a blocking call: its callbacks cannot free it */
    enum slc_state state;
    unsigned visit;           /* the mark of a walk of the dispatcher */
    _Atomic int is_cancelled; /* for this call alone; see slc_call_is_cancelled */
    _Atomic unsigned resumes; /* counts sluice_resume */
    bool is_pausing;          /* a callback paused it, */
    unsigned resumes_before;  /* when this many resumes had come: a resume that overtakes the pause counts, too */
    unsigned cancelled_before;

    CURL *easy;
    struct curl_slist *headers;
    char *url;
    bool is_added; /* added to the multi */
    size_t body_sent;
    unsigned n_retries, n_redirects;
    uint64_t deadline, idle_since, wake_at; /* µs; SLC_NEVER */
    uint64_t idle_usec;                     /* 0: none */
    int status;
    char reason[64]; /* the text of the status line */
    struct sl_buf head, body;
    bool head_is_over; /* what comes now is a trailer */
    bool is_stream;    /* 2xx and text/event-stream */
    bool is_curl_paused;
    bool has_connection; /* it has its own connection: before, it waits for one, and the server cannot be silent */
    curl_socket_t fd;    /* the connection's, or CURL_SOCKET_BAD */
    struct slc_events events;
    struct sluice_event *current; /* the event that pull returned */
    int abort_code;               /* SLUICE_E…: why a libcurl callback ended the transfer */

    int code;
    sluice_error *err;
    sluice_result *result;
    char curl_error[CURL_ERROR_SIZE];
};

SL_LIST_FUNCTIONS(slc_calls, struct sluice_call, link);

/* Reading stops at this many queued bytes of events, and starts again at the low mark. */
#define SLC_QUEUE_HIGH (64u << 10)
#define SLC_QUEUE_LOW  (16u << 10)
/* For all header lines of a reply. */
#define SLC_HEAD_MAX (256u << 10)

/* Starts the call on the client's multi. */
int slc_call_start(struct sluice_client *client, struct sluice_request *request, const sluice_callbacks *callbacks,
                   void *arg, struct sluice_call **ret, sluice_error **err);
/* libcurl says that the transfer is over. */
void slc_call_on_done(struct sluice_call *call, CURLcode curl_code);
/* Handles cancellation, deadlines and the end of a wait. */
void slc_call_on_time(struct sluice_call *call, uint64_t now);
/* When slc_call_on_time has something to do. */
uint64_t slc_call_due(const struct sluice_call *call);
/* The next event; libcurl reads on when the queue has room again. */
struct sluice_event *slc_call_pop(struct sluice_call *call);
bool slc_call_is_over(const struct sluice_call *call);
/* Cancelled by itself or with all calls of its client. */
bool slc_call_is_cancelled(const struct sluice_call *call);
/* Takes the call out of the client's list; frees what only a living call needs. */
void slc_call_unlink(struct sluice_call *call);
/* Frees a call that is over. */
void slc_call_delete(struct sluice_call *call);
/* Ends the call if it has a transfer, because libcurl ran out of memory. */
void slc_call_fail_memory(struct sluice_call *call);
/* Ends the call as cancelled and drops its events. A call that had ended, and whose reader had everything, keeps its
 * outcome, unless the reader itself cancels. */
void slc_call_abort(struct sluice_call *call, bool is_by_reader);

/* The server has sent something, or takes something. */
void slc_call_idle_reset(struct sluice_call *call);
/* Allowed by HTTP's rules or the caller's key. */
bool slc_call_may_send_twice(const struct sluice_call *call);
/* Sets all of libcurl's options for the call (transfer.c). 0 or SL_E_NOMEM. */
SL_MUST int slc_transfer_prepare(struct sluice_call *call);

/* --- the client --- */

struct slc_watch {
    curl_socket_t fd;
    int events;
};

struct sluice_client {
    struct sl_alloc alloc;
    struct sluice_opts *opts;
    char *base;          /* the url without its last '/' */
    char *authorization; /* the header line, or NULL */
    pid_t pid;
    _Atomic int is_busy;      /* a thread is inside: */
    _Atomic(uintptr_t) owner; /* its id, */
    unsigned depth;           /* and how many times it entered */
    bool in_callback;
    CURLM *multi;
    struct slc_waker *waker;
    struct slc_calls calls;
    unsigned n_changes; /* of the list: a walk compares it after a callback */
    unsigned visit;
    struct sluice_call *current; /* the one whose callback runs; NULL when the callback freed it */
    struct slc_watch *watches; /* room for all is made before a call starts, because libcurl's callback must not fail */
    struct pollfd *polls;      /* as many, and one more */
    size_t n_watches, cap_watches;
    uint64_t curl_due; /* µs; SLC_NEVER */
    void (*on_fd)(void *arg, int fd, int events);
    void (*on_timeout)(void *arg);
    void *watch_arg;
};

uint64_t slc_now(const struct sluice_client *client);
/* SLUICE_EUSAGE for a NULL, with the name of the argument. */
int slc_need(const void *arg, const char *name, sluice_error **err);
/* 0, or the refusal: another process, another thread, a callback. Call slc_leave afterwards. */
int slc_enter(struct sluice_client *client, bool may_be_callback, sluice_error **err);
void slc_leave(struct sluice_client *client);
/* NULL when out of memory or descriptors. */
struct slc_waker *slc_waker_new(const struct sl_alloc *alloc);
void slc_waker_unref(struct slc_waker *waker);
void slc_waker_wake(struct slc_waker *waker);
void slc_waker_drain(struct slc_waker *waker);
/* Makes the text behind "Authorization: "; 0 also when there is nothing to send (origin.c). */
SL_MUST int slc_authorization_make(struct sluice_client *client);
int slc_watches_reserve(struct sluice_client *client);
/* Drives until the call is over. The client must be entered. */
void slc_run(struct sluice_client *client, struct sluice_call *call);
/* Makes the multi if there is none. 0 or SL_E_NOMEM. */
SL_MUST int slc_multi_ready(struct sluice_client *client);

#endif
