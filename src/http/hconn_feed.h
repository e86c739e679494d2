/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a client's bytes to the part that needs them, sets what is expected next, and begins the next request after one
 * has ended. Private to src/http. */
#ifndef SL_HTTP_HCONN_FEED_H
#define SL_HTTP_HCONN_FEED_H

#include "base/str.h"

struct sl_hconn;
struct sl_hreq;

/* Handles bytes from the client. */
void sl_hconn_feed(struct sl_hconn *conn, struct sl_str bytes);
/* Continues with the bytes that were kept. */
void sl_hconn_resume(struct sl_hconn *conn);
/* From now on the request's body is expected. */
void sl_hconn_expect_body(struct sl_hreq *req);
/* The request has ended, complete or not; the next one may begin inside this call. */
void sl_hconn_finish(struct sl_hreq *req);

#endif
