/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one line of JSON for each exchange into the access log: by hand into a fixed buffer, because every request
 * needs it. It has no credential, prompt or answer; texts from outside are bounded and escaped. It has the beginning of
 * an upstream's error message, which may quote a piece of the request. */
#ifndef SL_GATE_RECORD_H
#define SL_GATE_RECORD_H

#include "base/str.h"

struct sl_xchg;

/* The members that were left out of the call, and the parts that the reply lost, as far as they are known; separated by
 * commas; n == 0: none. */
struct sl_str sl_record_dropped(struct sl_xchg *x);

void sl_record_write(struct sl_xchg *x, int status);

#endif
