/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a client: whom they are for, what is expected of it next, and the next request behind one that is over.
 * Private to src/http. */
#ifndef SL_HTTP_HCONN_FEED_H
#define SL_HTTP_HCONN_FEED_H

#include "base/str.h"

struct sl_hconn;
struct sl_hreq;

/* Handles bytes from the client. */
void sl_hconn_feed(struct sl_hconn *conn, struct sl_str bytes);
/* Continues with the bytes that were kept. */
void sl_hconn_resume(struct sl_hconn *conn);
/* The request's body is expected from now on. */
void sl_hconn_expect_body(struct sl_hreq *req);
/* The request has ended, complete or not; the next one may begin inside this call. */
void sl_hconn_finish(struct sl_hreq *req);

#endif
