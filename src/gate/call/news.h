/* SPDX-License-Identifier: Apache-2.0 */
/* What other nodes are told of this one's targets, and what they tell (gate/fleet/news.h): breakers that open and
 * close, and to which target a conversation is bound. */
#ifndef SL_GATE_NEWS_H
#define SL_GATE_NEWS_H

#include <stdbool.h>
#include <stdint.h>

struct sl_worker;
struct sl_xchg;

/* The breaker of a target of the route that is asked now. */
void sl_news_breaker(const struct sl_xchg *x, uint32_t target, bool is_open);
/* A conversation, or a part of one, is at the target with this print. */
void sl_news_place(const struct sl_xchg *x, uint64_t key, uint64_t print, uint64_t ttl_usec);
/* From now on this worker takes what the others tell. It has a link. */
void sl_news_listen(struct sl_worker *worker);

#endif
