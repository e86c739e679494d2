/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet: the first words on a connection. */
#ifndef SL_GATE_FLEET_GREET_H
#define SL_GATE_FLEET_GREET_H

#include "base/err.h"
#include "redis/redis.h"

struct sl_fleet;
struct sl_fleet_link;

/* Says who we are, asks what the server is, and gives it the scripts. `greeted` of its events follows. SL_E_NOMEM,
 * SL_E_IO. */
SL_MUST int sl_fleet_greet(struct sl_fleet_link *link);
/* Only the scripts: the server has forgotten them. */
SL_MUST int sl_fleet_scripts_load(struct sl_fleet_link *link);
/* Sends a command of words. SL_E_NOMEM or SL_E_IO. */
SL_MUST int sl_fleet_words_send(struct sl_fleet_link *link, sl_redis_fn *fn, const struct sl_str *words, size_t n);
/* The same with the password, if there is one, and leaves no copy of it. */
SL_MUST int sl_fleet_auth_send(struct sl_fleet_link *link, sl_redis_fn *fn);
/* The value of a line "name:value" of INFO; p == NULL: it has none. */
struct sl_str sl_fleet_info_find(struct sl_str info, const char *name);
/* Says that the server is silent from the start, with what may be the cause. */
const char *sl_fleet_silence(const struct sl_fleet *fleet);

#endif
