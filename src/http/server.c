/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of its connections' streams: PROXY protocol headers, opening, draining. */
#include "http/server.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "http/hconn.h"
#include "http/hconn_ahead.h"
#include "http/hconn_feed.h"
#include "net/tls.h"
#include "wire/proxy_protocol.h"

/* While draining: the time that a new connection, or one whose next request is on its way, has to begin. */
#define LAST_CALL_USEC 2000000ULL
/* Log a rejection at most this often: somebody may connect a thousand times a second. */
#define REJECTED_AGAIN_USEC 60000000ULL

/* The client will send no more; the state decides what this means. */
static void eof_settle(struct sl_hconn *conn)
{
    switch (conn->state) {
    case SL_HC_IDLE:
        if (conn->stream.queued == 0 && !conn->is_held) {
            sl_hconn_break(conn, false);
        }
        break;
    case SL_HC_HEAD:
        sl_hconn_refuse(conn, 400, "the connection ended inside the request head");
        break;
    case SL_HC_BODY:
        sl_hconn_refuse(conn, 400, "the connection ended inside the request body");
        break;
    case SL_HC_REPLY:
        sl_hconn_gone(conn);
        break;
    case SL_HC_LINGER:
        conn->has_unread = false;
        if (conn->stream.queued == 0) {
            sl_hconn_break(conn, false);
        }
        break;
    case SL_HC_CLOSED:
    case SL_HC_COUNT:
        break;
    }
}

void sl_hserver_reject(struct sl_hconn *conn, const char *why)
{
    struct sl_hserver *server = conn->server;
    uint64_t now = sl_loop_now(server->loop);
    if (!server->rejected_usec || now - server->rejected_usec >= REJECTED_AGAIN_USEC) {
        server->rejected_usec = now;
        sl_log(SL_LOG_WARNING, "serve", "%s was sent away: %s (told once a minute)", conn->peer.text, why);
    }
    sl_hconn_break(conn, false);
}

/* Waits for at most `n` more bytes. */
static int proxy_read(struct sl_hconn *conn, size_t n)
{
    conn->in.max = SL_PROXY_HEADER_MAX;
    int r = sl_buf_reserve(&conn->in, n);
    if (r == 0) {
        sl_stream_read_into(&conn->stream, conn->in.p + conn->in.len, n);
    }
    return r;
}

/* Reads no further than the header, because TLS may begin behind it. */
static void proxy_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_proxy_header header;
    conn->in.len += bytes.n; /* they were read into this buffer's room */
    size_t need = 0;
    int r = sl_proxy_parse(sl_buf_str(&conn->in), &header, &need);
    if (r == 0) {
        conn->is_proxied = false;
        if (header.has_source) {
            sl_addr_set(&conn->peer, header.is_ipv6, header.source, header.source_port);
        }
        sl_buf_done(&conn->in);
        sl_stream_read_into(&conn->stream, NULL, 0);
        conn->is_tls_due = conn->tls != NULL;
        r = 0;
    } else if (r == 1) {
        r = proxy_read(conn, need);
    }
    if (r == SL_E_NOMEM) {
        sl_hconn_break(conn, false);
    } else if (r < 0) {
        sl_hserver_reject(conn, "what it sent first is no PROXY header, which its listener asks for (proxy_protocol)");
    }
}

/* The first bytes on a port with TLS. A method begins with a letter, a TLS record never does (RFC 8446 5.1): so a
 * client that speaks plain HTTP here gets an answer that says so. */
static void tls_begin(struct sl_hconn *conn, struct sl_str bytes)
{
    conn->is_tls_due = false;
    conn->lacks_tls = bytes.p[0] >= 'A' && bytes.p[0] <= 'Z';
    if (conn->lacks_tls) {
        sl_hconn_feed(conn, bytes);
    } else if (sl_stream_tls_server(&conn->stream, conn->tls) < 0) {
        sl_hconn_break(conn, false);
    } else {
        sl_stream_tls_feed(&conn->stream, bytes);
    }
}

