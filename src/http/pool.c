/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"
#include "http/upconn.h"
#include "net/dial.h"

#include <stdio.h>
#include <stdlib.h>

/* A proxy's answer to CONNECT is only a head. */
#define PROXY_HEAD_MAX 8192

static struct sl_upconn *conn_of(struct sl_stream *stream)
{
    return SL_CONTAINER_OF(stream, struct sl_upconn, stream);
}

/* kind and port */
#define KEY_HEAD 3
/* A host name has at most 253 bytes (RFC 1035). */
#define HOST_MAX 253

struct sl_uporigin *sl_uporigin_get(struct sl_hclient *client, const struct sl_uri *base, bool is_guarded,
                                    struct sl_way *way)
{
    /* Written by hand for speed: this runs for each request. */
    char key[KEY_HEAD + HOST_MAX + sizeof(way->id)] = { (char)(base->is_https | is_guarded << 1 | (way != NULL) << 2),
                                                        (char)(base->port >> 8), (char)base->port };
    if (base->host.n > HOST_MAX) {
        return NULL;
    }
    memcpy(key + KEY_HEAD, base->host.p, base->host.n);
    size_t n = KEY_HEAD + base->host.n;
    if (way) {
        memcpy(key + n, &way->id, sizeof(way->id));
        n += sizeof(way->id);
    }
    struct sl_uporigin *origin = sl_map_find(&client->origins, sl_str_make(key, n));
    if (!origin) {
        origin = calloc(1, sizeof(*origin) + n + 1);
        if (!origin) {
            return NULL;
        }
        char *text = (char *)(origin + 1); /* a NUL follows */
        memcpy(text, key, n);
        origin->key = sl_str_make(text, n);
        origin->host = sl_str_make(text + KEY_HEAD, base->host.n);
        origin->port = base->port;
        origin->is_https = base->is_https;
        if (sl_map_put(&client->origins, origin->key, origin) < 0) {
            free(origin);
            return NULL;
        }
        origin->way = sl_way_ref(way);
    }
    origin->refs++;
    return origin;
}

void sl_uporigin_unref(struct sl_hclient *client, struct sl_uporigin *origin)
{
    SL_ASSERT(origin->refs > 0);
    if (--origin->refs == 0) {
        sl_map_remove(&client->origins, origin->key);
        sl_way_unref(origin->way);
        free(origin);
    }
}

static void counts_show(struct sl_hclient *client)
{
    atomic_store_explicit(&client->shown_conns, (unsigned)client->conns.n, memory_order_relaxed);
    atomic_store_explicit(&client->shown_idle, (unsigned)client->n_idle, memory_order_relaxed);
}

static void idle_remove(struct sl_upconn *conn)
{
    sl_idle_list_remove(&conn->origin->idle, conn);
    conn->client->n_idle--;
    counts_show(conn->client);
}

static void conn_on_closed(struct sl_stream *stream)
{
    struct sl_upconn *conn = conn_of(stream);
    struct sl_hclient *client = conn->client;
    sl_upconn_list_remove(&client->conns, conn);
    counts_show(client);
    free(conn);
    if (client->is_closing && client->conns.n == 0 && client->on_empty) {
        client->on_empty(client);
    }
}

static void conn_end(struct sl_upconn *conn, bool with_reset)
{
    if (conn->state == SL_UC_CLOSED) {
        return;
    }
    if (conn->state == SL_UC_IDLE) {
        idle_remove(conn);
    }
    if (conn->dial) {
        sl_dial_cancel(conn->dial);
        conn->dial = NULL;
    }
    conn->state = SL_UC_CLOSED;
    conn->call = NULL;
    sl_timer_remove(conn->client->loop, &conn->timer);
    sl_buf_done(&conn->in);
    sl_uporigin_unref(conn->client, conn->origin);
    conn->origin = NULL;
    if (with_reset) {
        sl_stream_reset(&conn->stream, conn_on_closed);
    } else {
        sl_stream_close(&conn->stream, conn_on_closed);
    }
}

void sl_upconn_close(struct sl_upconn *conn)
{
    conn_end(conn, false);
}

void sl_upconn_abort(struct sl_upconn *conn)
{
    conn_end(conn, !sl_stream_is_flushed(&conn->stream));
}

struct sl_upconn *sl_upconn_take(struct sl_hclient *client, struct sl_uporigin *origin)
{
    (void)client;
    struct sl_upconn *conn = sl_idle_list_last(&origin->idle);
    if (conn) {
        idle_remove(conn);
        conn->state = SL_UC_LEASED;
        sl_timer_clear(&conn->timer);
    }
    return conn;
}

void sl_upconn_put(struct sl_upconn *conn)
{
    struct sl_hclient *client = conn->client;
    conn->call = NULL;
    sl_stream_flush(&conn->stream); /* the reply came before the request was sent: stop using the request's memory */
    bool fits = !client->is_closing && !conn->stream.is_broken && !conn->stream.is_eof && conn->stream.queued == 0 &&
                conn->origin->idle.n < client->conf.idle_per_origin;
    if (!fits) {
        sl_upconn_close(conn);
        return;
    }
    conn->has_served = true;
    conn->state = SL_UC_IDLE;
    sl_buf_done(&conn->in);
    sl_idle_list_add(&conn->origin->idle, conn);
    client->n_idle++;
    counts_show(client);
    sl_timer_set(client->loop, &conn->timer, sl_loop_recent(client->loop) + client->conf.idle_usec);
    if (!conn->stream.is_reading) {
        sl_stream_read_start(&conn->stream); /* so that its end is noticed */
    }
}

