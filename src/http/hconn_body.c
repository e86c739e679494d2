/* SPDX-License-Identifier: Apache-2.0 */
#include "http/hconn_body.h"

#include "http/hconn.h"
#include "http/request_body.h"

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
        sl_hconn_set_state(conn, SL_HC_REPLY);
    }
    conn->server->cbs->on_body(conn->server, req);
}

bool sl_hconn_takes_body(const struct sl_hconn *conn)
{
    const struct sl_hreq *req = conn->req;
    return conn->state == SL_HC_BODY || (conn->state == SL_HC_REPLY && req->is_pieced && !req->has_body);
}

size_t sl_hconn_body_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hreq *req = conn->req;
    struct sl_msg_fault fault = { 400, "the body is malformed" };
    size_t used = 0;
    bool is_own = req->body_mem && bytes.p >= req->body_mem && bytes.p < req->body_mem + req->body_cap;
    int r = sl_msg_push_body(&req->msg, bytes, &used, &fault);
    if (r == SL_E_CANCELLED) { /* the callback ended the request */
        return bytes.n;
    }
    req->bytes_in += used;
    if (r < 0 && req->is_pieced && conn->state == SL_HC_REPLY) {
        sl_hconn_gone(conn); /* the reply has begun, so no error can be sent */
        return bytes.n;
    }
    if (req->is_secret && !is_own) {
        sl_hconn_wipe(r < 0 ? bytes : sl_str_sub(bytes, 0, used));
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
        if (conn->state == SL_HC_BODY) { /* otherwise the timer watches whether the client takes the reply */
            sl_hconn_arm(conn);
        }
    }
    return used;
}
