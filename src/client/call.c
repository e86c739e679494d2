/* SPDX-License-Identifier: Apache-2.0 */
/* One call: its attempts, what happens with the bytes that libcurl brings, and how it ends. Nothing here calls the
 * program.
 *
 * These are sent again: a call with a reply of 429 or 503 that has Retry-After (the gateway did not do it); a
 * connection that failed before the request's body went out; after that only what HTTP calls safe, or what has an
 * idempotency key. libcurl itself would send a POST again when a kept connection turns out dead. For this it must
 * rewind the body, which on_seek refuses. */
#include "client/priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "wire/uri.h"

#define REDIRECTS_MAX 5
/* When a server has sent "[DONE]" but not the body's end, it is waited for no longer than this. */
#define DONE_GRACE_USEC 500000ULL
/* The size of sluice_callbacks in the first version of the interface, and a size that it will never reach. */
#define CALLBACKS_SIZE_FIRST (offsetof(sluice_callbacks, on_end) + sizeof(void (*)(void)))
#define CALLBACKS_SIZE_MAX   4096

static void attempt_begin(struct sluice_call *call);

void slc_call_idle_reset(struct sluice_call *call)
{
    call->idle_since = slc_now(call->client);
}

/* --- the end --- */

static void easy_drop(struct sluice_call *call)
{
    if (call->is_added) {
        curl_multi_remove_handle(call->client->multi, call->easy);
        call->is_added = false;
    }
    if (call->easy) {
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

static void call_end(struct sluice_call *call, int code)
{
    easy_drop(call);
    call->code = code;
    call->state = SLC_DONE;
    atomic_fetch_sub(&call->request->n_started, 1);
}

static void end_failed(struct sluice_call *call, int code, const char *fmt, ...) SL_PRINTF(3, 4);

/* Ends the call with what is known of the reply. */
static void end_failed(struct sluice_call *call, int code, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    slc_text_print(text, sizeof(text), fmt, args);
    va_end(args);
    const char *id = slc_headers_find(&call->head, "x-request-id");
    struct slc_failure f = { .code = code,
                             .http_status = call->status,
                             .retry_after_msec = -1,
                             .is_retriable = !call->events.is_final &&
                                             (code == SLUICE_ECONNECT || code == SLUICE_ETIMEOUT ||
                                              code == SLUICE_ESTREAM || code == SLUICE_ENOMEM),
                             .request_id = sl_str_c(id),
                             .type = sl_str_c(call->events.fault ? call->events.fault_type : NULL) };
    call_end(call, slc_fail_with(&call->alloc, &call->err, &f, "API request to %s failed with exception %s", call->url,
                                 text));
}

void slc_call_abort(struct sluice_call *call, bool is_by_reader)
{
    bool has_events = call->events.head != NULL;
    struct sluice_event *event;
    while ((event = slc_events_pop(&call->events))) {
        slc_event_free(event, &call->alloc);
    }
    if (call->state != SLC_DONE) {
        end_failed(call, SLUICE_ECANCELLED, "the call was cancelled");
    } else if (has_events || is_by_reader) {
        /* The transfer is over, but the reader has not read everything. */
        sluice_error_free(call->err);
        sluice_result_free(call->result);
        call->err = NULL;
        call->result = NULL;
        call->code = slc_fail(&call->alloc, &call->err, SLUICE_ECANCELLED,
                              "API request to %s failed with exception the call was cancelled", call->url);
    }
}

void slc_call_fail_memory(struct sluice_call *call)
{
    if (call->state == SLC_SENDING) {
        end_failed(call, SLUICE_ENOMEM, "out of memory");
    }
}

static void end_ok(struct sluice_call *call)
{
    struct sluice_result *result = slc_result_new(&call->alloc);
    if (!result) {
        end_failed(call, SLUICE_ENOMEM, "out of memory");
        return;
    }
    result->status = call->status;
    result->headers = call->head;
    call->head = (struct sl_buf){ .max = SLC_HEAD_MAX, .alloc = &call->alloc };
    if (call->is_stream) {
        result->usage = call->events.usage;
        result->has_usage = call->events.has_usage;
        result->answer = call->events.answer;
        call->events.answer = (struct slc_answer){ .alloc = &call->alloc, .is_dropped = true };
        call->result = result;
        call_end(call, SLUICE_OK);
        return;
    }
    result->body = call->body;
    result->body.alloc = &result->alloc;
    result->body.max = SIZE_MAX / 2;
    call->body = (struct sl_buf){ .alloc = &call->alloc };
    struct sl_err why;
    int r = slc_result_read(result, call->request->shape, call->client->base, &why);
    if (r == 0 && call->request->wants_stream) {
        r = slc_events_whole(&call->events, sl_buf_str(&result->body));
        if (r < 0) {
            snprintf(why.text, sizeof(why.text), "%s", call->events.fault_text);
            r = call->events.fault == SLUICE_ENOMEM ? SL_E_NOMEM : r;
        }
    }
    if (r < 0) {
        sluice_result_free(result);
        end_failed(call, r == SL_E_NOMEM ? SLUICE_ENOMEM : SLUICE_EPROTOCOL, "%s", why.text);
        return;
    }
    call->result = result;
    call_end(call, SLUICE_OK);
}

/* --- retries --- */

static bool has_retries(const struct sluice_call *call)
{
    int64_t max = call->request->retries >= 0 ? call->request->retries : call->client->opts->retries;
    return call->n_retries < (uint64_t)max && !call->events.has_begun;
}

bool slc_call_may_send_twice(const struct sluice_call *call)
{
    return call->request->is_safe || call->request->idempotency_key;
}

/* Waits `wait_usec` and sends again; false when the call's time is too short for that. */
static bool retry_after(struct sluice_call *call, uint64_t wait_usec)
{
    uint64_t at = slc_now(call->client) + wait_usec;
    if (at >= call->deadline) {
        return false;
    }
    call->n_retries++;
    call->wake_at = at;
    call->state = SLC_WAITING;
    return true;
}

/* Doubled each time, and up to a quarter longer, so that many clients do not come back at the same time. */
static uint64_t backoff_usec(const struct sluice_call *call)
{
    const struct sluice_opts *opts = call->client->opts;
    uint64_t wait = (uint64_t)opts->backoff << SL_MIN(call->n_retries, 20u);
    wait = SL_MIN(wait, (uint64_t)opts->backoff_max) * SLC_USEC_PER_MSEC;
    uint64_t noise = (slc_now(call->client) ^ (uintptr_t)call >> 4) * 0x9e3779b97f4a7c15ULL >> 32;
    return wait + (wait ? noise % (wait / 4 + 1) : 0);
}

/* --- how an attempt ended --- */

/* True: the server cannot have acted on the request, because it is not complete without its body. */
static bool was_not_sent(const struct sluice_call *call)
{
    long sent = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    return call->request->body_len ? call->body_sent == 0 : sent == 0;
}

static void on_transport_failed(struct sluice_call *call, CURLcode curl_code)
{
    const char *why = call->curl_error[0] ? call->curl_error : curl_easy_strerror(curl_code);
    int code = slc_curl_code_map(curl_code, why);
    if (curl_code == CURLE_OUT_OF_MEMORY && call->status && !call->head_is_over) {
        /* libcurl's code for a header line of more than 100 KiB; running out of memory just there is the rarer
         * reason. */
        code = SLUICE_EPROTOCOL;
        why = "a header line of the reply is too long";
    }
    if (call->is_stream && call->head_is_over) {
        bool is_own = code == SLUICE_ENOMEM || code == SLUICE_EPROTOCOL;
        end_failed(call, is_own ? code : SLUICE_ESTREAM, "the stream broke: %s", why);
        return;
    }
    bool is_passing = code == SLUICE_ECONNECT || code == SLUICE_ETIMEOUT;
    if (is_passing && has_retries(call) && (was_not_sent(call) || slc_call_may_send_twice(call)) &&
        retry_after(call, backoff_usec(call))) {
        return;
    }
    end_failed(call, code, "%s", why);
}

static void on_status_failed(struct sluice_call *call)
{
    const char *wait_text = slc_headers_find(&call->head, "retry-after");
    int64_t wait = wait_text ? slc_retry_after_msec(wait_text, (int64_t)time(NULL)) : -1;
    const char *type = slc_headers_find(&call->head, "x-sluice-error-type");
    const char *advice = slc_headers_find(&call->head, "x-should-retry");
    bool may_pass = slc_status_may_pass(call->status) && !(advice && strcmp(advice, "false") == 0) &&
                    !(type && slc_error_is_final(type)) &&
                    !slc_error_body_is_final(&call->alloc, sl_buf_str(&call->body));
    bool is_refused = (call->status == 429 || call->status == 503) && may_pass;
    if (is_refused && wait >= 0 && wait <= call->client->opts->retry_after_max && has_retries(call) &&
        retry_after(call, SL_MAX((uint64_t)wait * SLC_USEC_PER_MSEC, backoff_usec(call)))) {
        return;
    }
    const char *id = slc_headers_find(&call->head, "x-request-id");
    struct slc_failure f = {
        .code = slc_status_code_map(call->status),
        .http_status = call->status,
        .retry_after_msec = wait,
        .is_retriable = may_pass,
        .request_id = sl_str_c(id),
        .type = sl_str_c(type),
        .body = sl_buf_str(&call->body),
    };
    struct sl_str shown = slc_text_cut(f.body, 2048);
    call_end(call, slc_fail_with(&call->alloc, &call->err, &f, "%d %s Error: %s for url: %s. Response text: %.*s",
                                 call->status, call->status >= 500 ? "Server" : "Client", call->reason, call->url,
                                 SL_STR_ARG(shown)));
}

static bool is_same_origin(const char *a, const char *b)
{
    struct sl_uri x, y;
    return sl_uri_parse(sl_str_c(a), &x, NULL) == 0 && sl_uri_parse(sl_str_c(b), &y, NULL) == 0 &&
           x.is_https == y.is_https && x.port == y.port && sl_str_case_eq(x.host, y.host);
}

/* 307 and 308 keep method and body; they are followed only within the origin, because the key is sent along. */
static void on_redirect(struct sluice_call *call)
{
    char *to = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &to);
    if ((call->status != 307 && call->status != 308) || !to) {
        end_failed(call, SLUICE_EPROTOCOL, "unexpected status %d %s", call->status, call->reason);
        return;
    }
    if (!is_same_origin(call->url, to)) {
        end_failed(call, SLUICE_EPROTOCOL, "the server redirects to another origin, which is not followed: %.*s",
                   SL_STR_ARG(slc_text_cut(sl_str_c(to), 512)));
        return;
    }
    if (++call->n_redirects > REDIRECTS_MAX) {
        end_failed(call, SLUICE_EPROTOCOL, "more than %d redirects", REDIRECTS_MAX);
        return;
    }
    char *url = slc_dup(&call->alloc, to, strlen(to));
    if (!url || curl_easy_setopt(call->easy, CURLOPT_URL, url) != CURLE_OK) {
        sl_alloc_free(&call->alloc, url);
        end_failed(call, SLUICE_ENOMEM, "out of memory");
        return;
    }
    sl_alloc_free(&call->alloc, call->url);
    call->url = url;
    attempt_begin(call);
}

/* True: the server said where the body ends. Else the connection's end is all there is, and a proxy or a crash also
 * causes that. */
static bool is_framed(const struct sluice_call *call)
{
    return slc_headers_find(&call->head, "content-length") || slc_headers_find(&call->head, "transfer-encoding");
}

static void on_stream_ended(struct sluice_call *call)
{
    int r = slc_events_finish(&call->events);
    if (r == 0 && !call->events.is_done && !call->events.answer.is_finished && !is_framed(call)) {
        end_failed(call, SLUICE_ESTREAM, "the connection ended within the stream");
        return;
    }
    if (r < 0) {
        /* Half an event at the end means a broken stream. */
        int code = call->events.fault == SLUICE_EPROTOCOL ? SLUICE_ESTREAM : call->events.fault;
        end_failed(call, code, "%s", call->events.fault_text);
        return;
    }
    end_ok(call);
}

void slc_call_on_done(struct sluice_call *call, CURLcode curl_code)
{
    curl_multi_remove_handle(call->client->multi, call->easy);
    call->is_added = false;
    if (call->events.fault) {
        end_failed(call, call->events.fault, "%s", call->events.fault_text);
    } else if (call->abort_code) {
        end_failed(call, call->abort_code, "%s",
                   call->abort_code == SLUICE_ENOMEM ? "out of memory" : "the reply is larger than max_reply_bytes");
    } else if (curl_code != CURLE_OK && !call->events.is_done) {
        on_transport_failed(call, curl_code);
    } else if (call->is_stream) {
        on_stream_ended(call);
    } else if (call->status >= 400) {
        on_status_failed(call);
    } else if (call->status >= 300) {
        on_redirect(call);
    } else {
        end_ok(call);
    }
}

static void attempt_begin(struct sluice_call *call)
{
    sl_buf_reset(&call->head);
    sl_buf_reset(&call->body);
    call->body_sent = 0;
    call->status = 0;
    call->reason[0] = call->curl_error[0] = '\0';
    call->head_is_over = call->is_stream = call->is_curl_paused = call->has_connection = false;
    call->fd = CURL_SOCKET_BAD;
    call->state = SLC_SENDING;
    slc_call_idle_reset(call);
    if (slc_multi_ready(call->client) < 0 || curl_multi_add_handle(call->client->multi, call->easy) != CURLM_OK) {
        end_failed(call, SLUICE_ENOMEM, "out of memory");
        return;
    }
    call->is_added = true;
}

static uint64_t after(uint64_t now, int64_t msec)
{
    return msec > 0 ? now + (uint64_t)msec * SLC_USEC_PER_MSEC : SLC_NEVER;
}

static void times_set(struct sluice_call *call)
{
    const struct sluice_opts *opts = call->client->opts;
    const struct sluice_request *rq = call->request;
    int64_t idle = rq->idle_timeout >= 0 ? rq->idle_timeout : opts->idle_timeout;
    call->deadline = after(slc_now(call->client), rq->timeout >= 0 ? rq->timeout : opts->timeout);
    call->idle_usec = (uint64_t)idle * SLC_USEC_PER_MSEC;
}

static void call_delete(struct sluice_call *call)
{
    easy_drop(call);
    sl_alloc_free(&call->alloc, call->url);
    sl_buf_done(&call->head);
    sl_buf_done(&call->body);
    slc_events_done(&call->events);
    slc_event_free(call->current, &call->alloc);
    sluice_error_free(call->err);
    sluice_result_free(call->result);
    slc_request_unref(call->request);
    slc_waker_unref(call->waker);
    struct sl_alloc alloc = call->alloc;
    sl_alloc_free(&alloc, call);
}

static struct sluice_call *call_new(struct sluice_client *client, struct sluice_request *request)
{
    struct sluice_call *call = slc_zalloc(&client->alloc, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->alloc = client->alloc;
    call->client = client;
    call->request = request;
    atomic_fetch_add(&request->refs, 1);
    call->waker = client->waker;
    atomic_fetch_add(&call->waker->refs, 1);
    call->cancelled_before = atomic_load(&call->waker->cancelled);
    call->head = (struct sl_buf){ .max = SLC_HEAD_MAX, .alloc = &call->alloc };
    call->body = (struct sl_buf){ .max = (size_t)client->opts->max_reply_bytes, .alloc = &call->alloc };
    slc_events_init(&call->events, &call->alloc, (size_t)client->opts->max_event_bytes,
                    (size_t)client->opts->max_reply_bytes);
    struct sl_buf url = { .max = SIZE_MAX / 2, .alloc = &call->alloc };
    sl_buf_add_c(&url, client->base);
    sl_buf_add_c(&url, request->path);
    sl_buf_add_char(&url, '\0');
    call->url = url.p;
    call->easy = curl_easy_init();
    if (sl_buf_status(&url) || !call->easy || slc_transfer_prepare(call) < 0) {
        call_delete(call);
        return NULL;
    }
    return call;
}

/* A program may be newer than this library, or older: members that the program does not have become NULL, and members
 * that are not known here must be NULL. */
static int callbacks_copy(const struct sl_alloc *alloc, const sluice_callbacks *from, sluice_callbacks *to,
                          sluice_error **err)
{
    if (from->size < CALLBACKS_SIZE_FIRST || from->size > CALLBACKS_SIZE_MAX) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "callbacks->size is %zu, which is no sizeof(sluice_callbacks)",
                        from->size);
    }
    for (size_t i = sizeof(*to); i < from->size; i++) {
        if (((const char *)from)[i]) {
            return slc_fail(alloc, err, SLUICE_EUSAGE, "a callback at byte %zu is not known to libsluice %s", i,
                            sluice_version());
        }
    }
    *to = (sluice_callbacks){ 0 };
    memcpy(to, from, SL_MIN(from->size, sizeof(*to)));
    return 0;
}