static void conn_on_read(struct sl_stream *stream, struct sl_str bytes)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    if (conn->is_proxied) {
        proxy_feed(conn, bytes);
    } else if (conn->is_tls_due) {
        tls_begin(conn, bytes);
    } else {
        sl_hconn_feed(conn, bytes);
    }
}

static void conn_on_eof(struct sl_stream *stream)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    conn->is_eof = true;
    eof_settle(conn);
}

static void conn_on_error(struct sl_stream *stream, const char *text)
{
    (void)text; /* a client that resets is not worth a log line */
    sl_hconn_gone(SL_CONTAINER_OF(stream, struct sl_hconn, stream));
}

static void conn_on_drain(struct sl_stream *stream)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    sl_hconn_count(conn, false);
    if (conn->state == SL_HC_REPLY) {
        if (stream->queued == 0) {
            sl_hconn_arm(conn);
        }
        conn->server->cbs->on_drain(conn->server, conn->req);
        return;
    }
    if (conn->state == SL_HC_IDLE && conn->is_held) {
        sl_hconn_resume(conn);
    } else if (stream->queued == 0 && (conn->state == SL_HC_IDLE || conn->state == SL_HC_LINGER)) {
        sl_hconn_arm(conn);
    }
    if (conn->is_eof || (conn->state == SL_HC_LINGER && !conn->has_unread)) {
        eof_settle(conn);
    }
}

static void conn_on_queued(struct sl_stream *stream)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    if (conn->state != SL_HC_HEAD && conn->state != SL_HC_BODY) {
        sl_hconn_arm(conn); /* from now on only the client's reading counts */
    }
}

static const struct sl_stream_cbs conn_stream_cbs = {
    .on_read = conn_on_read,
    .on_eof = conn_on_eof,
    .on_error = conn_on_error,
    .on_drain = conn_on_drain,
    .on_queued = conn_on_queued,
};

/* True: bytes came that were not read yet. Closing now would answer a request with a reset. */
static bool conn_has_unread(const struct sl_hconn *conn)
{
    uv_os_fd_t fd;
    char byte;
    return uv_fileno(&conn->stream.uv.handle, &fd) == 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* How much longer a state may last when unread bytes wait: only once, so that a client which sends drop by drop gains
 * nothing. */
#define SPARE_USEC 100000

/* The time is over, perhaps only because the loop was busy with other connections: bytes that came meanwhile are read
 * in this turn. */
static bool is_spared(struct sl_hconn *conn)
{
    bool is_waiting = conn->state == SL_HC_IDLE || conn->state == SL_HC_HEAD || conn->state == SL_HC_BODY;
    if (!is_waiting || conn->is_over_limit || conn->was_spared || !conn_has_unread(conn)) {
        return false;
    }
    conn->was_spared = true;
    sl_timer_set(conn->server->loop, &conn->timer, sl_loop_now(conn->server->loop) + SPARE_USEC);
    return true;
}

static void conn_on_timer(struct sl_timer *timer)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(timer, struct sl_hconn, timer);
    bool is_reading = conn->state == SL_HC_HEAD || conn->state == SL_HC_BODY;
    if (sl_hconn_is_ready(conn)) {
        sl_hconn_resume(conn);
        if (conn->is_eof) {
            eof_settle(conn);
        }
        return;
    }
    if (conn->state == SL_HC_REPLY && conn->is_dry_due) {
        if (conn->stream.queued || !conn_has_unread(conn)) {
            sl_hconn_arm(conn); /* the client must take a reply first, or no bytes wait before its end of file */
        } else {
            sl_hconn_ahead_dry(conn);
        }
        return;
    }
    if (!is_reading && conn->stream.queued) {
        bool is_too_slow = conn->is_over_limit &&
                           sl_loop_now(conn->server->loop) > conn->first_byte_usec + SL_OVER_LIMIT_SEND_USEC;
        if (sl_hconn_sent(conn) == conn->sent_seen || is_too_slow) {
            sl_hconn_gone(conn); /* server.timeouts.write_idle is over: the client takes nothing */
        } else {
            sl_hconn_arm(conn);
        }
        return;
    }
    if (is_spared(conn)) {
        return;
    }
    switch (conn->state) {
    case SL_HC_IDLE:
        if (conn->is_over_limit && !conn->is_proxied) {
            sl_hconn_refuse(conn, 503, sl_hconn_over_limit_text);
            return;
        }
        sl_hconn_break(conn, false);
        break;
    case SL_HC_LINGER:
        sl_hconn_break(conn, false);
        break;
    case SL_HC_HEAD:
        sl_hconn_refuse(conn, conn->is_over_limit ? 503 : 408,
                        conn->is_over_limit ? sl_hconn_over_limit_text
                                            : "the request head did not arrive in time (server.timeouts.head)");
        break;
    case SL_HC_BODY:
        sl_hconn_refuse(conn, 408, "the request body stopped arriving (server.timeouts.body_idle)");
        break;
    case SL_HC_REPLY:
    case SL_HC_CLOSED:
    case SL_HC_COUNT:
        break;
    }
}

