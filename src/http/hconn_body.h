/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body on a connection: taken as its framing says, and refused. Private to src/http. */
#ifndef SL_HTTP_HCONN_BODY_H
#define SL_HTTP_HCONN_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct sl_hconn;

/* Do bytes belong to its request's body? That may have begun to be replied to. */
bool sl_hconn_takes_body(const struct sl_hconn *conn);
/* Then: returns how many of them did. */
size_t sl_hconn_body_feed(struct sl_hconn *conn, struct sl_str bytes);
/* It cannot be taken: one of the codes of request_body.h. */
void sl_hconn_refuse_body(struct sl_hconn *conn, int r);

#endif
