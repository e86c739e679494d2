/* SPDX-License-Identifier: Apache-2.0 */
/* Replies. All pieces of one turn of the loop (head, chunk framing, data) are gathered as slices and leave in one
 * writev. Head and framing are formatted into the server's scratch buffer, which only one connection uses at a time. */
#include <stdio.h>

#include "base/num.h"
#include "http/hconn.h"
#include "http/hconn_feed.h"

#define CHUNK_LINE_MAX 24 /* CR LF, 16 hex digits, CR LF */

static void gather_reset(struct sl_hserver *server)
{
    server->gather_owner = NULL;
    server->n_gather = 0;
    server->scratch_len = 0;
}

static void gather_flush(struct sl_hserver *server)
{
    struct sl_hconn *conn = server->gather_owner;
    if (!conn) {
        return;
    }
    if (server->n_gather && conn->state != SL_HC_CLOSED) {
        size_t n = 0;
        for (size_t i = 0; i < server->n_gather; i++) {
            n += server->gather[i].n;
        }
        conn->req->bytes_out += n;
        /* A broken stream is reported later, from the loop. */
        SL_IGNORE(sl_stream_write_soon(&conn->stream, server->gather, server->n_gather) < 0);
        sl_hconn_wrote(conn, n);
    }
    gather_reset(server);
}

static void gather_own(struct sl_hserver *server, struct sl_hconn *conn)
{
    if (server->gather_owner != conn) {
        gather_flush(server);
        server->gather_owner = conn;
    }
}

/* Makes room for one more slice and `n` bytes of scratch. */
static void gather_room(struct sl_hserver *server, struct sl_hconn *conn, size_t n)
{
    if (server->n_gather + 1 >= SL_HREPLY_SLICES || n > SL_HREPLY_SCRATCH - server->scratch_len) {
        gather_flush(server);
        server->gather_owner = conn;
    }
}

static void gather_add(struct sl_hserver *server, struct sl_str bytes)
{
    if (server->n_gather) {
        struct sl_str *last = &server->gather[server->n_gather - 1];
        if (last->p + last->n == bytes.p) {
            last->n += bytes.n;
            return;
        }
    }
    server->gather[server->n_gather++] = bytes;
}

static void scratch_add(struct sl_hserver *server, const char *p, size_t n)
{
    char *at = server->scratch + server->scratch_len;
    memcpy(at, p, n);
    server->scratch_len += n;
    gather_add(server, sl_str_make(at, n));
}

static const char *date_now(struct sl_hserver *server)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) == 0 && (uint64_t)now.tv_sec != server->date_sec) {
        server->date_sec = (uint64_t)now.tv_sec;
        sl_http_date(now.tv_sec, server->date);
    }
    return server->date;
}

