/* SPDX-License-Identifier: Apache-2.0 */
#include "http/hconn.h"

#include <stdlib.h>

#include "base/secret.h"
#include "http/request_body.h"
#include "net/tls.h"

/* After a reply that closes the connection, the client's further bytes are read and dropped, so that the reply reaches
 * it. This lasts as long as it goes on sending, up to a bound. */
#define LINGER_USEC     5000000ULL
#define LINGER_MAX_USEC 30000000ULL
/* When so much is pipelined that reading stopped, nobody sees that the client has gone. After this time the bytes are
 * read and dropped. */
#define DRY_USEC 400000ULL

static const unsigned allowed[SL_HC_COUNT] = {
    [SL_HC_IDLE] = SL_BIT(SL_HC_HEAD) | SL_BIT(SL_HC_REPLY) | SL_BIT(SL_HC_LINGER) | SL_BIT(SL_HC_CLOSED),
    [SL_HC_HEAD] = SL_BIT(SL_HC_REPLY) | SL_BIT(SL_HC_CLOSED),
    [SL_HC_BODY] = SL_BIT(SL_HC_REPLY) | SL_BIT(SL_HC_CLOSED) | SL_BIT(SL_HC_LINGER),
    [SL_HC_REPLY] = SL_BIT(SL_HC_BODY) | SL_BIT(SL_HC_IDLE) | SL_BIT(SL_HC_LINGER) | SL_BIT(SL_HC_CLOSED),
    [SL_HC_LINGER] = SL_BIT(SL_HC_CLOSED),
    [SL_HC_CLOSED] = 0,
};

static void timer_in(struct sl_hconn *conn, uint64_t usec)
{
    sl_timer_set(conn->server->loop, &conn->timer, sl_loop_recent(conn->server->loop) + usec);
}

uint64_t sl_hconn_sent(const struct sl_hconn *conn)
{
    return conn->n_written - sl_stream_unsent(&conn->stream);
}

bool sl_hconn_is_ready(const struct sl_hconn *conn)
{
    return conn->state == SL_HC_IDLE && conn->is_held && conn->stream.queued <= SL_STREAM_HIGH;
}

void sl_hconn_arm(struct sl_hconn *conn)
{
    const struct sl_hserver_conf *conf = &conn->server->conf;
    bool is_sending = conn->stream.queued > 0;
    uint64_t wait = 0;
    switch (conn->state) {
    case SL_HC_IDLE:
        wait = is_sending ? conf->write_idle_usec : conn->is_fresh ? conf->head_usec : conf->keep_alive_usec;
        break;
    case SL_HC_HEAD:
        wait = conf->head_usec;
        break;
    case SL_HC_BODY:
        wait = conn->req->is_body_held ? 0 : conf->body_idle_usec;
        break;
    case SL_HC_REPLY:
        conn->is_dry_due = conn->is_paused && !is_sending;
        wait = is_sending ? conf->write_idle_usec : conn->is_dry_due ? DRY_USEC : 0;
        break;
    case SL_HC_LINGER:
        wait = is_sending ? conf->write_idle_usec : LINGER_USEC;
        break;
    case SL_HC_CLOSED:
    case SL_HC_COUNT:
        break;
    }
    if (conn->is_over_limit) {
        wait = SL_MIN(wait, SL_OVER_LIMIT_USEC);
    }
    conn->sent_seen = sl_hconn_sent(conn);
    conn->was_spared = false;
    if (sl_hconn_is_ready(conn)) {
        timer_in(conn, 0); /* in the next turn */
    } else if (wait) {
        timer_in(conn, wait);
    } else {
        sl_timer_clear(&conn->timer);
    }
}

void sl_hconn_set_state(struct sl_hconn *conn, enum sl_hconn_state to)
{
    SL_ASSERT(allowed[conn->state] & SL_BIT(to));
    conn->state = to;
    sl_hconn_arm(conn);
}

void sl_hconn_count(struct sl_hconn *conn, bool is_gone)
{
    size_t now = is_gone || conn->stream.queued <= SL_STREAM_HIGH ? 0 : conn->stream.queued;
    if (now != conn->n_waiting && conn->server->cbs->on_waiting) {
        conn->server->cbs->on_waiting(conn->server, (ptrdiff_t)now - (ptrdiff_t)conn->n_waiting);
        conn->n_waiting = now;
    }
}

void sl_hconn_wrote(struct sl_hconn *conn, size_t n)
{
    conn->n_written += n;
    sl_hconn_count(conn, false);
    if (conn->state == SL_HC_REPLY && conn->stream.queued && conn->timer.deadline_usec == 0) {
        sl_hconn_arm(conn);
    }
}

void sl_hserver_reap(struct sl_hserver *server)
{
    while (server->dead) {
        struct sl_hreq *req = server->dead;
        server->dead = req->next_dead;
        struct sl_arena arena = req->arena; /* the request is on this arena */
        if (req->is_secret) {
            sl_arena_wipe(&arena);
        }
        sl_arena_done(&arena);
    }
    server->n_ahead = 0;
    uv_prepare_stop(&server->reaper);
}

