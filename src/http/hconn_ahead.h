/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends ahead: behind a request that is being answered, or more requests at once than a turn serves.
 * Private to src/http. */
#ifndef SL_HTTP_HCONN_AHEAD_H
#define SL_HTTP_HCONN_AHEAD_H

#include <stdbool.h>

#include "base/str.h"

struct sl_hconn;

/* Pipelined requests wait while the client takes no replies, and for the next turn when this one has had its share:
 * `n_served` of this connection were taken in it. */
bool sl_hconn_ahead_holds(const struct sl_hconn *conn, unsigned n_served);
/* Kept for later, within the head limit; beyond it reading stops. */
void sl_hconn_ahead_keep(struct sl_hconn *conn, struct sl_str bytes);
/* Too much of it waits, and has for a while: what was not read is dropped, so that the client's end is seen behind it.
 * Its connection closes behind the reply that is on its way. */
void sl_hconn_ahead_dry(struct sl_hconn *conn);
/* Behind that: these are dropped. */
void sl_hconn_ahead_drop(struct sl_hconn *conn, struct sl_str bytes);

#endif