static char *put(char *at, struct sl_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_number(char *at, uint64_t v)
{
    return at + sl_format_u64(v, at);
}

#define PUT(at, lit) put((at), SL_STR(lit))
/* The most bytes of the status line and the fields that are added here. */
#define HEAD_OWN_MAX 256

/* Formats the head at `at`, which has enough room. Returns its end. */
static char *head_format(char *at, const struct sl_hreq *req, const struct sl_headers *headers, int64_t length,
                         const char *date)
{
    const char *reason = sl_status_reason(req->status);
    at = PUT(at, "HTTP/1.1 ");
    at = put_number(at, (uint64_t)req->status);
    *at++ = ' ';
    at = put(at, sl_str_make(reason, SL_MIN(strlen(reason), (size_t)64)));
    at = PUT(at, "\r\nDate: ");
    at = put(at, sl_str_make(date, 29));
    at = PUT(at, "\r\n");
    for (uint32_t i = 0; headers && i < headers->n; i++) {
        at = put(at, headers->v[i].name);
        at = PUT(at, ": ");
        at = put(at, headers->v[i].value);
        at = PUT(at, "\r\n");
    }
    if (length >= 0) {
        at = PUT(at, "Content-Length: ");
        at = put_number(at, (uint64_t)length);
        at = PUT(at, "\r\n");
    } else if (req->is_chunked_out) {
        at = PUT(at, "Transfer-Encoding: chunked\r\n");
    }
    if (req->must_close) {
        at = PUT(at, "Connection: close\r\n");
    } else if (req->msg.minor == 0) {
        at = PUT(at, "Connection: keep-alive\r\n");
    }
    return PUT(at, "\r\n");
}

int sl_hreq_reply(struct sl_hreq *req, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_hconn *conn = req->conn;
    struct sl_hserver *server = req->server;
    SL_ASSERT(!req->is_replying);
    req->is_replying = true;
    req->status = status;
    if (SL_UNLIKELY(!conn)) {
        return 0;
    }
    bool has_no_body = status == 204 || status == 304 || status < 200;
    if (has_no_body) {
        length = -1;
    }
    req->is_chunked_out = length < 0 && req->msg.minor == 1 && !has_no_body;
    if (!req->has_body || !req->msg.keep_alive || server->is_draining ||
        (length < 0 && !req->is_chunked_out && !has_no_body)) {
        req->must_close = true;
    }
    if (req->is_pieced && !req->has_body) {
        sl_hconn_reply_early(conn);
    }

    size_t need = HEAD_OWN_MAX;
    for (uint32_t i = 0; headers && i < headers->n; i++) {
        need += headers->v[i].name.n + headers->v[i].value.n + 4;
    }
    gather_own(server, conn);
    gather_room(server, conn, need);
    char *start = server->scratch + server->scratch_len;
    if (need > SL_HREPLY_SCRATCH) {
        start = sl_arena_bytes(&req->arena, need);
        if (!start) {
            return SL_E_NOMEM;
        }
    }
    char *end = head_format(start, req, headers, length, date_now(server));
    gather_add(server, sl_str_make(start, (size_t)(end - start)));
    if (need <= SL_HREPLY_SCRATCH) {
        server->scratch_len += (size_t)(end - start);
    }
    if (has_no_body) {
        req->is_head = true; /* nothing more is sent */
        req->is_chunked_out = false;
    }
    return 0;
}

int sl_hreq_data(struct sl_hreq *req, struct sl_str bytes)
{
    struct sl_hconn *conn = req->conn;
    struct sl_hserver *server = req->server;
    SL_ASSERT(req->is_replying && !req->is_ended);
    if (SL_UNLIKELY(!conn)) {
        req->bytes_out += bytes.n;
        return 0;
    }
    if (conn->stream.is_broken) {
        return SL_E_IO;
    }
    if (bytes.n == 0 || req->is_head) {
        return 0;
    }
    gather_own(server, conn);
    if (req->is_chunked_out) {
        gather_room(server, conn, CHUNK_LINE_MAX);
        if (server->n_gather + 3 >= SL_HREPLY_SLICES) {
            gather_flush(server);
            server->gather_owner = conn;
        }
        char line[CHUNK_LINE_MAX + 1];
        int n = snprintf(line, sizeof(line), "%zx\r\n", bytes.n);
        scratch_add(server, line, (size_t)n);
        gather_add(server, bytes);
        gather_add(server, SL_STR("\r\n"));
        return 0;
    }
    gather_room(server, conn, 0);
    gather_add(server, bytes);
    return 0;
}

void sl_hreq_flush(struct sl_hreq *req)
{
    if (req->conn && req->server->gather_owner == req->conn) {
        gather_flush(req->server);
    }
}

void sl_hreq_complete(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    struct sl_hserver *server = req->server;
    SL_ASSERT(req->is_replying && !req->is_ended);
    req->is_ended = true;
    if (req->is_chunked_out && !req->is_head) {
        gather_own(server, conn);
        gather_room(server, conn, 0);
        gather_add(server, SL_STR("0\r\n\r\n"));
    }
    sl_hreq_flush(req);
}

void sl_hreq_end(struct sl_hreq *req)
{
    if (!req->is_ended) {
        sl_hreq_complete(req);
    }
    if (SL_UNLIKELY(!req->conn)) {
        sl_hreq_copy_end(req);
        return;
    }
    sl_hconn_finish(req);
}

void sl_hreq_cut(struct sl_hreq *req)
{
    struct sl_hconn *conn = req->conn;
    if (SL_UNLIKELY(!conn)) {
        sl_hreq_copy_end(req);
        return;
    }
    bool is_until_close = req->is_replying && !req->is_chunked_out && req->msg.minor == 0;
    sl_hreq_flush(req);
    if (is_until_close) {
        /* Only a reset shows that this reply is not complete. */
        sl_hconn_break(conn, true);
        return;
    }
    req->is_ended = true;
    req->must_close = true;
    sl_hconn_finish(req);
}

size_t sl_hreq_queued(const struct sl_hreq *req)
{
    return req->conn ? req->conn->stream.queued : 0;
}