int slc_call_start(struct sluice_client *client, struct sluice_request *request, const sluice_callbacks *callbacks,
                   void *arg, struct sluice_call **ret, sluice_error **err)
{
    sluice_callbacks known = { 0 };
    int r = slc_need(request, "request", err);
    r = r || !callbacks ? r : callbacks_copy(&client->alloc, callbacks, &known, err);
    if (r < 0) {
        return r;
    }
    struct sluice_call *call = slc_watches_reserve(client) < 0 ? NULL : call_new(client, request);
    if (!call) {
        return slc_fail(&client->alloc, err, SLUICE_ENOMEM, "out of memory");
    }
    if (callbacks) {
        call->callbacks = known;
        call->is_pushed = true;
    }
    call->arg = arg;
    times_set(call);
    atomic_fetch_add(&request->n_started, 1);
    slc_calls_add(&client->calls, call);
    client->n_changes++;
    attempt_begin(call);
    if (client->on_timeout) {
        client->on_timeout(client->watch_arg);
    }
    *ret = call;
    return 0;
}

/* --- time --- */

bool slc_call_is_cancelled(const struct sluice_call *call)
{
    return atomic_load(&call->is_cancelled) || atomic_load(&call->waker->cancelled) != call->cancelled_before;
}

static uint64_t idle_due(const struct sluice_call *call)
{
    if (call->state != SLC_SENDING || call->is_curl_paused || !call->has_connection) {
        return SLC_NEVER;
    }
    if (call->events.is_done) {
        return call->idle_since + DONE_GRACE_USEC;
    }
    return call->idle_usec ? call->idle_since + call->idle_usec : SLC_NEVER;
}

