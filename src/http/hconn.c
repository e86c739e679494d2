/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its states and times, its heads and bodies. What the stream tells comes in from server.c. */
#include "http/hconn.h"

#include <stdlib.h>

#include "base/secret.h"
#include "net/tls.h"

/* What a client still sends after a reply that closes the connection is read and dropped, so that the reply reaches it:
 * as long as it goes on sending, up to a bound. */
#define LINGER_USEC     5000000ULL
#define LINGER_MAX_USEC 30000000ULL
/* What lies unread behind this much pipelining hides that the client has gone. After so long it is read and dropped. */
#define DRY_USEC 400000ULL
/* Who sends more than this behind one request, and waits for no reply, is not served. */
#define DRY_MAX (256ull << 20)
/* Pipelined requests taken a turn: their memory goes at its end, and others want to be served too. */
#define REQUESTS_A_TURN 64
/* The same of all connections together, beyond the first of each: a turn is short however many of them pipeline. */
#define AHEAD_A_TURN 512
/* Of a refused head, this much is looked at for a method and a target. */
#define SALVAGE_MAX 1024

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
    sl_timer_set(conn->server->loop, &conn->timer, sl_loop_now(conn->server->loop) + usec);
}

/* Bytes that have left for good. TLS puts a little more on the wire, so this only tells whether anything moves. */
uint64_t sl_hconn_sent(const struct sl_hconn *conn)
{
    return conn->n_written - sl_stream_unsent(&conn->stream);
}

/* Held requests can go on. */
bool sl_hconn_is_ready(const struct sl_hconn *conn)
{
    return conn->state == SL_HC_IDLE && conn->is_held && conn->stream.queued <= SL_STREAM_HIGH;
}

/* Sets the state's timer. As long as replies wait to be sent, what counts is whether the client takes any. */
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

static void conn_set_state(struct sl_hconn *conn, enum sl_hconn_state to)
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
        struct sl_arena arena = req->arena; /* the request lies on it */
        if (req->is_secret) {
            sl_arena_wipe(&arena);
        }
        sl_arena_done(&arena);
    }
    server->n_ahead = 0;
    uv_prepare_stop(&server->reaper);
}

/* The end of a turn: no callback that knew these requests is on the stack. */
static void on_turn_end(uv_prepare_t *reaper)
{
    sl_hserver_reap(SL_CONTAINER_OF(reaper, struct sl_hserver, reaper));
}

static void req_free(struct sl_hreq *req)
{
    struct sl_hserver *server = req->conn->server;
    sl_hreq_body_free(req);
    sl_stream_read_into(&req->conn->stream, NULL, 0); /* it may have pointed into the body */
    req->conn->req = NULL;
    req->next_dead = server->dead;
    if (!server->dead) {
        uv_prepare_start(&server->reaper, on_turn_end);
    }
    server->dead = req;
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
        req_free(conn->req);
    }
    conn_set_state(conn, SL_HC_CLOSED);
    sl_timer_remove(conn->server->loop, &conn->timer);
    if (with_reset) {
        sl_stream_reset(&conn->stream, conn_on_closed);
    } else {
        sl_stream_close(&conn->stream, conn_on_closed);
    }
}

/* The client went away. */
void sl_hconn_gone(struct sl_hconn *conn)
{
    struct sl_hserver *server = conn->server;
    if (conn->req && (conn->state == SL_HC_BODY || conn->state == SL_HC_REPLY)) {
        server->cbs->on_gone(server, conn->req);
    }
    sl_hconn_break(conn, false);
}

static struct sl_hreq *req_new(struct sl_hconn *conn)
{
    struct sl_arena arena;
    sl_arena_init(&arena, &conn->server->loop->arenas);
    struct sl_hreq *req = SL_ARENA_NEW(&arena, struct sl_hreq);
    if (!req) {
        return NULL;
    }
    req->arena = arena;
    req->conn = conn;
    req->start_usec = conn->first_byte_usec ? conn->first_byte_usec : sl_loop_now(conn->server->loop);
    sl_msg_init(&req->msg, SL_HEAD_REQUEST, conn->server->conf.max_head);
    req->msg.minor = 1;
    conn->req = req;
    return req;
}

