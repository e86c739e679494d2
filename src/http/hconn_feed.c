/* SPDX-License-Identifier: Apache-2.0 */
#include "http/hconn_feed.h"

#include "http/hconn.h"
#include "http/hconn_ahead.h"
#include "http/hconn_body.h"
#include "http/hconn_head.h"
#include "http/request_body.h"

void sl_hconn_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    unsigned n_served = 0;
    conn->is_processing = true;
    for (;;) {
        bool is_empty_body = conn->state == SL_HC_BODY && conn->req->msg.framing == SL_BODY_NONE;
        if (conn->state == SL_HC_CLOSED || (bytes.n == 0 && !is_empty_body)) {
            break;
        }
        if (sl_hconn_ahead_holds(conn, n_served)) {
            conn->is_held = true;
            sl_hconn_ahead_keep(conn, bytes);
            sl_hconn_arm(conn);
            break;
        }
        size_t used = bytes.n;
        if (conn->state == SL_HC_IDLE) {
            conn->server->n_ahead += n_served++ > 0;
        }
        if (conn->state == SL_HC_IDLE || conn->state == SL_HC_HEAD) {
            used = sl_hconn_head_feed(conn, bytes);
        } else if (sl_hconn_takes_body(conn)) {
            used = sl_hconn_body_feed(conn, bytes);
        } else if (conn->state == SL_HC_REPLY && conn->req->is_dry) {
            sl_hconn_ahead_drop(conn, bytes);
        } else if (conn->state == SL_HC_REPLY) {
            sl_hconn_ahead_keep(conn, bytes);
        } else if (conn->state == SL_HC_LINGER) {
            sl_hconn_wipe(bytes); /* the body of a refused request */
            if (sl_loop_now(conn->server->loop) < conn->linger_until_usec) {
                sl_hconn_arm(conn);
            }
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    conn->is_processing = false;
}

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
    sl_hconn_set_state(conn, SL_HC_BODY);
    if (req->msg.framing != SL_BODY_NONE && req->msg.minor == 1 &&
        sl_headers_has_token(&req->msg.headers, "expect", "100-continue")) {
        static const struct sl_str go_on = SL_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n");
        SL_IGNORE(sl_stream_write(&conn->stream, &go_on, 1) < 0); /* the loop reports a broken stream */
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

void sl_hconn_finish(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    bool must_close = req->must_close;
    bool has_unread = !req->has_body || conn->in.len > 0;
    if (req->is_body_held) { /* what the client still sends is dropped */
        sl_stream_read_start(&conn->stream);
    }
    sl_hconn_let_go(conn);
    if (conn->state == SL_HC_CLOSED) {
        return;
    }
    if (must_close || conn->server->is_draining) {
        sl_hconn_linger(conn, has_unread);
        return;
    }
    sl_hconn_set_state(conn, SL_HC_IDLE);
    if (!conn->is_processing && (conn->in.len || conn->is_paused)) {
        sl_hconn_resume(conn);
    }
}
