/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON line an exchange for the access log. Written by hand into a fixed buffer: it is on the path of every
 * request. Never a credential, a prompt or an answer; what comes from outside is bounded and escaped. An upstream's own
 * words for an error are in it: the beginning of them, and some upstreams quote a piece of the request. */
#ifndef SL_GATE_RECORD_H
#define SL_GATE_RECORD_H

#include "base/str.h"

struct sl_xchg;

/* What was left out, of the call and as far as it is known of the reply, comma-separated; n == 0: nothing. */
struct sl_str sl_record_dropped(struct sl_xchg *x);

void sl_record_write(struct sl_xchg *x, int status);

#endif
