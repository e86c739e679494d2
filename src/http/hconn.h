/* SPDX-License-Identifier: Apache-2.0 */
/* What hconn.c, server.c and reply.c know of each other; private to src/http. */
#ifndef SL_HTTP_HCONN_H
#define SL_HTTP_HCONN_H

#include "http/server.h"

/* A connection over the limit of connections is let go after this long in a state, however often bytes come: others
 * wait for its place. */
#define SL_OVER_LIMIT_USEC 2000000ULL
/* A page may be large, and takes a slow reader longer: as long as Prometheus waits for one. */
#define SL_OVER_LIMIT_SEND_USEC 10000000ULL

/* Frees the requests that ended. */
void sl_hserver_reap(struct sl_hserver *server);

/* Bytes that have left for good. TLS puts a little more on the wire, so this only tells whether anything moves. */
uint64_t sl_hconn_sent(const struct sl_hconn *conn);
/* Held requests can go on. */
bool sl_hconn_is_ready(const struct sl_hconn *conn);
/* Sets the state's timer. As long as replies wait to be sent, what counts is whether the client takes any. */
void sl_hconn_arm(struct sl_hconn *conn);
/* Tells on_waiting how much of the replies waits now; `is_gone`: nothing any more. */
void sl_hconn_count(struct sl_hconn *conn, bool is_gone);
/* `n` bytes were given to the stream as a reply. */
void sl_hconn_wrote(struct sl_hconn *conn, size_t n);

/* The body is expected from now on. */
void sl_hconn_expect_body(struct sl_hreq *req);
/* It cannot be taken: one of the codes of request_body.c. */
void sl_hconn_refuse_body(struct sl_hconn *conn, int r);
/* The head of a reply was given, whose body comes in pieces and has not ended. */
void sl_hconn_reply_early(struct sl_hconn *conn);
/* What the client sent. */
void sl_hconn_feed(struct sl_hconn *conn, struct sl_str bytes);
/* Too much pipelining waits, and has for a while: what of it was not read is dropped, so that the client's end is seen
 * behind it. Its connection closes behind the reply that is on its way. */
void sl_hconn_dry(struct sl_hconn *conn);
/* Goes on with what was kept. */
void sl_hconn_resume(struct sl_hconn *conn);

/* request_body.c: the memory of a request's body. SL_E_LIMIT: larger than it may be; SL_E_BUDGET: server.limits.memory
 * is used up; SL_E_NOMEM. */
SL_MUST int sl_hreq_body_alloc(struct sl_hreq *req);
/* Callbacks of struct sl_msg: `arg` is the request. */
int sl_hreq_body_append(void *arg, struct sl_str bytes);
int sl_hreq_chunk_check(void *arg, uint64_t size);
/* Undoes the codings of a whole body. Also SL_E_INVAL and SL_E_TRUNCATED: it is damaged. */
SL_MUST int sl_hreq_body_decode(struct sl_hreq *req);
void sl_hreq_body_free(struct sl_hreq *req);

/* The request is complete, or is not to be; the next one may begin inside this call. */
void sl_hconn_finish(struct sl_hreq *req);
/* Answers what cannot be served and closes after it. */
void sl_hconn_refuse(struct sl_hconn *conn, int status, const char *text);
/* Closes when everything was sent and the client has had time to stop sending. */
void sl_hconn_linger(struct sl_hconn *conn, bool has_unread);
/* The client went away. */
void sl_hconn_gone(struct sl_hconn *conn);
/* Closes now. */
void sl_hconn_break(struct sl_hconn *conn, bool with_reset);

#endif
