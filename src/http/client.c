/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <stdio.h>

#include "http/call_head.h"
#include "http/upconn.h"

/* When a reused connection dies this soon after the request's last byte, it counts as dead before the request. */
#define STALE_USEC 1000000ULL

static uint64_t call_now(const struct sl_hcall *call)
{
    return sl_loop_now(call->client->loop);
}

/* Sets the time-out of the phase, which never ends later than the total time. */
static void call_arm(struct sl_hcall *call, uint64_t from_usec, uint64_t wait_usec)
{
    call->deadline_usec = SL_MIN(from_usec + wait_usec, call->total_deadline_usec);
    sl_timer_set(call->client->loop, &call->timer, call->deadline_usec);
}

/* Ends callbacks and timers; the caller must keep or close the connection. */
static struct sl_upconn *call_detach(struct sl_hcall *call)
{
    struct sl_upconn *conn = call->conn;
    call->conn = NULL;
    call->is_active = false;
    sl_timer_remove(call->client->loop, &call->timer);
    sl_timer_remove(call->client->loop, &call->later);
    sl_reply_coding_done(&call->coding);
    if (call->origin) {
        sl_uporigin_unref(call->client, call->origin);
        call->origin = NULL;
    }
    return conn;
}

static void call_fail(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    struct sl_upconn *conn = call_detach(call);
    if (conn) {
        sl_upconn_abort(conn);
    }
    call->cbs->on_error(call, fault, text);
}

/* --- sending --- */

/* Makes head and body as slices on the arena. */
static int call_format(struct sl_hcall *call, const struct sl_uri *base)
{
    const struct sl_hcall_req *req = &call->req;
    struct sl_str head = sl_call_head_write(req, base, call->arena);
    call->wire = sl_arena_alloc(call->arena, (1 + req->n_slices) * sizeof(*call->wire));
    if (!head.p || !call->wire) {
        return SL_E_NOMEM;
    }
    call->wire[0] = head;
    for (size_t i = 0; i < req->n_slices; i++) {
        call->wire[i + 1] = req->slices[i];
    }
    call->n_wire = 1 + req->n_slices;
    return 0;
}

static void call_sent(struct sl_hcall *call)
{
    call->is_sent = true;
    call->sent_usec = call_now(call);
    if (!call->conn->is_head_done) { /* otherwise the upstream answered early, and the reply's time-outs count */
        call_arm(call, call->sent_usec, call->timeouts.first_byte_usec);
    }
}

/* The upstream has all that was fed, and more will come: the caller must bring it within the call's total time. */
static void call_starve(struct sl_hcall *call)
{
    if (!call->conn->is_head_done) {
        call_arm(call, call_now(call), call->timeouts.total_usec);
    }
    call->cbs->on_hungry(call);
}

/* The request is being sent; waits for the upstream to take some of it. */
static void call_sending(struct sl_hcall *call)
{
    if (!sl_stream_is_secure_or_plain(&call->conn->stream)) {
        call_arm(call, call->dial_usec, call->timeouts.connect_usec); /* TLS is a part of connecting */
        return;
    }
    call->unsent_seen = sl_stream_unsent(&call->conn->stream);
    call_arm(call, call_now(call), call->timeouts.idle_usec);
}

static void call_send(struct sl_hcall *call)
{
    struct sl_upconn *conn = call->conn;
    sl_msg_init(&conn->msg, SL_HEAD_RESPONSE, call->client->conf.max_head);
    conn->is_head_done = false;
    conn->in.max = call->client->conf.max_head;
    call->msg = &conn->msg;
    call->bytes_out += call->wire[0].n + call->req.body_len;
    if (!conn->stream.is_reading) {
        sl_stream_read_start(&conn->stream);
    }
    /* If it fails, the loop will report the connection as broken, too. */
    SL_IGNORE(sl_stream_write_ref_soon(&conn->stream, call->wire, call->n_wire) < 0);
    if (conn->stream.queued != 0) {
        call_sending(call);
    } else if (call->req.is_fed) {
        call_starve(call);
    } else {
        call_sent(call);
    }
}

bool sl_hcall_is_hungry(const struct sl_hcall *call)
{
    return call->is_active && call->conn && call->connected_usec && !call->is_fed_up &&
           call->conn->stream.queued <= SL_STREAM_HIGH;
}

