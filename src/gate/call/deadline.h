/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's own deadline, `x-sluice-timeout: 30s`: the call's end, over all of its attempts and whatever it waits
 * for. It can only shorten what the route allows. */
#ifndef SL_GATE_DEADLINE_H
#define SL_GATE_DEADLINE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

struct sl_llm_error;
struct sl_xchg;

/* Reads the header, where there is one. False: the client was refused. */
SL_MUST bool sl_deadline_or_refuse(struct sl_xchg *x);
/* It has passed: what the client is told. */
void sl_deadline_error(const struct sl_xchg *x, struct sl_llm_error *ret);

#endif