/* Method and target of a head that is refused before it could be parsed: the reply is in the path's dialect, and a
 * reply to HEAD has no body. */
static void head_salvage(struct sl_hconn *conn, struct sl_hreq *req)
{
    struct sl_str head = sl_str_sub(sl_buf_str(&conn->in), 0, SALVAGE_MAX);
    head = sl_arena_dup(&req->arena, head);
    if (head.n >= 2 && head.p[0] == '\r' && head.p[1] == '\n') {
        head = sl_str_sub(head, 2, head.n);
    }
    ptrdiff_t space = sl_str_find_char(head, ' ', 0);
    if (space <= 0 || !sl_header_is_visible(sl_str_sub(head, 0, (size_t)space), SALVAGE_MAX)) {
        return;
    }
    struct sl_str target = sl_str_sub(head, (size_t)space + 1, head.n);
    size_t n = 0;
    while (n < target.n && target.p[n] > 0x20 && target.p[n] < 0x7f) {
        n++;
    }
    req->msg.method = sl_str_sub(head, 0, (size_t)space);
    req->msg.target = sl_str_sub(target, 0, n);
}

/* Answers what cannot be served and closes after it. */
void sl_hconn_refuse(struct sl_hconn *conn, int status, const char *text)
{
    struct sl_hserver *server = conn->server;
    struct sl_hreq *req = conn->req;
    if (!req) {
        req = req_new(conn);
        if (!req) {
            sl_hconn_break(conn, false);
            return;
        }
        head_salvage(conn, req);
    }
    req->is_head = sl_str_eq(req->msg.method, SL_STR("HEAD"));
    req->must_close = true;
    req->has_body = false;
    if (conn->state != SL_HC_REPLY) {
        conn_set_state(conn, SL_HC_REPLY);
    }
    server->cbs->on_refused(server, req, status, text);
}

void sl_hconn_refuse_body(struct sl_hconn *conn, int r)
{
    if (r == SL_E_INVAL || r == SL_E_TRUNCATED) {
        sl_hconn_refuse(conn, 400, "the body is not what its Content-Encoding says, or it is damaged");
    } else if (r == SL_E_LIMIT) {
        bool is_form = conn->req && conn->req->is_pieced;
        sl_hconn_refuse(conn, 413,
                        is_form ? "the form is larger than server.limits.form allows"
                                : "the body is larger than server.limits.body allows");
    } else if (r == SL_E_BUDGET) {
        sl_hconn_refuse(conn, 503, "the gateway's memory for bodies (server.limits.memory) is used up");
    } else {
        sl_hconn_refuse(conn, 503, "out of memory");
    }
}

static void body_done(struct sl_hconn *conn)
{
    struct sl_hreq *req = conn->req;
    sl_stream_read_into(&conn->stream, NULL, 0);
    req->has_body = true;
    req->body.n = req->body_len;
    if (!req->body.p) {
        req->body.p = "";
    }
    int r = req->codings.n ? sl_hreq_body_decode(req) : 0;
    if (r < 0) {
        sl_hconn_refuse_body(conn, r);
        return;
    }
    if (!req->body_usec) {
        req->body_usec = sl_loop_now(conn->server->loop);
    }
    if (conn->state != SL_HC_REPLY) {
        conn_set_state(conn, SL_HC_REPLY);
    }
    conn->server->cbs->on_body(conn->server, req);
}

/* Wipes bytes that were taken over or dropped: others will use the read buffer, and they may hold a credential. */
static void bytes_wipe(struct sl_str bytes)
{
    sl_wipe((char *)(uintptr_t)bytes.p, bytes.n);
}

