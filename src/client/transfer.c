/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer: sets libcurl's options, and handles the bytes in libcurl's callbacks. These only store; a callback that
 * fails leaves the reason in the call. */
#include "client/priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/num.h"

/* Below the gateway's keep_alive of 75 s, so that a kept connection is rarely a dead one. */
#define KEPT_SECONDS 60L

/* --- libcurl's callbacks --- */

static size_t abort_set(struct sluice_call *call, int code)
{
    call->abort_code = code;
    return 0; /* when fewer bytes are returned than given, libcurl ends the transfer */
}

static size_t on_write(char *p, size_t size, size_t n, void *arg)
{
    struct sluice_call *call = arg;
    n *= size;
    slc_call_idle_reset(call);
    if (!call->is_stream) {
        sl_buf_add(&call->body, p, n);
        int status = sl_buf_status(&call->body);
        return status ? abort_set(call, status == SL_E_LIMIT ? SLUICE_EPROTOCOL : SLUICE_ENOMEM) : n;
    }
    if (call->events.queued > SLC_QUEUE_HIGH) {
        call->is_curl_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    return slc_events_push(&call->events, sl_str_make(p, n)) < 0 ? 0 : n;
}

static void status_line_read(struct sluice_call *call, struct sl_str line)
{
    sl_buf_reset(&call->head);
    ptrdiff_t space = sl_str_find_char(line, ' ', 0);
    struct sl_str rest = space < 0 ? SL_STR_NONE : sl_str_trim(sl_str_sub(line, (size_t)space, line.n));
    uint64_t status = 0;
    SL_IGNORE(sl_parse_u64(sl_str_sub(rest, 0, 3), 0, 999, &status)); /* libcurl has checked it */
    call->status = (int)status;
    struct sl_str reason = sl_str_trim(sl_str_sub(rest, 3, rest.n));
    slc_text_format(call->reason, sizeof(call->reason), "%.*s", SL_STR_ARG(reason));
}

static void head_end(struct sluice_call *call)
{
    if (call->status < 200) {
        return;
    }
    call->head_is_over = true;
    const char *type = slc_headers_find(&call->head, "content-type");
    call->is_stream = call->request->wants_stream && call->status < 300 && type &&
                      sl_str_case_eq(sl_str_sub(sl_str_c(type), 0, 17), SL_STR("text/event-stream"));
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct sluice_call *call = arg;
    n *= size;
    slc_call_idle_reset(call);
    struct sl_str line = sl_str_make(p, n);
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r')) {
        line.n--;
    }
    if (sl_str_has_prefix(line, SL_STR("HTTP/"))) {
        status_line_read(call, line);
        return n;
    }
    if (call->head_is_over) {
        return n; /* trailers are ignored */
    }
    if (line.n == 0) {
        head_end(call);
        return n;
    }
    ptrdiff_t colon = sl_str_find_char(line, ':', 0);
    if (colon > 0 && sl_str_find_char(line, '\0', 0) < 0) {
        sl_buf_add_str(&call->head, sl_str_sub(line, 0, (size_t)colon));
        sl_buf_add_char(&call->head, '\0');
        slc_text_add(&call->head, sl_str_trim(sl_str_sub(line, (size_t)colon + 1, line.n)), false);
        sl_buf_add_char(&call->head, '\0');
    }
    int status = sl_buf_status(&call->head);
    return status ? abort_set(call, status == SL_E_LIMIT ? SLUICE_EPROTOCOL : SLUICE_ENOMEM) : n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct sluice_call *call = arg;
    n = SL_MIN(n * size, call->request->body_len - call->body_sent);
    memcpy(p, call->request->body + call->body_sent, n);
    call->body_sent += n;
    slc_call_idle_reset(call);
    return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct sluice_call *call = arg;
    if (offset != 0 || origin != SEEK_SET || (call->body_sent && !slc_call_may_send_twice(call))) {
        return CURL_SEEKFUNC_FAIL;
    }
    call->body_sent = 0;
    return CURL_SEEKFUNC_OK;
}

