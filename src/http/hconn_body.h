/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a request's body on a connection, or refuses it. Private to src/http. */
#ifndef SL_HTTP_HCONN_BODY_H
#define SL_HTTP_HCONN_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct sl_hconn;

/* True: the next bytes belong to the body of its request, which may be answered already. */
bool sl_hconn_takes_body(const struct sl_hconn *conn);
/* Takes bytes of the body. Returns how many of them belong to it. */
size_t sl_hconn_body_feed(struct sl_hconn *conn, struct sl_str bytes);
/* Refuses the request for its body; `r` is one of the codes of request_body.h. */
void sl_hconn_refuse_body(struct sl_hconn *conn, int r);

#endif