/* Bytes of the body belong to the request, which may have begun to be replied to. */
static bool takes_body(const struct sl_hconn *conn)
{
    const struct sl_hreq *req = conn->req;
    return conn->state == SL_HC_BODY || (conn->state == SL_HC_REPLY && req->is_pieced && !req->has_body);
}

static size_t body_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hreq *req = conn->req;
    struct sl_msg_fault fault = { 400, "the body is malformed" };
    size_t used = 0;
    bool is_own = req->body_mem && bytes.p >= req->body_mem && bytes.p < req->body_mem + req->body_cap;
    int r = sl_msg_push_body(&req->msg, bytes, &used, &fault);
    if (r == SL_E_CANCELLED) { /* it was ended, and is not this connection's any more */
        return bytes.n;
    }
    req->bytes_in += used;
    if (r < 0 && req->is_pieced && conn->state == SL_HC_REPLY) {
        sl_hconn_gone(conn); /* the reply has begun: nothing else can be said */
        return bytes.n;
    }
    if (req->is_secret && !is_own) {
        bytes_wipe(r < 0 ? bytes : sl_str_sub(bytes, 0, used));
    }
    if (r == SL_E_LIMIT || r == SL_E_BUDGET || r == SL_E_NOMEM) {
        sl_hconn_refuse_body(conn, r);
        return bytes.n;
    }
    if (r < 0) {
        sl_hconn_refuse(conn, fault.status, fault.text);
        return bytes.n;
    }
    if (r == 1) {
        body_done(conn);
    } else {
        if (req->body_mem && req->msg.framing == SL_BODY_LENGTH) {
            sl_stream_read_into(&conn->stream, req->body_mem + req->body_len, req->body_cap - req->body_len);
        }
        if (conn->state == SL_HC_BODY) { /* else what counts is whether it takes the reply */
            sl_hconn_arm(conn);
        }
    }
    return used;
}

const char sl_hconn_over_limit_text[] = "the gateway has no free connection (server.limits.connections)";

/* The head lies whole in `conn->in` and the first `n` bytes of `bytes`. */
static void head_done(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hserver *server = conn->server;
    struct sl_hreq *req = req_new(conn);
    if (!req) {
        sl_hconn_break(conn, false);
        return;
    }
    size_t total = conn->in.len + bytes.n;
    char *head = sl_arena_bytes(&req->arena, total);
    if (!head) {
        sl_hconn_break(conn, false);
        return;
    }
    if (conn->in.len) {
        memcpy(head, conn->in.p, conn->in.len);
    }
    memcpy(head + conn->in.len, bytes.p, bytes.n);
    sl_buf_done(&conn->in);
    req->bytes_in = total;
    req->head_usec = sl_loop_now(server->loop);
    conn_set_state(conn, SL_HC_REPLY);

    struct sl_msg_fault fault = { 400, "the request head is malformed" };
    int r = sl_msg_parse_request(&req->msg, sl_str_make(head, total), &req->arena, &fault);
    if (r < 0) {
        if (r == SL_E_NOMEM) {
            fault = (struct sl_msg_fault){ 503, "out of memory" };
        }
        sl_hconn_refuse(conn, fault.status, fault.text);
        return;
    }
    req->is_head = sl_str_eq(req->msg.method, SL_STR("HEAD"));
    req->has_body = req->msg.framing == SL_BODY_NONE;
    bool may_exceed = req->has_body && server->cbs->may_exceed && server->cbs->may_exceed(server, req);
    if (conn->is_over_limit && !may_exceed) {
        sl_hconn_refuse(conn, 503, sl_hconn_over_limit_text);
        return;
    }
    req->must_close = conn->is_over_limit;
    if (conn->is_plain) {
        sl_hconn_refuse(conn, 400, "this port speaks TLS, and the request came without: use https://");
        return;
    }
    server->cbs->on_head(server, req);
}