static void conn_on_timer(struct sl_timer *timer)
{
    struct sl_upconn *conn = SL_CONTAINER_OF(timer, struct sl_upconn, timer);
    if (conn->state == SL_UC_IDLE) {
        sl_upconn_close(conn);
    }
}

/* Dialling, the proxy or TLS failed. */
static void connect_failed(struct sl_upconn *conn, enum sl_hcall_fault fault, const char *text)
{
    struct sl_hcall *call = conn->call;
    sl_upconn_close(conn);
    sl_hcall_on_connect_failed(call, fault, text);
}

static const struct sl_proxy *proxy_of(const struct sl_upconn *conn)
{
    const struct sl_way *way = conn->origin->way;
    return way && way->has_proxy ? &way->proxy : &conn->client->conf.proxy;
}

static void conn_ready(struct sl_upconn *conn)
{
    const struct sl_way *way = conn->origin->way;
    conn->state = SL_UC_LEASED;
    if (conn->origin->is_https) {
        struct sl_err err;
        struct sl_tls_ctx *tls = way && way->tls ? way->tls : conn->client->conf.tls;
        if (sl_stream_tls_client(&conn->stream, tls, conn->origin->host, &err) < 0) {
            connect_failed(conn, SL_HF_CONNECT, err.text);
            return;
        }
    }
    sl_hcall_on_connected(conn->call);
}

static int proxy_ask(struct sl_upconn *conn)
{
    const struct sl_proxy *proxy = proxy_of(conn);
    bool is_ipv6 = sl_str_find_char(conn->origin->host, ':', 0) >= 0;
    char where[300];
    int n = snprintf(where, sizeof(where), is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", SL_STR_ARG(conn->origin->host),
                     conn->origin->port);
    if (n < 0 || (size_t)n >= sizeof(where)) {
        return SL_E_LIMIT;
    }
    struct sl_str name = sl_str_make(where, (size_t)n);
    struct sl_str parts[7] = { SL_STR("CONNECT "), name, SL_STR(" HTTP/1.1\r\nHost: "), name };
    size_t n_parts = 4;
    if (proxy->auth.p) {
        parts[n_parts++] = SL_STR("\r\nProxy-Authorization: ");
        parts[n_parts++] = proxy->auth;
    }
    parts[n_parts++] = SL_STR("\r\n\r\n");
    sl_msg_init(&conn->msg, SL_HEAD_RESPONSE, PROXY_HEAD_MAX);
    conn->in.max = PROXY_HEAD_MAX;
    conn->state = SL_UC_PROXY;
    sl_stream_read_start(&conn->stream);
    return sl_stream_write(&conn->stream, parts, n_parts);
}

static void proxy_on_read(struct sl_upconn *conn, struct sl_str bytes)
{
    size_t used = 0;
    int done = sl_head_check_push(&conn->msg.check, bytes, &used);
    if (done < 0) {
        connect_failed(conn, SL_HF_CONNECT, "the proxy's answer to CONNECT is not an HTTP head");
        return;
    }
    sl_buf_add(&conn->in, bytes.p, used);
    if (done == 0) {
        return;
    }
    /* "HTTP/1.x NNN": the head check has made sure of this form. */
    uint64_t status = 0;
    if (sl_buf_status(&conn->in) < 0 || sl_parse_u64(sl_str_make(conn->in.p + 9, 3), 0, 999, &status) < 0 ||
        status < 200 || status > 299) {
        char text[64];
        snprintf(text, sizeof(text), "the proxy answered CONNECT with status %u", (unsigned)status);
        connect_failed(conn, SL_HF_CONNECT, text); /* a body, if any, is a page for people */
        return;
    }
    if (used < bytes.n) {
        connect_failed(conn, SL_HF_CONNECT, "the proxy sent more than its answer to CONNECT");
        return;
    }
    sl_buf_done(&conn->in);
    conn_ready(conn);
}

static void conn_on_dialled(void *arg, enum sl_dial_result result, const char *text)
{
    struct sl_upconn *conn = arg;
    conn->dial = NULL;
    if (result != SL_DIAL_OK) {
        char of_proxy[256];
        if (conn->is_proxied && result != SL_DIAL_SPENT) {
            snprintf(of_proxy, sizeof(of_proxy), "the proxy: %s", text);
            text = of_proxy;
        }
        connect_failed(conn,
                       result == SL_DIAL_TIMEOUT   ? SL_HF_TIMEOUT_CONNECT
                       : result == SL_DIAL_GUARDED ? SL_HF_GUARDED
                       : result == SL_DIAL_SPENT   ? SL_HF_MEMORY
                                                   : SL_HF_CONNECT,
                       text);
        return;
    }
    uv_os_fd_t fd;
    if (uv_fileno(&conn->stream.uv.handle, &fd) == 0) {
        sl_tcp_keepalive(fd, conn->client->conf.tcp_keepalive_usec);
    }
    if (conn->is_proxied) {
        if (proxy_ask(conn) < 0) {
            connect_failed(conn, SL_HF_CONNECT, "cannot write to the proxy");
        }
        return;
    }
    conn_ready(conn);
}

