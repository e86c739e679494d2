/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are asked for again: by their id, at the upstream that made them, by who got them. */
#ifndef SL_GATE_FOLLOW_H
#define SL_GATE_FOLLOW_H

#include <stdbool.h>

struct sl_route;
struct sl_xchg;

/* A path that names an answer: the route whose answer it is, and the exchange's call filled for what is asked of it.
 * NULL: the client has its reply. The exchange has its body. */
struct sl_route *sl_follow_find(struct sl_xchg *x);
/* Fills the exchange's call for what is asked beside answers, by the path; where a body names the route. False: the
 * client was refused. */
bool sl_follow_beside_or_refuse(struct sl_xchg *x);
/* The answer that a call goes on from: is it this caller's? False: the client was refused. */
bool sl_follow_previous_or_refuse(struct sl_xchg *x);

#endif
