/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a request's head on a connection: collects, checks and parses it, and calls the server's owner. Private to
 * src/http. */
#ifndef SL_HTTP_HCONN_HEAD_H
#define SL_HTTP_HCONN_HEAD_H

#include <stddef.h>

#include "base/str.h"

struct sl_hconn;

/* Takes bytes of an idle connection, or of a head that has begun. Returns how many were used. */
size_t sl_hconn_head_feed(struct sl_hconn *conn, struct sl_str bytes);

#endif