void sl_hserver_init(struct sl_hserver *server, struct sl_loop *loop, const struct sl_hserver_cbs *cbs,
                     const struct sl_hserver_conf *conf)
{
    *server = (struct sl_hserver){ .loop = loop, .cbs = cbs, .conf = *conf };
    uv_prepare_init(&loop->uv, &server->reaper);
}

void sl_hserver_stop(struct sl_hserver *server)
{
    sl_hserver_reap(server);
    uv_close((uv_handle_t *)&server->reaper, NULL);
}

void sl_hserver_done(struct sl_hserver *server)
{
    SL_ASSERT(server->conns.n == 0);
}

struct sl_hconn *sl_hserver_new_conn(struct sl_hserver *server)
{
    struct sl_hconn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        return NULL;
    }
    conn->server = server;
    sl_stream_init(&conn->stream, server->loop, &conn_stream_cbs);
    sl_timer_init(&conn->timer, conn_on_timer);
    sl_hconn_list_add(&server->conns, conn);
    return conn;
}

const struct sl_addr *sl_hconn_peer(struct sl_hconn *conn)
{
    sl_stream_peer(&conn->stream, &conn->peer);
    return &conn->peer;
}

void sl_hserver_opened(struct sl_hconn *conn, struct sl_tls_ctx *tls, bool has_proxy_protocol)
{
    SL_IGNORE(!sl_hconn_peer(conn)); /* it is stored in the connection */
    /* A reload may replace the context of the settings before the first byte. */
    conn->tls = tls ? sl_tls_ctx_ref(tls) : NULL;
    conn->is_proxied = has_proxy_protocol;
    conn->is_fresh = true; /* a connection that never sends anything has the time of a head, not that of an idle one */
    conn->is_tls_due = tls && !has_proxy_protocol;
    int r = conn->is_proxied ? proxy_read(conn, SL_PROXY_HEADER_MIN) : 0;
    if (r < 0) {
        sl_hconn_break(conn, false);
        return;
    }
    sl_hconn_arm(conn);
    sl_stream_read_start(&conn->stream);
}

void sl_hserver_drop(struct sl_hconn *conn)
{
    sl_hconn_list_remove(&conn->server->conns, conn);
    free(conn);
}

void sl_hserver_drain(struct sl_hserver *server)
{
    server->is_draining = true;
    for (struct sl_hconn *conn = sl_hconn_list_first(&server->conns), *next; conn; conn = next) {
        next = sl_hconn_list_next(conn);
        if (conn->state != SL_HC_IDLE || conn->is_held) {
            continue;
        }
        if (conn->is_fresh || conn_has_unread(conn)) {
            sl_timer_set(server->loop, &conn->timer, sl_loop_now(server->loop) + LAST_CALL_USEC);
        } else {
            sl_hconn_linger(conn, false);
        }
    }
    if (server->conns.n == 0 && server->on_empty) {
        server->on_empty(server);
    }
}

void sl_hserver_abort(struct sl_hserver *server)
{
    server->is_draining = true;
    for (struct sl_hconn *conn = sl_hconn_list_first(&server->conns), *next; conn; conn = next) {
        next = sl_hconn_list_next(conn);
        sl_hconn_gone(conn);
    }
}