void sl_hcall_feed(struct sl_hcall *call, const struct sl_str *bytes, bool is_last)
{
    if (!call->is_active || !call->conn || !call->connected_usec || call->is_fed_up) {
        return;
    }
    struct sl_stream *stream = &call->conn->stream;
    bool is_chunked = call->req.fed_len == SL_HCALL_LENGTH_UNKNOWN;
    char line[24];
    struct sl_str slices[4];
    size_t n = 0;
    if (bytes->n && is_chunked) {
        slices[n++] = sl_str_make(line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", bytes->n));
    }
    slices[n++] = *bytes;
    if (bytes->n && is_chunked) {
        slices[n++] = SL_STR("\r\n");
    }
    if (is_last && is_chunked) {
        slices[n++] = SL_STR("0\r\n\r\n");
    }
    call->is_fed_up = is_last;
    for (size_t i = 0; i < n; i++) {
        call->bytes_out += slices[i].n;
    }
    /* If it fails, the loop will report the connection as broken, too. */
    SL_IGNORE(sl_stream_write(stream, slices, n) < 0);
    if (stream->queued) {
        if (!call->conn->is_head_done) {
            call_sending(call);
        }
    } else if (is_last) {
        call_sent(call);
    }
    /* The upstream may wait for this before it goes on with its reply. */
    if (call->conn->is_head_done && !call->is_paused) {
        call_arm(call, call_now(call), call->timeouts.idle_usec);
    }
}

void sl_hcall_on_drain(struct sl_hcall *call)
{
    if (call->is_sent) {
        return;
    }
    bool is_empty = call->conn->stream.queued == 0, is_fed = call->req.is_fed && !call->is_fed_up;
    if (is_empty && !is_fed) {
        call_sent(call);
        return;
    }
    if (!is_empty && !call->conn->is_head_done) {
        call_sending(call);
    }
    if (is_empty) {
        call_starve(call);
    } else if (is_fed) {
        call->cbs->on_hungry(call);
    }
}

/* The connection stands, for a call that only connects. */
static void call_stands(struct sl_hcall *call)
{
    sl_upconn_close(call_detach(call));
    call->cbs->on_end(call);
}

void sl_hcall_on_connected(struct sl_hcall *call)
{
    call->connected_usec = call_now(call);
    if (!call->req.is_connect) {
        call_send(call);
    } else if (sl_stream_is_secure_or_plain(&call->conn->stream)) {
        call_stands(call);
    } /* otherwise TLS follows, within the time for connecting */
}

void sl_hcall_on_secure(struct sl_hcall *call)
{
    if (call->req.is_connect) {
        call_stands(call);
    }
}

void sl_hcall_on_connect_failed(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    call->conn = NULL; /* the pool has closed it */
    if (fault == SL_HF_TIMEOUT_CONNECT && call_now(call) >= call->total_deadline_usec) {
        fault = SL_HF_TIMEOUT_TOTAL;
    }
    call_fail(call, fault, text);
}

static int call_dial(struct sl_hcall *call)
{
    call->dial_usec = call_now(call);
    call->connected_usec = 0;
    call->is_reused = false;
    call_arm(call, call->dial_usec, call->timeouts.connect_usec);
    call->conn = sl_upconn_dial(call->client, call->origin, call, call->deadline_usec);
    return call->conn ? 0 : SL_E_NOMEM;
}

/* The connection died before a reply. If it was reused, it may have been dead before the request: tries once more on a
 * new one. False: that is not allowed. */
static bool call_retry(struct sl_hcall *call)
{
    struct sl_upconn *conn = call->conn;
    bool may = call->is_reused && !call->was_retried && !call->has_reply_bytes &&
               (!call->is_sent || call_now(call) - call->sent_usec < STALE_USEC);
    if (!may) {
        return false;
    }
    call->was_retried = true;
    call->is_sent = false;
    call->conn = NULL;
    sl_upconn_close(conn);
    if (call_dial(call) < 0) {
        call_fail(call, SL_HF_MEMORY, "out of memory");
    }
    return true;
}

/* --- receiving --- */

static int body_decoded(void *arg, struct sl_str bytes)
{
    struct sl_hcall *call = arg;
    /* A decoder's output lives only during this call, but on_data promises that bytes live until on_turn. So a turn
     * ends after each piece. */
    call->cbs->on_data(call, bytes);
    if (!call->is_active) {
        return SL_E_CANCELLED;
    }
    call->cbs->on_turn(call);
    if (!call->is_active) {
        return SL_E_CANCELLED;
    }
    return call->is_paused ? SL_E_AGAIN : 0;
}

static int body_on_bytes(void *arg, struct sl_str bytes)
{
    struct sl_hcall *call = arg;
    if (call->coding.inflate) {
        return sl_reply_coding_push(&call->coding, bytes, body_decoded, call);
    }
    if (call->coding.is_unreadable) {
        return 0;
    }
    call->cbs->on_data(call, bytes);
    return call->is_active ? 0 : SL_E_CANCELLED;
}

/* The reply is complete; `has_rest`: more bytes came after it. */
static void call_end(struct sl_hcall *call, bool has_rest)
{
    if (sl_reply_coding_end(&call->coding) < 0) {
        call_fail(call, SL_HF_BROKEN, "the upstream's compressed reply ended early");
        return;
    }
    bool may_keep = call->msg->keep_alive && call->is_sent && !has_rest;
    struct sl_upconn *conn = call_detach(call);
    if (may_keep) {
        sl_upconn_put(conn);
    } else {
        sl_upconn_close(conn);
    }
    call->cbs->on_end(call);
}

static int call_push_body(struct sl_hcall *call, struct sl_str bytes)
{
    struct sl_msg_fault fault = { 502, "the upstream's reply is malformed" };
    size_t used = 0;
    int r = sl_msg_push_body(call->msg, bytes, &used, &fault);
    if (r == SL_E_CANCELLED) {
        return r;
    }
    if (r < 0) {
        call_fail(call, SL_HF_BROKEN, call->coding.inflate ? "the upstream's compressed reply is damaged" : fault.text);
        return r;
    }
    if (r == 1) {
        call->has_rest = used < bytes.n;
        if (call->is_paused && call->coding.inflate) {
            call->is_end_due = true;
        } else {
            call_end(call, call->has_rest);
        }
    }
    return r;
}

/* The call goes on, and compressed bytes still wait. */
static void call_on_later(struct sl_timer *timer)
{
    struct sl_hcall *call = SL_CONTAINER_OF(timer, struct sl_hcall, later);
    int r = sl_reply_coding_resume(&call->coding, body_decoded, call);
    if (r == SL_E_CANCELLED) {
        return;
    }
    if (r < 0) {
        call_fail(call, r == SL_E_NOMEM ? SL_HF_MEMORY : SL_HF_BROKEN, "the upstream's compressed reply is damaged");
    } else if (call->is_paused) {
        return; /* paused again: the rest waits */
    } else if (call->is_end_due) {
        call_end(call, call->has_rest);
    } else {
        call_arm(call, call_now(call), call->timeouts.idle_usec);
        sl_stream_read_start(&call->conn->stream);
    }
}

/* Takes a whole head; `bytes` are its last part. Returns 0 to go on with the body, SL_E_AGAIN after a 1xx, or <0 when
 * the call is done. */
static int head_take(struct sl_hcall *call, struct sl_str bytes)
{
    struct sl_upconn *conn = call->conn;
    char *head = sl_arena_bytes(call->arena, conn->in.len + bytes.n);
    if (!head) {
        call_fail(call, SL_HF_MEMORY, "out of memory");
        return SL_E_NOMEM;
    }
    size_t total = conn->in.len + bytes.n;
    if (conn->in.len) {
        memcpy(head, conn->in.p, conn->in.len);
    }
    memcpy(head + conn->in.len, bytes.p, bytes.n);
    sl_buf_done(&conn->in);
    struct sl_msg_fault fault = { 502, "the head of the upstream's reply is malformed" };
    int r = sl_msg_parse_response(call->msg, sl_str_make(head, total), false, call->arena, &fault);
    if (r < 0) {
        call_fail(call, r == SL_E_NOMEM ? SL_HF_MEMORY : SL_HF_BAD_RESPONSE, fault.text);
        return r;
    }
    if (call->msg->status > 599) {
        call_fail(call, SL_HF_BAD_RESPONSE, "the upstream's status is beyond 599");
        return SL_E_INVAL;
    }
    if (call->msg->status == 101) {
        call_fail(call, SL_HF_BAD_RESPONSE, "the upstream answered 101 Switching Protocols, which was not asked for");
        return SL_E_INVAL;
    }
    if (call->msg->status < 200) {
        if (++call->n_interim > SL_HCALL_INTERIM_MAX) {
            call_fail(call, SL_HF_BAD_RESPONSE, "the upstream sends a flood of interim (1xx) replies");
            return SL_E_LIMIT;
        }
        sl_msg_init(&conn->msg, SL_HEAD_RESPONSE, call->client->conf.max_head);
        return SL_E_AGAIN;
    }
    conn->is_head_done = true;
    call->head_usec = call_now(call);
    call->msg->on_body = body_on_bytes;
    call->msg->arg = call;
    int64_t length = call->msg->framing == SL_BODY_LENGTH ? (int64_t)call->msg->length
                     : call->msg->framing == SL_BODY_NONE ? 0
                                                          : -1;
    char text[SL_REPLY_CODING_TEXT];
    r = sl_reply_coding_begin(&call->coding, call->msg, &length, text);
    if (r < 0) {
        call_fail(call, r == SL_E_NOMEM ? SL_HF_MEMORY : SL_HF_CODING, text);
        return r;
    }
    call->cbs->on_head(call, call->msg->status, &call->msg->headers, length);
    return call->is_active ? 0 : SL_E_CANCELLED;
}

/* Takes bytes of the head, *ret_used of them. 1: it is complete and accepted. */
static int call_push_head(struct sl_hcall *call, struct sl_str bytes, size_t *ret_used)
{
    struct sl_upconn *conn = call->conn;
    size_t used = 0;
    int done = sl_head_check_push(&conn->msg.check, bytes, &used);
    if (done < 0) {
        enum sl_head_fault fault = conn->msg.check.fault;
        bool is_large = fault == SL_HEAD_TOO_LARGE || fault == SL_HEAD_TARGET_TOO_LARGE;
        call_fail(call, SL_HF_BAD_RESPONSE,
                  is_large ? "the head of the upstream's reply is larger than 64 KiB" : sl_head_fault_text(fault));
        return done;
    }
    *ret_used = used;
    if (done == 0) {
        sl_buf_add_str(&conn->in, bytes);
        *ret_used = bytes.n;
        if (sl_buf_status(&conn->in) < 0) {
            call_fail(call, SL_HF_MEMORY, "out of memory");
            return SL_E_NOMEM;
        }
        return 0;
    }
    int r = head_take(call, sl_str_sub(bytes, 0, used));
    if (r == SL_E_AGAIN) {
        return 0;
    }
    return r < 0 ? r : 1;
}

void sl_hcall_on_read(struct sl_hcall *call, struct sl_str bytes)
{
    call->bytes_in += bytes.n;
    call->has_reply_bytes = true;
    bool was_head_done = call->conn->is_head_done;
    while (!call->conn->is_head_done && bytes.n) {
        size_t used = 0;
        int r = call_push_head(call, bytes, &used);
        if (r < 0) {
            return;
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    if (!call->conn->is_head_done) {
        return;
    }
    bool is_empty_body = call->msg->framing == SL_BODY_NONE ||
                         (call->msg->framing == SL_BODY_LENGTH && call->msg->left == 0);
    if (bytes.n || (is_empty_body && !was_head_done)) {
        if (call_push_body(call, bytes) != 0) {
            return;
        }
    }
    if (!call->is_paused) {
        call_arm(call, call_now(call), call->timeouts.idle_usec);
    }
    call->cbs->on_turn(call);
}

void sl_hcall_on_eof(struct sl_hcall *call, bool is_truncated)
{
    if (!call->conn->is_head_done) {
        if (!call_retry(call)) {
            call_fail(call, call->has_reply_bytes ? SL_HF_BAD_RESPONSE : SL_HF_CLOSED,
                      call->has_reply_bytes ? "the upstream closed the connection inside its reply's head"
                                            : "the upstream closed the connection without a reply");
        }
        return;
    }
    if (call->msg->framing == SL_BODY_CLOSE && !is_truncated) {
        call_end(call, false);
        return;
    }
    call_fail(call, SL_HF_BROKEN, "the upstream closed the connection before its reply's end");
}

void sl_hcall_on_broken(struct sl_hcall *call, const char *text)
{
    if (call->conn->is_head_done) {
        call_fail(call, SL_HF_BROKEN, text);
        return;
    }
    if (call_retry(call)) {
        return;
    }
    /* After a failed handshake there was no connection at all. */
    bool is_connecting = !call->is_reused && !call->has_reply_bytes &&
                         !sl_stream_is_secure_or_plain(&call->conn->stream);
    call_fail(call, is_connecting ? SL_HF_CONNECT : SL_HF_CLOSED, text);
}

static void call_on_timer(struct sl_timer *timer)
{
    struct sl_hcall *call = SL_CONTAINER_OF(timer, struct sl_hcall, timer);
    if (call_now(call) >= call->total_deadline_usec) {
        call_fail(call, SL_HF_TIMEOUT_TOTAL, "the upstream did not finish in time");
    } else if (!call->connected_usec || !sl_stream_is_secure_or_plain(&call->conn->stream)) {
        call_fail(call, SL_HF_TIMEOUT_CONNECT, "no connection to the upstream in time");
    } else if (!call->is_sent && !call->conn->is_head_done &&
               sl_stream_unsent(&call->conn->stream) != call->unsent_seen) {
        call_sending(call); /* slow, but it moves */
    } else if (!call->is_sent && !call->conn->is_head_done) {
        call_fail(call, SL_HF_TIMEOUT_IDLE, "the upstream stopped reading the request");
    } else if (!call->conn->is_head_done) {
        call_fail(call, SL_HF_TIMEOUT_FIRST_BYTE, "the upstream did not reply in time");
    } else {
        call_fail(call, SL_HF_TIMEOUT_IDLE, "the upstream's reply stopped arriving");
    }
}

/* --- public --- */

int sl_hcall_start(struct sl_hcall *call, struct sl_hclient *client, const struct sl_uri *base,
                   const struct sl_hcall_req *req, const struct sl_hcall_timeouts *timeouts, struct sl_arena *arena,
                   const struct sl_hcall_cbs *cbs, void *user)
{
    *call = (struct sl_hcall){
        .cbs = cbs, .user = user, .client = client, .arena = arena, .req = *req, .timeouts = *timeouts
    };
    sl_timer_init(&call->timer, call_on_timer);
    sl_timer_init(&call->later, call_on_later);
    call->start_usec = call_now(call);
    call->total_deadline_usec = call->start_usec + timeouts->total_usec;
    int r = req->is_connect ? 0 : call_format(call, base);
    if (r < 0) {
        return r;
    }
    call->origin = sl_uporigin_get(client, base, req->guard != NULL, req->way);
    if (!call->origin) {
        return SL_E_NOMEM;
    }
    call->is_active = true;
    call->conn = req->is_fed || req->is_connect ? NULL : sl_upconn_take(client, call->origin);
    if (call->conn) {
        call->conn->call = call;
        call->is_reused = call->conn->has_served;
        call->connected_usec = call->start_usec;
        call_send(call);
        return 0;
    }
    r = call_dial(call);
    if (r < 0) {
        SL_IGNORE(call_detach(call) != NULL); /* there is no connection */
    }
    return r;
}

void sl_hcall_cancel(struct sl_hcall *call)
{
    if (call->is_active) {
        struct sl_upconn *conn = call_detach(call);
        if (conn) {
            sl_upconn_abort(conn);
        }
    }
}

void sl_hcall_pause(struct sl_hcall *call)
{
    if (call->is_active && !call->is_paused && call->conn) {
        call->is_paused = true;
        sl_stream_read_stop(&call->conn->stream);
        sl_timer_set(call->client->loop, &call->timer, call->total_deadline_usec);
    }
}

void sl_hcall_resume(struct sl_hcall *call)
{
    if (call->is_active && call->is_paused) {
        call->is_paused = false;
        if (call->coding.is_held || call->is_end_due) {
            sl_timer_set(call->client->loop, &call->later, call_now(call));
            return;
        }
        call_arm(call, call_now(call), call->timeouts.idle_usec);
        sl_stream_read_start(&call->conn->stream);
    }
}