/* The turn has ended: no callback that knows these requests is on the stack. */
static void on_turn_end(uv_prepare_t *reaper)
{
    sl_hserver_reap(SL_CONTAINER_OF(reaper, struct sl_hserver, reaper));
}

void sl_hreq_bury(struct sl_hreq *req)
{
    struct sl_hserver *server = req->server;
    sl_hreq_body_free(req);
    req->next_dead = server->dead;
    if (!server->dead) {
        uv_prepare_start(&server->reaper, on_turn_end);
    }
    server->dead = req;
}

void sl_hconn_let_go(struct sl_hconn *conn)
{
    struct sl_hreq *req = conn->req;
    sl_stream_read_into(&conn->stream, NULL, 0); /* it may have pointed into the body */
    conn->req = NULL;
    req->is_over = true;
    if (!req->is_shared) {
        sl_hreq_bury(req);
    }
}

static void conn_on_closed(struct sl_stream *stream)
{
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    struct sl_hserver *server = conn->server;
    sl_hconn_count(conn, true);
    sl_hconn_list_remove(&server->conns, conn);
    sl_buf_done(&conn->in);
    sl_tls_ctx_unref(conn->tls);
    free(conn);
    if (server->on_conn_closed) {
        server->on_conn_closed(server);
    }
    if (server->is_draining && server->conns.n == 0 && server->on_empty) {
        server->on_empty(server);
    }
}

void sl_hconn_break(struct sl_hconn *conn, bool with_reset)
{
    if (conn->state == SL_HC_CLOSED) {
        return;
    }
    if (conn->server->gather_owner == conn) {
        conn->server->gather_owner = NULL;
        conn->server->n_gather = 0;
        conn->server->scratch_len = 0;
    }
    if (conn->req) {
        sl_hconn_let_go(conn);
    }
    sl_hconn_set_state(conn, SL_HC_CLOSED);
    sl_timer_remove(conn->server->loop, &conn->timer);
    if (with_reset) {
        sl_stream_reset(&conn->stream, conn_on_closed);
    } else {
        sl_stream_close(&conn->stream, conn_on_closed);
    }
}

void sl_hconn_gone(struct sl_hconn *conn)
{
    struct sl_hserver *server = conn->server;
    if (conn->req && (conn->state == SL_HC_BODY || conn->state == SL_HC_REPLY)) {
        server->cbs->on_gone(server, conn->req);
    }
    sl_hconn_break(conn, false);
}

struct sl_hreq *sl_hconn_req_new(struct sl_hconn *conn)
{
    struct sl_arena arena;
    sl_arena_init(&arena, &conn->server->loop->arenas);
    struct sl_hreq *req = SL_ARENA_NEW(&arena, struct sl_hreq);
    if (!req) {
        return NULL;
    }
    req->arena = arena;
    req->conn = conn;
    req->server = conn->server;
    req->start_usec = conn->first_byte_usec ? conn->first_byte_usec : sl_loop_now(conn->server->loop);
    sl_msg_init(&req->msg, SL_HEAD_REQUEST, conn->server->conf.max_head);
    req->msg.minor = 1;
    conn->req = req;
    return req;
}

void sl_hconn_refuse(struct sl_hconn *conn, int status, const char *text)
{
    struct sl_hserver *server = conn->server;
    struct sl_hreq *req = conn->req;
    if (!req) {
        req = sl_hconn_req_new(conn);
        if (!req) {
            sl_hconn_break(conn, false);
            return;
        }
        struct sl_str head = sl_str_sub(sl_buf_str(&conn->in), 0, SL_MSG_SALVAGE_MAX);
        sl_msg_salvage(&req->msg, sl_arena_dup(&req->arena, head));
    }
    req->is_head = sl_str_eq(req->msg.method, SL_STR("HEAD"));
    req->must_close = true;
    req->has_body = false;
    if (conn->state != SL_HC_REPLY) {
        sl_hconn_set_state(conn, SL_HC_REPLY);
    }
    server->cbs->on_refused(server, req, status, text);
}

void sl_hconn_wipe(struct sl_str bytes)
{
    sl_wipe((char *)(uintptr_t)bytes.p, bytes.n);
}

const char sl_hconn_over_limit_text[] = "the gateway has no free connection (server.limits.connections)";

void sl_hconn_reply_early(struct sl_hconn *conn)
{
    if (conn->state == SL_HC_BODY) {
        sl_hconn_set_state(conn, SL_HC_REPLY);
    }
}

void sl_hconn_linger(struct sl_hconn *conn, bool has_unread)
{
    conn->has_unread = has_unread && !conn->is_eof;
    conn->linger_until_usec = sl_loop_now(conn->server->loop) + (conn->is_over_limit ? 0 : LINGER_MAX_USEC);
    sl_hconn_set_state(conn, SL_HC_LINGER);
    sl_hconn_wipe(sl_buf_str(&conn->in));
    if (!conn->has_unread && conn->stream.queued == 0) {
        sl_hconn_break(conn, false);
        return;
    }
    sl_stream_shutdown(&conn->stream);
    if (conn->is_paused) {
        conn->is_paused = false;
        sl_stream_read_start(&conn->stream);
    }
}
