/* SPDX-License-Identifier: Apache-2.0 */
/* Answers what a browser asks before it lets a page of another origin make a call: gate/call/cors.h. */
#ifndef SL_GATE_PREFLIGHT_H
#define SL_GATE_PREFLIGHT_H

#include <stdbool.h>

struct sl_xchg;

/* Answers a preflight, which never has a credential. False: it is no preflight, or nothing can be allowed. */
bool sl_preflight_answer(struct sl_xchg *x);

#endif
