/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser asks before it lets a page of another origin make a call: gate/call/cors.h. */
#ifndef SL_GATE_PREFLIGHT_H
#define SL_GATE_PREFLIGHT_H

#include <stdbool.h>

struct sl_xchg;

/* Answers it; it never has a credential. False: this is none, or there is nothing to allow. */
bool sl_preflight_answer(struct sl_xchg *x);

#endif
