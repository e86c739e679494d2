/* SPDX-License-Identifier: Apache-2.0 */
/* What the request log tells of a call's limits: those that were nearly reached when it began, and those that refused
 * it. */
#ifndef SL_GATE_NEAR_H
#define SL_GATE_NEAR_H

#include "base/str.h"

struct sl_xchg;

/* The most bytes of the list. */
#define SL_NEAR_MAX 2048

/* Writes the list as JSON; n == 0: there is none. Calls that are as near to the same limits get the same text, so that
 * it takes little room in the log. */
struct sl_str sl_near_write(const struct sl_xchg *x, char out[SL_NEAR_MAX]);

#endif
