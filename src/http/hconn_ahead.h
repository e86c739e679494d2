/* SPDX-License-Identifier: Apache-2.0 */
/* Handles what a client sends ahead: bytes after a request that is being answered, and more requests at once than a
 * turn serves. Private to src/http. */
#ifndef SL_HTTP_HCONN_AHEAD_H
#define SL_HTTP_HCONN_AHEAD_H

#include <stdbool.h>

#include "base/str.h"

struct sl_hconn;

/* True: pipelined requests must wait, because the client takes no replies, or because this turn has served enough
 * (`n_served` of this connection). */
bool sl_hconn_ahead_holds(const struct sl_hconn *conn, unsigned n_served);
/* Keeps bytes for later, up to the head limit; then reading stops. */
void sl_hconn_ahead_keep(struct sl_hconn *conn, struct sl_str bytes);
/* Too much has waited for too long: reads and drops what follows, to see whether the client is still there. The
 * connection closes after the current reply. */
void sl_hconn_ahead_dry(struct sl_hconn *conn);
/* Drops bytes after sl_hconn_ahead_dry. */
void sl_hconn_ahead_drop(struct sl_hconn *conn, struct sl_str bytes);

#endif