static void conn_on_read(struct sl_stream *stream, struct sl_str bytes)
{
    struct sl_upconn *conn = conn_of(stream);
    if (conn->state == SL_UC_LEASED) {
        sl_hcall_on_read(conn->call, bytes);
    } else if (conn->state == SL_UC_PROXY) {
        proxy_on_read(conn, bytes);
    } else {
        sl_upconn_close(conn); /* bytes behind a reply belong to nobody */
    }
}

static void conn_on_eof(struct sl_stream *stream)
{
    struct sl_upconn *conn = conn_of(stream);
    if (conn->state == SL_UC_LEASED) {
        sl_hcall_on_eof(conn->call, stream->is_truncated);
    } else if (conn->state == SL_UC_PROXY) {
        connect_failed(conn, SL_HF_CONNECT, "the proxy closed the connection");
    } else {
        sl_upconn_close(conn);
    }
}

static void conn_on_error(struct sl_stream *stream, const char *text)
{
    struct sl_upconn *conn = conn_of(stream);
    if (conn->state == SL_UC_LEASED) {
        sl_hcall_on_broken(conn->call, text);
    } else if (conn->state == SL_UC_PROXY) {
        connect_failed(conn, SL_HF_CONNECT, text);
    } else {
        sl_upconn_close(conn);
    }
}

static void conn_on_drain(struct sl_stream *stream)
{
    struct sl_upconn *conn = conn_of(stream);
    if (conn->state == SL_UC_LEASED) {
        sl_hcall_on_drain(conn->call);
    }
}

static void conn_on_secure(struct sl_stream *stream)
{
    struct sl_upconn *conn = conn_of(stream);
    if (conn->state == SL_UC_LEASED) {
        sl_hcall_on_secure(conn->call);
    }
}

static const struct sl_stream_cbs conn_stream_cbs = {
    .on_read = conn_on_read,
    .on_eof = conn_on_eof,
    .on_error = conn_on_error,
    .on_drain = conn_on_drain,
    .on_secure = conn_on_secure,
};

struct sl_upconn *sl_upconn_dial(struct sl_hclient *client, struct sl_uporigin *origin, struct sl_hcall *call,
                                 uint64_t deadline_usec)
{
    struct sl_upconn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        return NULL;
    }
    conn->client = client;
    conn->origin = origin;
    conn->call = call;
    conn->state = SL_UC_DIAL;
    sl_stream_init(&conn->stream, client->loop, &conn_stream_cbs);
    sl_timer_init(&conn->timer, conn_on_timer);
    const struct sl_proxy *proxy = proxy_of(conn);
    conn->is_proxied = sl_proxy_leads_to(proxy, origin->host, origin->port);
    /* With a proxy, the proxy resolves and connects, and its own rules hold. */
    const struct sl_guard *guard = conn->is_proxied ? NULL : call->req.guard;
    struct sl_str host = conn->is_proxied ? proxy->uri.host : origin->host;
    uint16_t port = conn->is_proxied ? proxy->uri.port : origin->port;
    if (sl_dial_start_guarded(client->loop, host, port, guard, deadline_usec, &conn->stream, conn_on_dialled, conn,
                              &conn->dial) < 0) {
        free(conn);
        return NULL;
    }
    origin->refs++;
    sl_upconn_list_add(&client->conns, conn);
    counts_show(client);
    return conn;
}

/* --- the client: all of its connections --- */

void sl_hclient_init(struct sl_hclient *client, struct sl_loop *loop, const struct sl_hclient_conf *conf)
{
    *client = (struct sl_hclient){ .loop = loop, .conf = *conf };
}

static void idle_close_all(struct sl_hclient *client)
{
    for (struct sl_upconn *conn = sl_upconn_list_first(&client->conns), *next; conn; conn = next) {
        next = sl_upconn_list_next(conn);
        if (conn->state == SL_UC_IDLE) {
            sl_upconn_close(conn);
        }
    }
}

void sl_hclient_configure(struct sl_hclient *client, const struct sl_hclient_conf *conf)
{
    const struct sl_hclient_conf *old = &client->conf;
    bool is_same_way = old->tls == conf->tls && sl_proxy_is_same(&old->proxy, &conf->proxy);
    client->conf = *conf;
    if (!is_same_way) {
        idle_close_all(client);
    }
}

void sl_hclient_close(struct sl_hclient *client)
{
    client->is_closing = true;
    idle_close_all(client);
    if (client->conns.n == 0 && client->on_empty) {
        client->on_empty(client);
    }
}

void sl_hclient_done(struct sl_hclient *client)
{
    SL_ASSERT(client->conns.n == 0);
    sl_map_done(&client->origins);
}
