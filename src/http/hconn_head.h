/* SPDX-License-Identifier: Apache-2.0 */
/* A request's head on a connection: gathered, checked, parsed, and given to the server's owner. Private to src/http. */
#ifndef SL_HTTP_HCONN_HEAD_H
#define SL_HTTP_HCONN_HEAD_H

#include <stddef.h>

#include "base/str.h"

struct sl_hconn;

/* Bytes of an idle connection, or of a head that has begun. Returns how many of them are used. */
size_t sl_hconn_head_feed(struct sl_hconn *conn, struct sl_str bytes);

#endif
