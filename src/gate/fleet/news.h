/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes tell each other beside counts: that a breaker has opened or closed, and where a conversation is. It comes
 * within about half a second, or not at all: no call waits for it, and nothing is sent twice. */
#ifndef SL_GATE_FLEET_NEWS_H
#define SL_GATE_FLEET_NEWS_H

#include <stdbool.h>

#include "base/str.h"

struct sl_fleet;
struct sl_fleet_link;
struct sl_timer;

struct sl_fleet_news {
    bool is_breaker;
    struct sl_str route, target; /* of a breaker */
    uint64_t key, print;         /* of a conversation, and of its target: the same on all nodes whose hashes are */
    uint64_t for_usec;           /* how long the breaker is open (0: it is closed), or the target remembered */
};

/* Tells all other nodes. Any thread. */
void sl_fleet_news_tell(struct sl_fleet *fleet, const struct sl_fleet_news *news);
/* One link of a process sends what was told, and calls `fn` for what the others tell. The texts are borrowed. */
typedef void sl_fleet_news_fn(void *arg, const struct sl_fleet_news *news);
void sl_fleet_news_listen(struct sl_fleet_link *link, sl_fleet_news_fn *fn, void *arg);
/* The link's `news`. */
void sl_fleet_news_on_timer(struct sl_timer *timer);

#endif
