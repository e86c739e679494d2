/* SPDX-License-Identifier: Apache-2.0 */
#include "http/hconn_head.h"

#include "http/hconn.h"

/* Takes a complete head: the bytes of `conn->in`, then `bytes`. */
static void head_done(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hserver *server = conn->server;
    struct sl_hreq *req = sl_hconn_req_new(conn);
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
    sl_hconn_set_state(conn, SL_HC_REPLY);

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
    if (conn->lacks_tls) {
        sl_hconn_refuse(conn, 400, "this port speaks TLS, and the request came without: use https://");
        return;
    }
    server->cbs->on_head(server, req);
}

size_t sl_hconn_head_feed(struct sl_hconn *conn, struct sl_str bytes)
{
    struct sl_hserver *server = conn->server;
    if (conn->state == SL_HC_IDLE) {
        sl_head_check_init(&conn->check, SL_HEAD_REQUEST, server->conf.max_head, SL_HTTP_FIELDS_MAX);
        conn->first_byte_usec = sl_loop_now(server->loop);
        conn->is_fresh = false;
        sl_hconn_set_state(conn, SL_HC_HEAD);
    }
    size_t used = 0;
    int r = sl_head_check_push(&conn->check, bytes, &used);
    if (r < 0) {
        conn->in.max = server->conf.max_head + SL_MSG_SALVAGE_MAX;
        sl_buf_add_str(&conn->in, sl_str_sub(bytes, 0, SL_MSG_SALVAGE_MAX));
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
