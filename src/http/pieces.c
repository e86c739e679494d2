/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body that is passed on while it arrives. */
#include "http/hconn.h"
#include "http/hconn_body.h"
#include "http/hconn_feed.h"
#include "http/request_body.h"

static int piece_give(void *arg, struct sl_str bytes)
{
    struct sl_hreq *req = arg;
    struct sl_hconn *conn = req->conn;
    if (bytes.n > req->max_body - req->body_len) {
        return SL_E_LIMIT;
    }
    req->body_len += bytes.n;
    conn->server->cbs->on_piece(conn->server, req, bytes);
    return conn->req == req ? 0 : SL_E_CANCELLED;
}

void sl_hreq_stream_body(struct sl_hreq *req, uint64_t max)
{
    struct sl_hconn *conn = req->conn;
    SL_ASSERT(conn->state == SL_HC_REPLY && !req->wants_body && !req->is_replying);
    struct sl_str word;
    if (sl_codings_parse(&req->msg.headers, &req->codings, &word) < 0 || req->codings.n) {
        req->codings.n = 0;
        sl_hconn_refuse(conn, 415,
                        "a form (multipart/form-data) may not be compressed: send it without "
                        "Content-Encoding");
        return;
    }
    req->wants_body = req->is_pieced = true;
    req->max_body = max;
    req->msg.on_body = piece_give;
    req->msg.on_chunk = sl_hreq_chunk_check;
    req->msg.arg = req;
    if (req->msg.framing == SL_BODY_LENGTH && req->msg.length > max) {
        sl_hconn_refuse_body(conn, SL_E_LIMIT);
        return;
    }
    sl_hconn_expect_body(req);
}

void sl_hreq_hold_body(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    if (!req->is_body_held && !req->has_body) {
        req->is_body_held = true;
        sl_stream_read_hold(&conn->stream); /* keep watching, so that no upstream works for a client that has gone */
        sl_hconn_arm(conn);
    }
}

void sl_hreq_resume_body(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    if (req->is_body_held) {
        req->is_body_held = false;
        sl_stream_read_start(&conn->stream);
        sl_hconn_arm(conn);
    }
}