/* There is a connection, new or kept, and the request will now be sent: from here on the server may be silent. */
static int on_ready(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct sluice_call *call = arg;
    (void)peer_ip;
    (void)own_ip;
    (void)peer_port;
    (void)own_port;
    call->has_connection = true;
    slc_call_idle_reset(call);
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct sluice_call *call = arg;
    const struct sluice_opts *opts = call->client->opts;
    (void)purpose;
    int type = addr->socktype | SOCK_CLOEXEC;
    return opts->socket ? opts->socket(opts->socket_arg, addr->family, type, addr->protocol)
                        : socket(addr->family, type, addr->protocol);
}

/* --- setting up --- */

static int header_add(struct sluice_call *call, const char *name, const char *value)
{
    struct sl_buf line = { .max = SIZE_MAX / 2, .alloc = &call->alloc };
    sl_buf_add_c(&line, name);
    sl_buf_add_c(&line, value);
    sl_buf_add_char(&line, '\0');
    struct curl_slist *more = sl_buf_status(&line) ? NULL : curl_slist_append(call->headers, line.p);
    slc_wipe(line.p, line.len);
    sl_buf_done(&line);
    if (!more) {
        return -1;
    }
    call->headers = more;
    return 0;
}

static int headers_make(struct sluice_call *call)
{
    const struct sluice_request *rq = call->request;
    const struct {
        const char *name, *value; /* NULL: not sent */
    } rows[] = {
        { "Accept: ", rq->accept ? rq->accept : "*/*" },
        { "Content-Type:", rq->body ? " application/json" : "" }, /* libcurl adds one for a POST without a body */
        { "Expect:", "" },                                        /* libcurl would wait for a 100 before a large body */
        { "Authorization: ", call->client->authorization },
        { "Idempotency-Key: ", rq->idempotency_key },
        { "Traceparent: ", rq->traceparent },
        { "X-Request-Id: ", rq->request_id },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].value && header_add(call, rows[i].name, rows[i].value) < 0) {
            return -1;
        }
    }
    return 0;
}

/* libcurl's setters are macros, each with its type; here they only return CURLE_OUT_OF_MEMORY. */
#define SET(option, value) r = r ? r : curl_easy_setopt(easy, option, value)
#define SET_TEXT(option, text)                                \
    do {                                                      \
        if (text) {                                           \
            r = r ? r : curl_easy_setopt(easy, option, text); \
        }                                                     \
    } while (0)

static CURLcode connection_set(CURL *easy, const struct sluice_opts *opts)
{
    CURLcode r = CURLE_OK;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)opts->connect_timeout);
    SET(CURLOPT_MAXAGE_CONN, KEPT_SECONDS);
    /* A name look-up that still runs must not delay a cancelled call. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_USERAGENT, opts->user_agent ? opts->user_agent : "libsluice/" SL_VERSION);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, opts->insecure ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, opts->insecure ? 0L : 2L);
    SET_TEXT(CURLOPT_CAINFO, opts->ca);
    SET_TEXT(CURLOPT_CAPATH, opts->ca_path);
    SET_TEXT(CURLOPT_SSLCERT, opts->cert);
    SET_TEXT(CURLOPT_SSLKEY, opts->cert_key ? opts->cert_key : opts->cert);
    SET_TEXT(CURLOPT_KEYPASSWD, opts->cert_key_password);
    SET_TEXT(CURLOPT_UNIX_SOCKET_PATH, opts->unix_socket);
    /* libcurl reads the environment for everything that is not set. */
    if (!opts->proxy_from_env || opts->proxy || opts->unix_socket) {
        SET(CURLOPT_PROXY, opts->proxy ? opts->proxy : "");
    }
    if (!opts->proxy_from_env) {
        SET(CURLOPT_NOPROXY, "");
    }
    return r;
}

static CURLcode request_set(struct sluice_call *call)
{
    const struct sluice_request *rq = call->request;
    CURL *easy = call->easy;
    CURLcode r = CURLE_OK;
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->curl_error);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_PREREQFUNCTION, on_ready);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, call);
    if (strcmp(rq->method, "GET") == 0) {
        return r;
    }
    if (strcmp(rq->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
        return r;
    }
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_CUSTOMREQUEST, rq->method);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len);
    if (!rq->body) {
        SET(CURLOPT_POSTFIELDS, "");
        return r;
    }
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, call);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, call);
    return r;
}

int slc_transfer_prepare(struct sluice_call *call)
{
    return headers_make(call) < 0 || connection_set(call->easy, call->client->opts) != CURLE_OK ||
                   request_set(call) != CURLE_OK
               ? SL_E_NOMEM
               : 0;
}