uint64_t slc_call_due(const struct sluice_call *call)
{
    if (call->state == SLC_DONE) {
        return slc_call_is_cancelled(call) && call->events.head ? 0 : SLC_NEVER;
    }
    if (slc_call_is_cancelled(call)) {
        return 0;
    }
    uint64_t due = call->state == SLC_WAITING ? call->wake_at : idle_due(call);
    return SL_MIN(due, call->deadline);
}

/* When a program did not drive for long, its socket was silent only if no bytes wait in it. */
static bool has_bytes_waiting(const struct sluice_call *call)
{
    struct pollfd p = { call->fd, POLLIN, 0 };
    return call->fd != CURL_SOCKET_BAD && poll(&p, 1, 0) > 0;
}

void slc_call_on_time(struct sluice_call *call, uint64_t now)
{
    if (now < slc_call_due(call)) {
        return;
    }
    if (slc_call_is_cancelled(call)) {
        slc_call_abort(call, false);
    } else if (call->state == SLC_SENDING && call->events.is_done) {
        end_ok(call);
    } else if (now >= call->deadline) {
        end_failed(call, SLUICE_ETIMEOUT, "the call took longer than its timeout");
    } else if (call->state == SLC_WAITING) {
        attempt_begin(call);
    } else if (has_bytes_waiting(call)) {
        slc_call_idle_reset(call);
    } else {
        bool has_begun = call->is_stream && call->head_is_over;
        end_failed(call, SLUICE_ETIMEOUT, "the server was silent for %llu ms%s",
                   (unsigned long long)(call->idle_usec / SLC_USEC_PER_MSEC), has_begun ? " within its stream" : "");
    }
}

/* --- events out, and freeing --- */

struct sluice_event *slc_call_pop(struct sluice_call *call)
{
    struct sluice_event *event = slc_events_pop(&call->events);
    if (call->is_curl_paused && call->events.queued <= SLC_QUEUE_LOW && call->state == SLC_SENDING) {
        call->is_curl_paused = false;
        slc_call_idle_reset(call);
        /* This may call on_write at once with bytes that libcurl kept. */
        CURLcode r = curl_easy_pause(call->easy, CURLPAUSE_CONT);
        if (r != CURLE_OK) {
            slc_call_on_done(call, r);
        }
    }
    return event;
}

bool slc_call_is_over(const struct sluice_call *call)
{
    return call->state == SLC_DONE && !call->events.head;
}

void slc_call_unlink(struct sluice_call *call)
{
    struct sluice_client *client = call->client;
    if (client) {
        slc_calls_remove(&client->calls, call);
        client->n_changes++;
        if (client->current == call) {
            client->current = NULL;
        }
        call->client = NULL;
    }
}

void slc_call_delete(struct sluice_call *call)
{
    slc_call_unlink(call);
    call_delete(call);
}
