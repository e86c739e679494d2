/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a client: its states and timers, its request, and how it ends. Private to src/http. These use it:
 *
 *   server.c  events of its stream ──> hconn_feed.c  gives bytes to ──> hconn_head.c, hconn_body.c, hconn_ahead.c
 *   reply.c   replies of its owner ──> hconn_feed.c  begins the next request
 */
#ifndef SL_HTTP_HCONN_H
#define SL_HTTP_HCONN_H

#include "http/server.h"

/* A connection over the limit may stay in one state for this long, however often bytes come: others wait for its
 * place. */
#define SL_OVER_LIMIT_USEC 2000000ULL
/* The same while a reply is sent: a page may be large and its reader slow. It is the time that Prometheus waits for a
 * page. */
#define SL_OVER_LIMIT_SEND_USEC 10000000ULL

/* Frees the requests that have ended. */
void sl_hserver_reap(struct sl_hserver *server);
/* Frees its memory at the end of the turn. */
void sl_hreq_bury(struct sl_hreq *req);
/* In copy.c: a copied request has ended. */
void sl_hreq_copy_end(struct sl_hreq *req);

/* Bytes that were sent. TLS sends a little more, so use this only to see whether anything moves. */
uint64_t sl_hconn_sent(const struct sl_hconn *conn);
/* True: requests that were held can go on. */
bool sl_hconn_is_ready(const struct sl_hconn *conn);
/* Sets the timer of the state. While replies wait to be sent, only the client's reading counts. */
void sl_hconn_arm(struct sl_hconn *conn);
/* Reports to on_waiting how much of the replies waits now; `is_gone`: nothing any more. */
void sl_hconn_count(struct sl_hconn *conn, bool is_gone);
/* `n` bytes of a reply were given to the stream. */
void sl_hconn_wrote(struct sl_hconn *conn, size_t n);

/* Every move goes through here, and sets the state's timer. */
void sl_hconn_set_state(struct sl_hconn *conn, enum sl_hconn_state to);
/* The head of a reply was given before the end of a body that comes in pieces. */
void sl_hconn_reply_early(struct sl_hconn *conn);

/* The connection's next request. NULL: no memory. */
struct sl_hreq *sl_hconn_req_new(struct sl_hconn *conn);
/* Its request is over: the memory is freed at the end of the turn, or when no copy needs it. */
void sl_hconn_let_go(struct sl_hconn *conn);
/* Wipes bytes that were taken over or dropped: others will use the read buffer, and they may hold a credential. */
void sl_hconn_wipe(struct sl_str bytes);

/* Answers a request that cannot be served, and closes after the reply. */
void sl_hconn_refuse(struct sl_hconn *conn, int status, const char *text);
/* Closes when everything was sent and the client has had time to stop sending. */
void sl_hconn_linger(struct sl_hconn *conn, bool has_unread);
/* Call this when the client has gone. */
void sl_hconn_gone(struct sl_hconn *conn);
/* Closes now. */
void sl_hconn_break(struct sl_hconn *conn, bool with_reset);

#endif