static size_t head_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hserver *server = conn->server;
    if (conn->state == SL_HC_IDLE) {
        sl_head_check_init(&conn->check, SL_HEAD_REQUEST, server->conf.max_head, SL_HTTP_FIELDS_MAX);
        conn->first_byte_usec = sl_loop_now(server->loop);
        conn->is_fresh = false;
        conn_set_state(conn, SL_HC_HEAD);
    }
    size_t used = 0;
    int r = sl_head_check_push(&conn->check, bytes, &used);
    if (r < 0) {
        conn->in.max = server->conf.max_head + SALVAGE_MAX;
        sl_buf_add_str(&conn->in, sl_str_sub(bytes, 0, SALVAGE_MAX));
        sl_hconn_refuse(conn, sl_head_fault_status(conn->check.fault), sl_head_fault_text(conn->check.fault));
        return bytes.n;
    }
    if (r == 1) {
        head_done(conn, sl_str_sub(bytes, 0, used));
        return used;
    }
    conn->in.max = server->conf.max_head;
    sl_buf_add_str(&conn->in, bytes);
    if (sl_buf_status(&conn->in) < 0) {
        sl_hconn_refuse(conn, 503, "out of memory");
    }
    return bytes.n;
}

/* Bytes behind a request that is being answered: kept for later, within the head limit. */
static void ahead_keep(struct sl_hconn *conn, struct sl_str bytes)
{
    size_t max = SL_MAX(conn->server->conf.max_head, (size_t)SL_READ_BUFFER) + SL_READ_BUFFER;
    conn->in.max = max;
    sl_buf_add_str(&conn->in, bytes);
    if (sl_buf_status(&conn->in) < 0) {
        sl_hconn_gone(conn);
    } else if (conn->in.len >= conn->server->conf.max_head) {
        conn->is_paused = true;
        if (conn->state == SL_HC_REPLY) {
            sl_stream_read_hold(&conn->stream); /* a client that goes must not leave an upstream working for it */
            sl_hconn_arm(conn);
        } else {
            sl_stream_read_stop(&conn->stream);
        }
    }
}

/* What the client sends behind the request is dropped. */
static void ahead_drop(struct sl_hconn *conn, struct sl_str bytes)
{
    bytes_wipe(bytes);
    conn->req->n_dropped += bytes.n;
    if (conn->req->n_dropped > DRY_MAX) {
        sl_hconn_gone(conn);
    }
}

void sl_hconn_dry(struct sl_hconn *conn)
{
    conn->req->must_close = conn->req->is_dry = true;
    conn->is_paused = false;
    sl_stream_read_start(&conn->stream);
}

/* Pipelined requests wait while the client takes no replies, and for the next turn when this one has had its share. */
static bool must_hold(const struct sl_hconn *conn, unsigned n_served)
{
    bool had_share = n_served == REQUESTS_A_TURN || (n_served > 0 && conn->server->n_ahead >= AHEAD_A_TURN);
    return conn->state == SL_HC_IDLE && (conn->is_held || had_share || conn->stream.queued > SL_STREAM_HIGH);
}

