/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's own deadline, `x-sluice-timeout: 30s`: it ends the call, with all of its attempts and waits. It can only
 * shorten the route's time. */
#ifndef SL_GATE_DEADLINE_H
#define SL_GATE_DEADLINE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

struct sl_llm_error;
struct sl_xchg;

/* Reads the header, if there is one. False: the client was refused. */
SL_MUST bool sl_deadline_or_refuse(struct sl_xchg *x);
/* Makes the client's error for a deadline that has passed. */
void sl_deadline_error(const struct sl_xchg *x, struct sl_llm_error *ret);

#endif
