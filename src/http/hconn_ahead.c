/* SPDX-License-Identifier: Apache-2.0 */
#include "http/hconn_ahead.h"

#include "http/hconn.h"

/* The most pipelined requests that one connection gets served in a turn: their memory is freed only at its end, and
 * other connections must be served, too. */
#define REQUESTS_A_TURN 64
/* The same for all connections together, not counting the first request of each: so a turn is short even if many
 * clients pipeline. */
#define AHEAD_A_TURN 512
/* A client that sends more than this after one request, without waiting for the reply, is not served. */
#define DRY_MAX (256ull << 20)

bool sl_hconn_ahead_holds(const struct sl_hconn *conn, unsigned n_served)
{
    bool had_share = n_served == REQUESTS_A_TURN || (n_served > 0 && conn->server->n_ahead >= AHEAD_A_TURN);
    return conn->state == SL_HC_IDLE && (conn->is_held || had_share || conn->stream.queued > SL_STREAM_HIGH);
}

void sl_hconn_ahead_keep(struct sl_hconn *conn, struct sl_str bytes)
{
    size_t max = SL_MAX(conn->server->conf.max_head, (size_t)SL_READ_BUFFER) + SL_READ_BUFFER;
    conn->in.max = max;
    sl_buf_add_str(&conn->in, bytes);
    if (sl_buf_status(&conn->in) < 0) {
        sl_hconn_gone(conn);
    } else if (conn->in.len >= conn->server->conf.max_head) {
        conn->is_paused = true;
        if (conn->state == SL_HC_REPLY) {
            sl_stream_read_hold(&conn->stream); /* if the client goes, its upstream must not go on working */
            sl_hconn_arm(conn);
        } else {
            sl_stream_read_stop(&conn->stream);
        }
    }
}

void sl_hconn_ahead_drop(struct sl_hconn *conn, struct sl_str bytes)
{
    sl_hconn_wipe(bytes);
    conn->req->n_dropped += bytes.n;
    if (conn->req->n_dropped > DRY_MAX) {
        sl_hconn_gone(conn);
    }
}

void sl_hconn_ahead_dry(struct sl_hconn *conn)
{
    conn->req->must_close = conn->req->is_dry = true;
    conn->is_paused = false;
    sl_stream_read_start(&conn->stream);
}