void sl_hconn_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    unsigned n_served = 0;
    conn->is_processing = true;
    for (;;) {
        bool is_empty_body = conn->state == SL_HC_BODY && conn->req->msg.framing == SL_BODY_NONE;
        if (conn->state == SL_HC_CLOSED || (bytes.n == 0 && !is_empty_body)) {
            break;
        }
        if (must_hold(conn, n_served)) {
            conn->is_held = true;
            ahead_keep(conn, bytes);
            sl_hconn_arm(conn);
            break;
        }
        size_t used = bytes.n;
        if (conn->state == SL_HC_IDLE) {
            conn->server->n_ahead += n_served++ > 0;
        }
        if (conn->state == SL_HC_IDLE || conn->state == SL_HC_HEAD) {
            used = head_feed(conn, bytes);
        } else if (takes_body(conn)) {
            used = body_feed(conn, bytes);
        } else if (conn->state == SL_HC_REPLY && conn->req->is_dry) {
            ahead_drop(conn, bytes);
        } else if (conn->state == SL_HC_REPLY) {
            ahead_keep(conn, bytes);
        } else if (conn->state == SL_HC_LINGER) {
            bytes_wipe(bytes); /* the body of a refused request */
            if (sl_loop_now(conn->server->loop) < conn->linger_until_usec) {
                sl_hconn_arm(conn);
            }
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    conn->is_processing = false;
}

/* Goes on with what was kept. */
void sl_hconn_resume(struct sl_hconn *conn)
{
    SL_CLEANUP(sl_buf_done) struct sl_buf kept = conn->in;
    conn->in = (struct sl_buf){ 0 };
    conn->is_held = false;
    if (conn->is_paused) {
        conn->is_paused = false;
        sl_stream_read_start(&conn->stream);
    }
    sl_hconn_feed(conn, sl_buf_str(&kept));
}

void sl_hconn_expect_body(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    conn_set_state(conn, SL_HC_BODY);
    if (req->msg.framing != SL_BODY_NONE && req->msg.minor == 1 &&
        sl_headers_has_token(&req->msg.headers, "expect", "100-continue")) {
        static const struct sl_str go_on = SL_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n");
        SL_IGNORE(sl_stream_write(&conn->stream, &go_on, 1) < 0); /* a broken stream says so by itself */
    }
    if (!conn->is_processing) {
        sl_hconn_resume(conn);
    }
}

void sl_hreq_read_body(struct sl_hreq *req, size_t max)
{
    struct sl_hconn *conn = req->conn;
    SL_ASSERT(conn->state == SL_HC_REPLY && !req->wants_body && !req->is_replying);
    struct sl_str word;
    if (sl_codings_parse(&req->msg.headers, &req->codings, &word) < 0) {
        sl_hconn_refuse(conn, 415,
                        "the body's Content-Encoding is not understood: send " SL_CODINGS_ACCEPTED " or none");
        return;
    }
    req->wants_body = true;
    req->max_body = max;
    req->msg.on_body = sl_hreq_body_append;
    req->msg.on_chunk = sl_hreq_chunk_check;
    req->msg.arg = req;
    if (req->msg.framing == SL_BODY_LENGTH) {
        int r = req->msg.length > max ? SL_E_LIMIT : sl_hreq_body_alloc(req);
        if (r < 0) {
            sl_hconn_refuse_body(conn, r);
            return;
        }
    }
    sl_hconn_expect_body(req);
}

void sl_hconn_reply_early(struct sl_hconn *conn)
{
    if (conn->state == SL_HC_BODY) {
        conn_set_state(conn, SL_HC_REPLY);
    }
}

void sl_hconn_linger(struct sl_hconn *conn, bool has_unread)
{
    conn->has_unread = has_unread && !conn->is_eof;
    conn->linger_until_usec = sl_loop_now(conn->server->loop) + (conn->is_over_limit ? 0 : LINGER_MAX_USEC);
    conn_set_state(conn, SL_HC_LINGER);
    bytes_wipe(sl_buf_str(&conn->in));
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

void sl_hconn_finish(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    bool must_close = req->must_close;
    bool has_unread = !req->has_body || conn->in.len > 0;
    if (req->is_body_held) { /* what it still sends is dropped */
        sl_stream_read_start(&conn->stream);
    }
    req_free(req);
    if (conn->state == SL_HC_CLOSED) {
        return;
    }
    if (must_close || conn->server->is_draining) {
        sl_hconn_linger(conn, has_unread);
        return;
    }
    conn_set_state(conn, SL_HC_IDLE);
    if (!conn->is_processing && (conn->in.len || conn->is_paused)) {
        sl_hconn_resume(conn);
    }
}
